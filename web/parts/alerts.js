// Alerts of the system that are pending or firing.
import { html } from "../vendor/preact.js";
import { list } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { Badge, Empty, Loaded } from "./status.js";
import { Time } from "./time.js";

const EVERY_MS = 10000;
const STATES = {
    firing: { word: "Firing", tone: "bad" },
    pending: { word: "Pending", tone: "warn" },
    silenced: { word: "Silenced", tone: "calm" },
};

const stateOf = (alert) => (alert.silence ? "silenced" : alert.state);

function Alert({ alert }) {
    return html`<li class="event">
        <${Badge} of=${STATES[stateOf(alert)]} plain=${alert.state} />
        <div>
            <p><strong>${alert.summary}</strong></p>
            <p class="muted">${alert.problem ?? `${alert.rule}, ${alert.severity}`}</p>
        </div>
        <span class="event-at small muted"><${Time} at=${alert.fired_at ?? alert.since} /></span>
    </li>`;
}

export function Alerts() {
    const state = useLoad((signal) => list("/sandbox/system/alerts", {}, 200, { signal }), EVERY_MS, []);
    return html`<section class="card alerts" aria-labelledby="alerts"><h2 id="alerts">Alerts</h2>
        <${Loaded} state=${state}>
            ${({ items }) => (items.length ? html`<ol class="events">${items.map((alert) => html`<${Alert} key=${alert.id} alert=${alert} />`)}</ol>` : html`<${Empty} title="Nothing is wrong" />`)}
        <//>
    </section>`;
}
