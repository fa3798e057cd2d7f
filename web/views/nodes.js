// The map of the nodes: what each has, what is promised, what is used.
import { html } from "../vendor/preact.js";
import { call, list } from "../lib/api.js";
import { useAction, useLoad } from "../lib/load.js";
import { STATES } from "../lib/words.js";
import { Capacity, CapacityKey } from "../parts/capacity.js";
import { confirm } from "../parts/dialog.js";
import { Head } from "../parts/layout.js";
import { Badge, Empty, Failure, Loaded } from "../parts/status.js";
import { Time } from "../parts/time.js";
import { say } from "../parts/toast.js";

const EVERY_MS = 3000;

function Actions({ node, reload }) {
    const [busy, error, run] = useAction((act) => call("POST", `/sandbox/system/nodes/${encodeURIComponent(node.name)}/${act}`).then(reload));
    const held = node.state === "cordoned" || node.state === "draining";
    const drain = () =>
        confirm({
            title: `Drain ${node.name}?`,
            text: "It takes no new sandboxes, since it will be removed. Sandboxes on it live to their end.",
            word: "Drain it",
            act: async () => {
                await call("POST", `/sandbox/system/nodes/${encodeURIComponent(node.name)}/drain`);
                say(`${node.name} is draining.`);
                reload();
            },
        });
    return html`<div class="row-actions card-foot">
        ${held
            ? html`<button class="button small" disabled=${busy} onClick=${() => run("uncordon")}>Uncordon</button>`
            : html`<button class="button small" disabled=${busy} onClick=${() => run("cordon")}>Cordon</button>`}
        ${node.state !== "draining" && html`<button class="button small" onClick=${drain}>Drain</button>`}
        ${error && html`<${Failure} error=${error} />`}
    </div>`;
}

function Node({ node, reload }) {
    const advisory = Object.entries(node.enforces).filter(([, how]) => how === "advisory").map(([name]) => name);
    return html`<li class="card" aria-labelledby=${`node-${node.name}`}>
        <div class="card-head"><h2 id=${`node-${node.name}`}>${node.name}</h2><${Badge} of=${STATES[node.state]} plain=${node.state} /></div>
        ${node.reason && html`<p class="notice warn">${node.reason}</p>`}
        <${Capacity} capacity=${node.capacity} reserved=${node.reserved} used=${node.used} />
        <p class="small muted card-foot">
            ${node.region ? `Region ${node.region}. ` : ""}Docker ${node.docker.version}, agent ${node.agent_version}. Seen <${Time} at=${node.last_seen_at} />.
            ${advisory.length > 0 && ` Not enforced: ${advisory.join(", ")}.`}
        </p>
        <${Actions} node=${node} reload=${reload} />
    </li>`;
}

export function View() {
    const state = useLoad((signal) => list("/sandbox/system/nodes", {}, 1000, { signal }), EVERY_MS, []);
    return html`
        <${Head} title="Nodes"><${CapacityKey} /><//>
        <${Loaded} state=${state} what="Loading the nodes">
            ${({ items }) =>
                items.length
                    ? html`<ul class="grid nodes">${items.map((node) => html`<${Node} key=${node.name} node=${node} reload=${state.reload} />`)}</ul>`
                    : html`<${Empty} title="No node has joined"><p>Start an agent with a certificate of this cluster.</p><//>`}
        <//>
    `;
}
