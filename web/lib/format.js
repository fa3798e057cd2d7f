// Figures as people read them.
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

// 1536 is "1.5 KiB"
export function bytes(count) {
    if (count === null || count === undefined) return "–";
    let value = Math.abs(count);
    let unit = 0;
    while (value >= 1024 && unit < UNITS.length - 1) {
        value /= 1024;
        unit += 1;
    }
    const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
    return `${count < 0 ? "−" : ""}${trim(value.toFixed(digits))} ${UNITS[unit]}`;
}

export const rate = (perSecond) => (perSecond === null || perSecond === undefined ? "–" : `${bytes(perSecond)}/s`);

function trim(text) {
    return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

export function number(value) {
    return value === null || value === undefined ? "–" : value.toLocaleString("en");
}

export function percent(value) {
    if (value === null || value === undefined) return "–";
    return `${value >= 10 ? Math.round(value) : trim(value.toFixed(1))} %`;
}

// 500 is "0.5 CPU"
export const cpus = (millis) => (millis === null || millis === undefined ? "–" : `${trim((millis / 1000).toFixed(2))} CPU`);

const STEPS = [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
];

// 5400 is "1 h 30 min"; at most two units.
export function duration(seconds) {
    if (seconds === null || seconds === undefined) return "–";
    let rest = Math.max(0, Math.round(seconds));
    const parts = [];
    for (const [size, name] of STEPS) {
        const count = Math.floor(rest / size);
        if (count) parts.push(`${count} ${name}`);
        else if (parts.length) break;
        rest -= count * size;
        if (parts.length === 2) break;
    }
    return parts.join(" ") || "0 s";
}

// "3 min ago", "in 2 h"
export function relative(at, now) {
    const seconds = (at - now) / 1000;
    const away = Math.abs(seconds);
    if (away < 1.5) return "now";
    const [size, name] = STEPS.find(([step]) => away >= step) ?? STEPS.at(-1);
    const text = `${Math.floor(away / size)} ${name}`;
    return seconds < 0 ? `${text} ago` : `in ${text}`;
}

export function exact(at) {
    return new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

export const clockTime = (at) => new Date(at).toLocaleTimeString(undefined, { hour12: false });

// "256M" is 268435456; null where it is no size.
export function parseBytes(text) {
    const found = /^\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(?:i?b)?\s*$/i.exec(text);
    if (!found) return null;
    return Math.round(Number(found[1]) * 1024 ** " kmgt".indexOf(found[2].toLowerCase() || " "));
}

// The way back, for an input: 268435456 is "256M".
export function sizeText(count) {
    if (!count) return "";
    for (const [letter, size] of [["G", 1024 ** 3], ["M", 1024 ** 2], ["K", 1024]]) {
        if (count % size === 0) return `${count / size}${letter}`;
    }
    return String(count);
}

// The way back, for an input: 5400 is "1h30m".
export const durationText = (seconds) => (seconds ? duration(seconds).replaceAll(" ", "") : "");

// "90m" or "1h30m" is seconds; a number alone is minutes. null where it is none.
export function parseDuration(text) {
    const clean = text.trim().toLowerCase();
    if (/^[0-9]+$/.test(clean)) return Number(clean) * 60;
    if (!/^([0-9]+\s*(d|h|min|m|s)\s*)+$/.test(clean)) return null;
    const size = { d: 86400, h: 3600, min: 60, m: 60, s: 1 };
    return [...clean.matchAll(/([0-9]+)\s*(d|h|min|m|s)/g)].reduce((sum, [, count, unit]) => sum + Number(count) * size[unit], 0);
}

// "name=value" lines as an object. Throws a sentence about one that is none; what: its beginning.
export function pairs(text, what) {
    const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
    return Object.fromEntries(
        lines.map((line) => {
            const at = line.indexOf("=");
            if (at < 1) throw new Error(`${what}: "${line}" is not of the form name=value.`);
            return [line.slice(0, at), line.slice(at + 1)];
        }),
    );
}
