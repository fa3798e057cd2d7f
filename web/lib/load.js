// Hooks that keep data of the server in a component.
import { useCallback, useEffect, useRef, useState } from "../vendor/preact.js";
import { live, onEvent } from "./live.js";

const SLOWEST_MS = 30000;
const WAKE_MS = 150; // events that come together are one reason
const SELDOM = 6; // how much less often it is loaded while the stream of events says when

/*
 * Loads now, and again each `everyMs` while the page is seen (0: never), and whenever `deps` change or `reload` is
 * called. Returns {data, error, at, stale, loading, reload}: what was loaded last stays while it cannot be loaded
 * again, and is stale then. After failures it waits longer. load(signal) returns a promise.
 * wakes(event): whether an event is a reason to load again at once.
 */
export function useLoad(load, everyMs, deps, wakes) {
    const [state, setState] = useState({ data: undefined, error: null, at: 0 });
    const latest = useRef(() => {});
    useEffect(() => {
        let timer = 0;
        let over = new AbortController();
        let failures = 0;
        let due = false; // something happened since the last load began
        setState({ data: undefined, error: null, at: 0 });
        function again(ms) {
            clearTimeout(timer); // there is one reason to load next, never two
            timer = setTimeout(run, ms);
        }
        async function run() {
            clearTimeout(timer);
            due = false;
            over.abort();
            over = new AbortController();
            const { signal } = over;
            try {
                const data = await load(signal);
                if (signal.aborted) return;
                failures = 0;
                setState({ data, error: null, at: Date.now() });
            } catch (error) {
                if (signal.aborted) return;
                failures += 1;
                setState((was) => ({ ...was, error }));
            }
            if (everyMs && !document.hidden) again(due ? WAKE_MS : pause());
        }
        function pause() {
            const usual = wakes && live.get() === "open" ? everyMs * SELDOM : everyMs;
            return Math.min(usual * 2 ** Math.min(failures, 6), Math.max(usual, SLOWEST_MS));
        }
        function wake(event) {
            if (document.hidden || (event && !wakes(event))) return;
            due = true;
            again(WAKE_MS);
        }
        const seen = () => (document.hidden ? clearTimeout(timer) : run());
        if (everyMs) {
            document.addEventListener("visibilitychange", seen);
            addEventListener("offline", seen); // tells at once that what is shown grows old
            addEventListener("online", seen);
        }
        const unwatch = wakes ? onEvent(wake) : () => {};
        latest.current = run;
        run();
        return () => {
            unwatch();
            latest.current = () => {};
            clearTimeout(timer);
            over.abort();
            document.removeEventListener("visibilitychange", seen);
            removeEventListener("offline", seen);
            removeEventListener("online", seen);
        };
    }, deps);
    const reload = useCallback(() => latest.current(), []);
    return { ...state, loading: state.data === undefined && !state.error, stale: Boolean(state.error && state.data !== undefined), reload };
}

// A function that does something once at a time: [busy, error, run, clear]. run(...) returns whether it succeeded.
export function useAction(act) {
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState(null);
    const alive = useRef(true);
    useEffect(() => () => void (alive.current = false), []);
    const run = async (...args) => {
        setBusy(true);
        setError(null);
        let failure = null;
        try {
            await act(...args);
        } catch (thrown) {
            failure = thrown;
        }
        if (alive.current) {
            setBusy(false);
            setError(failure);
        }
        return !failure;
    };
    return [busy, error, run, () => setError(null)];
}
