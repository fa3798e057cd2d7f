// The bell in the header: how many notifications are not read.
import { html } from "../vendor/preact.js";
import { notifications, unread } from "../lib/notifications.js";
import { to } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { Icon } from "./icon.js";

export function Bell() {
    if (!useStore(notifications)) return null;
    const count = unread();
    const says = count ? `${count} notifications that are not read` : "Notifications";
    return html`<a class="button plain icon-only bell" href=${to("notifications")} title=${says} aria-label=${says}>
        <${Icon} name="bell" />${count > 0 && html`<span class="bell-count" aria-hidden="true">${count > 99 ? "99+" : count}</span>`}
    </a>`;
}
