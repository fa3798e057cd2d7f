// A chart over time, drawn by uPlot. Beside the picture stands what it says now, in words.
import uPlot from "../vendor/uplot.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { clockTime } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { isDark } from "./theme.js";

// The colour behind a custom property, as a canvas takes it.
function colour(place, name, alpha = 1) {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    place.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return alpha === 1 ? found : found.replace("rgb(", "rgba(").replace(")", `, ${alpha})`);
}

// Dashed lines across the chart, such as a limit: [{at, label, tone, below}], the label above it or below
function limitLines(place, lines) {
    return (chart) => {
        const { ctx, bbox } = chart;
        ctx.save();
        ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
        ctx.lineWidth = devicePixelRatio;
        ctx.font = `${11 * devicePixelRatio}px sans-serif`;
        ctx.textAlign = "left";
        for (const { at, label, tone, below } of lines()) {
            const y = chart.valToPos(at, "y", true);
            if (y < bbox.top || y > bbox.top + bbox.height) continue;
            ctx.strokeStyle = ctx.fillStyle = colour(place, tone);
            ctx.beginPath();
            ctx.moveTo(bbox.left, y);
            ctx.lineTo(bbox.left + bbox.width, y);
            ctx.stroke();
            ctx.textBaseline = below ? "top" : "bottom";
            ctx.fillText(label, bbox.left + 4 * devicePixelRatio, y + (below ? 3 : -2) * devicePixelRatio);
        }
        ctx.restore();
    };
}

const DAY = 86400;
// How a time is written, by the distance of two of them in seconds.
const FORMS = [
    [DAY, "{YYYY}-{MM}-{DD}"],
    [60, "{HH}:{mm}"],
    [1, "{HH}:{mm}:{ss}"],
];

// Steps of an axis of bytes: powers of two, so that they read well.
const BINARY = Array.from({ length: 50 }, (_, power) => 2 ** power);

// Steps of the axis of times, in seconds.
const TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, DAY, 2 * DAY, 4 * DAY, 7 * DAY, 10 * DAY, 30 * DAY, 60 * DAY, 90 * DAY, 365 * DAY];

function axes(place, show, binary) {
    const shared = { stroke: colour(place, "muted"), grid: { stroke: colour(place, "line"), width: 1 }, ticks: { show: false }, font: "11px sans-serif" };
    return [
        { ...shared, grid: { show: false }, size: 26, space: 70, incrs: TIMES, values: FORMS.map(([step, form]) => [step, form, null, null, null, null, null, null, 1]) },
        { ...shared, size: 64, space: 40, ...(binary && { incrs: BINARY }), values: (_, splits) => splits.map((value) => show(value)) },
    ];
}

// So few moments that a line says little, or cannot be drawn.
const isShort = (chart) => chart.data[0].length < 4;
const AROUND = 60; // seconds that are shown before and after a single moment

function rangeOf({ data: [times] }, from, to) {
    return times.length === 1 ? [times[0] - AROUND, times[0] + AROUND] : [from, to];
}

function lineOf(place, { tone, fill, dash }) {
    return { stroke: colour(place, tone), width: 1.8, dash, fill: fill ? colour(place, tone, 0.13) : undefined, points: { show: isShort, size: 5 } };
}

function options(place, current, onMove) {
    const { series, show, lines, binary } = current();
    return {
        width: place.clientWidth,
        height: place.clientHeight,
        padding: [10, 26, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: "corral" }, points: { size: 7 }, drag: { setScale: false }, y: false },
        scales: { x: { time: true, range: rangeOf }, y: { range: (_, __, top) => [0, current().max ?? Math.max(top * 1.15, current().least)] } },
        axes: axes(place, show, binary),
        series: [{}, ...series.map((one) => lineOf(place, one))],
        hooks: { draw: lines ? [limitLines(place, () => current().lines)] : [], setCursor: [(chart) => onMove(chart.cursor.idx)] },
    };
}

/*
 * times: seconds; series: [{label, tone, values, fill, dash}], values as long as times, null where there are none
 * show(value): a figure with its unit; binary: it counts bytes; max: the top of the scale, else it fits the figures and is at
 * least `least`; lines: see limitLines; note: below the chart
 */
export function Chart({ title, times, series, show, binary, max, least = 1, lines, note }) {
    const place = useRef(null);
    const chart = useRef(null);
    const latest = useRef(null);
    const dark = useStore(isDark);
    const [at, setAt] = useState(null);
    latest.current = { series, show, binary, max, least, lines };
    useEffect(() => {
        const element = place.current;
        chart.current = new uPlot(options(element, () => latest.current, setAt), [times, ...series.map(({ values }) => values)], element);
        const watch = new ResizeObserver(() => chart.current.setSize({ width: element.clientWidth, height: element.clientHeight }));
        watch.observe(element);
        return () => {
            watch.disconnect();
            chart.current.destroy();
        };
    }, [dark, series.length]);
    useEffect(() => chart.current.setData([times, ...series.map(({ values }) => values)]), [times]);
    const index = at !== null && at !== undefined && at < times.length ? at : times.length - 1;
    const says = series.map(({ label, tone, values }) => ({ label, tone, text: show(values[index] ?? null) }));
    const peak = (values) => values.reduce((most, value) => (value === null || value === undefined ? most : Math.max(most, value)), 0);
    const words = series.map(({ label, values }) => `${label}: now ${show(values.at(-1) ?? null)}, at most ${show(peak(values))}`).join("; ");
    return html`<figure class="card chart">
        <figcaption>
            <h3>${title}</h3>
            <p class="chart-says">
                ${times.length > 0 && index !== times.length - 1 && html`<span class="muted">${clockTime(times[index] * 1000)}</span>`}
                ${says.map(
                    ({ label, tone, text }) => html`<span>
                        <span class="chart-key" style=${{ background: `var(--${tone})` }}></span>${series.length > 1 ? `${label} ` : ""}<strong>${text}</strong>
                    </span>`,
                )}
            </p>
        </figcaption>
        <div class="chart-place" ref=${place} role="img" aria-label=${times.length ? `${title} over time. ${words}.` : `${title}: no figures yet`}></div>
        ${!times.length && html`<p class="chart-none muted">No figures yet</p>`}
        ${note && html`<p class="small muted">${note}</p>`}
    </figure>`;
}
