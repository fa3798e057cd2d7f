// A table that sorts, filters and pages what it was given.
import { html, useMemo, useState } from "../vendor/preact.js";
import { number } from "../lib/format.js";
import { Empty } from "./status.js";

function compare(a, b) {
    if (a === b) return 0;
    if (a === null || a === undefined || a === "") return 1; // what is unknown stands last
    if (b === null || b === undefined || b === "") return -1;
    if (typeof a === "string") return a.localeCompare(b, undefined, { numeric: true });
    return a < b ? -1 : 1;
}

function Head({ column, sort, setSort }) {
    const classes = [column.align, column.from && `from-${column.from}`].filter(Boolean).join(" ");
    if (!column.sort) return html`<th scope="col" class=${classes}>${column.title}</th>`;
    const mine = sort.key === column.key;
    const order = mine ? (sort.down ? "descending" : "ascending") : "none";
    return html`<th scope="col" class=${classes} aria-sort=${order}>
        <button class="sort" onClick=${() => setSort({ key: column.key, down: mine ? !sort.down : Boolean(column.down) })}>
            ${column.title}<span class="sort-mark" aria-hidden="true">${mine ? (sort.down ? "▾" : "▴") : "▵"}</span>
        </button>
    </th>`;
}

function Pager({ page, pages, from, count, total, setPage }) {
    return html`<nav class="pager" aria-label="Pages of the table">
        <span class="muted" role="status">${number(from + 1)}–${number(from + count)} of ${number(total)}</span>
        <span>
            <button class="button small" disabled=${page === 0} onClick=${() => setPage(page - 1)}>Previous</button>
            <button class="button small" disabled=${page >= pages - 1} onClick=${() => setPage(page + 1)}>Next</button>
        </span>
    </nav>`;
}

/*
 * columns: [{key, title, cell(row), sort(row), down, align, from}]: sort gives what is compared; down: it begins with
 *   the greatest; from: "tablet", "desk" or "wide", the width from which it is shown
 * rows, rowKey(row), caption (for screen readers), text(row): what the filter searches; without it there is none
 * start: {key, down}: how it is sorted at first; empty: what stands for no rows; tools: beside the filter
 */
export function Table({ columns, rows, rowKey, caption, text, start, size = 25, empty, tools, filterWord = "Filter" }) {
    const [sort, setSort] = useState(start ?? { key: null, down: false });
    const [filter, setFilter] = useState("");
    const [at, setPage] = useState(0);
    const found = useMemo(() => {
        const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
        const kept = words.length ? rows.filter((row) => words.every((word) => text(row).toLowerCase().includes(word))) : rows;
        const by = columns.find(({ key }) => key === sort.key);
        return by?.sort ? [...kept].sort((a, b) => compare(by.sort(a), by.sort(b)) * (sort.down ? -1 : 1)) : kept;
    }, [rows, filter, sort]);
    const pages = Math.max(1, Math.ceil(found.length / size));
    const page = Math.min(at, pages - 1);
    const seen = found.slice(page * size, (page + 1) * size);
    return html`<div class="table-block">
        ${(text || tools) &&
        html`<div class="tools">
            ${text &&
            html`<input type="search" aria-label=${filterWord} placeholder=${filterWord} value=${filter} onInput=${(event) => {
                setFilter(event.currentTarget.value);
                setPage(0);
            }} />`}
            ${tools}
        </div>`}
        ${rows.length === 0 && empty ? empty : html`<div class="table-scroll" tabindex="0" role="region" aria-label=${caption}>
            <table>
                <caption class="hidden">${caption}</caption>
                <thead><tr>${columns.map((column) => html`<${Head} key=${column.key} column=${column} sort=${sort} setSort=${setSort} />`)}</tr></thead>
                <tbody>
                    ${seen.map(
                        (row) => html`<tr key=${rowKey(row)}>
                            ${columns.map((column) => html`<td class=${[column.align, column.from && `from-${column.from}`].filter(Boolean).join(" ")}>${column.cell(row)}</td>`)}
                        </tr>`,
                    )}
                </tbody>
            </table>
            ${found.length === 0 && rows.length > 0 && html`<${Empty} title="Nothing matches the filter"><button class="button small" onClick=${() => setFilter("")}>Show all</button><//>`}
        </div>`}
        ${pages > 1 && html`<${Pager} page=${page} pages=${pages} from=${page * size} count=${seen.length} total=${found.length} setPage=${setPage} />`}
    </div>`;
}
