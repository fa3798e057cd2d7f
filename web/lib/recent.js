// The latest events: the list is in the order in which they happened, and the stream knows where it is.
import { list } from "./api.js";
import { eventsUntil } from "./live.js";

const ENOUGH = 200;
const MOST = 2000;
const WIDER = 4;

const numberOf = (id) => Number(id.slice("evt_".length));
const idOf = (number) => `evt_${String(number).padStart(19, "0")}`;

// {items, more}: the oldest first. more: there are later ones, which are not here.
export async function recentEvents(signal) {
    const until = eventsUntil();
    if (!until) return list("/sandbox/events", {}, MOST, { signal });
    for (let back = MOST; ; back *= WIDER) {
        const from = numberOf(until) - back;
        const found = await list("/sandbox/events", { after: from > 0 ? idOf(from) : undefined }, MOST, { signal });
        if (from <= 0 || found.items.length >= ENOUGH) return found;
    }
}
