// What a user may have, and has: sandboxes, memory, CPU, disk. asked: what a create would add.
import { html } from "../vendor/preact.js";
import { bytes, cpus, number } from "../lib/format.js";
import { Meter } from "./meter.js";

export function Quota({ usage, asked = {} }) {
    const { limits, used } = usage;
    const rows = [
        ["Sandboxes", "sandboxes", number],
        ["Sandboxes of this key", "api_key_sandboxes", number],
        ["Memory", "memory_bytes", bytes],
        ["CPU", "cpu_millis", cpus],
        ["Disk", "storage_bytes", bytes],
    ];
    return rows.map(([label, name, show]) => html`<${Meter} label=${label} used=${used[name]} limit=${limits[name]} more=${asked[name] ?? 0} show=${show} />`);
}
