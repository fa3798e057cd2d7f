// What stands in a view's place while there is nothing to show, and why.
import { html } from "../vendor/preact.js";
import { sentence } from "../lib/words.js";
import { Icon } from "./icon.js";
import { Time } from "./time.js";

export function Loading({ what = "Loading" }) {
    return html`<p class="state" role="status"><span class="spinner" aria-hidden="true"></span>${what}…</p>`;
}

export function Empty({ title, children }) {
    return html`<div class="state empty"><p class="state-title">${title}</p>${children}</div>`;
}

// What the server refused, and what helps. reload: what "Try again" does; nothing: there is no such button.
export function Failure({ error, reload }) {
    return html`<div class="notice bad" role="alert">
        <${Icon} name="warning" />
        <div>
            <p>${sentence(error.message)}</p>
            ${error.requestId && html`<p class="small">Code ${error.code}, request ${error.requestId}</p>`}
            ${reload && html`<button class="button small" onClick=${reload}><${Icon} name="retry" />Try again</button>`}
        </div>
    </div>`;
}

// What a useLoad has: its failure, its wait, or its data by `children(data)`, which stay when they are stale.
export function Loaded({ state, what, children }) {
    if (state.data === undefined) return state.error ? html`<${Failure} error=${state.error} reload=${state.reload} />` : html`<${Loading} what=${what} />`;
    return html`
        ${state.stale &&
        html`<div class="notice warn" role="status">
            <${Icon} name="clock" />
            <p>As of <${Time} at=${state.at} />: ${state.error.message}</p>
        </div>`}
        ${children(state.data)}
    `;
}

export function Badge({ of, plain }) {
    return html`<span class="badge ${of?.tone ?? "calm"}" title=${of?.says}>${of?.word ?? plain}</span>`;
}
