// A user's journey: create, watch, terminal, files, logs, events, extend, pause, delete.
import { readFileSync } from "node:fs";
import { done, expect, look, openPage, signIn, waitFor, withBrowser } from "./browser.mjs";

const NAME = "journey";
// Holds a bit of memory, and writes what must be shown as text.
const COMMAND = "x=$(head -c 3000000 /dev/zero | tr '\\0' x); while sleep 1; do echo '<b id=injected>out</b>'; echo '\"><img src=x>' >&2; done";

async function tab(page, name) {
    await page.getByRole("navigation", { name: "Parts of the sandbox" }).getByRole("link", { name }).click();
}

async function create(page) {
    await page.getByRole("link", { name: "Create", exact: true }).click();
    await page.getByLabel("Name", { exact: true }).fill(NAME);
    await page.getByRole("textbox", { name: "Command" }).fill(COMMAND);
    await page.getByRole("textbox", { name: "Memory" }).fill("64T");
    await page.getByRole("button", { name: "Create the sandbox" }).click();
    await page.getByRole("alert").waitFor(); // above the tier's limit: said at the field, too
    await page.getByRole("textbox", { name: "Memory" }).fill("64M");
    await page.getByText("Environment and labels").click();
    await page.getByLabel("Labels").fill("team=research");
    await look(page, "create");
    await page.getByRole("button", { name: "Create the sandbox" }).click();
    await page.getByRole("heading", { name: NAME }).waitFor({ timeout: 30000 });
}

async function overview(page) {
    await page.getByText("Healthy").waitFor();
    await waitFor("the charts have figures", async () => (await page.getByRole("img", { name: /^Memory.*now [1-9].* at most/ }).count()) === 1);
    await page.waitForTimeout(3000); // some seconds of a live chart, for the eye
    const drawn = await page.evaluate(() => [...document.querySelectorAll(".chart canvas")].every((canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)));
    expect(drawn, "each chart is drawn");
    await page.getByText(/Nothing to change: too little evidence/).waitFor();
    await look(page, "overview");
    await page.getByRole("button", { name: "1 h", exact: true }).click();
    await page.getByRole("button", { name: "10 min", exact: true }).click();
}

async function terminal(page) {
    await tab(page, "Terminal");
    await page.getByText("connected", { exact: true }).waitFor();
    const screen = page.locator(".xterm-rows");
    await page.keyboard.type("printf 'sum=%s\\n' $((20+22)) >/workspace/made.txt; cat /workspace/made.txt; tty; stty size\n");
    await waitFor("the shell answers", async () => /sum=42/.test(await screen.innerText()));
    const bold = await page.evaluate(() => getComputedStyle(document.querySelector(".xterm-rows")).color);
    expect(bold !== "rgb(0, 0, 0)", "the terminal has its colours, which come by style sheets of its own");
    await look(page, "terminal");
    await page.keyboard.press("Control+]");
    expect(await page.evaluate(() => document.activeElement.textContent.includes("New shell")), "a key leads out of the terminal");
}

