// Events as a list, the newest first, each in plain words.
import { html } from "../vendor/preact.js";
import { to } from "../lib/router.js";
import { eventWords } from "../lib/words.js";
import { Empty } from "./status.js";
import { Time } from "./time.js";

function Event({ event, named }) {
    const { title, tone, text } = eventWords(event);
    return html`<li class="event ${tone}">
        <span class="event-mark" aria-hidden="true"></span>
        <div>
            <p><strong>${title}</strong>
                ${named && event.sandbox_id && html` <a class="mono small" href=${to("sandboxes", event.sandbox_id)}>${event.sandbox_id}</a>`}
                ${named && event.node && html` <span class="mono small">${event.node}</span>`}
            </p>
            ${text && html`<p class="muted">${text}</p>`}
        </div>
        <span class="event-at small muted"><${Time} at=${event.at} /></span>
    </li>`;
}

// named: with the sandbox or node that each is about
export function EventList({ events, named }) {
    if (!events.length) return html`<${Empty} title="Nothing has happened yet" />`;
    return html`<ol class="events">${events.map((event) => html`<${Event} key=${event.id} event=${event} named=${named} />`)}</ol>`;
}
