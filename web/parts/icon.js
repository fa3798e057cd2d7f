// Small drawings. They are decoration: a word stands beside each, or names its button.
import { html } from "../vendor/preact.js";

const PATHS = {
    cube: "M4 7l8-4 8 4v10l-8 4-8-4zM4 7l8 4 8-4M12 11v10",
    plus: "M12 5v14M5 12h14",
    key: "M8 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM11 11l9 9M16 16l3-3",
    gauge: "M4 18a9 9 0 1 1 16 0M12 14l4-5",
    nodes: "M4 4h16v6H4zM4 14h16v6H4zM8 7h.01M8 17h.01",
    bars: "M5 20V10M12 20V4M19 20v-7",
    bell: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4",
    list: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
    hook: "M9 7a3.5 3.5 0 1 1 5 3l3 5M9.5 9.5l-3 5.5M6 14a3.5 3.5 0 1 0 4 4h6M17 15a3 3 0 1 1-2 5",
    book: "M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3zM5 17a3 3 0 0 1 3-3h11",
    users: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.5a3.5 3.5 0 0 1 0 6.5M18.5 14.5a6.5 6.5 0 0 1 3 5.5",
    layers: "M12 3l9 5-9 5-9-5zM3 13l9 5 9-5",
    broom: "M14 4l-4 9M7 13h7l2 8H5zM9 17v4M13 17v4",
    sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M19 5l-1.4 1.4M6.4 17.6L5 19",
    moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
    screen: "M3 4h18v12H3zM8 20h8M12 16v4",
    menu: "M4 6h16M4 12h16M4 18h16",
    close: "M6 6l12 12M18 6L6 18",
    out: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
    copy: "M9 9h11v11H9zM5 15V4h11",
    pause: "M8 5v14M16 5v14",
    play: "M7 4l13 8-13 8z",
    trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
    clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 2",
    folder: "M3 6h6l2 2h10v11H3z",
    file: "M6 3h8l4 4v14H6zM14 3v4h4",
    upload: "M12 16V4M7 9l5-5 5 5M4 20h16",
    download: "M12 4v12M7 11l5 5 5-5M4 20h16",
    terminal: "M4 5h16v14H4zM7 9l3 3-3 3M12 15h4",
    lines: "M4 6h16M4 10h11M4 14h16M4 18h9",
    chart: "M4 4v16h16M7 15l4-5 3 3 5-7",
    warning: "M12 4L2.5 20h19zM12 10v4M12 17h.01",
    retry: "M20 11A8 8 0 0 0 6 6L4 8M4 4v4h4M4 13a8 8 0 0 0 14 5l2-2M20 20v-4h-4",
    up: "M12 19V5M6 11l6-6 6 6",
};

export function Icon({ name }) {
    return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}

export function Mark() {
    return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false"><path d="M7 6v21M25 6v21M16 9v18M3 13h26M3 21h26" /></svg>`;
}
