// A button that copies a text, such as an id.
import { html, useState } from "../vendor/preact.js";
import { Icon } from "./icon.js";

export function Copy({ text, what }) {
    const [done, setDone] = useState(false);
    const copy = async () => {
        try {
            await navigator.clipboard.writeText(text);
        } catch {
            return; // the browser allows it on a secure origin only
        }
        setDone(true);
        setTimeout(() => setDone(false), 1500);
    };
    return html`<button class="button plain icon-only" title=${`Copy ${what}`} aria-label=${done ? "Copied" : `Copy ${what}`} onClick=${copy}>
        ${done ? "✓" : html`<${Icon} name="copy" />`}
    </button>`;
}
