// A user by name, where it is known.
import { html, useEffect } from "../vendor/preact.js";
import { loadUserNames, userNames } from "../lib/names.js";
import { session } from "../lib/session.js";
import { useStore } from "../lib/store.js";

export function UserName({ id }) {
    const me = useStore(session);
    const names = useStore(userNames);
    useEffect(() => void (me?.admin && loadUserNames()), []);
    if (!id) return html`<span>–</span>`;
    return html`<span class="user-name" title=${id}>${names.get(id) ?? (id === me?.user.id ? me.user.name : id)}</span>`;
}
