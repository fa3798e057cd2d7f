// Which limits of a sandbox would be right, by what it used.
import { html } from "../vendor/preact.js";
import { get } from "../lib/api.js";
import { bytes, cpus, number, percent } from "../lib/format.js";
import { useLoad } from "../lib/load.js";
import { Loaded } from "./status.js";

const EVERY_MS = 60000;
const KINDS = { memory: ["Memory", bytes], cpu: ["CPU", cpus], disk: ["Disk", bytes], pids: ["Processes", number] };

function Items({ items }) {
    const facts = items.map(({ kind, current, recommended, confidence, text }) => {
        const [name, show] = KINDS[kind] ?? [kind, number];
        return html`<dt>${name}</dt><dd>${show(current)} → ${show(recommended)} <span class="muted">${text} Confidence ${percent(confidence * 100)}.</span></dd>`;
    });
    return html`<dl class="facts">${facts}</dl>`;
}

export function RightSizes({ sandbox }) {
    const state = useLoad((signal) => get(`/sandbox/${sandbox.id}/recommendations`, {}, { signal }), EVERY_MS, [sandbox.id]);
    return html`<section class="card" aria-labelledby="right-sizes">
        <h2 id="right-sizes">Better limits</h2>
        <${Loaded} state=${state}>
            ${({ items, reason }) => html`
                ${items.length > 0 && html`<${Items} items=${items} />`}
                ${reason && html`<p class="muted">${items.length > 0 ? "Note" : "Nothing to change"}: ${reason}.</p>`}
            `}
        <//>
    </section>`;
}
