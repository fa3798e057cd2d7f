// A bar: how much of a limit is used, and how much more would be. Tones by share: 90 % warns, 95 % alarms.
import { html } from "../vendor/preact.js";

const tone = (share) => (share >= 0.95 ? "bad" : share >= 0.9 ? "warn" : "good");

// used, limit: numbers; more: what would come on top; show: how a number is written
export function Meter({ label, used, limit, more = 0, show = String, note }) {
    const share = limit > 0 ? used / limit : 0;
    const after = limit > 0 ? (used + more) / limit : 0;
    const text = `${show(used)}${more > 0 ? ` + ${show(more)}` : ""} of ${show(limit)}`;
    return html`<div class="meter">
        <div class="meter-text"><span>${label}</span><span>${text}${note && html`<span class="muted"> ${note}</span>`}</span></div>
        <div class="meter-bar" role="meter" aria-label=${label} aria-valuemin="0" aria-valuemax=${limit || 1} aria-valuenow=${Math.min(used, limit || 1)} aria-valuetext=${text}>
            ${more > 0 && html`<span class="meter-more ${after > 1 ? "bad" : ""}" style=${{ width: `${Math.min(100, after * 100)}%` }}></span>`}
            <span class="meter-fill ${tone(share)}" style=${{ width: `${Math.min(100, share * 100)}%` }}></span>
        </div>
    </div>`;
}
