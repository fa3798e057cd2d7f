// Short messages that go by themselves: what was done. What failed is shown where it was tried.
import { html } from "../vendor/preact.js";
import { store, useStore } from "../lib/store.js";

const SHOWN_MS = 6000;
const shown = store([]);
let count = 0;

export function say(text, tone = "good") {
    const toast = { id: (count += 1), text, tone };
    shown.set([...shown.get(), toast].slice(-4));
    setTimeout(() => shown.set(shown.get().filter(({ id }) => id !== toast.id)), SHOWN_MS);
}

export function Toasts() {
    const toasts = useStore(shown);
    return html`<div class="toasts" role="status" aria-live="polite">${toasts.map(({ id, text, tone }) => html`<p key=${id} class="toast ${tone}">${text}</p>`)}</div>`;
}
