// The system over time, where this controller keeps that.
import { html, useState } from "../vendor/preact.js";
import { get } from "../lib/api.js";
import { bytes, cpus, number } from "../lib/format.js";
import { useLoad } from "../lib/load.js";
import { columns } from "../lib/series.js";
import { Chart } from "./chart.js";
import { Loaded } from "./status.js";

const EVERY_MS = 60000;
const DAY = 86400;
const POINTS = 300;
const RANGES = [["24 h", DAY], ["7 d", 7 * DAY], ["30 d", 30 * DAY], ["1 y", 365 * DAY]];
const ms = (value) => (value === null ? "–" : `${number(Math.round(value))} ms`);
const count = (value) => (value === null ? "–" : number(Math.round(value * 10) / 10));

// undefined where this controller has no history of the system
async function load(seconds, signal) {
    const query = { from: new Date(Date.now() - seconds * 1000).toISOString(), step: Math.max(60, Math.round(seconds / POINTS)) };
    try {
        const [resources, creates, starts] = await Promise.all(["resources", "creates", "starts"].map((part) => get("/sandbox/system/stats/history", { ...query, part }, { signal })));
        return { resources, creates, starts };
    } catch (error) {
        if (error.status === 404 || error.status === 422) return { none: true }; // of an earlier version
        throw error;
    }
}

// pick(point) gives the figures of a point by name.
function columnsOf(history, pick) {
    const points = history.series[0]?.points ?? [];
    return columns(points.map((point) => ({ at: Date.parse(point.at) / 1000, ...pick(point) })), history.step_seconds);
}

function Resource({ title, history, name, show, binary }) {
    const { times, of } = columnsOf(history, (point) => ({ capacity: point.capacity?.[name]?.avg, reserved: point.reserved?.[name]?.max, used: point.used?.[name]?.max }));
    const series = [
        { label: "Reserved", tone: "accent", fill: true, values: of("reserved") },
        { label: "Used", tone: "brand", values: of("used") },
        { label: "Capacity", tone: "muted", dash: [6, 4], values: of("capacity") },
    ];
    return html`<${Chart} title=${title} times=${times} series=${series} show=${show} binary=${binary} />`;
}

function Rates({ history }) {
    const perMinute = (amount, point) => (point.covered_seconds > 0 ? (amount * 60) / point.covered_seconds : null);
    const refused = (point) => Object.values(point.refusals ?? {}).reduce((sum, one) => sum + one, 0);
    const { times, of } = columnsOf(history, (point) => ({ creates: perMinute(point.creates ?? 0, point), refused: perMinute(refused(point), point) }));
    const series = [{ label: "Creates", tone: "accent", fill: true, values: of("creates") }, { label: "Refusals", tone: "bad", values: of("refused") }];
    return html`<${Chart} title="Creates and refusals a minute" times=${times} series=${series} show=${count} />`;
}

function Starts({ history }) {
    const { times, of } = columnsOf(history, ({ starts }) => ({ median: starts?.p50_ms, most: starts?.p95_ms }));
    const series = [{ label: "Median", tone: "accent", values: of("median") }, { label: "95 %", tone: "brand", values: of("most") }];
    return html`<${Chart} title="Time of a start" times=${times} series=${series} show=${ms} />`;
}

export function SystemHistory() {
    const [seconds, setSeconds] = useState(DAY);
    const state = useLoad((signal) => load(seconds, signal), EVERY_MS, [seconds]);
    if (state.data?.none) return null;
    return html`<section class="stack" aria-labelledby="history">
        <div class="card-head">
            <h2 id="history">Over time</h2>
            <div class="choice" role="group" aria-label="Range of the charts">
                ${RANGES.map(([word, range]) => html`<button class="button small" aria-pressed=${range === seconds} onClick=${() => setSeconds(range)}>${word}</button>`)}
            </div>
        </div>
        <${Loaded} state=${state} what="Loading the history">
            ${({ resources, creates, starts }) => html`<div class="grid charts">
                <${Resource} title="Memory" history=${resources} name="memory_bytes" show=${bytes} binary />
                <${Resource} title="CPU" history=${resources} name="cpu_millis" show=${cpus} />
                <${Resource} title="Disk" history=${resources} name="storage_bytes" show=${bytes} binary />
                <${Resource} title="Sandboxes" history=${resources} name="sandboxes" show=${count} />
                <${Rates} history=${creates} />
                <${Starts} history=${starts} />
            </div>`}
        <//>
    </section>`;
}
