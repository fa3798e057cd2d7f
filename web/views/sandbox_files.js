// The files of a sandbox: look, upload, download, make folders, remove.
import { html, useRef, useState } from "../vendor/preact.js";
import { call, list, request, ticketFor } from "../lib/api.js";
import { bytes } from "../lib/format.js";
import { useAction, useLoad } from "../lib/load.js";
import { crumbs, encodeName, join, nameOf, parent, shown } from "../lib/path.js";
import { upload } from "../lib/upload.js";
import { confirm, Dialog, FormDialog } from "../parts/dialog.js";
import { Field } from "../parts/field.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failure, Loaded } from "../parts/status.js";
import { Table } from "../parts/table.js";
import { Time } from "../parts/time.js";
import { say } from "../parts/toast.js";

const START = "/workspace";
const MOST = 2000;
const SHOWN_MAX = 256 * 1024; // of a file that is shown here

// A path is encoded already, so it is put into the address by hand.
function address(sandbox, path, query) {
    const more = new URLSearchParams(query).toString();
    return `/sandbox/${sandbox.id}/files?path=${path}${more ? `&${more}` : ""}`;
}

async function entriesOf(sandbox, path, entry, signal) {
    const { items, more } = await list(address(sandbox, path, entry), {}, MOST, { signal });
    return { items: items.map((item) => ({ ...item, ...nameOf(item) })), more };
}

async function download(sandbox, path, name, entry) {
    const ticket = await ticketFor(sandbox.id, "files");
    const link = document.createElement("a");
    link.href = address(sandbox, path, { ticket, ...entry });
    link.download = name;
    link.click();
}

function Crumbs({ path, open }) {
    return html`<nav aria-label="Folder"><ol class="crumbs mono">
        ${crumbs(path).map(
            ({ path: to, text }) => html`<li><button class="link" aria-current=${to === path ? "location" : undefined} onClick=${() => open(to)}>${text}</button></li>`,
        )}
    </ol></nav>`;
}

function Viewer({ sandbox, path, entry, onClose }) {
    const state = useLoad(async (signal) => (await request("GET", address(sandbox, path, entry), { signal })).text(), 0, [path]);
    return html`<${Dialog} title=${shown(path)} onClose=${onClose} wide>
        <div class="dialog-body"><${Loaded} state=${state}>${(text) => html`<pre class="file-text" tabindex="0">${text || "(empty)"}</pre>`}<//></div>
    <//>`;
}

function NewFolder({ sandbox, path, entry, onClose, onDone }) {
    const submit = async (form) => {
        await call("PUT", address(sandbox, join(path, encodeName(form.get("name"))), { type: "directory", ...entry }));
        onDone();
    };
    return html`<${FormDialog} title="New folder" word="Make it" submit=${submit} onClose=${onClose}>
        <${Field} label=${`Its name, in ${shown(path)}`} name="name" required pattern="[^\\/]+" autofocus />
    <//>`;
}

// Uploads one after the other: [{name, share, error}] while they run.
function useUploads(sandbox, path, entry, done) {
    const [running, setRunning] = useState([]);
    const change = (name, more) => setRunning((all) => all.map((one) => (one.name === name ? { ...one, ...more } : one)));
    const send = async (files) => {
        const over = new AbortController();
        setRunning([...files].map(({ name }) => ({ name, share: 0 })));
        let good = 0;
        for (const file of files) {
            try {
                await upload(address(sandbox, join(path, encodeName(file.name)), entry), file, (share) => change(file.name, { share }), over.signal);
                good += 1;
                setRunning((all) => all.filter(({ name }) => name !== file.name));
            } catch (error) {
                change(file.name, { error });
            }
        }
        if (good) say(good === 1 ? "The file was uploaded." : `${good} files were uploaded.`);
        done();
    };
    return [running, send, () => setRunning([])];
}

function Uploads({ running, clear }) {
    if (!running.length) return null;
    return html`<div class="pad" role="status">
        ${running.map(({ name, share, error }) =>
            error
                ? html`<p class="notice bad"><span><strong>${name}</strong>: ${error.message}</span><button class="button small" onClick=${clear}>Dismiss</button></p>`
                : html`<label class="upload"><span>${name}</span><progress max="1" value=${share} aria-label=${`Upload of ${name}`}></progress></label>`,
        )}
    </div>`;
}

const ICONS = { directory: "folder" };

function Name({ item, path, open, view }) {
    const icon = html`<${Icon} name=${ICONS[item.type] ?? "file"} />`;
    const target = item.target ? html`<span class="muted"> → ${item.target}</span>` : "";
    if (item.type === "directory") return html`<button class="link entry" onClick=${() => open(join(path, item.encoded))}>${icon}${item.text}</button>`;
    if (item.type === "file" && item.size <= SHOWN_MAX) return html`<button class="link entry" onClick=${() => view(join(path, item.encoded))}>${icon}${item.text}</button>`;
    return html`<span class="entry">${icon}${item.text}${target}</span>`;
}

