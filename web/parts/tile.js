// One figure, large.
import { html } from "../vendor/preact.js";

export function Tile({ name, value, more }) {
    return html`<div class="tile"><p class="tile-name">${name}</p><p class="tile-value">${value}</p><p class="small muted">${more}</p></div>`;
}
