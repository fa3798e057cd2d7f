// What the person was notified of, for the bell in the header and the view.
import { call, list } from "./api.js";
import { onEvent } from "./live.js";
import { session } from "./session.js";
import { store } from "./store.js";

const EVERY_MS = 60000;
const SOON_MS = 500;
const MOST = 200;

// undefined: not loaded; null: this controller has none
export const notifications = store(undefined);
export const unread = () => notifications.get()?.filter(({ read_at: at }) => !at).length ?? 0;

let timer = 0;

export async function loadNotifications() {
    const me = session.get();
    const mine = () => session.get() === me; // else somebody else has signed in meanwhile
    clearTimeout(timer);
    if (!me) return;
    try {
        const { items } = await list("/sandbox/notifications", {}, MOST);
        if (mine()) notifications.set(items);
    } catch (error) {
        if (mine() && (error.status === 404 || error.status === 403)) return notifications.set(null);
    }
    if (!mine()) return;
    clearTimeout(timer);
    timer = setTimeout(loadNotifications, EVERY_MS);
}

export async function markRead(id) {
    await call("POST", id ? `/sandbox/notifications/${id}/read` : "/sandbox/notifications/read");
    await loadNotifications();
}

session.watch((me) => {
    clearTimeout(timer);
    notifications.set(undefined);
    if (me) loadNotifications();
});

// Those that come of events are there with them; ends that come and quotas are found by the next look.
onEvent((event) => {
    if (!event || /^(violation\.|sandbox\.(stopped|failed|extended))/.test(event.type)) {
        clearTimeout(timer);
        timer = setTimeout(loadNotifications, SOON_MS);
    }
});
