// The frame around the views: where one is, who one is, and whether the server answers.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { connection } from "../lib/api.js";
import { route, to } from "../lib/router.js";
import { end, session } from "../lib/session.js";
import { useStore } from "../lib/store.js";
import { Bell } from "./bell.js";
import { Questions } from "./dialog.js";
import { Icon, Mark } from "./icon.js";
import { ThemeSwitch } from "./theme.js";
import { Time } from "./time.js";
import { Toasts } from "./toast.js";

function Connection() {
    const { good, since, why } = useStore(connection);
    if (good) return null;
    return html`<div class="banner bad" role="alert">
        <${Icon} name="warning" /><p>${why} What is shown may be out of date, since <${Time} at=${since} />. The page goes on trying.</p>
    </div>`;
}

function NavLink({ item, here }) {
    return html`<li><a href=${to(...item.path)} aria-current=${here ? "page" : undefined}><${Icon} name=${item.icon} />${item.title}</a></li>`;
}

function Navigation({ groups, place, open, id }) {
    return html`<nav id=${id} class=${open ? "nav open" : "nav"} aria-label="Main">
        ${groups.map(
            ({ title, items }) => html`<div class="nav-group">
                ${title && html`<h2 class="nav-title">${title}</h2>`}
                <ul>${items.map((item) => html`<${NavLink} item=${item} here=${item.path[0] === place} />`)}</ul>
            </div>`,
        )}
    </nav>`;
}

// groups: [{title, items: [{path: [], title, icon}]}]; title: of the view, which gets the focus when the place changes
export function Layout({ groups, title, children }) {
    const me = useStore(session);
    const { parts } = useStore(route);
    const [open, setOpen] = useState(false);
    const main = useRef(null);
    const place = parts.join("/");
    const first = useRef(true);
    useEffect(() => {
        document.title = `${title} · Corral`;
        setOpen(false);
        if (!first.current) main.current?.focus({ preventScroll: true });
        first.current = false;
    }, [place, title]);
    return html`
        <a class="skip" href="#main" onClick=${(event) => {
            event.preventDefault();
            main.current.focus();
        }}>Skip to the content</a>
        <header class="top">
            <button class="button plain icon-only menu" aria-label="Menu" aria-expanded=${open} aria-controls="nav" onClick=${() => setOpen(!open)}><${Icon} name=${open ? "close" : "menu"} /></button>
            <a class="brand" href="#/" aria-label="Corral"><${Mark} /><span class="brand-name">Corral</span></a>
            <span class="grow"></span>
            <span class="who"><span class="who-name">${me.user.name}</span><span class="muted small">${me.admin ? "administrator" : `tier ${me.user.tier}`}</span></span>
            <${Bell} />
            <${ThemeSwitch} />
            <button class="button plain icon-only" title="Sign out" aria-label="Sign out" onClick=${() => end()}><${Icon} name="out" /></button>
        </header>
        <${Connection} />
        <div class="frame">
            <${Navigation} groups=${groups} place=${parts[0] ?? "sandboxes"} open=${open} id="nav" />
            <main id="main" tabindex="-1" ref=${main}>${children}</main>
        </div>
        <${Toasts} />
        <${Questions} />
    `;
}

export function Head({ title, lead, children }) {
    return html`<div class="head">
        <div><h1>${title}</h1>${lead && html`<p class="lead">${lead}</p>`}</div>
        <div class="actions">${children}</div>
    </div>`;
}
