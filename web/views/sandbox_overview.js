// What a sandbox uses, live and before, and what it is.
import { html, useEffect, useMemo, useState } from "../vendor/preact.js";
import { get } from "../lib/api.js";
import { bytes, cpus, duration, number, percent, rate } from "../lib/format.js";
import { LIMITS } from "../lib/limits.js";
import { useLoad } from "../lib/load.js";
import { columns, pointOfStats, pointsOfHistory, withPoint } from "../lib/series.js";
import { ENDED } from "../lib/words.js";
import { Chart } from "../parts/chart.js";
import { RightSizes } from "../parts/right_sizes.js";
import { Failure } from "../parts/status.js";
import { Tile } from "../parts/tile.js";
import { Time } from "../parts/time.js";
import { UserName } from "../parts/user_name.js";

const SAMPLE_MS = 1000;
const CHARTED = new Set(["memory_bytes", "cpu_millis", "cpu_shares", "storage_bytes", "pids"]); // limits that are not listed among the facts
const LIVE_SECONDS = 600;
const STORED_SECONDS = 10; // between two samples of the history, at most; 1 while somebody watches

// live: the chart goes on once a second
const RANGES = [
    { word: "10 min", seconds: LIVE_SECONDS, live: true },
    { word: "1 h", seconds: 3600 },
    { word: "24 h", seconds: 86400 },
    { word: "7 d", seconds: 7 * 86400 },
];

async function history(sandbox, seconds, signal) {
    const to = ENDED.has(sandbox.state) ? Date.parse(sandbox.ended_at) + 1000 : Date.now() + 1000;
    const from = Math.max(to - seconds * 1000, Date.parse(sandbox.created_at));
    const step = Math.ceil(seconds / 600);
    return get(`/sandbox/${sandbox.id}/stats/history`, { from: new Date(from).toISOString(), to: new Date(to).toISOString(), step }, { signal });
}

// The points of a range: the history, and after it what is sampled while the page is open.
function usePoints(sandbox, range) {
    const ended = ENDED.has(sandbox.state);
    const stored = useLoad((signal) => history(sandbox, range.seconds, signal), ended || range.live ? 0 : 15000, [sandbox.id, range.seconds, ended]);
    const runs = sandbox.state === "running";
    const now = useLoad(async (signal) => (runs ? get(`/sandbox/${sandbox.id}/stats`, {}, { signal }) : null), runs ? SAMPLE_MS : 0, [sandbox.id, runs]);
    const [live, setLive] = useState([]);
    useEffect(() => void (now.data && setLive((points) => withPoint(points, pointOfStats(now.data), LIVE_SECONDS))), [now.data]);
    const points = useMemo(() => {
        const old = stored.data ? pointsOfHistory(stored.data) : [];
        if (!range.live) return old;
        const from = live[0]?.at ?? Infinity;
        return [...old.filter(({ at }) => at < from), ...live];
    }, [stored.data, range.live ? live : null]);
    return { points, step: range.live ? STORED_SECONDS : (stored.data?.step_seconds ?? STORED_SECONDS), now: ended ? undefined : now.data, error: stored.error };
}

function memoryLines(limit) {
    return [
        { at: limit * 0.95, label: "95 %: it is ended", tone: "bad" },
        { at: limit * 0.9, label: "90 %: warning", tone: "warn", below: true },
    ];
}

function Pressure({ times, of, runs }) {
    const series = [
        { label: "CPU", tone: "accent", values: of("cpuPressure") },
        { label: "Memory", tone: "bad", values: of("memoryPressure") },
        { label: "Disk", tone: "warn", values: of("ioPressure") },
    ];
    const known = series.some(({ values }) => values.some((value) => value !== null));
    const none = runs && times.length > 0 && !known;
    const note = none ? "The kernel of its node measures none." : "The share of time in which something waited; not kept, but shown while this page is open.";
    return html`<${Chart} title="Pressure" times=${times} series=${series} show=${percent} least=${10} note=${note} />`;
}

function Charts({ sandbox, points, step }) {
    const { limits } = sandbox;
    const { times, of } = useMemo(() => columns(points, step), [points, step]);
    const memory = limits.memory_bytes;
    return html`<div class="grid charts">
        <${Chart} title=${`Memory, of ${bytes(memory)}`} times=${times} show=${bytes} binary max=${memory * 1.12} lines=${memoryLines(memory)}
            series=${[{ label: "Used with cache", tone: "accent", fill: true, values: of("memory") }, { label: "Held", tone: "brand", values: of("held") }]} />
        <${Chart} title=${`CPU, of ${cpus(limits.cpu_millis)}`} times=${times} show=${percent} max=${105}
            series=${[{ label: "Used", tone: "accent", fill: true, values: of("cpu") }, { label: "Throttled", tone: "brand", values: of("throttled") }]} />
        <${Chart} title=${`Disk, of ${bytes(limits.storage_bytes)}`} times=${times} show=${bytes} binary max=${limits.storage_bytes * 1.04}
            lines=${[{ at: limits.storage_bytes * 0.8, label: "80 %: warning", tone: "warn" }]} series=${[{ label: "Used", tone: "accent", fill: true, values: of("disk") }]} />
        <${Chart} title="Network" times=${times} show=${rate} binary least=${1024}
            series=${[{ label: "In", tone: "accent", fill: true, values: of("rx") }, { label: "Out", tone: "brand", values: of("tx") }]} />
        <${Pressure} times=${times} of=${of} runs=${sandbox.state === "running"} />
        <${Chart} title=${`Processes, of ${number(limits.pids)}`} times=${times} least=${5} show=${(value) => (value === null ? "–" : number(Math.round(value)))}
            series=${[{ label: "Processes", tone: "accent", fill: true, values: of("pids") }]} />
    </div>`;
}

