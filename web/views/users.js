// Users, and the keys of each.
import { html, useState } from "../vendor/preact.js";
import { call, get, list } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { loadUserNames } from "../lib/names.js";
import { go, to } from "../lib/router.js";
import { confirm, FormDialog } from "../parts/dialog.js";
import { Field, Select } from "../parts/field.js";
import { Icon } from "../parts/icon.js";
import { Head } from "../parts/layout.js";
import { Badge, Empty, Loaded } from "../parts/status.js";
import { Table } from "../parts/table.js";
import { Time } from "../parts/time.js";
import { say } from "../parts/toast.js";
import { Keys } from "./user_keys.js";

const ROLES = [["user", "User"], ["admin", "Administrator"]];

async function load(signal) {
    const [users, tiers] = await Promise.all([list("/sandbox/system/users", {}, 2000, { signal }), list("/sandbox/system/tiers", {}, 1000, { signal })]);
    return { ...users, tiers: tiers.items.map(({ name }) => name) };
}

// user: the one to change; nothing: a new one
function UserDialog({ user, tiers, onClose, onDone }) {
    const [tier, setTier] = useState(user?.tier ?? tiers[0]);
    const [role, setRole] = useState(user?.role ?? "user");
    const submit = async (form) => {
        const body = { name: form.get("name"), tier, role };
        const saved = user ? await call("PATCH", `/sandbox/system/users/${user.id}`, { body }) : await call("POST", "/sandbox/system/users", { body });
        say(saved.notice ?? (user ? `${body.name} was changed.` : `${body.name} was added.`));
        onDone(saved);
    };
    return html`<${FormDialog} title=${user ? `Change ${user.name}` : "Add a user"} word=${user ? "Save" : "Add"} submit=${submit} onClose=${onClose}>
        ${(error) => html`
            <${Field} label="Name" name="name" defaultValue=${user?.name ?? ""} required autofocus error=${error} pointer="/name" />
            <${Select} label="Tier" value=${tier} options=${tiers.map((name) => [name, name])} onChange=${(event) => setTier(event.currentTarget.value)} error=${error} pointer="/tier" />
            <${Select} label="Role" value=${role} options=${ROLES} onChange=${(event) => setRole(event.currentTarget.value)} error=${error} pointer="/role" />
        `}
    <//>`;
}

const COLUMNS = [
    {
        key: "name", title: "Name", sort: (user) => user.name,
        cell: (user) => html`<a class="row-title" href=${to("users", user.id)}>${user.name}</a><div class="row-sub mono from-tablet">${user.id}</div>`,
    },
    { key: "tier", title: "Tier", cell: (user) => user.tier, sort: (user) => user.tier },
    { key: "role", title: "Role", cell: (user) => (user.role === "admin" ? html`<${Badge} of=${{ word: "Administrator", tone: "busy" }} />` : "User"), sort: (user) => user.role },
    { key: "own", title: "Overrides", from: "desk", cell: (user) => Object.keys(user.overrides).join(", ") || "–" },
    { key: "at", title: "Since", from: "tablet", down: true, cell: (user) => html`<${Time} at=${user.created_at} />`, sort: (user) => user.created_at },
];

function Users() {
    const [adding, setAdding] = useState(false);
    const state = useLoad(load, 0, []);
    const done = (user) => {
        loadUserNames();
        go("users", user.id);
    };
    return html`
        <${Head} title="Users and keys"><button class="button primary" onClick=${() => setAdding(true)}><${Icon} name="plus" />Add a user</button><//>
        <${Loaded} state=${state} what="Loading the users">
            ${({ items, more, tiers }) => html`
                ${more && html`<p class="notice warn">There are more than ${items.length} users; these are the first.</p>`}
                <${Table} columns=${COLUMNS} rows=${items} rowKey=${(user) => user.id} caption="Users" text=${(user) => `${user.name} ${user.id} ${user.tier} ${user.role}`}
                    filterWord="Filter by name, tier or role" start=${{ key: "name", down: false }} empty=${html`<${Empty} title="There are no users" />`} />
                ${adding && html`<${UserDialog} tiers=${tiers} onClose=${() => setAdding(false)} onDone=${done} />`}
            `}
        <//>
    `;
}

function User({ id }) {
    const [changing, setChanging] = useState(false);
    const state = useLoad(async (signal) => {
        const [user, tiers] = await Promise.all([get(`/sandbox/system/users/${id}`, {}, { signal }), list("/sandbox/system/tiers", {}, 1000, { signal })]);
        return { user, tiers: tiers.items.map(({ name }) => name) };
    }, 0, [id]);
    const remove = (user) =>
        confirm({
            title: `Delete ${user.name}?`,
            text: "The user's keys end at once. A user with live sandboxes is refused.",
            word: "Delete",
            danger: true,
            act: async () => {
                await call("DELETE", `/sandbox/system/users/${user.id}`);
                say(`${user.name} was deleted.`);
                go("users");
            },
        });
    return html`<${Loaded} state=${state} what="Loading the user">
        ${({ user, tiers }) => html`
            <div class="head">
                <div>
                    <p class="small"><a href=${to("users")}>Users and keys</a></p>
                    <h1>${user.name}</h1>
                    <p class="muted">tier ${user.tier}, ${user.role === "admin" ? "administrator" : "user"}, since <${Time} at=${user.created_at} /></p>
                </div>
                <div class="actions">
                    <button class="button" onClick=${() => setChanging(true)}>Change</button>
                    <button class="button danger" onClick=${() => remove(user)}><${Icon} name="trash" />Delete</button>
                </div>
            </div>
            <${Keys} user=${user} path=${`/sandbox/system/users/${user.id}/keys`} />
            ${changing && html`<${UserDialog} user=${user} tiers=${tiers} onClose=${() => setChanging(false)} onDone=${state.reload} />`}
        `}
    <//>`;
}

export function View({ parts }) {
    return parts[0] ? html`<${User} key=${parts[0]} id=${parts[0]} />` : html`<${Users} />`;
}
