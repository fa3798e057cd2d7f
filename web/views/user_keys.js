// The API keys of a user: made, shown once, revoked.
import { html, useState } from "../vendor/preact.js";
import { call, list } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { confirm, FormDialog, SecretDialog } from "../parts/dialog.js";
import { Check, Field } from "../parts/field.js";
import { Icon } from "../parts/icon.js";
import { Badge, Empty, Loaded } from "../parts/status.js";
import { Table } from "../parts/table.js";
import { Time } from "../parts/time.js";
import { say } from "../parts/toast.js";

const SCOPES = [
    ["read", "Read: state, statistics, logs, events"],
    ["write", "Write: create, change, delete; and all of exec"],
    ["exec", "Exec: work inside sandboxes"],
    ["admin", "Admin: the routes of administrators"],
];

function stateOf(key) {
    if (key.revoked_at) return { word: "Revoked", tone: "off" };
    if (key.expires_at && Date.parse(key.expires_at) <= Date.now()) return { word: "Expired", tone: "off" };
    return { word: "Valid", tone: "good" };
}

function NewKey({ user, path, onClose, onMade }) {
    const submit = async (form) => {
        const most = form.get("most");
        const expires = form.get("expires");
        onMade(
            await call("POST", path, {
                body: {
                    name: form.get("name"),
                    scopes: form.getAll("scope"),
                    ...(most && { max_sandboxes: Number(most) }),
                    ...(expires && { expires_at: new Date(expires).toISOString() }),
                },
            }),
        );
    };
    return html`<${FormDialog} title=${`A key for ${user.name}`} word="Make the key" submit=${submit} onClose=${onClose}>
        ${(error) => html`
            <${Field} label="Name" name="name" required autofocus error=${error} pointer="/name" hint="What it is for." />
            <fieldset class="stack tight"><legend class="legend">Scopes</legend>
                ${SCOPES.filter(([scope]) => scope !== "admin" || user.role === "admin").map(
                    ([scope, says]) => html`<${Check} label=${says} name="scope" value=${scope} defaultChecked=${scope === "read" || scope === "write"} />`,
                )}
            </fieldset>
            <div class="fields">
                <${Field} label="Live sandboxes, at most" name="most" type="number" min="0" error=${error} pointer="/max_sandboxes" hint="Empty: as the tier says." />
                <${Field} label="Ends" name="expires" type="datetime-local" error=${error} pointer="/expires_at" hint="Empty: never." />
            </div>
        `}
    <//>`;
}

function columnsFor(revoke) {
    return [
        { key: "name", title: "Key", cell: (key) => html`<span class="row-title">${key.name}</span><div class="row-sub mono">${key.prefix}…${key.last_four}</div>`, sort: (key) => key.name },
        { key: "state", title: "State", cell: (key) => html`<${Badge} of=${stateOf(key)} />`, sort: (key) => stateOf(key).word },
        { key: "scopes", title: "Scopes", from: "tablet", cell: (key) => key.scopes.join(", ") },
        { key: "most", title: "Sandboxes", from: "desk", align: "right", cell: (key) => key.max_sandboxes ?? "–" },
        { key: "used", title: "Used", from: "tablet", down: true, cell: (key) => html`<${Time} at=${key.last_used_at} />`, sort: (key) => key.last_used_at },
        { key: "ends", title: "Ends", from: "desk", cell: (key) => (key.expires_at ? html`<${Time} at=${key.expires_at} />` : "never"), sort: (key) => key.expires_at },
        {
            key: "acts", title: "Actions", align: "right",
            cell: (key) => stateOf(key).word === "Valid" && html`<button class="button small danger" onClick=${() => revoke(key)}>Revoke</button>`,
        },
    ];
}

// path: where the keys are, of one's own or of a user as administrators see them.
export function Keys({ user, path }) {
    const [making, setMaking] = useState(false);
    const [made, setMade] = useState(null);
    const state = useLoad((signal) => list(path, {}, 1000, { signal }), 0, [path]);
    const revoke = (key) =>
        confirm({
            title: `Revoke ${key.name}?`,
            text: "It is refused everywhere at once, and what goes on in its name ends.",
            word: "Revoke",
            danger: true,
            act: async () => {
                await call("DELETE", `${path}/${key.id}`);
                say(`${key.name} was revoked.`);
                state.reload();
            },
        });
    const onMade = (key) => {
        setMade(key);
        state.reload();
    };
    return html`
        <div class="card-head"><h2>API keys</h2><button class="button primary" onClick=${() => setMaking(true)}><${Icon} name="key" />Make a key</button></div>
        <${Loaded} state=${state} what="Loading the keys">
            ${({ items }) => html`<${Table} columns=${columnsFor(revoke)} rows=${items} rowKey=${(key) => key.id} caption="API keys" start=${{ key: "state", down: true }}
                empty=${html`<${Empty} title="There are no keys" />`} />`}
        <//>
        ${making && html`<${NewKey} user=${user} path=${path} onClose=${() => setMaking(false)} onMade=${onMade} />`}
        ${made && html`<${SecretDialog} title="The new key" secret=${made.key} what="the key" onClose=${() => setMade(null)} />`}
    `;
}
