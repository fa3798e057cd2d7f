// Whether somebody sees the page, or did a moment ago. What holds a connection for long lets it go meanwhile: a browser has six to one
// server for all of its tabs, and the seventh tab would wait for ever.
import { store } from "./store.js";

const MOMENT_MS = 2000;

export const seen = store(!document.hidden);

let timer = 0;
document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => seen.set(false), MOMENT_MS);
    else seen.set(true);
});

// Resolves when somebody sees it, or when signal aborts.
export function untilSeen(signal) {
    return new Promise((resolve) => {
        if (seen.get() || signal.aborted) {
            resolve();
            return;
        }
        const unwatch = seen.watch((is) => is && go());
        const go = () => {
            unwatch();
            resolve();
        };
        signal.addEventListener("abort", go, { once: true });
    });
}
