// Webhooks: where events are posted to, and what became of each delivery.
import { html, useState } from "../vendor/preact.js";
import { call, get, list } from "../lib/api.js";
import { pairs } from "../lib/format.js";
import { useAction, useLoad } from "../lib/load.js";
import { go, to } from "../lib/router.js";
import { sentence } from "../lib/words.js";
import { confirm, FormDialog, SecretDialog } from "../parts/dialog.js";
import { Field } from "../parts/field.js";
import { Icon } from "../parts/icon.js";
import { Head } from "../parts/layout.js";
import { Badge, Empty, Failure, Loaded } from "../parts/status.js";
import { Table } from "../parts/table.js";
import { Time } from "../parts/time.js";
import { say } from "../parts/toast.js";

const EVERY_MS = 5000;

function stateOf(hook) {
    if (!hook.enabled) return { word: "Disabled", tone: "off", says: hook.disabled_reason };
    if (hook.failing_since) return { word: "Failing", tone: "bad", says: "Each try since then has failed." };
    return { word: "Enabled", tone: "good" };
}

const DELIVERIES = {
    pending: { word: "Pending", tone: "busy" },
    delivered: { word: "Delivered", tone: "good" },
    dead: { word: "Dead", tone: "bad", says: "It was given up; it can be replayed." },
};

function NewWebhook({ onClose, onMade }) {
    const submit = async (form) => {
        const events = form.get("events").split(/[\s,]+/).filter(Boolean);
        onMade(await call("POST", "/sandbox/webhooks", { body: { url: form.get("url"), events: events.length ? events : ["*"], labels: pairs(form.get("labels"), "Labels") } }));
    };
    return html`<${FormDialog} title="Add a webhook" word="Add" submit=${submit} onClose=${onClose}>
        ${(error) => html`
            <${Field} label="URL" name="url" type="url" required autofocus error=${error} pointer="/url" hint="Events of your sandboxes are posted to it, signed." />
            <${Field} label="Events" name="events" defaultValue="sandbox.*, violation.*" error=${error} pointer="/events" hint="Types, with commas between; * for all." />
            <${Field} label="Only of sandboxes with the labels" pointer="/labels" error=${error} hint="name=value, a line each; empty: of all.">
                ${(shared) => html`<textarea ...${shared} name="labels" rows="2"></textarea>`}
            <//>
        `}
    <//>`;
}

const COLUMNS = [
    { key: "url", title: "URL", cell: (hook) => html`<a class="row-title" href=${to("webhooks", hook.id)}>${hook.url}</a>`, sort: (hook) => hook.url },
    { key: "state", title: "State", cell: (hook) => html`<${Badge} of=${stateOf(hook)} />`, sort: (hook) => stateOf(hook).word },
    { key: "events", title: "Events", from: "tablet", cell: (hook) => hook.events.join(", ") },
    { key: "at", title: "Added", from: "desk", down: true, cell: (hook) => html`<${Time} at=${hook.created_at} />`, sort: (hook) => hook.created_at },
];

function Webhooks() {
    const [adding, setAdding] = useState(false);
    const [made, setMade] = useState(null);
    const state = useLoad((signal) => list("/sandbox/webhooks", {}, 1000, { signal }), EVERY_MS, []);
    const onMade = (hook) => {
        setMade(hook);
        state.reload();
    };
    return html`
        <${Head} title="Webhooks" lead="Events of your sandboxes, posted to a server of yours.">
            <button class="button primary" onClick=${() => setAdding(true)}><${Icon} name="plus" />Add a webhook</button>
        <//>
        <${Loaded} state=${state} what="Loading the webhooks">
            ${({ items }) => html`<${Table} columns=${COLUMNS} rows=${items} rowKey=${(hook) => hook.id} caption="Webhooks" empty=${html`<${Empty} title="There are no webhooks" />`} />`}
        <//>
        ${adding && html`<${NewWebhook} onClose=${() => setAdding(false)} onMade=${onMade} />`}
        ${made && html`<${SecretDialog} title="The webhook's secret" secret=${made.secret} what="the secret" onClose=${() => setMade(null)} />`}
    `;
}

