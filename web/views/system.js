// The whole system, now.
import { html } from "../vendor/preact.js";
import { get } from "../lib/api.js";
import { duration, number } from "../lib/format.js";
import { useLoad } from "../lib/load.js";
import { STATES } from "../lib/words.js";
import { Alerts } from "../parts/alerts.js";
import { Capacity, CapacityKey } from "../parts/capacity.js";
import { Head } from "../parts/layout.js";
import { Meter } from "../parts/meter.js";
import { Recommendations } from "../parts/recommendations.js";
import { Badge, Loaded } from "../parts/status.js";
import { SystemHistory } from "../parts/system_history.js";
import { Tile } from "../parts/tile.js";
import { Time } from "../parts/time.js";

const EVERY_MS = 3000;
const ms = (value) => (value === null || value === undefined ? "–" : `${number(Math.round(value))} ms`);

function Facts({ title, rows, none }) {
    return html`<section class="card"><h2>${title}</h2>
        ${rows.length ? html`<dl class="facts">${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>` : html`<p class="muted">${none}</p>`}
    </section>`;
}

const counted = (object) => Object.entries(object).filter(([, count]) => count > 0).map(([name, count]) => [name, number(count)]);
const states = (object) => Object.entries(object).filter(([, count]) => count > 0).map(([name, count]) => [html`<${Badge} of=${STATES[name]} plain=${name} />`, number(count)]);
const spaced = (object) => Object.entries(object).map(([name, count]) => [name.replaceAll("_", " "), number(count)]);

function Now({ stats }) {
    const { sandboxes, rates, database, connections, leader, warm } = stats;
    return html`<div class="stack">
        <div class="tiles">
            <${Tile} name="Live sandboxes" value=${number(sandboxes.total)} more=${`of ${number(sandboxes.limit)}`} />
            <${Tile} name="Creates" value=${number(rates.creates_per_minute)} more="in the last minute" />
            <${Tile} name="Starts, median" value=${ms(rates.start_ms.p50)} more=${`95 % within ${ms(rates.start_ms.p95)}`} />
            <${Tile} name="Warm pool" value=${`${number(warm.ready)} ready`} more=${`${number(warm.taken)} taken, ${number(warm.making)} being made`} />
            <${Tile} name="Database" value=${ms(database.latency_ms)} more=${`schema ${database.schema_version}`} />
            <${Tile} name="Up" value=${duration(stats.uptime_seconds)} more=${leader ? html`leads since <${Time} at=${leader.since} />` : "does not lead"} />
        </div>
        <${Alerts} />
        <section class="card" aria-labelledby="capacity">
            <div class="card-head"><h2 id="capacity">All nodes</h2><${CapacityKey} /></div>
            <div class="grid meters">
                <${Capacity} capacity=${stats.capacity} reserved=${stats.reserved} used=${stats.used} />
                <${Meter} label="Sandboxes of the system" used=${sandboxes.total} limit=${sandboxes.limit} show=${number} />
            </div>
        </section>
        <${Recommendations} />
        <${SystemHistory} />
        <div class="grid facts-grid">
            <${Facts} title="Sandboxes by state" rows=${states(sandboxes.by_state)} none="No sandbox is live." />
            <${Facts} title="Nodes by state" rows=${states(stats.nodes.by_state)} none="No node has joined." />
            <${Facts} title="Sandboxes by tier" rows=${counted(sandboxes.by_tier)} none="No sandbox is live." />
            <${Facts} title="Refusals by code" rows=${counted(rates.refusals_by_code)} none="Nothing was refused." />
            <${Facts} title="Queues" rows=${spaced(stats.queues)} none="There are none." />
            <${Facts} title="Connections" rows=${spaced(connections)} none="There are none." />
            <${Facts} title="Database" rows=${spaced(database.pool)} none="There are none." />
        </div>
    </div>`;
}

export function View() {
    const state = useLoad((signal) => get("/sandbox/system/stats", {}, { signal }), EVERY_MS, []);
    return html`<${Head} title="System" /><${Loaded} state=${state} what="Loading the system's figures">${(stats) => html`<${Now} stats=${stats} />`}<//>`;
}
