// Fields of forms: a label, an input, what it means, and what the server refused of it.
import { html, useState } from "../vendor/preact.js";

let count = 0;

// input: attributes of the <input>; children: another control, in its place. pointer: of the field in a body.
export function Field({ label, hint, error, pointer, children, ...input }) {
    const [id] = useState(() => `field-${(count += 1)}`);
    const wrong = error?.errors?.find((one) => one.pointer === pointer || one.pointer?.startsWith(`${pointer}/`))?.detail;
    const described = hint || wrong ? `${id}-hint` : undefined;
    const shared = { id, "aria-describedby": described, "aria-invalid": wrong ? "true" : undefined };
    return html`<div class="field">
        <label for=${id}>${label}</label>
        ${children ? children(shared) : html`<input ...${shared} ...${input} />`}
        ${described && html`<p id=${described} class=${wrong ? "hint bad" : "hint"}>${wrong ?? hint}</p>`}
    </div>`;
}

export function Select({ label, hint, error, pointer, options, ...select }) {
    return html`<${Field} label=${label} hint=${hint} error=${error} pointer=${pointer}>
        ${(shared) =>
            html`<select ...${shared} ...${select}>
                ${options.map(([value, text]) => html`<option value=${value} selected=${value === select.value}>${text}</option>`)}
            </select>`}
    <//>`;
}

export function Check({ label, ...input }) {
    return html`<label class="check"><input type="checkbox" ...${input} />${label}</label>`;
}