async function files(page) {
    await tab(page, "Files");
    await page.getByRole("button", { name: "made.txt", exact: true }).click();
    await page.getByText("sum=42").waitFor();
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: "New folder" }).click();
    await page.getByLabel(/Its name/).fill("a folder & more");
    await page.getByRole("button", { name: "Make it" }).click();
    await page.getByRole("button", { name: "a folder & more", exact: true }).click();
    await page.getByText("The folder is empty").waitFor();
    await page.getByLabel("Files to upload").setInputFiles({ name: "data #1.bin", mimeType: "application/octet-stream", buffer: Buffer.from([0, 1, 2, 255]) });
    await page.getByText("The file was uploaded.").waitFor();
    // And by drop.
    const dropped = await page.evaluateHandle(() => {
        const data = new DataTransfer();
        data.items.add(new File(["dropped"], "dropped.txt"));
        return data;
    });
    for (const type of ["dragover", "drop"]) await page.dispatchEvent(".files", type, { dataTransfer: dropped });
    await page.getByRole("button", { name: "dropped.txt", exact: true }).waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download data #1.bin" }).click()]);
    expect(readFileSync(await download.path()).equals(Buffer.from([0, 1, 2, 255])), "a download has the bytes of the upload");
    expect(download.suggestedFilename() === "data #1.bin", "it has its name");
    await look(page, "files");
    await page.getByRole("button", { name: "Delete dropped.txt" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("button", { name: "dropped.txt", exact: true }).waitFor({ state: "detached" });
}

async function logs(page) {
    await tab(page, "Logs");
    await page.locator(".log-line.stderr").first().waitFor();
    const before = await page.locator(".log-line").count();
    await waitFor("the logs go on", async () => (await page.locator(".log-line").count()) > before);
    expect((await page.locator("#injected, .log img").count()) === 0, "what a tenant writes is text");
    expect(/<b id=injected>out<\/b>/.test(await page.locator(".log").innerText()), "and it is shown as it is");
    await look(page, "logs");
}

async function ends(page) {
    await page.getByRole("button", { name: "Extend" }).click();
    await page.getByLabel("It lives, from now, for").fill("3h");
    await page.getByRole("button", { name: "Set the end" }).click();
    await page.getByText("It now lives for 3 h from now.").waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByRole("button", { name: "Pause" }).waitFor();
    await tab(page, "Events");
    for (const word of ["Created", "Paused", "Resumed", "Extended"]) await page.getByText(word, { exact: true }).waitFor();
    await look(page, "events-of-one");
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Delete it" }).click();
    await page.getByText("No sandbox is live").waitFor();
    await page.getByLabel("Ended ones too").check();
    await page.getByText("Deleted", { exact: true }).waitFor();
    await page.getByRole("link", { name: NAME }).click();
    await page.getByText(/Exit code|Its user deleted it|deleted/).first().waitFor();
    await look(page, "ended");
}

// A sandbox that ended by itself is a notification, without a reload.
async function notifications(page) {
    await page.evaluate(async () => {
        const key = sessionStorage.getItem("corral.key");
        await fetch("/sandbox", { method: "POST", headers: { "X-API-Key": key, "Content-Type": "application/json" }, body: JSON.stringify({ name: "short", command: ["sh", "-c", "exit 3"] }) });
    });
    await page.getByText(/Exit code 3/).first().waitFor(); // by the stream of events
    await page.getByRole("link", { name: /notifications that are not read/ }).click();
    await page.getByRole("button", { name: "Mark as read" }).first().waitFor();
    await look(page, "notifications");
    await page.getByRole("button", { name: "Mark all as read" }).click();
    await page.getByRole("button", { name: "Mark as read", exact: true }).waitFor({ state: "detached" });
}

async function webhook(page) {
    await page.getByRole("link", { name: "Webhooks" }).click();
    await page.getByRole("button", { name: "Add a webhook" }).click();
    await page.getByLabel("URL").fill("https://receiver.invalid/corral");
    await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
    expect(/^whsec_/.test(await page.locator(".secret span").innerText()), "the webhook's secret is shown once");
    await page.getByRole("button", { name: "I have it" }).click();
    await page.getByRole("link", { name: "receiver.invalid" }).click();
    await page.getByText("Nothing was sent yet").waitFor();
    await look(page, "webhook");
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("There are no webhooks").waitFor();
}

// What was loaded stays, and is said to be old, until the server answers again.
async function unreachable(page) {
    await page.getByRole("link", { name: "Sandboxes" }).first().click();
    await page.getByLabel("Ended ones too").check();
    await page.getByRole("link", { name: NAME }).waitFor();
    await page.context().setOffline(true);
    await page.getByText(/The server cannot be reached.*may be out of date/).waitFor();
    await page.getByText(/As of .*cannot be reached/).waitFor();
    expect(await page.getByRole("link", { name: NAME }).isVisible(), "what was loaded before stays");
    await look(page, "unreachable");
    await page.context().setOffline(false);
    await page.getByText(/may be out of date/).waitFor({ state: "detached" });
}

async function byKeyboard(page) {
    await page.goto(page.url().split("#")[0] + "#/sandboxes");
    await page.reload();
    await page.getByRole("heading", { name: "Sandboxes", exact: true }).waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement.textContent === "Skip to the content"), "the first stop skips to the content");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement.id === "main"), "and leads there");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Create a sandbox" }).waitFor();
}

await withBrowser(async (browser) => {
    const page = await openPage(browser, { allow: [/status of (403|422|504)/, /status of 409.*\/stats$/, /ERR_INTERNET_DISCONNECTED/] });
    await signIn(page, process.env.USER_KEY);
    await create(page);
    await overview(page);
    await terminal(page);
    await files(page);
    await logs(page);
    await ends(page);
    await page.getByRole("link", { name: "Events", exact: true }).first().click();
    await page.getByText("Created", { exact: true }).first().waitFor();
    await page.getByText("live", { exact: true }).waitFor();
    await look(page, "events");
    await notifications(page);
    await webhook(page);
    await page.getByRole("link", { name: "Account" }).click();
    await page.getByText("Each sandbox, at most").waitFor();
    await page.getByRole("button", { name: "Make a key" }).click();
    await page.getByLabel("Name", { exact: true }).fill("of my own");
    await page.getByRole("dialog").getByRole("button", { name: "Make the key" }).click();
    await page.getByRole("button", { name: "I have it" }).click();
    await page.getByText("of my own", { exact: true }).waitFor();
    await look(page, "account");
    await unreachable(page);
    await byKeyboard(page);
    done(page, "the user's journey");
});
