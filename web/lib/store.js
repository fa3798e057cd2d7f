// A value that components watch.
import { useEffect, useState } from "../vendor/preact.js";

export function store(initial) {
    let value = initial;
    const watchers = new Set();
    return {
        get: () => value,
        set(next) {
            if (Object.is(next, value)) return;
            value = next;
            for (const watcher of [...watchers]) watcher(value);
        },
        // Returns the function that ends the watch.
        watch(watcher) {
            watchers.add(watcher);
            return () => watchers.delete(watcher);
        },
    };
}

export function useStore(source) {
    const [value, setValue] = useState(source.get());
    useEffect(() => {
        setValue(() => source.get()); // it may have changed before the watch began
        return source.watch((next) => setValue(() => next));
    }, [source]);
    return value;
}
