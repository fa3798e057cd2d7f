// Dialogs: the browser's own, which hold the focus and close with Escape.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { useAction } from "../lib/load.js";
import { store, useStore } from "../lib/store.js";
import { Copy } from "./copy.js";
import { Icon } from "./icon.js";
import { Failure } from "./status.js";

let count = 0;

export function Dialog({ title, onClose, wide, children }) {
    const place = useRef(null);
    const [id] = useState(() => `dialog-${(count += 1)}`);
    useEffect(() => {
        const before = document.activeElement;
        place.current.showModal();
        return () => before?.isConnected && before.focus();
    }, []);
    const cancel = (event) => {
        event.preventDefault();
        onClose();
    };
    return html`<dialog ref=${place} class=${wide ? "dialog wide" : "dialog"} aria-labelledby=${id} onCancel=${cancel}>
        <header class="dialog-head">
            <h2 id=${id}>${title}</h2>
            <button class="button plain icon-only" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>
        </header>
        ${children}
    </dialog>`;
}

/*
 * A form in a dialog. submit: a function that returns a promise; the dialog closes when it succeeded, and shows what
 * was refused. word: of the button.
 */
export function FormDialog({ title, word, danger, submit, onClose, wide, children }) {
    const [busy, error, run] = useAction(submit);
    const onSubmit = async (event) => {
        event.preventDefault();
        if (!busy && (await run(new FormData(event.currentTarget)))) onClose();
    };
    return html`<${Dialog} title=${title} onClose=${onClose} wide=${wide}>
        <form onSubmit=${onSubmit}>
            <div class="dialog-body">
                ${typeof children === "function" ? children(error) : children}
                ${error && html`<${Failure} error=${error} />`}
            </div>
            <footer class="dialog-foot">
                <button type="button" class="button" onClick=${onClose}>Cancel</button>
                <button class="button ${danger ? "danger" : "primary"}" disabled=${busy} aria-busy=${busy}>${word}</button>
            </footer>
        </form>
    <//>`;
}

// The only moment in which a secret is seen.
export function SecretDialog({ title, secret, what, onClose }) {
    return html`<${Dialog} title=${title} onClose=${onClose}>
        <div class="dialog-body">
            <p>Keep it now: it is shown only this once.</p>
            <p class="secret mono"><span>${secret}</span><${Copy} text=${secret} what=${what} /></p>
        </div>
        <footer class="dialog-foot"><button class="button primary" onClick=${onClose}>I have it</button></footer>
    <//>`;
}

// One question at a time, asked from anywhere: confirm({title, text, word, danger, act}).
const question = store(null);

export const confirm = (asked) => question.set(asked);

export function Questions() {
    const asked = useStore(question);
    if (!asked) return null;
    return html`<${FormDialog} key=${asked} title=${asked.title} word=${asked.word} danger=${asked.danger} submit=${asked.act} onClose=${() => question.set(null)}>
        <p>${asked.text}</p>
    <//>`;
}
