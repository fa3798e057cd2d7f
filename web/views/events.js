// What happened to all that the person may see.
import { html, useEffect, useMemo, useState } from "../vendor/preact.js";
import { live, onEvent } from "../lib/live.js";
import { useLoad } from "../lib/load.js";
import { recentEvents } from "../lib/recent.js";
import { useStore } from "../lib/store.js";
import { eventWords } from "../lib/words.js";
import { EventList } from "../parts/events.js";
import { Head } from "../parts/layout.js";
import { Empty, Loaded } from "../parts/status.js";

const EVERY_MS = 5000; // while there is no stream
const SHOWN = 200;
const FRESH_MAX = 2000;

function kindsOf(events) {
    return [...new Set(events.map(({ type }) => type.split(".")[0]))].sort();
}

const KINDS = { sandbox: "Sandboxes", violation: "Violations", node: "Nodes", system: "System" };

function Events({ items, more }) {
    const [kind, setKind] = useState("");
    const [word, setWord] = useState("");
    const found = useMemo(() => {
        const matches = (event) => {
            const { title, text } = eventWords(event);
            return `${event.type} ${event.sandbox_id ?? ""} ${event.node ?? ""} ${title} ${text}`.toLowerCase().includes(word.toLowerCase());
        };
        return items.filter((event) => (!kind || event.type.startsWith(`${kind}.`)) && (!word || matches(event))).reverse();
    }, [items, kind, word]);
    return html`
        ${more && html`<p class="notice warn">There are more than ${items.length} events; these are the first of them.</p>`}
        <section class="table-block" aria-label="Events">
            <div class="tools">
                <input type="search" aria-label="Filter events" placeholder="Filter events" value=${word} onInput=${(event) => setWord(event.currentTarget.value)} />
                <div class="choice" role="group" aria-label="Kind of events">
                    <button class="button small" aria-pressed=${!kind} onClick=${() => setKind("")}>All</button>
                    ${kindsOf(items).map((name) => html`<button class="button small" aria-pressed=${kind === name} onClick=${() => setKind(name)}>${KINDS[name] ?? name}</button>`)}
                </div>
            </div>
            <div class="pad">
                ${items.length && !found.length ? html`<${Empty} title="Nothing matches the filter" />` : html`<${EventList} events=${found.slice(0, SHOWN)} named />`}
                ${found.length > SHOWN && html`<p class="muted small">The newest ${SHOWN} of ${found.length}.</p>`}
            </div>
        </section>
    `;
}

const WORDS = { open: "live", waits: "coming back…", off: "asked for every few seconds" };

export function View() {
    const state = useStore(live);
    const [fresh, setFresh] = useState([]);
    const listed = useLoad(recentEvents, state === "open" ? 0 : EVERY_MS, [state === "open"]);
    useEffect(() => onEvent((event) => (event ? setFresh((events) => [...events, event].slice(-FRESH_MAX)) : listed.reload())), []);
    const all = useMemo(() => {
        const known = new Set(listed.data?.items.map(({ id }) => id));
        return listed.data && { ...listed.data, items: [...listed.data.items, ...fresh.filter(({ id }) => !known.has(id))] };
    }, [listed.data, fresh]);
    return html`
        <${Head} title="Events" lead="What happened, and why."><span class="muted small" role="status">${WORDS[state]}</span><//>
        <${Loaded} state=${{ ...listed, data: all }} what="Loading the events">${(data) => html`<${Events} ...${data} />`}<//>
    `;
}
