/*
 * A terminal in a sandbox: a process with a TTY, and the WebSocket to it (v5.channel.k8s.io: the first byte of each
 * message is its channel). It comes back by itself where the connection is lost, from the byte that was reached.
 */
import { call, webSocketTo } from "./api.js";

const PROTOCOL = "v5.channel.k8s.io";
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const END = 3;
const RESIZE = 4;
const COME_BACK = new Set([1001, 1005, 1006, 1012, 1013]);
const COME_BACK_MS = 5 * 60 * 1000;
const GRACE_SECONDS = 300;
const SHELL = "command -v bash >/dev/null && exec bash -l; exec sh -l";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function frame(channel, bytes) {
    const message = new Uint8Array(bytes.length + 1);
    message[0] = channel;
    message.set(bytes, 1);
    return message;
}

export async function startShell(sandbox, { rows, columns }, entry) {
    return call("POST", `/sandbox/${sandbox}/processes`, {
        query: entry,
        body: { command: ["/bin/sh", "-c", SHELL], env: { TERM: "xterm-256color" }, tty: { rows, columns }, stdin: true, tag: "dashboard", grace_seconds: GRACE_SECONDS },
    });
}

/*
 * events: onOutput(bytes), onState("connects" | "open" | "waits"), onEnd(sentence). Returns {send(text), resize(size), close()}.
 */
export function attach(sandbox, pid, entry, events) {
    let socket = null;
    let position = 0;
    let closed = false;
    let lostAt = 0;
    let timer = 0;

    function take(data) {
        const bytes = new Uint8Array(data);
        const payload = bytes.subarray(1);
        if (bytes[0] === STDOUT || bytes[0] === STDERR) {
            position += payload.length;
            events.onOutput(payload);
        } else if (bytes[0] === END) {
            end(sentenceOf(JSON.parse(decoder.decode(payload))));
        }
    }

    function end(sentence) {
        if (closed) return;
        closed = true;
        clearTimeout(timer);
        events.onEnd(sentence);
    }

    function lost(code) {
        if (closed) return;
        lostAt ||= Date.now();
        if (!COME_BACK.has(code) || Date.now() - lostAt > COME_BACK_MS) return end(code === 1008 ? "The API key has ended, or lost its scope." : `The connection ended (${code}).`);
        events.onState("waits");
        timer = setTimeout(connect, 1000);
    }

    async function connect() {
        events.onState("connects");
        let fresh;
        try {
            fresh = await webSocketTo(sandbox, `processes/${pid}/attach`, { from: position, ...entry }, [PROTOCOL]);
        } catch (error) {
            return error.status === 0 || error.status >= 500 ? lost(1006) : end(error.message);
        }
        if (closed) return fresh.close();
        socket = fresh;
        socket.binaryType = "arraybuffer";
        socket.onopen = () => {
            lostAt = 0;
            events.onState("open");
        };
        socket.onmessage = ({ data }) => take(data);
        socket.onclose = ({ code }) => lost(code);
    }

    const send = (channel, bytes) => socket?.readyState === WebSocket.OPEN && socket.send(frame(channel, bytes));
    connect();
    return {
        send: (text) => send(STDIN, encoder.encode(text)),
        resize: ({ rows, columns }) => send(RESIZE, encoder.encode(JSON.stringify({ Width: columns, Height: rows }))),
        close() {
            closed = true;
            clearTimeout(timer);
            socket?.close();
        },
    };
}

function sentenceOf(status) {
    if (status.reason && status.reason !== "NonZeroExitCode") return `The terminal ended: ${status.message ?? status.reason}.`;
    if (status.signal) return `The shell was ended by signal ${status.signal}.`;
    return `The shell has ended, with exit code ${status.exit_code ?? 0}.`;
}
