// What to change in the system, with evidence and what comes of it.
import { html, useState } from "../vendor/preact.js";
import { call, list } from "../lib/api.js";
import { sentence } from "../lib/words.js";
import { useAction, useLoad } from "../lib/load.js";
import { Badge, Empty, Failure, Loaded } from "./status.js";
import { Time } from "./time.js";

const EVERY_MS = 30000;
const SEVERITIES = {
    critical: { word: "Critical", tone: "bad" },
    warning: { word: "Warning", tone: "warn" },
    info: { word: "Hint", tone: "calm" },
};
const RANK = Object.keys(SEVERITIES);
const KINDS = { capacity: "Capacity", balance: "Balance", bottleneck: "Bottleneck", allocation: "Allocation", startup: "Start-up" };

const shown = (value) => (value === null ? "never" : typeof value === "number" ? value.toLocaleString() : String(value));

function Figures({ title, of }) {
    return html`<div><h4>${title}</h4>
        <dl class="facts">${Object.entries(of).map(([name, value]) => html`<dt>${name.replaceAll("_", " ")}</dt><dd>${shown(value)}</dd>`)}</dl>
    </div>`;
}

function Acts({ item, reload }) {
    const [busy, error, run] = useAction(async (state) => {
        await call("PATCH", `/sandbox/system/recommendations/${item.id}`, { body: { state } });
        reload();
    });
    const button = (state, word) =>
        state !== item.state && html`<button class="button small" disabled=${busy} aria-label=${`${word}: ${item.sentence}`} onClick=${() => run(state)}>${word}</button>`;
    return html`<p class="tools">${button("applied", "Applied")}${button("dismissed", "Dismiss")}${button("open", "Open again")}</p>${error && html`<${Failure} error=${error} />`}`;
}

function Recommendation({ item, reload }) {
    return html`<li class="event">
        <${Badge} of=${SEVERITIES[item.severity]} plain=${item.severity} />
        <div>
            <p><strong>${sentence(item.sentence)}</strong></p>
            <p class="muted">${KINDS[item.kind] ?? item.kind}${item.state === "open" ? "" : html`, ${item.state} <${Time} at=${item.state_at} />${item.state_by ? ` by ${item.state_by}` : ""}`}</p>
            <details><summary>Evidence and effect</summary>
                <div class="grid facts-grid"><${Figures} title="Evidence" of=${item.evidence} /><${Figures} title="Expected effect" of=${item.effect} /></div>
            </details>
            <${Acts} item=${item} reload=${reload} />
        </div>
        <span class="event-at small muted"><${Time} at=${item.since} /></span>
    </li>`;
}

const byGravity = (a, b) => RANK.indexOf(a.severity) - RANK.indexOf(b.severity) || (a.since < b.since ? 1 : -1);

export function Recommendations() {
    const [all, setAll] = useState(false);
    const state = useLoad((signal) => list("/sandbox/system/recommendations", all ? {} : { state: "open" }, 500, { signal }), EVERY_MS, [all]);
    return html`<section class="card recommendations" aria-labelledby="recommendations">
        <div class="card-head"><h2 id="recommendations">Recommendations</h2>
            <label class="check"><input type="checkbox" checked=${all} onChange=${(event) => setAll(event.currentTarget.checked)} /> Also applied and dismissed ones</label>
        </div>
        <${Loaded} state=${state}>
            ${({ items }) =>
                items.length
                    ? html`<ol class="events">${[...items].sort(byGravity).map((item) => html`<${Recommendation} key=${item.id} item=${item} reload=${state.reload} />`)}</ol>`
                    : html`<${Empty} title="Nothing to change" />`}
        <//>
    </section>`;
}
