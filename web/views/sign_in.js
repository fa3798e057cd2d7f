// Signing in: an API key, which stays in this tab.
import { html, useState } from "../vendor/preact.js";
import { get, Problem } from "../lib/api.js";
import { useAction } from "../lib/load.js";
import { begin, rememberedKey, signedOut } from "../lib/session.js";
import { useStore } from "../lib/store.js";
import { Check, Field } from "../parts/field.js";
import { Mark } from "../parts/icon.js";
import { Failure } from "../parts/status.js";
import { ThemeSwitch } from "../parts/theme.js";

// Whether an administrator's routes are open to this key.
async function isAdmin(key) {
    try {
        await get("/sandbox/system/tiers", { limit: 1 }, { key });
        return true;
    } catch (error) {
        if (error instanceof Problem && error.status === 403) return false;
        throw error;
    }
}

async function enter(key, remember) {
    const [usage, admin] = await Promise.all([get("/sandbox/quota/usage", {}, { key }), isAdmin(key)]);
    begin(key, usage.user, admin, remember);
}

// Goes on with the key of this tab, if there is one. A key that is refused is forgotten.
export async function resume() {
    const key = rememberedKey();
    if (!key) return;
    try {
        await enter(key, true);
    } catch (error) {
        signedOut.set(error.status === 401 ? "" : error.message);
    }
}

export function SignIn() {
    const why = useStore(signedOut);
    const [key, setKey] = useState(rememberedKey() ?? "");
    const [remember, setRemember] = useState(true);
    const [busy, error, run] = useAction(() => enter(key.trim(), remember));
    const submit = (event) => {
        event.preventDefault();
        if (!busy) run();
    };
    return html`<main class="sign-in">
        <div class="sign-in-theme"><${ThemeSwitch} /></div>
        <form class="card" onSubmit=${submit}>
            <h1 class="brand large"><${Mark} />Corral</h1>
            <p class="lead">Sandboxes for code that is not trusted.</p>
            ${why && html`<p class="notice warn" role="status">${why}</p>`}
            <${Field} label="API key" type="password" name="key" autocomplete="off" spellcheck=${false} required
                hint="It begins with crl_. It is sent to this server only, and never stands in an address."
                value=${key} onInput=${(event) => setKey(event.currentTarget.value)} />
            <${Check} label="Keep it until this tab is closed" checked=${remember} onChange=${(event) => setRemember(event.currentTarget.checked)} />
            ${error && html`<${Failure} error=${error} />`}
            <button class="button primary" disabled=${busy} aria-busy=${busy}>Sign in</button>
        </form>
    </main>`;
}
