// What happened to a sandbox, and why.
import { html } from "../vendor/preact.js";
import { list } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { EventList } from "../parts/events.js";
import { Loaded } from "../parts/status.js";

const EVERY_MS = 3000;
const MOST = 1000;

export function View({ sandbox }) {
    const state = useLoad((signal) => list(`/sandbox/${sandbox.id}/events`, {}, MOST, { signal }), EVERY_MS, [sandbox.id], (event) => event.sandbox_id === sandbox.id);
    return html`<${Loaded} state=${state} what="Loading the events">
        ${({ items, more }) => html`
            ${more && html`<p class="notice warn">These are the first ${items.length} events; there are more.</p>`}
            <section class="card" aria-label="Events"><${EventList} events=${[...items].reverse()} /></section>
        `}
    <//>`;
}
