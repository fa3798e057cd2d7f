// Where the person is: the part of the address behind '#', so that the server knows one page only.
import { store } from "./store.js";

function read() {
    const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
    const parts = path.split("/").filter(Boolean).map((part) => {
        try {
            return decodeURIComponent(part);
        } catch {
            return part;
        }
    });
    return { parts, query: Object.fromEntries(new URLSearchParams(query)) };
}

export const route = store(read());
addEventListener("hashchange", () => route.set(read()));

// The address of a place, for a link.
export function to(...parts) {
    return `#/${parts.map(encodeURIComponent).join("/")}`;
}

export function go(...parts) {
    location.hash = to(...parts);
}

// Changes the query of this place without a step in the history.
export function setQuery(query) {
    const [path] = location.hash.split("?");
    const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
    history.replaceState(null, "", text ? `${path}?${text}` : path || "#/");
    route.set(read());
}
