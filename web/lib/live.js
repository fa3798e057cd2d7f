/*
 * One stream of events for the whole page: text/event-stream by fetch, since an EventSource sends no headers. It comes back
 * by itself, after the event that was seen last, so that none is missing and none comes twice. A page that nobody sees has none.
 */
import { Problem, request } from "./api.js";
import { seen, untilSeen } from "./seen.js";
import { session } from "./session.js";
import { store } from "./store.js";

const AGAIN_MS = [500, 1000, 2000, 5000, 10000];
const SILENCE_MS = 40000; // the server says something each 15 s

// "off", "open", or "waits" to come back
export const live = store("off");

const listeners = new Set();
let position = null; // id of the event that was seen last
let over = null; // ends the stream

// act(event) is called for each event; with null where some may have been missed. Returns the function that ends that.
export function onEvent(act) {
    listeners.add(act);
    return () => listeners.delete(act);
}

// The id of an event up to which all has happened already; null: not known.
export const eventsUntil = () => position;

function tell(event) {
    for (const act of [...listeners]) act(event);
}

// Takes the lines of one message: fields "name: value", comments begin with ':'.
function take(lines) {
    const fields = {};
    for (const line of lines) {
        const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
        if (name) fields[name] = name === "data" && fields.data !== undefined ? `${fields.data}\n${value}` : value;
    }
    if (fields.id) position = fields.id;
    if (fields.data) tell(JSON.parse(fields.data));
}

async function read(answer, alive) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        alive();
        const messages = (rest + value).split("\n\n");
        rest = messages.pop();
        for (const message of messages) take(message.split("\n"));
    }
}

// One connection, from the position on. Throws a Problem, or what ended it.
async function follow(ended) {
    const stop = new AbortController();
    ended.addEventListener("abort", () => stop.abort());
    const unwatch = seen.watch((is) => is || stop.abort());
    let timer = setTimeout(() => stop.abort(), SILENCE_MS);
    const alive = () => {
        clearTimeout(timer);
        timer = setTimeout(() => stop.abort(), SILENCE_MS);
    };
    try {
        const answer = await request("GET", "/sandbox/events", {
            headers: { Accept: "text/event-stream", ...(position && { "Last-Event-ID": position }) },
            signal: stop.signal,
        });
        const begins = position === null;
        position ??= answer.headers.get("X-Events-After");
        live.set("open");
        if (begins) tell(null); // what happened before the stream was there
        await read(answer, alive);
    } finally {
        clearTimeout(timer);
        unwatch();
    }
}

async function run(ended) {
    let failures = 0;
    for (;;) {
        await untilSeen(ended);
        if (ended.aborted) return;
        const since = Date.now();
        try {
            await follow(ended);
        } catch (error) {
            if (ended.aborted) return;
            if (error instanceof Problem && error.status === 410) {
                position = null;
            } else if (error instanceof Problem && [401, 403, 404].includes(error.status)) {
                live.set("off");
                return;
            }
        }
        if (!ended.aborted) live.set("waits");
        if (!seen.get()) continue;
        failures = Date.now() - since > 5000 ? 0 : failures + 1;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)]));
    }
}

// The stream lasts as long as somebody is signed in.
session.watch((me) => {
    over?.abort();
    over = null;
    position = null;
    live.set("off");
    if (!me) return;
    over = new AbortController();
    run(over.signal);
});
