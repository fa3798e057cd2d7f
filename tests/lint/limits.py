#!/usr/bin/python3
"""Names each place that lacks a row of common/model/limit.def and is not generated from that table.

usage: limits.py SOURCE_ROOT"""
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "common/model"))
from limit_table import rows_of


def between(text, begin, end):
    """The text from the first match of begin to the next of end; '' if there is none."""
    found = re.search(begin, text)
    return text[found.start():found.end() + re.search(end, text[found.end():]).start()] if found else ""


def has(text, name):
    return re.search(rf"\b{name}\b", text) is not None


def in_table(schema, table, name):
    """Matches a column of a table, whether the table was created with it or it was added later."""
    return has(between(schema, rf"create table {table} \(", r"\n\);"), name) or re.search(
        rf"alter table {table}\b[^;]*\badd column {name}\b", schema) is not None


def missing(root, rows):
    def read(path):
        return (root / path).read_text()
    schema = "".join(p.read_text() for p in sorted((root / "sql/schema").glob("*.sql")))
    agent = "".join(p.read_text() for d in ("docker", "cgroup", "disk", "sandbox") for p in sorted((root / "agent" / d).glob("*.c")))

    for row in rows:
        name = row["name"]
        places = [(in_table(schema, "tiers", name), "sql/schema: a column of tiers")]
        if not row["time"]:
            places += [
                (in_table(schema, "sandboxes", name), "sql/schema: a column of sandboxes"),
                (has(between(read("proto/sandbox.proto"), "message SandboxLimits", "}"), name), "proto/sandbox.proto: SandboxLimits"),
                (re.search(rf"\b(?:limits|l)(?:->|\.){name}\b", agent) is not None, "agent: where the kernel is told"),
            ]
        if row["live"]:
            changes = "".join(p.read_text() for p in sorted((root / "agent/cgroup").glob("*.c")))
            places.append((re.search(rf"\b(?:limits|l)->{name}\b", changes) is not None, "agent/cgroup: where it changes"))
        yield from (f"{name} is missing in {place}" for good, place in places if not good)


def main(root):
    rows = list(rows_of((root / "common/model/limit.def").read_text()))
    if len(rows) < 7:
        sys.exit("common/model/limit.def: its rows are not read")
    faults = list(missing(root, rows))
    for fault in faults:
        print(f"common/model/limit.def: {fault}")
    if faults:
        sys.exit(1)
    print(f"{len(rows)} limits have all their places")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
