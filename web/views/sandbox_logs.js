// The output of a sandbox's command, followed as it is written. Lines are text, whatever is in them.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { request } from "../lib/api.js";
import { exact } from "../lib/format.js";
import { seen } from "../lib/seen.js";
import { useStore } from "../lib/store.js";
import { ENDED } from "../lib/words.js";
import { Check } from "../parts/field.js";
import { Empty, Failure } from "../parts/status.js";

const TAIL = 1000;
const SHOWN_MAX = 5000; // lines; the oldest go

function lineElement({ at, stream, text, text_base64: coded }, word) {
    const line = document.createElement("div");
    line.className = stream === "stderr" ? "log-line stderr" : "log-line";
    line.title = `${exact(at)}, ${stream}`;
    line.textContent = text ?? atob(coded);
    line.hidden = Boolean(word) && !line.textContent.toLowerCase().includes(word);
    return line;
}

// Calls take(object) for each line of an answer of JSON lines, until it ends.
async function readLines(answer, take) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        take(lines.filter(Boolean).map((line) => JSON.parse(line)));
    }
}

export function View({ sandbox, entry }) {
    const place = useRef(null);
    const follow = useRef(true);
    const word = useRef("");
    const [stream, setStream] = useState("");
    const [count, setCount] = useState(0);
    const [error, setError] = useState(null);
    const [state, setState] = useState("reads");
    const ended = ENDED.has(sandbox.state);
    const follows = useStore(seen) || ended; // a page that nobody sees does not, and reads again when it is seen

    useEffect(() => {
        if (!follows) return undefined;
        const over = new AbortController();
        place.current.replaceChildren();
        setCount(0);
        setError(null);
        setState("reads");
        const take = (lines) => {
            const list = place.current;
            if (!list) return;
            list.append(...lines.map((line) => lineElement(line, word.current)));
            while (list.childElementCount > SHOWN_MAX) list.firstElementChild.remove();
            if (follow.current) list.scrollTop = list.scrollHeight;
            setCount(list.childElementCount);
        };
        request("GET", `/sandbox/${sandbox.id}/logs`, {
            query: { tail: TAIL, follow: !ended, stream, ...entry },
            headers: { Accept: "application/x-ndjson" },
            signal: over.signal,
        })
            .then((answer) => readLines(answer, take))
            .then(() => setState("over"))
            .catch((thrown) => over.signal.aborted || setError(thrown));
        return () => over.abort();
    }, [sandbox.id, stream, ended, follows]);

    const search = (event) => {
        word.current = event.currentTarget.value.toLowerCase();
        for (const line of place.current.children) line.hidden = !line.textContent.toLowerCase().includes(word.current);
    };
    return html`<section class="table-block" aria-label="Logs">
        <div class="tools">
            <input type="search" aria-label="Filter lines" placeholder="Filter lines" onInput=${search} />
            <div class="choice" role="group" aria-label="Which output">
                ${[["", "Both"], ["stdout", "stdout"], ["stderr", "stderr"]].map(
                    ([name, title]) => html`<button class="button small" aria-pressed=${stream === name} onClick=${() => setStream(name)}>${title}</button>`,
                )}
            </div>
            <${Check} label="Stay at the end" checked=${follow.current} onChange=${(event) => (follow.current = event.currentTarget.checked)} />
            <span class="muted small" role="status">${count} lines${state === "over" ? ", to the end" : ""}</span>
        </div>
        ${error && html`<div class="pad"><${Failure} error=${error} /></div>`}
        ${!error && count === 0 && html`<${Empty} title="No output yet"><p>Here stands what the sandbox's own command writes; not what runs in terminals.</p><//>`}
        <div ref=${place} class=${count ? "log" : "hidden"} tabindex=${count ? 0 : -1} role="log" aria-label="Lines"></div>
    </section>`;
}
