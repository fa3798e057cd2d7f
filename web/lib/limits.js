// The limits of a sandbox, as common/model/limit.def has them: a row each. tests/lint/limits.py names one that is missing.
import { bytes, cpus, duration, durationText, number, parseBytes, parseDuration, sizeText } from "./format.js";

export const whole = (text) => (/^[0-9]+$/.test(text.trim()) ? Number(text) : null);

// show: as it is read; text: as it is typed; parse: of what was typed; from: the least width that shows its column of tiers.
export const LIMITS = [
    { name: "memory_bytes", label: "Memory", show: bytes, text: sizeText, parse: parseBytes },
    { name: "cpu_millis", label: "CPU", show: cpus, text: (value) => String(value / 1000), parse: (text) => Math.round(Number(text) * 1000) || null },
    { name: "cpu_shares", from: "wide", label: "CPU shares", show: number, text: String, parse: whole },
    { name: "storage_bytes", from: "desk", label: "Disk", show: bytes, text: sizeText, parse: parseBytes },
    { name: "pids", from: "wide", label: "Processes", show: number, text: String, parse: whole },
    { name: "nofile", from: "wide", label: "Open files", show: number, text: String, parse: whole },
    { name: "lifetime_seconds", from: "desk", label: "Lifetime", show: duration, text: durationText, parse: parseDuration },
];
