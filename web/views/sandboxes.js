// The list of sandboxes, and below it the one that was opened.
import { html, useState } from "../vendor/preact.js";
import { list } from "../lib/api.js";
import { bytes, cpus } from "../lib/format.js";
import { useLoad } from "../lib/load.js";
import { to } from "../lib/router.js";
import { session } from "../lib/session.js";
import { useStore } from "../lib/store.js";
import { ENDED, REASONS, STATES } from "../lib/words.js";
import { Check } from "../parts/field.js";
import { Icon } from "../parts/icon.js";
import { Head } from "../parts/layout.js";
import { Badge, Empty, Loaded } from "../parts/status.js";
import { Table } from "../parts/table.js";
import { Remaining, Time } from "../parts/time.js";
import { UserName } from "../parts/user_name.js";
import { Sandbox } from "./sandbox.js";

const EVERY_MS = 5000;
const ofSandboxes = ({ type }) => type.startsWith("sandbox.");

function Name({ sandbox }) {
    return html`<a class="row-title" href=${to("sandboxes", sandbox.id)} title=${sandbox.id}>${sandbox.name || sandbox.id.slice(-8).toLowerCase()}</a>
        <div class="row-sub mono from-wide">${sandbox.id}</div>`;
}

function State({ sandbox }) {
    const ended = ENDED.has(sandbox.state);
    return html`<${Badge} of=${STATES[sandbox.state]} plain=${sandbox.state} />
        ${ended && sandbox.reason && html`<div class="row-sub" title=${sandbox.detail}>${REASONS[sandbox.reason]?.word ?? sandbox.reason}</div>`}`;
}

const ended = (sandbox) => ENDED.has(sandbox.state);

const figure = { align: "right", from: "desk", down: true };

function columnsFor(everybody) {
    return [
        { key: "name", title: "Name", cell: (s) => html`<${Name} sandbox=${s} />`, sort: (s) => s.name || s.id },
        { key: "state", title: "State", cell: (s) => html`<${State} sandbox=${s} />`, sort: (s) => s.state },
        ...(everybody ? [{ key: "user", title: "User", from: "tablet", cell: (s) => html`<${UserName} id=${s.user} />`, sort: (s) => s.user }] : []),
        { key: "image", title: "Image", from: "desk", cell: (s) => html`<span class="mono small">${s.image}</span>`, sort: (s) => s.image },
        { key: "node", title: "Node", from: "desk", cell: (s) => html`<span class="nowrap">${s.node ?? "–"}</span>`, sort: (s) => s.node },
        { key: "memory", title: "Memory", ...figure, cell: (s) => bytes(s.limits.memory_bytes), sort: (s) => s.limits.memory_bytes },
        { key: "cpu", title: "CPU", ...figure, from: "wide", cell: (s) => cpus(s.limits.cpu_millis), sort: (s) => s.limits.cpu_millis },
        { key: "created", title: "Created", from: "tablet", down: true, cell: (s) => html`<${Time} at=${s.created_at} />`, sort: (s) => s.created_at },
        {
            key: "left", title: "Time left", align: "right",
            cell: (s) => (ended(s) ? html`<span class="row-sub">ended <${Time} at=${s.ended_at} /></span>` : html`<${Remaining} until=${s.expires_at} />`),
            sort: (s) => (ended(s) ? null : s.expires_at),
        },
    ];
}

const searched = (s) => [s.id, s.name, s.state, STATES[s.state]?.word, s.reason, s.user, s.image, s.node, ...Object.entries(s.labels).flat()].filter(Boolean).join(" ");

function Sandboxes() {
    const me = useStore(session);
    const [all, setAll] = useState(false);
    const [everybody, setEverybody] = useState(false);
    const query = { all, user: me.admin && !everybody ? me.user.name : undefined };
    const state = useLoad((signal) => list("/sandbox", query, 1000, { signal }), EVERY_MS, [all, everybody], ofSandboxes);
    const tools = html`
        ${me.admin && html`<${Check} label="Of all users" checked=${everybody} onChange=${(event) => setEverybody(event.currentTarget.checked)} />`}
        <${Check} label="Ended ones too" checked=${all} onChange=${(event) => setAll(event.currentTarget.checked)} />
    `;
    const empty = html`<${Empty} title=${all ? "There are no sandboxes" : "No sandbox is live"}>
        <p>A sandbox runs code that you do not trust, within limits that its node enforces.</p>
        <a class="button primary" href=${to("create")}><${Icon} name="plus" />Create one</a>
    <//>`;
    return html`
        <${Head} title="Sandboxes"><a class="button primary" href=${to("create")}><${Icon} name="plus" />Create</a><//>
        <${Loaded} state=${state} what="Loading the sandboxes">
            ${({ items, more }) => html`
                ${more && html`<p class="notice warn">There are more than ${items.length}: these are the first ones.</p>`}
                <${Table} key=${everybody} columns=${columnsFor(everybody)} rows=${items} rowKey=${(s) => s.id} caption="Sandboxes" text=${searched}
                    filterWord="Filter by name, state, image, label…" start=${{ key: "created", down: true }} tools=${tools} empty=${empty} />
            `}
        <//>
    `;
}

export function View({ parts }) {
    return parts[0] ? html`<${Sandbox} key=${parts[0]} id=${parts[0]} tab=${parts[1] ?? "overview"} rest=${parts.slice(2)} />` : html`<${Sandboxes} />`;
}
