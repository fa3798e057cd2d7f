/*
 * Paths inside a sandbox. They are bytes, not always text, so they are kept percent-encoded, as a query has them.
 */
const decoder = new TextDecoder();

export const encodeName = (text) => encodeURIComponent(text).replace(/'/g, "%27");

// The name of an entry of a folder: {encoded, text}
export function nameOf(entry) {
    if (entry.name !== undefined) return { encoded: encodeName(entry.name), text: entry.name };
    const bytes = Uint8Array.from(atob(entry.name_base64), (letter) => letter.charCodeAt(0));
    return { encoded: [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""), text: decoder.decode(bytes) };
}

export const join = (folder, encoded) => (folder === "/" ? `/${encoded}` : `${folder}/${encoded}`);

export function parent(path) {
    return path.slice(0, path.lastIndexOf("/")) || "/";
}

// What a person reads.
export function shown(encoded) {
    try {
        return decodeURIComponent(encoded);
    } catch {
        return encoded;
    }
}

// [{path, text}] from the root to the path
export function crumbs(path) {
    const parts = path.split("/").filter(Boolean);
    return [{ path: "/", text: "/" }, ...parts.map((part, at) => ({ path: `/${parts.slice(0, at + 1).join("/")}`, text: shown(part) }))];
}
