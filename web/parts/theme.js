// The switch of themes: the system's, light, dark.
import { html } from "../vendor/preact.js";
import { store, useStore } from "../lib/store.js";
import { Icon } from "./icon.js";

const PLACE = "corral.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const WORDS = { auto: ["screen", "Theme of the system"], light: ["sun", "Light theme"], dark: ["moon", "Dark theme"] };
const dark = matchMedia("(prefers-color-scheme: dark)");

const theme = store(document.documentElement.dataset.theme ?? "auto");

// Whether the page is dark now; charts and terminals are drawn by it.
export const isDark = store(false);
const decide = () => isDark.set(theme.get() === "dark" || (theme.get() === "auto" && dark.matches));
dark.addEventListener("change", decide);
theme.watch(decide);
decide();

function choose(next) {
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
        localStorage.setItem(PLACE, next);
    } catch {
        // It is kept for this page only.
    }
    theme.set(next);
}

export function ThemeSwitch() {
    const now = useStore(theme);
    const [icon, word] = WORDS[now];
    return html`<button class="button plain icon-only" title=${word} aria-label=${`${word}; change it`} onClick=${() => choose(NEXT[now])}><${Icon} name=${icon} /></button>`;
}
