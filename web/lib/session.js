// Who uses this page. The key stays in this tab: in memory, and in sessionStorage if the person asked for that.
import { store } from "./store.js";

const PLACE = "corral.key";

// null, or {key, user: {id, name, tier}, admin}
export const session = store(null);

function stored() {
    try {
        return sessionStorage;
    } catch {
        return null; // closed to this page
    }
}

export function rememberedKey() {
    return stored()?.getItem(PLACE) ?? null;
}

export function begin(key, user, admin, remember) {
    if (remember) stored()?.setItem(PLACE, key);
    else stored()?.removeItem(PLACE);
    session.set({ key, user, admin });
}

// why: a sentence for the sign-in page, or nothing.
export const signedOut = store("");

export function end(why = "") {
    stored()?.removeItem(PLACE);
    signedOut.set(why);
    session.set(null);
}
