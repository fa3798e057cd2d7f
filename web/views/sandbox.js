// One sandbox: what it is, what can be done with it, and its tabs.
import { html, useEffect, useState } from "../vendor/preact.js";
import { call, get } from "../lib/api.js";
import { duration, parseDuration } from "../lib/format.js";
import { useAction, useLoad } from "../lib/load.js";
import { go, to } from "../lib/router.js";
import { session } from "../lib/session.js";
import { useStore } from "../lib/store.js";
import { ENDED, REASONS, sentence, STATES } from "../lib/words.js";
import { Copy } from "../parts/copy.js";
import { confirm, FormDialog } from "../parts/dialog.js";
import { Field } from "../parts/field.js";
import { Icon } from "../parts/icon.js";
import { Badge, Failure, Loaded, Loading } from "../parts/status.js";
import { Remaining, Time } from "../parts/time.js";
import { say } from "../parts/toast.js";
import { UserName } from "../parts/user_name.js";

const EVERY_MS = 2000;

// inside: the tab works inside the sandbox, which another user's sandbox opens to an administrator only on demand
const TABS = {
    overview: { title: "Overview", icon: "chart", load: () => import("./sandbox_overview.js") },
    terminal: { title: "Terminal", icon: "terminal", inside: true, load: () => import("./sandbox_terminal.js") },
    files: { title: "Files", icon: "folder", inside: true, load: () => import("./sandbox_files.js") },
    logs: { title: "Logs", icon: "lines", inside: true, load: () => import("./sandbox_logs.js") },
    events: { title: "Events", icon: "list", load: () => import("./sandbox_events.js") },
};

function Tabs({ id, tab }) {
    return html`<nav class="tabs" aria-label="Parts of the sandbox">
        ${Object.entries(TABS).map(
            ([name, { title, icon }]) => html`<a href=${to("sandboxes", id, name)} aria-current=${name === tab ? "page" : undefined}><${Icon} name=${icon} />${title}</a>`,
        )}
    </nav>`;
}

function Extend({ sandbox, onClose, onDone }) {
    const submit = async (form) => {
        const seconds = parseDuration(form.get("lifetime"));
        if (!seconds) throw new Error("Say how long, such as 90m or 2h.");
        await call("PATCH", `/sandbox/${sandbox.id}`, { body: { lifetime_seconds: seconds } });
        say(`It now lives for ${duration(seconds)} from now.`);
        onDone();
    };
    return html`<${FormDialog} title="Change the end" word="Set the end" submit=${submit} onClose=${onClose}>
        ${(error) => html`
            <p>It ends <${Time} at=${sandbox.expires_at} />. Your tier limits how long it may live since it was created.</p>
            <${Field} label="It lives, from now, for" name="lifetime" defaultValue="1h" required autofocus error=${error} pointer="/lifetime_seconds"
                hint="Such as 90m, 2h or 1d; a number alone is minutes." />
        `}
    <//>`;
}

function Actions({ sandbox, reload }) {
    const me = useStore(session);
    const [extending, setExtending] = useState(false);
    const [busy, error, run] = useAction((act) => call("POST", `/sandbox/${sandbox.id}/${act}`).then(reload));
    if (ENDED.has(sandbox.state)) return null;
    const remove = () =>
        confirm({
            title: "Delete the sandbox?",
            text: `${sandbox.name || sandbox.id} ends now. Its files and its memory are lost; its logs are kept for a while.`,
            word: "Delete it",
            danger: true,
            act: async () => {
                const foreign = me.admin && sandbox.user !== me.user.id;
                await call("DELETE", `/sandbox/${sandbox.id}`, { query: { reason: foreign ? "admin" : undefined } });
                say("The sandbox was deleted.");
                go("sandboxes");
            },
        });
    return html`
        <button class="button" onClick=${() => setExtending(true)}><${Icon} name="clock" />Extend</button>
        ${sandbox.state === "running" && html`<button class="button" disabled=${busy} onClick=${() => run("pause")}><${Icon} name="pause" />Pause</button>`}
        ${sandbox.state === "paused" && html`<button class="button" disabled=${busy} onClick=${() => run("resume")}><${Icon} name="play" />Resume</button>`}
        <button class="button danger" onClick=${remove}><${Icon} name="trash" />Delete</button>
        ${error && html`<${Failure} error=${error} />`}
        ${extending && html`<${Extend} sandbox=${sandbox} onClose=${() => setExtending(false)} onDone=${reload} />`}
    `;
}

