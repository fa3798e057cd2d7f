// A terminal, and the stream of events, outlive a restart of the controller, which the test does once the terminal is open.
import { done, openPage, signIn, waitFor, withBrowser } from "./browser.mjs";

const { SANDBOX, USER_KEY } = process.env;

await withBrowser(async (browser) => {
    const page = await openPage(browser, { allow: [/status of (403|503|504)/, /ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED/, /WebSocket/] });
    const rows = page.locator(".xterm-rows");
    await signIn(page, USER_KEY);
    await page.goto(`${page.url().split("#")[0]}#/sandboxes/${SANDBOX}/terminal`);
    await page.getByText("connected", { exact: true }).waitFor();
    await page.keyboard.type("n=20; echo first=$((n+1))\n");
    await waitFor("the shell answers", async () => /first=21/.test(await rows.innerText()));
    console.log("the terminal is open");
    await page.getByText(/coming back|connecting/).first().waitFor({ timeout: 60000 });
    await page.getByText("connected", { exact: true }).waitFor({ timeout: 90000 });
    await page.locator(".xterm").click();
    await page.keyboard.type("echo second=$((n+2))\n");
    await waitFor("the same shell answers", async () => /second=22/.test(await rows.innerText()));
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Events" }).click();
    await page.getByText("live", { exact: true }).waitFor({ timeout: 30000 });
    await page.getByText(/may be out of date/).waitFor({ state: "detached", timeout: 30000 });
    done(page, "the terminal");
});
