// Starts the dashboard: who is it, where are they, which view is that.
import { html, render, useEffect, useErrorBoundary, useState } from "./vendor/preact.js";
import { route } from "./lib/router.js";
import { session } from "./lib/session.js";
import { useStore } from "./lib/store.js";
import { Layout } from "./parts/layout.js";
import { Failure, Loading } from "./parts/status.js";
import { resume, SignIn } from "./views/sign_in.js";

/*
 * The views, by the first part of the place. A view is loaded when it is first opened: a module with a component of
 * the name View, which gets {parts, query}: what follows in the place.
 */
const VIEWS = {
    sandboxes: { title: "Sandboxes", icon: "cube", load: () => import("./views/sandboxes.js") },
    create: { title: "Create a sandbox", icon: "plus", load: () => import("./views/create.js") },
    notifications: { title: "Notifications", icon: "bell", load: () => import("./views/notifications.js") },
    events: { title: "Events", icon: "list", load: () => import("./views/events.js") },
    webhooks: { title: "Webhooks", icon: "hook", load: () => import("./views/webhooks.js") },
    account: { title: "Account", icon: "key", load: () => import("./views/account.js") },
    system: { title: "System", icon: "gauge", admin: true, load: () => import("./views/system.js") },
    nodes: { title: "Nodes", icon: "nodes", admin: true, load: () => import("./views/nodes.js") },
    top: { title: "Top consumers", icon: "bars", admin: true, load: () => import("./views/top.js") },
    audit: { title: "Audit", icon: "book", admin: true, load: () => import("./views/audit.js") },
    users: { title: "Users and keys", icon: "users", admin: true, load: () => import("./views/users.js") },
    tiers: { title: "Tiers", icon: "layers", admin: true, load: () => import("./views/tiers.js") },
    cleanup: { title: "Clean-up", icon: "broom", admin: true, load: () => import("./views/cleanup.js") },
};

function groupsFor(me) {
    const items = (admin) =>
        Object.entries(VIEWS)
            .filter(([, view]) => Boolean(view.admin) === admin)
            .map(([name, view]) => ({ path: [name], title: view.title, icon: view.icon }));
    return [{ items: items(false) }, ...(me.admin ? [{ title: "Administration", items: items(true) }] : [])];
}

function Guard({ children }) {
    const [error, reset] = useErrorBoundary((thrown) => console.error(thrown));
    if (error) return html`<${Failure} error=${{ message: `This view failed: ${error.message}` }} reload=${reset} />`;
    return children;
}

function Place({ name, parts, query }) {
    const [loaded, setLoaded] = useState({});
    useEffect(() => {
        let current = true;
        VIEWS[name].load().then(
            (module) => current && setLoaded({ name, View: module.View }),
            () => current && setLoaded({ name, failed: true }),
        );
        return () => void (current = false);
    }, [name]);
    if (loaded.name !== name) return html`<${Loading} />`;
    // Another version of the dashboard was installed since this page was opened.
    if (loaded.failed) return html`<${Failure} error=${{ message: "This view cannot be loaded." }} reload=${() => location.reload()} />`;
    return html`<${Guard} key=${name}><${loaded.View} parts=${parts} query=${query} /><//>`;
}

function App() {
    const me = useStore(session);
    const { parts, query } = useStore(route);
    const [ready, setReady] = useState(false);
    useEffect(() => void resume().finally(() => setReady(true)), []);
    if (!ready) return html`<p class="boot" role="status">Corral is loading…</p>`;
    if (!me) return html`<${SignIn} />`;
    const known = VIEWS[parts[0]] && (me.admin || !VIEWS[parts[0]].admin);
    const name = known ? parts[0] : "sandboxes";
    return html`<${Layout} groups=${groupsFor(me)} title=${VIEWS[name].title}><${Place} name=${name} parts=${known ? parts.slice(1) : []} query=${query} /><//>`;
}

const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