function Title({ sandbox, reload }) {
    const over = ENDED.has(sandbox.state);
    return html`<div class="head">
        <div>
            <p class="small"><a href=${to("sandboxes")}>Sandboxes</a></p>
            <h1>${sandbox.name || sandbox.id.slice(-8).toLowerCase()}</h1>
            <p class="title-line">
                <${Badge} of=${STATES[sandbox.state]} plain=${sandbox.state} />
                <span class="with-copy"><span class="mono small">${sandbox.id}</span><${Copy} text=${sandbox.id} what="the id" /></span>
                <span class="muted">${over ? html`ended <${Time} at=${sandbox.ended_at} />` : html`<${Remaining} until=${sandbox.expires_at} /> left`}</span>
            </p>
        </div>
        <div class="actions"><${Actions} sandbox=${sandbox} reload=${reload} /></div>
    </div>`;
}

function End({ sandbox }) {
    const reason = REASONS[sandbox.reason];
    if (!ENDED.has(sandbox.state)) return null;
    return html`<div class="notice ${reason?.tone ?? "off"}">
        <div>
            <p><strong>${reason?.word ?? sandbox.reason ?? "Ended"}.</strong> ${sentence(sandbox.detail) || reason?.says}</p>
            ${sandbox.exit_code !== null && html`<p class="small">Exit code ${sandbox.exit_code}</p>`}
        </div>
    </div>`;
}

// An administrator enters another user's sandbox only by saying so: it is audited, and its owner is told.
function Entry({ sandbox, enter }) {
    return html`<div class="card">
        <h2>This is another user's sandbox</h2>
        <p>It belongs to <${UserName} id=${sandbox.user} />. If you enter it, that is recorded in the audit, and its owner gets an event.</p>
        <p class="card-foot"><button class="button" onClick=${enter}>Enter as an administrator</button></p>
    </div>`;
}

function Tab({ tab, sandbox, rest, reload }) {
    const me = useStore(session);
    const [loaded, setLoaded] = useState({});
    const [entered, setEntered] = useState(false);
    useEffect(() => {
        let current = true;
        TABS[tab].load().then(
            (module) => current && setLoaded({ tab, View: module.View }),
            () => current && setLoaded({ tab, failed: true }),
        );
        return () => void (current = false);
    }, [tab]);
    const foreign = me.admin && sandbox.user !== me.user.id;
    if (loaded.tab !== tab) return html`<${Loading} />`;
    if (loaded.failed) return html`<${Failure} error=${{ message: "This view cannot be loaded." }} reload=${() => location.reload()} />`;
    if (TABS[tab].inside && foreign && !entered) return html`<${Entry} sandbox=${sandbox} enter=${() => setEntered(true)} />`;
    return html`<${loaded.View} sandbox=${sandbox} rest=${rest} reload=${reload} entry=${foreign ? { admin_access: true } : {}} />`;
}

export function Sandbox({ id, tab, rest }) {
    const state = useLoad((signal) => get(`/sandbox/${id}`, {}, { signal }), EVERY_MS, [id], (event) => event.sandbox_id === id);
    const known = TABS[tab] ? tab : "overview";
    return html`<${Loaded} state=${state} what="Loading the sandbox">
        ${(sandbox) => html`
            <${Title} sandbox=${sandbox} reload=${state.reload} />
            <${End} sandbox=${sandbox} />
            <${Tabs} id=${id} tab=${known} />
            <${Tab} tab=${known} sandbox=${sandbox} rest=${rest} reload=${state.reload} />
        `}
    <//>`;
}
