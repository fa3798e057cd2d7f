// Calls of the REST interface. Everything that the server says arrives as data; what it refuses is a Problem.
import { store } from "./store.js";
import { end, session } from "./session.js";

export class Problem extends Error {
    // body: a problem document (RFC 9457), or null. status 0: the server was not reached.
    constructor(status, body) {
        super(body?.detail || body?.title || (status ? `The server answered ${status}.` : "The server cannot be reached."));
        this.status = status;
        this.code = body?.code ?? (status ? "unknown" : "unreachable");
        this.errors = body?.errors ?? [];
        this.more = body ?? {};
        this.requestId = body?.request_id ?? null;
    }
}

// Whether the server answers: {good, since, why}. `since` is when that began.
export const connection = store({ good: true, since: Date.now(), why: "" });

function note(good, why = "") {
    const was = connection.get();
    if (was.good !== good || was.why !== why) connection.set({ good, since: Date.now(), why });
}

// Codes that say that the service as a whole does not work now.
const AWAY = new Set(["database_unavailable", "not_leading"]);

function address(path, query) {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) {
        if (value !== undefined && value !== null && value !== "" && value !== false) parameters.append(name, value);
    }
    const text = parameters.toString();
    return text ? `${path}${path.includes("?") ? "&" : "?"}${text}` : path;
}

async function problemOf(answer) {
    let body = null;
    try {
        body = await answer.json();
    } catch {
        // Not JSON: something between here and the controller answered.
    }
    return new Problem(answer.status, body);
}

const PATIENCE = 3; // how often a read that comes too soon is sent again
const AGAIN_MS_MAX = 5000;

// Resolves after so many milliseconds; at once where the signal says that nobody waits any more.
function pause(ms, signal) {
    return new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        signal?.addEventListener("abort", () => {
            clearTimeout(timer);
            resolve();
        });
    });
}

// Sends it; a read that the rate of the key does not allow yet is sent again when it does.
async function send(method, url, options, patience = PATIENCE) {
    const answer = await fetch(url, options);
    if (answer.status !== 429 || method !== "GET" || !patience) return answer;
    const seconds = Number(answer.headers.get("Retry-After")) || 1;
    await pause(Math.min(seconds * 1000, AGAIN_MS_MAX), options.signal);
    return send(method, url, options, patience - 1);
}

/*
 * Sends a request and returns the Response of a success. Throws a Problem, or an AbortError.
 * options: query {}, body (an object), raw (a Blob), headers {}, signal, key (in place of the session's)
 */
export async function request(method, path, options = {}) {
    const key = options.key ?? session.get()?.key;
    const headers = { ...options.headers };
    if (key) headers["X-API-Key"] = key;
    if (options.body !== undefined) headers["Content-Type"] = "application/json";
    let answer;
    try {
        answer = await send(method, address(path, options.query), {
            method,
            headers,
            body: options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body)),
            signal: options.signal,
            cache: "no-store",
            credentials: "omit",
            redirect: "error",
        });
    } catch (error) {
        if (error.name === "AbortError") throw error;
        note(false, "The server cannot be reached.");
        throw new Problem(0, null);
    }
    if (answer.ok) {
        note(true);
        return answer;
    }
    const problem = await problemOf(answer);
    if (AWAY.has(problem.code)) note(false, problem.message);
    else note(true);
    if (answer.status === 401 && session.get()?.key === key && !options.key) end("Your API key is not valid any more: it was revoked, or it expired.");
    throw problem;
}

// The answer's JSON; null where it has none.
export async function call(method, path, options) {
    const answer = await request(method, path, options);
    if (answer.status === 204 || !(answer.headers.get("Content-Type") ?? "").includes("json")) return null;
    return answer.json();
}

export const get = (path, query, options) => call("GET", path, { ...options, query });

// All items of a list, up to `most`: {items, more}. more: whether there are others.
export async function list(path, query = {}, most = 1000, options = {}) {
    const items = [];
    let cursor;
    do {
        const page = await get(path, { limit: Math.min(200, most), ...query, cursor }, options);
        items.push(...page.items);
        cursor = page.next_cursor;
    } while (cursor && items.length < most);
    return { items, more: Boolean(cursor) };
}

// A one-time ticket for a route of a sandbox, for what cannot send a header: a WebSocket, a download.
export async function ticketFor(sandbox, route) {
    return (await call("POST", `/sandbox/${sandbox}/ticket`, { body: { route } })).ticket;
}

export async function webSocketTo(sandbox, route, query, protocols) {
    const ticket = await ticketFor(sandbox, route);
    const url = new URL(address(`/sandbox/${sandbox}/${route}`, { ...query, ticket }), location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return new WebSocket(url, protocols);
}
