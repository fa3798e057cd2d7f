// States, reasons and events in plain words.
import { bytes, duration, percent } from "./format.js";

// tone: how it is coloured; the word is always there too.
export const STATES = {
    pending: { word: "Pending", tone: "busy", says: "It is admitted, and waits for its node." },
    starting: { word: "Starting", tone: "busy", says: "Its node creates it." },
    running: { word: "Running", tone: "good", says: "It runs." },
    paused: { word: "Paused", tone: "calm", says: "It is frozen; its memory and disk still count." },
    stopping: { word: "Stopping", tone: "busy", says: "It is being removed." },
    stopped: { word: "Stopped", tone: "off", says: "It has ended." },
    failed: { word: "Failed", tone: "bad", says: "It never ran." },
    lost: { word: "Lost", tone: "warn", says: "Its node does not answer. It may return." },
    ready: { word: "Ready", tone: "good", says: "It takes sandboxes." },
    cordoned: { word: "Cordoned", tone: "calm", says: "An administrator keeps new sandboxes off it." },
    draining: { word: "Draining", tone: "calm", says: "It will be removed; sandboxes on it live to their end." },
    unreachable: { word: "Unreachable", tone: "bad", says: "It does not answer." },
    unhealthy: { word: "Unhealthy", tone: "warn", says: "It takes no new sandboxes." },
};

export const ENDED = new Set(["stopped", "failed"]);

export const REASONS = {
    deleted: { word: "Deleted", tone: "off", says: "Its user deleted it." },
    expired: { word: "Lifetime ended", tone: "off", says: "It reached the end of its lifetime." },
    idle: { word: "Idle", tone: "off", says: "It did no work for its idle time." },
    exited: { word: "Exited", tone: "off", says: "Its command ended." },
    oom_killed: { word: "Out of memory", tone: "bad", says: "It needed more memory than its limit, and the kernel killed it." },
    memory_critical: { word: "Memory limit", tone: "bad", says: "It held more than 95 % of its memory, and was ended before the kernel would have." },
    admin: { word: "Ended by an administrator", tone: "warn", says: "An administrator ended it." },
    node_lost: { word: "Node lost", tone: "bad", says: "Its node was lost, or was booted." },
    start_failed: { word: "Start failed", tone: "bad", says: "It could not be started." },
    image_unavailable: { word: "No image", tone: "bad", says: "Its image could not be had." },
    no_capacity: { word: "No room", tone: "bad", says: "No node had room for it." },
    orphaned: { word: "Orphaned", tone: "bad", says: "Its container was removed by somebody other than Corral." },
};

const KINDS = { memory: "Memory", cpu: "CPU", disk: "Disk", pids: "Processes" };

function violation(data) {
    const kind = KINDS[data.kind] ?? data.kind;
    return { kind, level: data.level === "critical" ? "critical" : "high", at: data.percent === undefined ? "" : ` at ${percent(data.percent)} of its limit` };
}

