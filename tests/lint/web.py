#!/usr/bin/python3
"""Checks the dashboard's files (web/): their syntax by node, that meson.build lists each, that imports name what is
exported, and that nothing makes markup of a text or stands inline.

usage: web.py SOURCE_ROOT — prints each breach as file:line: what, and exits 1 if there is any."""
import re
import subprocess
import sys
from pathlib import Path

LINE = 200
IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"(\.[^"]+)";|import\("(\.[^"]+)"\)', re.M)
EXPORT = re.compile(r"^export (?:const|let|function|async function|class) (\w+)", re.M)
# What would make elements or scripts of a text, or breaks the policy that the controller sends.
FORBIDDEN = {r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySetInnerHTML": "makes markup of a text",
             r"\beval\(|new Function\(": "makes a script of a text",
             r"https?://(?!www\.w3\.org/)": "names another server",
             r"localStorage.*key|document\.cookie": "would keep a key"}


def line_of(text, at):
    return text.count("\n", 0, at) + 1


# Parses each file as a module, in one process.
PARSE = """
const { readFileSync } = require("node:fs");
const { SourceTextModule } = require("node:vm");
for (const path of process.argv.slice(1)) {
    try {
        new SourceTextModule(readFileSync(path, "utf8"), { identifier: path });
    } catch (error) {
        console.log(`${path}:1: ${error.message}`);
    }
}
"""


def syntax_breaches(root, paths):
    run = subprocess.run(["node", "--no-warnings", "--experimental-vm-modules", "-e", PARSE, *paths], cwd=root, capture_output=True, text=True)
    yield from run.stdout.splitlines()
    if run.returncode:
        yield f"web: node failed: {run.stderr.strip()}"


def import_breaches(root, path, text):
    for found in IMPORT.finditer(text):
        target = (root / path).parent / (found[2] or found[3])
        where = f"{path}:{line_of(text, found.start())}"
        if "vendor" in target.parts:
            continue
        if not target.is_file():
            yield f"{where}: there is no {target.name}"
            continue
        exported = set(EXPORT.findall(target.read_text()))
        for name in (n.strip().split(" as ")[0] for n in (found[1] or "").split(",") if n.strip()):
            if name not in exported:
                yield f"{where}: {target.name} does not export {name}"
            elif not re.search(rf"\b{re.escape(name)}\b", text[found.end():]):
                yield f"{where}: {name} is not used"


def text_breaches(path, text):
    for form, what in FORBIDDEN.items():
        for found in re.finditer(form, text):
            yield f"{path}:{line_of(text, found.start())}: {found.group()} {what}"
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LINE:
            yield f"{path}:{number}: {len(line)} characters; {LINE} is the stop"
        if line != line.rstrip() or "\t" in line:
            yield f"{path}:{number}: a tab, or a blank at its end"


def main(root):
    root = Path(root)
    names = sorted(str(p.relative_to(root)) for p in (root / "web").rglob("*") if p.suffix in {".js", ".css", ".html", ".svg"} and "node_modules" not in p.parts)
    scripts = [n for n in names if n.endswith(".js")]
    listed = set(re.findall(r"'([\w./-]+\.(?:js|css|html|svg))'", (root / "web/meson.build").read_text()))
    breaches = [f"web/meson.build:1: does not list {n}" for n in names if n.removeprefix("web/") not in listed]
    breaches += syntax_breaches(root, scripts + sorted(str(p.relative_to(root)) for p in (root / "tests/browser").glob("*.mjs")))
    for name in names:
        text = (root / name).read_text()
        breaches += text_breaches(name, text)
        if name in scripts:
            breaches += import_breaches(root, name, text)
    print("\n".join(breaches) or f"{len(names)} files of the dashboard keep the rules")
    return 1 if breaches or not names else 0


sys.exit(main(sys.argv[1]))