function IconButton({ icon, word, of, act }) {
    return html`<button class="button plain icon-only" title=${word} aria-label=${`${word} ${of}`} onClick=${act}><${Icon} name=${icon} /></button>`;
}

function columnsFor({ path, open, view, remove, take }) {
    return [
        {
            key: "name", title: "Name", cell: (item) => html`<${Name} item=${item} path=${path} open=${open} view=${view} />`,
            sort: (item) => `${item.type === "directory" ? 0 : 1}${item.text}`,
        },
        { key: "size", title: "Size", align: "right", down: true, cell: (item) => (item.type === "file" ? bytes(item.size) : "–"), sort: (item) => (item.type === "file" ? item.size : -1) },
        { key: "at", title: "Changed", from: "tablet", down: true, cell: (item) => html`<${Time} at=${item.modified_at} />`, sort: (item) => item.modified_at },
        { key: "mode", title: "Mode", from: "desk", cell: (item) => html`<span class="mono">${item.mode}</span>` },
        {
            key: "acts", title: "Actions", align: "right",
            cell: (item) => html`<span class="row-actions">
                ${item.type === "file" && html`<${IconButton} icon="download" word="Download" of=${item.text} act=${() => take(item)} />`}
                <${IconButton} icon="trash" word="Delete" of=${item.text} act=${() => remove(item)} />
            </span>`,
        },
    ];
}

function Browser({ sandbox, entry }) {
    const [path, open] = useState(START);
    const [viewed, view] = useState(null);
    const [making, setMaking] = useState(false);
    const [over, setOver] = useState(false);
    const picker = useRef(null);
    const state = useLoad((signal) => entriesOf(sandbox, path, entry, signal), 0, [sandbox.id, path]);
    const [running, send, clear] = useUploads(sandbox, path, entry, state.reload);
    const [, failure, take] = useAction((item) => download(sandbox, join(path, item.encoded), item.text, entry));
    const remove = (item) =>
        confirm({
            title: `Delete ${item.text}?`,
            text: item.type === "directory" ? "The folder is removed with all that is in it." : "The file is removed.",
            word: "Delete",
            danger: true,
            act: () => call("DELETE", address(sandbox, join(path, item.encoded), { ...(item.type === "directory" && { recursive: true }), ...entry })).then(state.reload),
        });
    const drop = (event) => {
        event.preventDefault();
        setOver(false);
        if (event.dataTransfer.files.length) send(event.dataTransfer.files);
    };
    const drag = (event) => {
        if (![...event.dataTransfer.types].includes("Files")) return;
        event.preventDefault();
        setOver(true);
    };
    const pick = (event) => {
        send([...event.currentTarget.files]);
        event.currentTarget.value = "";
    };
    const leave = (event) => event.currentTarget.contains(event.relatedTarget) || setOver(false);
    return html`<section class=${over ? "files over" : "files"} aria-label="Files" onDragOver=${drag} onDragLeave=${leave} onDrop=${drop}>
        <div class="files-head">
            <${Crumbs} path=${path} open=${open} />
            <div class="actions">
                <button class="button" disabled=${path === "/"} onClick=${() => open(parent(path))}><${Icon} name="up" />Up</button>
                <button class="button" onClick=${() => setMaking(true)}><${Icon} name="folder" />New folder</button>
                <button class="button" onClick=${state.reload}><${Icon} name="retry" />Reload</button>
                <button class="button primary" onClick=${() => picker.current.click()}><${Icon} name="upload" />Upload</button>
                <input ref=${picker} class="hidden" type="file" multiple tabindex="-1" aria-label="Files to upload" onChange=${pick} />
            </div>
        </div>
        <${Uploads} running=${running} clear=${clear} />
        ${failure && html`<${Failure} error=${failure} />`}
        <${Loaded} state=${state} what="Reading the folder">
            ${({ items, more }) => html`
                ${more && html`<p class="notice warn">The folder has more than ${items.length} entries; these are the first.</p>`}
                <${Table} key=${path} columns=${columnsFor({ path, open, view, remove, take })} rows=${items} rowKey=${(item) => item.encoded} size=${50}
                    caption="Files" text=${(item) => item.text} filterWord="Filter by name" start=${{ key: "name", down: false }}
                    empty=${html`<${Empty} title="The folder is empty"><p>Drop files here, or use Upload.</p><//>`} />
            `}
        <//>
        ${viewed && html`<${Viewer} sandbox=${sandbox} path=${viewed} entry=${entry} onClose=${() => view(null)} />`}
        ${making && html`<${NewFolder} sandbox=${sandbox} path=${path} entry=${entry} onClose=${() => setMaking(false)} onDone=${state.reload} />`}
    </section>`;
}

export function View({ sandbox, entry }) {
    if (sandbox.state !== "running") return html`<div class="card"><${Empty} title="Files need a sandbox that runs"><p>This one is ${sandbox.state}.</p><//></div>`;
    return html`<${Browser} sandbox=${sandbox} entry=${entry} />`;
}
