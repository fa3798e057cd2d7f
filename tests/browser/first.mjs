// The first page: small, kept by the browser, and refused keys are told.
import { done, expect, look, openPage, signIn, URL_OF_CORRAL, withBrowser } from "./browser.mjs";

const FIRST_PAGE_MAX = 150 * 1000;

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

    // The key outlives a reload of this tab, and stands in no other place than the tab's own.
    await page.reload();
    await page.getByText("No sandbox is live").waitFor();
    expect(!JSON.stringify(await page.context().storageState()).includes("crl_"), "the key is in no cookie and no lasting storage");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("API key").waitFor();
    expect((await page.evaluate(() => sessionStorage.length)) === 0, "the key is gone with the session");
    done(page, "the first page");
});