function deliveryColumns(replay) {
    return [
        { key: "at", title: "When", cell: (one) => html`<${Time} at=${one.created_at} />` },
        { key: "type", title: "Event", cell: (one) => html`<span class="mono small">${one.type}</span>` },
        { key: "state", title: "State", cell: (one) => html`<${Badge} of=${DELIVERIES[one.state]} plain=${one.state} />` },
        { key: "tries", title: "Tries", align: "right", from: "tablet", cell: (one) => one.tries },
        { key: "status", title: "Answer", from: "tablet", cell: (one) => html`${one.status ?? "–"}${one.problem && html`<div class="row-sub">${sentence(one.problem)}</div>`}` },
        { key: "next", title: "Next try", from: "desk", cell: (one) => html`<${Time} at=${one.next_try_at} />` },
        { key: "acts", title: "Actions", align: "right", cell: (one) => html`<button class="button small" onClick=${() => replay(one)}>Replay</button>` },
    ];
}

function Deliveries({ hook }) {
    const path = `/sandbox/webhooks/${hook.id}/deliveries`;
    const state = useLoad((signal) => get(path, { limit: 200 }, { signal }), EVERY_MS, [hook.id]);
    const [, error, run] = useAction((one) => call("POST", one ? `${path}/${one.id}/replay` : `${path}/replay`).then(state.reload));
    return html`<section class="stack" aria-labelledby="deliveries">
        <div class="card-head"><h2 id="deliveries">Deliveries</h2><button class="button small" onClick=${() => run()}>Replay all that are dead</button></div>
        ${error && html`<${Failure} error=${error} />`}
        <${Loaded} state=${state} what="Loading the deliveries">
            ${({ items }) => html`<${Table} columns=${deliveryColumns(run)} rows=${items} rowKey=${(one) => one.id} caption="Deliveries" empty=${html`<${Empty} title="Nothing was sent yet" />`} />`}
        <//>
    </section>`;
}

function Actions({ hook, reload, onSecret }) {
    const [busy, error, run] = useAction((enabled) => call("PATCH", `/sandbox/webhooks/${hook.id}`, { body: { enabled } }).then(reload));
    const ask = (asked, act) => confirm({ ...asked, act });
    const rotate = () =>
        ask({ title: "Make a new secret?", text: "The old one signs beside it for a day.", word: "Make it" }, async () => onSecret(await call("POST", `/sandbox/webhooks/${hook.id}/rotate`)));
    const remove = () =>
        ask({ title: "Delete the webhook?", text: "Its deliveries are removed, too.", word: "Delete", danger: true }, async () => {
            await call("DELETE", `/sandbox/webhooks/${hook.id}`);
            say("The webhook was deleted.");
            go("webhooks");
        });
    return html`
        <button class="button" disabled=${busy} onClick=${() => run(!hook.enabled)}>${hook.enabled ? "Disable" : "Enable"}</button>
        <button class="button" onClick=${rotate}><${Icon} name="key" />New secret</button>
        <button class="button danger" onClick=${remove}><${Icon} name="trash" />Delete</button>
        ${error && html`<${Failure} error=${error} />`}
    `;
}

function Webhook({ id }) {
    const [made, setMade] = useState(null);
    const state = useLoad((signal) => get(`/sandbox/webhooks/${id}`, {}, { signal }), EVERY_MS, [id]);
    return html`<${Loaded} state=${state} what="Loading the webhook">
        ${(hook) => html`
            <div class="head">
                <div>
                    <p class="small"><a href=${to("webhooks")}>Webhooks</a></p>
                    <h1>${hook.url}</h1>
                    <p class="title-line">
                        <${Badge} of=${stateOf(hook)} /><span class="muted">${hook.events.join(", ")}</span>
                        ${Object.entries(hook.labels).map(([name, value]) => html`<span class="label mono">${name}=${value}</span>`)}
                    </p>
                </div>
                <div class="actions"><${Actions} hook=${hook} reload=${state.reload} onSecret=${setMade} /></div>
            </div>
            ${hook.disabled_reason && html`<p class="notice warn">${sentence(hook.disabled_reason)}</p>`}
            <${Deliveries} hook=${hook} />
            ${made && html`<${SecretDialog} title="The new secret" secret=${made.secret} what="the secret" onClose=${() => setMade(null)} />`}
        `}
    <//>`;
}

export function View({ parts }) {
    return parts[0] ? html`<${Webhook} key=${parts[0]} id=${parts[0]} />` : html`<${Webhooks} />`;
}
