// What the person was notified of: one an episode, the newest first.
import { html } from "../vendor/preact.js";
import { useAction } from "../lib/load.js";
import { loadNotifications, markRead, notifications, unread } from "../lib/notifications.js";
import { to } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { Head } from "../parts/layout.js";
import { Empty, Failure, Loading } from "../parts/status.js";
import { Time } from "../parts/time.js";

const TONES = { info: "calm", warning: "warn", critical: "bad" };

function Notification({ one, read }) {
    return html`<li class="event ${TONES[one.level] ?? "calm"}">
        <span class="event-mark" aria-hidden="true"></span>
        <div>
            <p>${one.read_at ? one.message : html`<strong>${one.message}</strong>`}</p>
            <p class="small muted">
                ${one.closed_at ? "Over. " : "It goes on. "}
                ${one.sandbox_id && html`<a class="mono" href=${to("sandboxes", one.sandbox_id)}>${one.sandbox_id}</a>`}
            </p>
        </div>
        <span class="event-at small muted"><${Time} at=${one.created_at} /> ${!one.read_at && html`<button class="button small" onClick=${() => read(one.id)}>Mark as read</button>`}</span>
    </li>`;
}

export function View() {
    const all = useStore(notifications);
    const [busy, error, read] = useAction((id) => markRead(id));
    return html`
        <${Head} title="Notifications" lead="Limits that are near, ends that come or came, quotas.">
            <button class="button" disabled=${busy || !unread()} onClick=${() => read()}>Mark all as read</button>
        <//>
        ${error && html`<${Failure} error=${error} />`}
        ${all === undefined && html`<${Loading} what="Loading the notifications" />`}
        ${all === null && html`<${Failure} error=${{ message: "There are none for this key." }} reload=${loadNotifications} />`}
        ${all &&
        html`<section class="card" aria-label="Notifications">
            ${all.length ? html`<ol class="events">${all.map((one) => html`<${Notification} key=${one.id} one=${one} read=${read} />`)}</ol>` : html`<${Empty} title="Nothing to report" />`}
        </section>`}
    `;
}
