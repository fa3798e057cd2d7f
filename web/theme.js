// Runs before the page is drawn, so that it does not flash: the theme that was chosen, else the system's.
{
    let chosen = null;
    try {
        chosen = localStorage.getItem("corral.theme");
    } catch {
        // Storage is closed to this page: the system's theme it is.
    }
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
