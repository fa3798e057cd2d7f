// Creating a sandbox, with the quota in sight.
import { html, useState } from "../vendor/preact.js";
import { call, get } from "../lib/api.js";
import { bytes, cpus, duration, pairs, parseBytes, parseDuration, sizeText } from "../lib/format.js";
import { useAction, useLoad } from "../lib/load.js";
import { go } from "../lib/router.js";
import { Check, Field } from "../parts/field.js";
import { Head } from "../parts/layout.js";
import { Quota } from "../parts/quota.js";
import { Failure, Loaded } from "../parts/status.js";
import { say } from "../parts/toast.js";

function parsed(text, parse, what) {
    if (!text.trim()) return undefined;
    const value = parse(text);
    if (value === null || Number.isNaN(value)) throw new Error(`${what}: "${text}" cannot be read.`);
    return value;
}

const millis = (text) => Math.round(Number(text) * 1000);

// The body of POST /sandbox; what is left empty is left to the server.
function bodyOf(form) {
    const text = (name) => form[name] ?? "";
    const body = {
        name: text("name").trim() || undefined,
        template: text("template").trim() || undefined,
        image: text("image").trim() || undefined,
        command: text("command").trim() ? ["/bin/sh", "-c", text("command")] : undefined,
        use_image_command: form.own ? true : undefined,
        memory_bytes: parsed(text("memory"), parseBytes, "Memory"),
        cpu_millis: parsed(text("cpu"), millis, "CPU"),
        storage_bytes: parsed(text("disk"), parseBytes, "Disk"),
        lifetime_seconds: parsed(text("lifetime"), parseDuration, "Lifetime"),
        idle_timeout_seconds: parsed(text("idle"), parseDuration, "Idle time"),
        env: text("env").trim() ? pairs(text("env"), "Environment") : undefined,
        labels: text("labels").trim() ? pairs(text("labels"), "Labels") : undefined,
    };
    return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

// What the form would add to the use, as far as it can be read now.
function askedBy(form, most) {
    const amount = (text, parse, fallback) => {
        const value = text?.trim() ? parse(text) : null;
        return Number.isFinite(value) && value !== null ? value : fallback;
    };
    return {
        sandboxes: 1,
        api_key_sandboxes: 1,
        memory_bytes: amount(form.memory, parseBytes, Math.min(512 * 1024 ** 2, most.memory_bytes)),
        cpu_millis: amount(form.cpu, millis, most.cpu_millis),
        storage_bytes: amount(form.disk, parseBytes, Math.min(1024 ** 3, most.storage_bytes)),
    };
}

function Form({ usage }) {
    const most = usage.per_sandbox;
    const [form, setForm] = useState({ own: false });
    const [busy, error, run, clear] = useAction(async () => {
        const sandbox = await call("POST", "/sandbox", { body: bodyOf(form) });
        say(`${sandbox.name || "The sandbox"} runs.`);
        go("sandboxes", sandbox.id);
    });
    const change = (name, value) => {
        setForm({ ...form, [name]: value });
        clear();
    };
    const typed = (name) => ({ value: form[name] ?? "", onInput: (event) => change(name, event.currentTarget.value) });
    const field = (name) => ({ name, ...typed(name), autocomplete: "off", error });
    const submit = (event) => {
        event.preventDefault();
        if (!busy) run();
    };
    const area = (name, rows, placeholder) => (shared) =>
        html`<textarea ...${shared} ...${typed(name)} rows=${rows} spellcheck=${false} placeholder=${placeholder}></textarea>`;
    return html`<form class="create" onSubmit=${submit}>
        <div class="stack">
            <fieldset class="card"><legend class="hidden">What runs</legend><h2>What runs</h2>
                <div class="fields">
                    <${Field} label="Name" ...${field("name")} pointer="/name" hint="To find it again; may be left empty." />
                    <${Field} label="Template" ...${field("template")} pointer="/template" hint="Its name, or NAME@NUMBER; what is filled in here goes before." />
                    <${Field} label="Image" ...${field("image")} pointer="/image" placeholder="corral-base:latest" hint="From the registries that are allowed." />
                    <div class="wide">
                        <${Field} label="Command" pointer="/command" error=${error} hint="Run by sh -c; the sandbox ends with it. Empty: it idles until it is used.">
                            ${area("command", 2, "while sleep 1; do date; done")}
                        <//>
                    </div>
                    <div class="wide"><${Check} label="Run the image's own command" checked=${form.own} onChange=${(event) => change("own", event.currentTarget.checked)} /></div>
                </div>
            </fieldset>
            <fieldset class="card"><legend class="hidden">Limits</legend><h2>Limits</h2>
                <div class="fields">
                    <${Field} label="Memory" ...${field("memory")} pointer="/memory_bytes" placeholder="512M" hint=${`At most ${bytes(most.memory_bytes)}, such as ${sizeText(most.memory_bytes)}.`} />
                    <${Field} label="CPU" ...${field("cpu")} pointer="/cpu_millis" inputmode="decimal" placeholder=${String(most.cpu_millis / 1000)}
                        hint=${`At most ${cpus(most.cpu_millis)}, such as 0.5.`} />
                    <${Field} label="Disk" ...${field("disk")} pointer="/storage_bytes" placeholder="1G" hint=${`At most ${bytes(most.storage_bytes)}.`} />
                    <${Field} label="Lifetime" ...${field("lifetime")} pointer="/lifetime_seconds" placeholder="24h" hint=${`At most ${duration(most.lifetime_seconds)}, such as 90m.`} />
                    <${Field} label="Ends when idle for" ...${field("idle")} pointer="/idle_timeout_seconds" placeholder="never" hint="Such as 15m." />
                </div>
            </fieldset>
            <details class="card"><summary><h2>Environment and labels</h2></summary>
                <div class="fields">
                    <${Field} label="Environment" pointer="/env" error=${error} hint="NAME=value, a line each. Kept sealed.">${area("env", 4, "TOKEN=…")}<//>
                    <${Field} label="Labels" pointer="/labels" error=${error} hint="name=value, a line each.">${area("labels", 4, "team=research")}<//>
                </div>
            </details>
        </div>
        <aside class="stack create-side" aria-label="Quota">
            <section class="card"><h2>After this, you have</h2><${Quota} usage=${usage} asked=${askedBy(form, most)} /></section>
            ${error && html`<${Failure} error=${error} />`}
            <button class="button primary large" disabled=${busy} aria-busy=${busy}>${busy ? "It starts…" : "Create the sandbox"}</button>
        </aside>
    </form>`;
}

export function View() {
    const state = useLoad((signal) => get("/sandbox/quota/usage", {}, { signal }), 0, []);
    return html`
        <${Head} title="Create a sandbox" lead="What is left empty takes the default of your tier." />
        <${Loaded} state=${state}>${(usage) => html`<${Form} usage=${usage} />`}<//>
    `;
}