const HEALTH = { healthy: "Healthy", degraded: "Degraded", unresponsive: "Unresponsive", paused: "Paused" };

function Now({ stats }) {
    if (!stats) return null;
    const tiles = [
        ["Memory", percent(stats.memory.percent), `${bytes(stats.memory.unreclaimable_bytes)} held`],
        ["CPU", percent(stats.cpu.percent), `throttled ${percent(stats.cpu.throttled_percent)}`],
        ["Disk", percent(stats.disk.percent), bytes(stats.disk.used_bytes)],
        ["Processes", number(stats.pids.current), `of ${number(stats.pids.limit)}`],
        ["Health", HEALTH[stats.health.status] ?? stats.health.status, `up ${duration(stats.health.uptime_seconds)}`],
    ];
    return html`
        ${stats.violations.map(
            ({ kind, level }) => html`<p class="notice ${level === "critical" ? "bad" : "warn"}" role="status">Its ${kind} is ${level === "critical" ? "critical" : "near its limit"}.</p>`,
        )}
        <div class="tiles">${tiles.map(([name, value, more]) => html`<${Tile} name=${name} value=${value} more=${more} />`)}</div>
    `;
}

function Facts({ sandbox }) {
    const { limits, enforced } = sandbox;
    const advisory = Object.entries(enforced ?? {}).filter(([, how]) => how === "advisory").map(([name]) => name);
    const starts = Object.entries(sandbox.start_ms ?? {});
    const labels = Object.entries(sandbox.labels);
    const facts = [
        ["Image", html`<span class="mono">${sandbox.image}</span>`],
        ["Template", sandbox.template ? html`<span class="mono">${sandbox.template}</span>` : "none"],
        ["User", html`<${UserName} id=${sandbox.user} />, tier ${sandbox.tier}`],
        ["Node", `${sandbox.node ?? "–"}${sandbox.region ? `, region ${sandbox.region}` : ""}`],
        ["Created", html`<${Time} at=${sandbox.created_at} />`],
        ["Started", html`<${Time} at=${sandbox.started_at} />${sandbox.warm ? ", from the warm pool" : ""}`],
        [ENDED.has(sandbox.state) ? "Was to end" : "Ends", html`<${Time} at=${sandbox.expires_at} />`],
        ["Network", sandbox.network === "none" ? "none" : sandbox.network],
        ["Shared memory", bytes(limits.shm_bytes)],
        ...LIMITS.filter(({ name }) => name in limits && !CHARTED.has(name)).map(({ name, label, show }) => [label, show(limits[name])]),
        ["Labels", labels.length ? labels.map(([name, value]) => html`<span class="label mono">${name}=${value}</span>`) : "none"],
        ["Start took", starts.length ? starts.map(([step, ms]) => `${step.replaceAll("_", " ")} ${number(ms)} ms`).join(", ") : "–"],
    ];
    return html`<section class="card" aria-labelledby="facts">
        <h2 id="facts">About it</h2>
        <dl class="facts">${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
        ${advisory.length > 0 && html`<p class="notice warn card-foot">Its node does not enforce: ${advisory.join(", ")}.</p>`}
    </section>`;
}

function Ranges({ range, setRange }) {
    return html`<div class="choice" role="group" aria-label="Range of the charts">
        ${RANGES.map((one) => html`<button class="button small" aria-pressed=${one === range} onClick=${() => setRange(one)}>${one.word}</button>`)}
    </div>`;
}

export function View({ sandbox }) {
    const [range, setRange] = useState(RANGES[0]);
    const { points, step, now, error } = usePoints(sandbox, range);
    return html`<div class="stack">
        <${Now} stats=${now} />
        <div class="card-head"><h2>Use over time</h2><${Ranges} range=${range} setRange=${setRange} /></div>
        ${error && html`<${Failure} error=${error} />`}
        <${Charts} key=${range.seconds} sandbox=${sandbox} points=${points} step=${step} />
        <${RightSizes} sandbox=${sandbox} />
        <${Facts} sandbox=${sandbox} />
    </div>`;
}
