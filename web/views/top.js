// Who uses most now.
import { html } from "../vendor/preact.js";
import { get, list } from "../lib/api.js";
import { bytes, number, percent, rate } from "../lib/format.js";
import { useLoad } from "../lib/load.js";
import { to } from "../lib/router.js";
import { Head } from "../parts/layout.js";
import { Empty, Loaded } from "../parts/status.js";
import { Table } from "../parts/table.js";
import { UserName } from "../parts/user_name.js";

const EVERY_MS = 10000;
const ASKED = 200; // sandboxes
const AT_ONCE = 6;

// The figures of many sandboxes, a few requests at a time. One that ends meanwhile is left out.
async function figures(signal) {
    const { items, more } = await list("/sandbox", { state: "running" }, ASKED, { signal });
    const rows = [];
    const rest = [...items];
    const worker = async () => {
        for (let sandbox = rest.shift(); sandbox && !signal.aborted; sandbox = rest.shift()) {
            try {
                rows.push({ ...sandbox, stats: await get(`/sandbox/${sandbox.id}/stats`, {}, { signal }) });
            } catch (error) {
                if (error.name === "AbortError" || error.status === 429 || error.status === 0) throw error;
            }
        }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return { rows, more };
}

const traffic = ({ stats }) => stats.network.rx_bytes_per_second + stats.network.tx_bytes_per_second;
const figure = { align: "right", down: true };
const COLUMNS = [
    { key: "name", title: "Sandbox", cell: (s) => html`<a class="row-title" href=${to("sandboxes", s.id)}>${s.name || s.id.slice(-8).toLowerCase()}</a>`, sort: (s) => s.name || s.id },
    { key: "user", title: "User", from: "tablet", cell: (s) => html`<${UserName} id=${s.user} />`, sort: (s) => s.user },
    { key: "node", title: "Node", from: "desk", cell: (s) => s.node, sort: (s) => s.node },
    { key: "memory", title: "Memory held", ...figure, cell: (s) => bytes(s.stats.memory.unreclaimable_bytes), sort: (s) => s.stats.memory.unreclaimable_bytes },
    { key: "share", title: "of its limit", ...figure, from: "tablet", cell: (s) => percent(s.stats.memory.percent), sort: (s) => s.stats.memory.percent },
    { key: "cpu", title: "CPU", ...figure, cell: (s) => percent(s.stats.cpu.percent), sort: (s) => (s.stats.cpu.percent * s.stats.cpu.limit_millis) / 100 },
    { key: "disk", title: "Disk", ...figure, from: "tablet", cell: (s) => bytes(s.stats.disk.used_bytes), sort: (s) => s.stats.disk.used_bytes },
    { key: "network", title: "Network", ...figure, from: "desk", cell: (s) => rate(traffic(s)), sort: traffic },
    { key: "pids", title: "Processes", ...figure, from: "desk", cell: (s) => number(s.stats.pids.current), sort: (s) => s.stats.pids.current },
];

export function View() {
    const state = useLoad(figures, EVERY_MS, []);
    return html`
        <${Head} title="Top consumers" lead="What sandboxes that run use now." />
        <${Loaded} state=${state} what="Asking the sandboxes">
            ${({ rows, more }) => html`
                ${more && html`<p class="notice warn">More than ${ASKED} sandboxes run; the oldest ${ASKED} were asked.</p>`}
                <${Table} columns=${COLUMNS} rows=${rows} rowKey=${(s) => s.id} caption="Sandboxes by use" text=${(s) => `${s.name ?? ""} ${s.id} ${s.node}`}
                    filterWord="Filter by name or node" start=${{ key: "memory", down: true }} empty=${html`<${Empty} title="No sandbox runs" />`} />
            `}
        <//>
    `;
}
