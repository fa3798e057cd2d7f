// A real browser at the dashboard: what every journey uses, and what no page may do.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { BROWSER_PACKAGES, BROWSER_PICTURES, CORRAL_URL } = process.env;
const require = createRequire(join(BROWSER_PACKAGES, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const URL_OF_CORRAL = CORRAL_URL;
export const WIDTHS = [390, 1280, 2560];
const HEIGHTS = { 390: 844, 1280: 800, 2560: 1440 };
const SERIOUS = new Set(["serious", "critical"]);

export function expect(truth, what) {
    if (!truth) throw new Error(`expected: ${what}`);
}

export async function waitFor(what, condition, ms = 20000) {
    const end = Date.now() + ms;
    for (;;) {
        const value = await condition();
        if (value) return value;
        if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}

export async function withBrowser(work) {
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
    try {
        await work(browser);
    } catch (error) {
        // What the pages saw explains most failures.
        for (const page of browser.contexts().flatMap((context) => context.pages())) {
            mkdirSync(BROWSER_PICTURES, { recursive: true });
            await page.screenshot({ path: join(BROWSER_PICTURES, "failed.png") });
            console.error(`at ${page.url()}; ${page.faults?.join("\n") ?? ""}`);
        }
        throw error;
    } finally {
        await browser.close();
    }
}

/*
 * A page that keeps what it did wrong in page.faults: requests of other origins, breaches of the content security
 * policy, errors of scripts. Faults that a journey provokes are named in allow (expressions).
 */
export async function openPage(browser, { theme = "light", width = 1280, allow = [] } = {}) {
    const context = await browser.newContext({ colorScheme: theme, viewport: { width, height: HEIGHTS[width] }, reducedMotion: "reduce", acceptDownloads: true });
    const page = await context.newPage();
    page.faults = [];
    const fault = (text) => allow.some((one) => one.test(text)) || page.faults.push(text);
    page.on("request", (request) => {
        const { origin, protocol } = new URL(request.url());
        if (protocol !== "data:" && protocol !== "blob:" && origin !== CORRAL_URL) fault(`a request of another origin: ${request.url()}`);
        if (/crl_/.test(request.url())) fault("a key in an address");
    });
    page.on("pageerror", (error) => fault(`a script failed: ${error.stack ?? error}`));
    page.on("console", (message) => message.type() === "error" && fault(`the console says: ${message.text()} ${message.location().url}`));
    await page.exposeFunction("corralBreach", (text) => fault(`a breach of the policy: ${text}`));
    await page.addInitScript(() => addEventListener("securitypolicyviolation", (event) => window.corralBreach(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`)));
    return page;
}

export async function signIn(page, key) {
    await page.goto(CORRAL_URL);
    await page.getByLabel("API key").fill(key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Sandboxes", exact: true }).waitFor();
}

// What axe finds serious in the page as it stands.
export async function accessible(page, name) {
    const result = await page.evaluate(`(() => { const define = undefined, module = undefined; ${axe}; })(), axe.run(document, { resultTypes: ["violations"] })`);
    for (const { id, impact, nodes } of result.violations) {
        if (SERIOUS.has(impact)) page.faults.push(`${name}: ${id} (${impact}): ${nodes.map((node) => `${node.target} ${node.failureSummary?.replace(/\s+/g, " ")}`).slice(0, 3).join("; ")}`);
    }
}

// Looks at a view as it is now, in both themes and all widths: pictures for the eye, axe for the rest.
export async function look(page, name) {
    mkdirSync(BROWSER_PICTURES, { recursive: true });
    const before = page.viewportSize();
    for (const theme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme: theme });
        for (const width of WIDTHS) {
            await page.setViewportSize({ width, height: HEIGHTS[width] });
            await page.evaluate(() => scrollTo(0, 0));
            await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
            const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            if (over > 0) page.faults.push(`${name}: at ${width} it is ${over} pixels wider than the page`);
            await page.screenshot({ path: join(BROWSER_PICTURES, `${name}-${theme}-${width}.png`), fullPage: width !== 2560 });
        }
        await accessible(page, `${name}, ${theme}`);
    }
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize(before);
}

export function done(page, what) {
    if (page.faults.length) throw new Error(`${what}: ${page.faults.join("\n")}`);
}
