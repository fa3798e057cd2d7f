#!/usr/bin/python3
"""Checks the house rules that a machine can check: arrows between folders and files, sizes, include guards,
standalone headers, format.

usage: lint.py SOURCE_ROOT — prints each breach as file:line: what, and exits 1 if there is any."""
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from circles import circles, describe

FILE_LINES = 800
FUNCTION_LINES = 80
# Folder -> the folders of ours that its files may include. The longest matching prefix decides.
ARROWS = {
    "common/base": ["common/base"],
    "common/model": ["common/model", "common/base"],
    "common/io": ["common/io", "common/model", "common/base"],
    "common/http": ["common/http", "common/io", "common/base"],
    "proto": ["common", "proto"],
    "controller/core": ["controller/core", "common"],
    "controller/db": ["controller/db", "controller/core", "common"],
    # It knows no resource: neither what the cores decide on, nor who its routes are for.
    "controller/api": ["controller/api", "controller/core/caller.h", "controller/core/rate_limit.h", "common/base", "common/io", "common/http"],
    "controller/nodes": ["controller/nodes", "controller/core", "common", "proto"],
    "controller/leader": ["controller/leader", "controller/core", "controller/db", "controller/nodes", "controller/streams", "common"],
    "controller/streams": ["controller/streams", "controller/core/caller.h", "common", "proto"],
    "controller/ports": ["controller/ports", "controller/streams", "controller/core/caller.h", "controller/core/rate_limit.h", "controller/api/rate_table.h", "common"],
    "controller/web": ["controller/web", "common/base"],
    "controller/events": ["controller/events", "controller/core/event_row.h", "common"],
    "controller/advice": ["controller/advice", "controller/core", "controller/db", "common"],
    "controller/alerts": ["controller/alerts", "controller/core", "controller/db", "common"],
    "controller/webhooks": ["controller/webhooks", "controller/core", "controller/db", "common"],
    "controller/jobs": ["controller/jobs", "controller/controller_state.h", "controller/leader", "controller/db", "common"],
    "controller": ["controller", "common", "proto"],
    "agent/core": ["agent/core", "common"],
    "agent/docker": ["agent/docker", "agent/core", "common"],
    "agent/cgroup": ["agent/cgroup", "agent/core", "common"],
    "agent/disk": ["agent/disk", "agent/core", "common"],
    "agent/uplink": ["agent/uplink", "agent/core", "common", "proto"],
    "agent/init": ["agent/init/"],
    # A program of its own, which the agent starts for one image.
    "agent/image": ["agent/image", "agent/init/", "agent/core", "common/base", "common/model", "proto"],
    "agent/initlink": ["agent/initlink", "agent/init/", "agent/core", "common"],
    # Rooms of the owner. The first knows how every effect is run; the second knows only where to put its
    # events.
    "agent/engine": ["agent/engine", "agent/sandbox", "agent/agent_state.h", "agent/core", "agent/disk", "common"],
    "agent/node": ["agent/node", "agent/agent_state.h", "agent/agent_conf.h", "agent/engine/engine.h", "agent/sandbox/runtime.h", "agent/core",
                   "agent/docker", "agent/cgroup", "agent/disk", "agent/init/", "agent/uplink", "common", "proto"],
    "agent/sandbox": ["agent/sandbox", "agent/node/history.h", "agent/node/images.h", "agent/node/logs.h", "agent/agent_state.h", "agent/engine/engine.h", "agent/core", "agent/docker", "agent/cgroup",
                      "agent/disk", "agent/init/", "agent/initlink", "agent/uplink", "common", "proto"],
    "agent/streams": ["agent/streams", "agent/sandbox", "agent/node/image_analysis.h", "agent/node/logs.h", "agent/agent_state.h", "agent/agent_conf.h", "agent/core", "agent/docker", "agent/initlink", "agent/uplink", "agent/init/", "common", "proto"],
    "agent/sources": ["agent/sources", "agent/streams", "agent/sandbox", "agent/node", "agent/agent_state.h", "agent/engine/engine.h", "agent/core",
                      "agent/docker", "agent/cgroup", "agent/disk", "agent/uplink", "common", "proto"],
    "agent": ["agent", "common", "proto"],
    "cli": ["cli", "common"],
    "tests": [""],
}
# Folders without circles between files, by which file defines what another one uses (circles.py).
NO_CIRCLES = ("agent/", "cli/", "common/", "controller/", "proto/")
# A core is pure: what it may never include, directly or through a library of ours that does I/O.
IMPURE = re.compile(r"event2|nng|libpq|jansson|protobuf|\.pb-c|curl|openssl|<time\.h>|sys/socket|common/(io|http)/")
CORES = ("controller/core/", "agent/core/", "controller/nodes/delivery.", "agent/uplink/uplink_session.", "agent/uplink/uplink_queue.")


