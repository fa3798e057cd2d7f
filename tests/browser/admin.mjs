// An administrator's journey: the system, nodes, who uses most, the audit, users and keys, tiers, clean-up, another's sandbox.
import { done, expect, look, openPage, signIn, waitFor, withBrowser } from "./browser.mjs";

const { OTHER_SANDBOX, USER_NAME } = process.env;

async function visit(page, name, ready) {
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name }).click();
    await page.getByRole("heading", { name, exact: true, level: 1 }).waitFor();
    await ready.first().waitFor();
    await look(page, name.toLowerCase().replaceAll(" ", "-"));
}

async function nodes(page) {
    await visit(page, "Nodes", page.getByRole("button", { name: "Cordon", exact: true }));
    await page.getByRole("button", { name: "Cordon", exact: true }).click();
    await page.getByRole("button", { name: "Uncordon" }).click();
    await page.getByRole("button", { name: "Cordon", exact: true }).waitFor();
}

async function top(page) {
    await visit(page, "Top consumers", page.getByRole("link", { name: "busy" }));
    const sort = page.getByRole("columnheader", { name: "CPU" });
    await sort.getByRole("button").click();
    expect((await sort.getAttribute("aria-sort")) === "descending", "the greatest use of CPU comes first");
}

async function audit(page) {
    await visit(page, "Audit", page.getByRole("button", { name: "sandbox.create" }));
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByText(/^All [\d,.]+ rows are as they were written\.$/).waitFor();
    await page.getByLabel("Action").fill("node.cordoned");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await waitFor("only what was asked for", async () => {
        const actions = await page.locator("tbody td:nth-child(2)").allInnerTexts();
        return actions.length && actions.every((action) => action === "node.cordoned");
    });
    await page.getByRole("button", { name: "node.cordoned" }).first().click();
    await page.getByRole("dialog").getByText("Hash").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
}

async function users(page) {
    await visit(page, "Users and keys", page.getByRole("button", { name: "Add a user" }));
    await page.getByLabel("Filter by name, tier or role").fill(USER_NAME); // there may be pages of others
    await page.getByRole("link", { name: USER_NAME }).waitFor();
    await page.getByRole("button", { name: "Add a user" }).click();
    const name = `made-${Date.now()}`;
    await page.getByLabel("Name", { exact: true }).fill(name);
    await page.getByLabel("Tier", { exact: true }).selectOption("pro");
    await page.getByRole("dialog").getByRole("button", { name: "Add" }).click();
    await page.getByRole("heading", { name }).waitFor();
    await page.getByRole("button", { name: "Make a key" }).click();
    await page.getByLabel("Name", { exact: true }).fill("laptop");
    await look(page, "new-key");
    await page.getByRole("dialog").getByRole("button", { name: "Make the key" }).click();
    const secret = await page.locator(".secret span").innerText();
    expect(/^crl_/.test(secret), "the key is shown once");
    await page.getByRole("button", { name: "I have it" }).click();
    expect(!(await page.content()).includes(secret), "and not again");
    await page.getByRole("button", { name: "Revoke" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await page.getByText("Revoked", { exact: true }).waitFor();
    await look(page, "user");
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("heading", { name: "Users and keys" }).waitFor();
}

async function tiers(page) {
    await visit(page, "Tiers", page.getByText("enterprise"));
    await page.getByRole("button", { name: "Change", exact: true }).first().click();
    await look(page, "tier");
    await page.getByRole("button", { name: "Cancel" }).click();
}

async function cleanUp(page) {
    await visit(page, "Clean-up", page.getByText("Look first"));
    expect(await page.getByRole("button", { name: "Remove it" }).isDisabled(), "nothing is removed that was not counted first");
    await page.getByRole("button", { name: "Look, remove nothing" }).click();
    await page.getByText(/would be removed|nothing to remove/).waitFor();
}

async function anothers(page) {
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Sandboxes" }).click();
    await page.getByLabel("Of all users").check();
    const other = page.locator(`a[href$="${OTHER_SANDBOX}"]`);
    await other.waitFor();
    await look(page, "sandboxes");
    await other.click();
    await page.getByRole("navigation", { name: "Parts of the sandbox" }).getByRole("link", { name: "Logs" }).click();
    await page.getByRole("button", { name: "Enter as an administrator" }).click();
    await page.locator(".log-line").first().waitFor();
    expect(page.url().includes(OTHER_SANDBOX), "it is the other's sandbox");
}

await withBrowser(async (browser) => {
    const page = await openPage(browser);
    await signIn(page, process.env.ADMIN_KEY);
    await visit(page, "System", page.getByRole("img", { name: /^Creates and refusals/ }));
    const alerts = page.getByRole("region", { name: "Alerts" });
    await alerts.getByText("Nothing is wrong").or(alerts.getByRole("listitem").first()).waitFor();
    await nodes(page);
    await top(page);
    await audit(page);
    await users(page);
    await tiers(page);
    await cleanUp(page);
    await anothers(page);
    done(page, "the administrator's journey");
});
