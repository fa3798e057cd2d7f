// A shell in a sandbox.
import { FitAddon } from "../vendor/xterm-fit.js";
import { Terminal } from "../vendor/xterm.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { attach, startShell } from "../lib/channel.js";
import { useStore } from "../lib/store.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failure } from "../parts/status.js";
import { withStrictStyles } from "../parts/strict_styles.js";
import { isDark } from "../parts/theme.js";

const LIGHT = {
    background: "#ffffff", foreground: "#151a23", cursor: "#2257c5", selectionBackground: "#c9d8f6",
    black: "#151a23", red: "#b01d1c", green: "#146c3a", yellow: "#865000", blue: "#2257c5", magenta: "#86309c", cyan: "#0b6a7a", white: "#535c6c",
    brightBlack: "#535c6c", brightRed: "#b01d1c", brightGreen: "#146c3a", brightYellow: "#865000", brightBlue: "#2257c5", brightMagenta: "#86309c", brightCyan: "#0b6a7a", brightWhite: "#151a23",
};
const DARK = {
    background: "#0e1218", foreground: "#e8ecf3", cursor: "#8db4ff", selectionBackground: "#2b4470",
    black: "#3a4456", red: "#ff9d96", green: "#6fd89a", yellow: "#f3c063", blue: "#8db4ff", magenta: "#dca0ee", cyan: "#7cd3e3", white: "#d5dbe6",
    brightBlack: "#8592a8", brightRed: "#ffb8b3", brightGreen: "#97e6b7", brightYellow: "#f8d592", brightBlue: "#b3cdff", brightMagenta: "#e9c1f5", brightCyan: "#a6e3ee", brightWhite: "#ffffff",
};

const STATES = { connects: "connecting…", open: "connected", waits: "connection lost; coming back…" };

function makeTerminal(place, reader) {
    const terminal = new Terminal({ cursorBlink: true, fontFamily: getComputedStyle(place).fontFamily, fontSize: 14, scrollback: 5000, screenReaderMode: reader, minimumContrastRatio: 4.5 });
    const fit = new FitAddon();
    terminal.loadAddon(fit);
    withStrictStyles(() => terminal.open(place));
    fit.fit();
    return { terminal, fit, size: () => ({ rows: terminal.rows, columns: terminal.cols }) };
}

function useTerminal(sandbox, entry, reader, attempt) {
    const place = useRef(null);
    const leave = useRef(null);
    const made = useRef(null);
    const dark = useStore(isDark);
    const [state, setState] = useState({ word: "connects" });
    useEffect(() => {
        let channel = null;
        let over = false;
        const { terminal, fit, size } = makeTerminal(place.current, reader);
        made.current = terminal;
        // Tab belongs to the shell; so this key leads out, as in telnet.
        terminal.attachCustomKeyEventHandler((event) => {
            if (!(event.ctrlKey && event.key === "]")) return true;
            event.preventDefault();
            leave.current?.focus();
            return false;
        });
        setState({ word: "connects" });
        const begin = async () => {
            const { pid } = await startShell(sandbox.id, size(), entry);
            if (over) return;
            channel = attach(sandbox.id, pid, entry, {
                onOutput: (bytes) => terminal.write(bytes),
                onState: (word) => {
                    setState({ word });
                    if (word === "open") channel?.resize(size());
                },
                onEnd: (sentence) => setState({ ended: sentence }),
            });
            terminal.onData((text) => channel.send(text));
            terminal.onResize(() => channel.resize(size()));
            terminal.focus();
        };
        begin().catch((error) => over || setState({ error }));
        const watch = new ResizeObserver(() => fit.fit());
        watch.observe(place.current);
        return () => {
            over = true;
            watch.disconnect();
            channel?.close();
            terminal.dispose();
        };
    }, [sandbox.id, reader, attempt]);
    useEffect(() => void (made.current.options.theme = dark ? DARK : LIGHT), [dark, reader, attempt]);
    return { place, leave, state };
}

function Shell({ sandbox, entry }) {
    const [reader, setReader] = useState(false);
    const [attempt, setAttempt] = useState(0);
    const { place, leave, state } = useTerminal(sandbox, entry, reader, attempt);
    const again = () => setAttempt(attempt + 1);
    return html`<section class="table-block terminal-block" aria-label="Terminal">
        <div class="tools">
            <span role="status" class="muted">${state.ended ?? STATES[state.word] ?? "not connected"}</span>
            <span class="grow"></span>
            <span class="small muted from-tablet">Ctrl+] leaves the terminal</span>
            <button class="button small" aria-pressed=${reader} onClick=${() => setReader(!reader)}>For screen readers</button>
            <button ref=${leave} class="button small" onClick=${again}><${Icon} name="retry" />New shell</button>
        </div>
        ${state.error && html`<div class="pad"><${Failure} error=${state.error} reload=${again} /></div>`}
        <div class="terminal" ref=${place}></div>
    </section>`;
}

export function View({ sandbox, entry }) {
    if (sandbox.state !== "running") return html`<div class="card"><${Empty} title="A terminal needs a sandbox that runs"><p>This one is ${sandbox.state}.</p><//></div>`;
    return html`<${Shell} sandbox=${sandbox} entry=${entry} />`;
}
