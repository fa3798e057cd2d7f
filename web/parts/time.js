// Times as people say them ("3 min ago"), with the exact one on hover and for screen readers' details.
import { html, useEffect, useState } from "../vendor/preact.js";
import { duration, exact, relative } from "../lib/format.js";
import { store } from "../lib/store.js";

const clock = store(Date.now());
setInterval(() => document.hidden || clock.set(Date.now()), 1000);

// Draws again only when the text changes.
function useText(make, deps) {
    const [text, setText] = useState(() => make(Date.now()));
    useEffect(() => {
        setText(make(Date.now()));
        return clock.watch((now) => setText(make(now)));
    }, deps);
    return text;
}

// at: milliseconds, or RFC 3339; nothing: a dash.
export function Time({ at }) {
    const ms = at ? new Date(at).getTime() : 0;
    const text = useText((now) => (ms ? relative(ms, now) : "–"), [ms]);
    if (!ms) return html`<span>–</span>`;
    return html`<time datetime=${new Date(ms).toISOString()} title=${exact(ms)}>${text}</time>`;
}

// How much of a time span remains, such as a sandbox's lifetime.
export function Remaining({ until }) {
    const ms = new Date(until).getTime();
    const text = useText((now) => (ms > now ? duration((ms - now) / 1000) : "over"), [ms]);
    return html`<time datetime=${until} title=${exact(ms)}>${text}</time>`;
}
