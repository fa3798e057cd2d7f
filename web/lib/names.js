// Names of users, for administrators: other objects have the ids alone.
import { list } from "./api.js";
import { session } from "./session.js";
import { store } from "./store.js";

export const userNames = store(new Map());
let loading = null;

export function loadUserNames() {
    const me = session.get();
    loading ??= list("/sandbox/system/users", {}, 2000)
        .then(({ items }) => session.get() === me && userNames.set(new Map(items.map(({ id, name }) => [id, name]))))
        .catch(() => session.get() === me && (loading = null)); // the ids stand there meanwhile
}

// What an administrator may see is not kept for the next who signs in.
session.watch(() => {
    loading = null;
    userNames.set(new Map());
});
