// Who did what, when, from where, with what result: the newest first.
import { html, useState } from "../vendor/preact.js";
import { call, get } from "../lib/api.js";
import { number } from "../lib/format.js";
import { useAction, useLoad } from "../lib/load.js";
import { setQuery } from "../lib/router.js";
import { Dialog } from "../parts/dialog.js";
import { Field } from "../parts/field.js";
import { Head } from "../parts/layout.js";
import { Badge, Empty, Failure, Loaded } from "../parts/status.js";
import { Table } from "../parts/table.js";
import { Time } from "../parts/time.js";
import { UserName } from "../parts/user_name.js";

const PAGE = 100;
const FILTERS = [
    { name: "actor", label: "Who", placeholder: "user or key" },
    { name: "action", label: "Action", placeholder: "sandbox.create" },
    { name: "target", label: "On what", placeholder: "sbx_…" },
    { name: "result", label: "Result", placeholder: "ok" },
    { name: "from", label: "From", type: "datetime-local" },
    { name: "to", label: "Before", type: "datetime-local" },
];

// What the server is asked, of what the person typed.
function queryOf(filters) {
    const at = (text) => (text ? new Date(text).toISOString() : undefined);
    return { ...filters, from: at(filters.from), to: at(filters.to) };
}

function Filters({ filters, apply }) {
    const [typed, setTyped] = useState(filters);
    const submit = (event) => {
        event.preventDefault();
        apply(typed);
    };
    return html`<form class="card fields filters" onSubmit=${submit}>
        ${FILTERS.map(({ name, ...field }) => html`<${Field} ...${field} value=${typed[name] ?? ""} onInput=${(event) => setTyped({ ...typed, [name]: event.currentTarget.value.trim() })} />`)}
        <div class="filters-go">
            <button class="button primary">Show</button>
            <button type="button" class="button" onClick=${() => {
                setTyped({});
                apply({});
            }}>Clear</button>
        </div>
    </form>`;
}

function Change({ row, onClose }) {
    const facts = [
        ["At", html`<${Time} at=${row.at} />`],
        ["User", html`<${UserName} id=${row.user} />`],
        ["Key", row.key ?? "–"],
        ["Address", row.address ?? "–"],
        ["Request", row.request_id ?? "–"],
        ["Target", row.target ?? "–"],
        ["Result", row.result],
        ["Hash", row.hash],
    ];
    const object = (title, value) => value && html`<div><h3>${title}</h3><pre class="file-text" tabindex="0">${JSON.stringify(value, null, 2)}</pre></div>`;
    return html`<${Dialog} title=${row.action} onClose=${onClose} wide>
        <div class="dialog-body">
            <dl class="facts">${facts.map(([name, value]) => html`<dt>${name}</dt><dd class="mono">${value}</dd>`)}</dl>
            ${object("Before", row.before)}${object("After", row.after)}
        </div>
    <//>`;
}

function columnsFor(open) {
    return [
        { key: "at", title: "When", cell: (row) => html`<${Time} at=${row.at} />` },
        { key: "action", title: "Action", cell: (row) => html`<button class="link mono" onClick=${() => open(row)}>${row.action}</button>` },
        { key: "user", title: "Who", from: "tablet", cell: (row) => html`<${UserName} id=${row.user} />` },
        { key: "target", title: "On what", from: "tablet", cell: (row) => html`<span class="mono small">${row.target ?? "–"}</span>` },
        { key: "address", title: "From", from: "desk", cell: (row) => html`<span class="mono small">${row.address ?? "–"}</span>` },
        { key: "result", title: "Result", cell: (row) => html`<${Badge} of=${{ word: row.result, tone: row.result === "ok" ? "good" : "bad" }} />` },
    ];
}

function Rows({ first, filters }) {
    const [older, setOlder] = useState({ items: [], next: first.next_cursor });
    const [open, setOpen] = useState(null);
    const [busy, error, more] = useAction(async () => {
        const page = await get("/sandbox/system/audit", { limit: PAGE, cursor: older.next, ...queryOf(filters) });
        setOlder({ items: [...older.items, ...page.items], next: page.next_cursor });
    });
    const rows = [...first.items, ...older.items];
    return html`
        <${Table} columns=${columnsFor(setOpen)} rows=${rows} rowKey=${(row) => row.id} caption="Rows of the audit" size=${1000}
            empty=${html`<${Empty} title="No row fits"><p>Change the filters, or clear them.</p><//>`} />
        ${error && html`<${Failure} error=${error} />`}
        ${older.next && html`<p class="card-foot"><button class="button" disabled=${busy} onClick=${() => more()}>Show older ones</button></p>`}
        ${open && html`<${Change} row=${open} onClose=${() => setOpen(null)} />`}
    `;
}

// Verifies the chain, part by part: {checked, row, problem} at the end.
async function verifyAll(told) {
    let checked = 0;
    let after;
    for (;;) {
        const part = await call("POST", "/sandbox/system/audit/verify", { query: { after } });
        checked += part.checked;
        told(checked);
        if (!part.next) return { checked, row: part.row, problem: part.problem };
        after = part.next;
    }
}

function Verify() {
    const [checked, setChecked] = useState(0);
    const [found, setFound] = useState(null);
    const [busy, error, verify] = useAction(async () => {
        setFound(null);
        setChecked(0);
        setFound(await verifyAll(setChecked));
    });
    const says = busy
        ? `${number(checked)} rows are good so far.`
        : found && (found.problem ? `Row ${found.row}: ${found.problem}.` : `All ${number(found.checked)} rows are as they were written.`);
    return html`<div class="card">
        <div class="card-head"><h2>The chain</h2><button class="button" disabled=${busy} onClick=${() => verify()}>Verify</button></div>
        <p class=${found?.problem ? "notice bad" : "muted"} role="status">${says || "Each row holds the hash of the row before: a changed or missing one is found."}</p>
        ${error && html`<${Failure} error=${error} />`}
    </div>`;
}

export function View({ query }) {
    const [filters, setFilters] = useState(query);
    const [turn, setTurn] = useState(0);
    const state = useLoad((signal) => get("/sandbox/system/audit", { limit: PAGE, ...queryOf(filters) }, { signal }), 0, [filters, turn]);
    const apply = (typed) => {
        setQuery(typed);
        setFilters(typed);
        setTurn(turn + 1);
    };
    return html`
        <${Head} title="Audit" lead="Every administrative act, in a chain." />
        <div class="stack">
            <${Verify} />
            <${Filters} filters=${filters} apply=${apply} />
            <div><${Loaded} state=${state} what="Reading the audit">${(first) => html`<${Rows} key=${turn} first=${first} filters=${filters} />`}<//></div>
        </div>
    `;
}