def sources(root):
    out = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "*.c", "*.h"],
                         capture_output=True, text=True, check=True).stdout
    return [p for p in out.splitlines() if (Path(root) / p).is_file()]


def arrow_breaches(path, text):
    allowed = ARROWS[max((f for f in ARROWS if path.startswith(f + "/")), key=len, default="tests")]
    for n, line in enumerate(text.splitlines(), 1):
        m = re.match(r'\s*#\s*include\s+([<"])([^>"]+)', line)
        if not m:
            continue
        if path.startswith(CORES) and IMPURE.search(line):
            yield f"{path}:{n}: what decides is pure and may not include {m[2]}"
        if m[1] == '"' and not any(m[2].startswith(a) for a in allowed) and not m[2].endswith(".pb-c.h"):
            yield f"{path}:{n}: this folder may not include {m[2]}"


def circle_breaches(root, paths):
    for folder in NO_CIRCLES:
        for circle in circles({p: (Path(root) / p).read_text() for p in paths if p.startswith(folder)}):
            yield f"{circle[0][0]}:1: is in a circle of files: {describe(circle)}"


def size_breaches(path, text):
    lines = text.splitlines()
    if len(lines) > FILE_LINES:
        yield f"{path}:1: {len(lines)} lines; {FILE_LINES} is the stop"
    start = None
    for n, line in enumerate(lines, 1):
        if line == "{":
            start = n
        elif line == "}" and start:
            if n - start - 1 > FUNCTION_LINES:
                yield f"{path}:{start}: a function of {n - start - 1} lines; {FUNCTION_LINES} is the stop"
            start = None


def guard_breaches(path, text):
    """The include guard of a header is its path, so that two headers cannot have the same and a moved one is noticed."""
    guard = "CORRAL_" + re.sub(r"[^A-Z0-9]", "_", path.upper())
    if path.endswith(".h") and not re.search(rf"^#ifndef {guard}\n#define {guard}\n", text, re.M):
        yield f"{path}:1: its include guard is not {guard}"


def header_breach(root, path):
    with tempfile.NamedTemporaryFile("w", suffix=".c") as f:
        f.write(f'#include "{path}"\n')
        f.flush()
        run = subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-I", root, f.name],
                             capture_output=True, text=True)
    return [f"{path}:1: does not compile alone: {run.stderr.splitlines()[0]}"] if run.returncode else []


def format_breaches(root, paths):
    run = subprocess.run(["clang-format-14", "--dry-run", "--Werror", *paths], cwd=root, capture_output=True, text=True)
    return [l for l in run.stderr.splitlines() if "error:" in l]


# How the type of an event is written in SQL and in the controller.
EVENTS = {"sql/**/*.sql": r"add_event\('([a-z_]+\.[a-z_]+)'|\('[a-z]+', '[a-z]+', '(sandbox\.[a-z_]+)'\)|'(violation\.[a-z]+)'",
          "controller/*.c": r'alarm_event\([^"]*"(node\.[a-z_]+)"'}


def event_breaches(root):
    """The events that are described: in the first column of a row, where `.name` has the same noun as the
    name before it."""
    described, written = set(), set()
    for row in re.findall(r"^\| (`[^|]*)\|", (root / "docs/events.md").read_text(), re.M):
        names = re.findall(r"`([a-z_.]+)`", row)
        described |= {names[0].split(".")[0] + name if name.startswith(".") else name for name in names}
    for where, form in EVENTS.items():
        for path in root.glob(where):
            written |= {name for found in re.findall(form, path.read_text()) for name in ([found] if isinstance(found, str) else found)}
    return [f"docs/events.md:1: does not describe {name}" for name in sorted(written - described - {""})]


