// Tiers: the limits of users, and of each of their sandboxes.
import { html, useState } from "../vendor/preact.js";
import { call, list } from "../lib/api.js";
import { number } from "../lib/format.js";
import { LIMITS, whole } from "../lib/limits.js";
import { useLoad } from "../lib/load.js";
import { confirm, FormDialog } from "../parts/dialog.js";
import { Check, Field } from "../parts/field.js";
import { Icon } from "../parts/icon.js";
import { Head } from "../parts/layout.js";
import { Empty, Loaded } from "../parts/status.js";
import { Table } from "../parts/table.js";
import { say } from "../parts/toast.js";

// title, from: of its column; the rest as in LIMITS. An empty field is null: the configuration's default.
const FIELDS = [
    { name: "max_sandboxes", from: null, label: "Live sandboxes of a user", title: "Sandboxes", show: number, text: String, parse: whole },
    { name: "max_key_sandboxes", from: "desk", label: "Live sandboxes of a key", title: "of a key", show: number, text: String, parse: whole },
    ...LIMITS,
];

function bodyOf(form, tier) {
    const body = { warm_starts: form.has("warm") };
    if (!tier) body.name = form.get("name");
    for (const { name, label, parse } of FIELDS) {
        const typed = form.get(name).trim();
        const value = typed ? parse(typed) : null;
        if (typed && value === null) throw new Error(`${label}: "${typed}" cannot be read.`);
        if (value !== (tier?.[name] ?? null)) body[name] = value;
    }
    return body;
}

// tier: the one to change; nothing: a new one
function TierDialog({ tier, onClose, onDone }) {
    const submit = async (form) => {
        const body = bodyOf(form, tier);
        const saved = tier ? await call("PATCH", `/sandbox/system/tiers/${tier.name}`, { body }) : await call("POST", "/sandbox/system/tiers", { body });
        say(saved.notice ?? `The tier ${saved.name} was ${tier ? "changed" : "added"}.`);
        onDone();
    };
    const typed = (name, text) => (tier && tier[name] !== null && tier[name] !== undefined ? text(tier[name]) : "");
    return html`<${FormDialog} title=${tier ? `Change ${tier.name}` : "Add a tier"} word=${tier ? "Save" : "Add"} submit=${submit} onClose=${onClose} wide>
        ${(error) => html`
            ${tier ? html`<p class="muted">Sandboxes that are live keep their limits.</p>` : html`<${Field} label="Name" name="name" required autofocus error=${error} pointer="/name" />`}
            <div class="fields">
                ${FIELDS.map(
                    ({ name, label, text }) =>
                        html`<${Field} label=${label} name=${name} defaultValue=${typed(name, text)} placeholder="default" error=${error} pointer=${`/${name}`} autocomplete="off" />`,
                )}
            </div>
            <${Check} label="May take containers of the warm pool" name="warm" defaultChecked=${tier?.warm_starts ?? true} />
        `}
    <//>`;
}

function columnsFor(change, remove) {
    return [
        { key: "name", title: "Tier", cell: (tier) => html`<span class="row-title">${tier.name}</span>`, sort: (tier) => tier.name },
        ...FIELDS.map(({ name, label, title, show, from = "tablet" }) => ({
            key: name, title: title ?? label, align: "right", down: true, from,
            cell: (tier) => (tier[name] === null || tier[name] === undefined ? "default" : show(tier[name])), sort: (tier) => tier[name],
        })),
        {
            key: "acts", title: "Actions", align: "right",
            cell: (tier) => html`<span class="row-actions">
                <button class="button small" onClick=${() => change(tier)}>Change</button>
                <button class="button plain icon-only" aria-label=${`Delete ${tier.name}`} title="Delete" onClick=${() => remove(tier)}><${Icon} name="trash" /></button>
            </span>`,
        },
    ];
}

export function View() {
    const [open, setOpen] = useState(null); // {tier}: the dialog
    const state = useLoad((signal) => list("/sandbox/system/tiers", {}, 1000, { signal }), 0, []);
    const remove = (tier) =>
        confirm({
            title: `Delete ${tier.name}?`,
            text: "A tier that a user is on is refused.",
            word: "Delete",
            danger: true,
            act: () => call("DELETE", `/sandbox/system/tiers/${tier.name}`).then(state.reload),
        });
    return html`
        <${Head} title="Tiers" lead="Limits of users, and of each of their sandboxes."><button class="button primary" onClick=${() => setOpen({})}><${Icon} name="plus" />Add a tier</button><//>
        <${Loaded} state=${state} what="Loading the tiers">
            ${({ items }) => html`<${Table} columns=${columnsFor((tier) => setOpen({ tier }), remove)} rows=${items} rowKey=${(tier) => tier.name} caption="Tiers"
                start=${{ key: "max_sandboxes", down: false }} empty=${html`<${Empty} title="There are no tiers" />`} />`}
        <//>
        ${open && html`<${TierDialog} tier=${open.tier} onClose=${() => setOpen(null)} onDone=${state.reload} />`}
    `;
}