// What stands for each type of event: a title, a tone, and optionally a sentence made of its data.
const EVENTS = {
    "sandbox.created": ["Created", "calm", (d) => (d.image ? `From ${d.image}${d.node ? `, on ${d.node}` : ""}.` : "")],
    "sandbox.starting": ["Starting", "busy", (d) => (d.node ? `${d.node} creates it.` : "")],
    "sandbox.started": ["Runs", "good"],
    "sandbox.paused": ["Paused", "calm"],
    "sandbox.resumed": ["Resumed", "good"],
    "sandbox.stopping": ["Stopping", "busy"],
    "sandbox.stopped": ["Ended", "off", ending],
    "sandbox.failed": ["Failed", "bad", ending],
    "sandbox.lost": ["Lost", "warn", () => "Its node does not answer."],
    "sandbox.returned": ["Returned", "good", () => "Its node is back, and still has it."],
    "sandbox.rescheduled": ["Moved", "warn", (d) => `${d.from_node} could not start it, so it was placed on ${d.node}. ${d.detail ?? ""}`],
    "sandbox.extended": ["Extended", "calm", (d) => (d.expires_at ? `Until ${new Date(d.expires_at).toLocaleString()}.` : "")],
    "sandbox.resized": ["Resized", "calm", resized],
    "sandbox.entered": ["Entered by an administrator", "warn", (d) => `By ${d.act}, request ${d.request_id}.`],
    "violation.opened": ["", "warn", (d) => violation(d).kind + " is " + violation(d).level + violation(d).at + ".", (d) => `${violation(d).kind} ${violation(d).level}`],
    "violation.closed": ["", "good", (d) => violation(d).kind + " is back to normal" + violation(d).at + ".", (d) => `${violation(d).kind} back to normal`],
    "node.joined": ["Node joined", "good"],
    "node.returned": ["Node returned", "good", reason],
    "node.unreachable": ["Node unreachable", "bad", reason],
    "node.unhealthy": ["Node unhealthy", "warn", reason],
    "node.cordoned": ["Node cordoned", "calm"],
    "node.draining": ["Node draining", "calm"],
    "node.removed": ["Node removed", "off", reason],
    "node.revoked": ["Node's certificates revoked", "warn"],
    "node.changed": ["Node changed", "warn"],
    "node.contested": ["Node contested", "bad", (d) => `Another machine at ${d.address} used its name, and was refused.`],
    "node.doubted": ["Node doubted", "warn"],
    "system.recommendation_opened": ["Something to change", "warn", (d) => sentence(d.sentence)],
    "system.recommendation_changed": ["Recommendation", "calm", (d) => `${sentence(d.sentence)} Now ${d.state}.`],
    "system.recommendation_closed": ["Recommendation is done with", "good", (d) => sentence(d.sentence)],
    "node.certificate_expires": ["Certificate ends soon", "warn", (d) => `In ${d.days} days.`],
};

function reason(data) {
    return sentence(data.reason);
}

// A sentence of the server's, which begins with a small letter, as a person reads it.
export const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}` : "");

function ending(data) {
    const why = REASONS[data.reason]?.says ?? "";
    const code = data.exit_code === null || data.exit_code === undefined ? "" : ` Exit code ${data.exit_code}.`;
    return `${sentence(data.detail) || why}${code}`;
}

const FIELDS = { memory_bytes: ["memory", bytes], cpu_millis: ["CPU (thousandths)", String], cpu_shares: ["CPU shares", String], idle_timeout_seconds: ["idle time", duration] };

function resized(data) {
    const parts = Object.entries(data).filter(([name]) => FIELDS[name]).map(([name, value]) => `${FIELDS[name][0]} ${FIELDS[name][1](value)}`);
    return parts.length ? `Now ${parts.join(", ")}.` : "";
}

// {title, tone, text} of an event
export function eventWords(event) {
    const [title, tone, text, titled] = EVENTS[event.type] ?? [event.type, "calm"];
    const data = event.data ?? {};
    return { title: titled ? titled(data) : title, tone: event.type === "violation.opened" && data.level === "critical" ? "bad" : tone, text: text ? text(data) : "" };
}

// What is found by a clean-up.
export const CLEANUP = {
    expired: ["Expired sandboxes", "Live rows past their deadline that their node does not report"],
    orphan_container: ["Orphaned containers", "Containers of this cluster without a record on their node"],
    volume: ["Volumes", "Disks of sandboxes without a record on their node"],
    network: ["Networks", "Docker networks of this cluster that nothing uses"],
    state_file: ["State files", "Records, link folders and cgroups without a sandbox"],
    stale_session: ["Stale sessions", "Connections of nodes that never authenticated or fell silent"],
    row_without_container: ["Rows without a container", "Live rows whose node is in session without them"],
    image: ["Images", "Images that a node pulled and that were not used for long"],
};