def route_breaches(root):
    """The first row of routes.def that fits a request is its route: none before it takes its requests."""
    earlier = []
    for n, line in enumerate((root / "controller/ops/routes.def").read_text().splitlines(), 1):
        row = re.match(r'ROUTE\((\w+), "(\w+)", "([^"]+)"', line)
        if row:
            for name, method, form in earlier:
                if method == row[2] and form.fullmatch(row[3]):
                    yield f"controller/ops/routes.def:{n}: {row[1]} is never reached: {name}, before it, takes its requests"
            earlier.append((row[1], row[2], re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(row[3])))))


# What each kind of file of sql/ may create, and how a statement that creates begins.
CREATED = {"sql/schema": re.compile(r"(?:unique )?(?!(?:or replace )?(?:function|procedure|aggregate|type|view)\b)"),
           "sql/functions": re.compile(r"(?:function|type) "),
           "sql": re.compile(r"or replace function ")}


def sql_breaches(root):
    """Tables are created by migrations, functions by functions/ and attached.sql, where each has its one
    definition."""
    where = {}
    for path in sorted((root / "sql").glob("**/*.sql")):
        name = path.relative_to(root)
        for n, line in enumerate(path.read_text().splitlines(), 1):
            if line.startswith("create ") and not CREATED[str(name.parent)].match(line[7:]):
                yield f"{name}:{n}: is not created here: {line[7:40]} (sql/README.md)"
            defined = re.match(r"create (?:or replace )?(?:function|type) (\w+)", line)
            if defined and where.setdefault(defined[1], f"{name}:{n}") != f"{name}:{n}":
                yield f"{name}:{n}: {defined[1]} is defined in {where[defined[1]]}"
    build = (root / "controller/meson.build").read_text()
    yield from (f"{p.relative_to(root)}:1: is not among sql_files of controller/meson.build"
                for p in sorted((root / "sql").glob("**/*.sql")) if f"'../{p.relative_to(root)}'" not in build)


# Files of the kernel that comments name.
FOREIGN = {"fs/ext4/ext4.h"}


def stale_names(root, paths):
    """A source file that a comment names exists, by its whole path or the end of it."""
    known = {path[i:] for path in paths for i in range(len(path)) if not i or path[i - 1] == "/"}
    for path in paths:
        for comment in re.finditer(r"/\*.*?\*/", (root / path).read_text(), re.S):
            for name in re.findall(r"(?<![\w/.<-])((?:[\w-]+/)*[a-z0-9_]+\.[ch])\b", comment.group()):
                if name not in known | FOREIGN and name.lower() == name:
                    line = (root / path).read_text()[:comment.start()].count("\n") + 1
                    yield f"{path}:{line}: names {name}, which is not there"


def stale_places(root):
    """A file that a page names by its path from the root exists."""
    tops = "|".join(sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith((".", "build"))))
    place = re.compile(rf"(?<![\w/.-])((?:{tops})/[\w./-]+\.(?:c|h|def|py|sh|sql|json|md|yaml))\b")
    for page in [*root.glob("*.md"), *root.glob("docs/*.md"), *root.glob("sql/*.md")]:
        for number, line in enumerate(page.read_text().splitlines(), 1):
            for name in place.findall(line):
                if not (root / name).exists():
                    yield f"{page.relative_to(root)}:{number}: names {name}, which is not there"


def main(root):
    paths = sources(root)
    breaches = []
    for path in paths:
        text = (Path(root) / path).read_text()
        breaches += [*arrow_breaches(path, text), *size_breaches(path, text), *guard_breaches(path, text)]
    with ThreadPoolExecutor() as pool:
        headers = [p for p in paths if p.endswith(".h")]
        for found in pool.map(lambda p: header_breach(root, p), headers):
            breaches += found
    breaches += circle_breaches(root, paths)
    breaches += format_breaches(root, paths)
    breaches += event_breaches(Path(root))
    breaches += route_breaches(Path(root))
    breaches += sql_breaches(Path(root))
    breaches += stale_names(Path(root), paths)
    breaches += stale_places(Path(root))
    print("\n".join(breaches) or f"{len(paths)} files keep the rules")
    return 1 if breaches or not paths else 0


sys.exit(main(sys.argv[1]))
