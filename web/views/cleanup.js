// The clean-up: first what it would remove, then removing it.
import { html, useState } from "../vendor/preact.js";
import { call } from "../lib/api.js";
import { number } from "../lib/format.js";
import { useAction } from "../lib/load.js";
import { CLEANUP } from "../lib/words.js";
import { confirm } from "../parts/dialog.js";
import { Icon } from "../parts/icon.js";
import { Head } from "../parts/layout.js";
import { Empty, Failure } from "../parts/status.js";
import { Table } from "../parts/table.js";
import { say } from "../parts/toast.js";

const COLUMNS = [
    { key: "kind", title: "What", cell: (row) => html`<span class="row-title">${row.title}</span><div class="row-sub">${row.says}</div>` },
    { key: "found", title: "Found", align: "right", cell: (row) => number(row.found) },
    { key: "removed", title: "Removed", align: "right", cell: (row) => (row.dry ? "–" : number(row.removed)) },
];

function rowsOf(result) {
    return Object.entries(result.found).map(([kind, found]) => {
        const [title, says] = CLEANUP[kind] ?? [kind.replaceAll("_", " "), ""];
        return { kind, title, says, found, removed: result.removed[kind], dry: result.dry_run };
    });
}

const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);

function Result({ result }) {
    const found = total(result.found);
    const says = result.dry_run
        ? found ? `${number(found)} would be removed. Nothing was changed.` : "There is nothing to remove."
        : `${number(total(result.removed))} of ${number(found)} were removed, in ${number(result.duration_ms)} ms.`;
    return html`<p class="notice ${found && result.dry_run ? "warn" : "good"}" role="status">${says}</p>
        <${Table} columns=${COLUMNS} rows=${rowsOf(result)} rowKey=${(row) => row.kind} caption="What the clean-up found" />`;
}

export function View() {
    const [result, setResult] = useState(null);
    const [busy, error, look] = useAction(async () => setResult(await call("POST", "/sandbox/system/cleanup", { body: { dry_run: true } })));
    const clean = () =>
        confirm({
            title: "Clean up now?",
            text: "What was found is removed. This cannot be undone.",
            word: "Remove it",
            danger: true,
            act: async () => {
                setResult(await call("POST", "/sandbox/system/cleanup", { body: { dry_run: false } }));
                say("The clean-up is done.");
            },
        });
    const ready = result?.dry_run && total(result.found) > 0;
    return html`
        <${Head} title="Clean-up" lead="Removes what should not be there. It runs by itself, too, as configured.">
            <button class="button ${ready ? "" : "primary"}" disabled=${busy} aria-busy=${busy} onClick=${() => look()}><${Icon} name="retry" />Look, remove nothing</button>
            <button class="button ${ready ? "danger" : ""}" disabled=${!ready || busy} onClick=${clean}><${Icon} name="broom" />Remove it</button>
        <//>
        ${error && html`<${Failure} error=${error} />`}
        ${result ? html`<${Result} result=${result} />` : html`<div class="card"><${Empty} title="Look first"><p>The first step only counts. Then you decide.</p><//></div>`}
    `;
}
