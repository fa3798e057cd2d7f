// The first page: small, kept by the browser, and refused keys are told.
import { done, expect, look, openPage, signIn, URL_OF_CORRAL, withBrowser } from "./browser.mjs";

const FIRST_PAGE_MAX = 150 * 1000;

// The browser of this test shows all of its pages, so a page is told whether somebody sees it.
const show = (page, is) =>
    page.evaluate((hidden) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
        document.dispatchEvent(new Event("visibilitychange"));
    }, !is);

// More tabs than a browser has connections to a server: those that nobody sees hold none, and know what happened when they are seen again.
async function manyTabs(page) {
    await page.goto(`${URL_OF_CORRAL}/#/events`);
    await page.getByText("live", { exact: true }).waitFor();
    await show(page, false);
    const tabs = [];
    for (let n = 0; n < 7; n++) {
        const tab = await page.context().newPage();
        tabs.push(tab);
        const follows = tab.waitForResponse((answer) => answer.url().endsWith("/sandbox/events") && answer.ok());
        await signIn(tab, process.env.USER_KEY);
        await follows;
        await show(tab, false);
    }
    const headers = { "X-API-Key": process.env.USER_KEY };
    const made = await page.context().request.post(`${URL_OF_CORRAL}/sandbox`, { headers, data: { name: "made-unseen" } });
    expect(made.ok(), "a sandbox is made");
    await show(page, true);
    await page.getByText("made-unseen").or(page.getByText("Created", { exact: true })).first().waitFor();
    await page.getByText("live", { exact: true }).waitFor();
    await page.context().request.delete(`${URL_OF_CORRAL}/sandbox/${(await made.json()).id}`, { headers });
    for (const tab of tabs) await tab.close();
    await page.goto(`${URL_OF_CORRAL}/#/sandboxes`);
    await page.getByText("No sandbox is live").waitFor();
}

await withBrowser(async (browser) => {
    const page = await openPage(browser, { allow: [/status of 40[13]/] });
    const protocol = await page.context().newCDPSession(page);
    let bytes = 0;
    await protocol.send("Network.enable");
    protocol.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));

    await page.goto(URL_OF_CORRAL);
    await page.getByLabel("API key").waitFor();
    await look(page, "sign-in");

    await page.getByLabel("API key").fill(`crl_${"0".repeat(60)}`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").waitFor();

    await signIn(page, process.env.USER_KEY);
    await page.getByText("No sandbox is live").waitFor();
    expect(bytes > 10000 && bytes < FIRST_PAGE_MAX, `the first page is at most ${FIRST_PAGE_MAX} bytes, not ${bytes}`);
    console.log(`the first page is ${bytes} bytes`);
    await look(page, "no-sandboxes");

    await manyTabs(page);

    // The key outlives a reload of this tab, and stands in no other place than the tab's own.
    await page.reload();
    await page.getByText("No sandbox is live").waitFor();
    expect(!JSON.stringify(await page.context().storageState()).includes("crl_"), "the key is in no cookie and no lasting storage");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("API key").waitFor();
    expect((await page.evaluate(() => sessionStorage.length)) === 0, "the key is gone with the session");
    done(page, "the first page");
});
