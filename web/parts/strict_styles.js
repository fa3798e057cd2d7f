/*
 * xterm writes its colours and sizes into <style> elements, which the page's content security policy forbids. While
 * work() runs, elements of that name are plain ones whose text goes into a style sheet made by script, which the policy
 * allows. Returns what work() returns.
 */
export function withStrictStyles(work) {
    const create = document.createElement;
    document.createElement = function (name, ...more) {
        return String(name).toLowerCase() === "style" ? sheetElement(create) : create.call(this, name, ...more);
    };
    try {
        return work();
    } finally {
        document.createElement = create;
    }
}

function sheetElement(create) {
    const element = create.call(document, "span");
    const sheet = new CSSStyleSheet();
    element.hidden = true;
    document.adoptedStyleSheets.push(sheet);
    const remove = element.remove;
    Object.defineProperty(element, "textContent", {
        get: () => "",
        set: (text) => sheet.replaceSync(text),
    });
    element.remove = () => {
        document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
        remove.call(element);
    };
    return element;
}
