// What the person has and may have.
import { html } from "../vendor/preact.js";
import { get } from "../lib/api.js";
import { LIMITS } from "../lib/limits.js";
import { useLoad } from "../lib/load.js";
import { session } from "../lib/session.js";
import { useStore } from "../lib/store.js";
import { Head } from "../parts/layout.js";
import { Quota } from "../parts/quota.js";
import { Loaded } from "../parts/status.js";
import { Keys } from "./user_keys.js";

const EVERY_MS = 5000;

function Limits({ most }) {
    const rows = LIMITS.filter(({ name }) => name in most);
    return html`<dl class="facts">${rows.map(({ name, label, show }) => html`<dt>${label}</dt><dd>${show(most[name])}</dd>`)}</dl>`;
}

export function View() {
    const me = useStore(session);
    const state = useLoad((signal) => get("/sandbox/quota/usage", {}, { signal }), EVERY_MS, []);
    return html`
        <${Head} title="Account" lead=${`${me.user.name}, tier ${me.user.tier}`} />
        <${Loaded} state=${state}>
            ${(usage) => html`<div class="grid" style=${{ "--least": "22rem" }}>
                <section class="card"><h2>Quota</h2><${Quota} usage=${usage} /></section>
                <section class="card"><h2>Each sandbox, at most</h2><${Limits} most=${usage.per_sandbox} /></section>
            </div>`}
        <//>
        <section class="table-block">
            <${Keys} user=${{ ...me.user, role: me.admin ? "admin" : "user" }} path="/sandbox/keys" />
            <p class="card-foot small muted">A key gives at most the scopes, the limit and the time of the key that you signed in with. It is shown once, when it is made.</p>
        </section>
    `;
}
