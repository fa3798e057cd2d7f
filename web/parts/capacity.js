// What nodes have, what of it is promised to sandboxes, and what these use.
import { html } from "../vendor/preact.js";
import { bytes, cpus, number } from "../lib/format.js";

const ROWS = [
    ["Memory", "memory_bytes", bytes],
    ["CPU", "cpu_millis", cpus],
    ["Disk", "storage_bytes", bytes],
    ["Sandboxes", "sandboxes", number],
];

const width = (part, whole) => ({ width: `${whole > 0 ? Math.min(100, (part / whole) * 100) : 0}%` });

// Reserved as a light bar, used as a dark one in it. sandboxes that are used are those that are reserved.
function Row({ label, capacity, reserved, used, show, usable }) {
    const share = capacity > 0 ? reserved / capacity : 0;
    const says = usable ? `${show(reserved)} reserved, ${show(used)} used, of ${show(capacity)}` : `${show(reserved)} of ${show(capacity)}`;
    return html`<div class="meter">
        <div class="meter-text"><span>${label}</span><span>${says}</span></div>
        <div class="meter-bar" role="meter" aria-label=${`${label} reserved`} aria-valuetext=${says}
            aria-valuemin="0" aria-valuemax=${capacity || 1} aria-valuenow=${Math.min(reserved, capacity || 1)}>
            <span class="meter-reserved ${share >= 0.95 ? "bad" : share >= 0.85 ? "warn" : ""}" style=${width(reserved, capacity)}></span>
            ${usable && html`<span class="meter-fill" style=${width(used, capacity)}></span>`}
        </div>
    </div>`;
}

export function Capacity({ capacity, reserved, used }) {
    return ROWS.map(
        ([label, name, show]) => html`<${Row} label=${label} capacity=${capacity[name]} reserved=${reserved[name]} used=${used[name]} show=${show} usable=${name !== "sandboxes"} />`,
    );
}

export function CapacityKey() {
    return html`<p class="small muted capacity-key"><span class="chart-key reserved"></span>reserved <span class="chart-key used"></span>used</p>`;
}
