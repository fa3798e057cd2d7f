#!/usr/bin/python3
"""Names each place that lacks a row of common/model/limit.def and is not generated from that table.

usage: limits.py SOURCE_ROOT"""
import json
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


def body_of(code, function):
    """The body of a C function, without its comments; '' if there is none."""
    return re.sub(r"/\*.*?\*/", "", between(code, rf"\n\S[^;{{}}]*\b{function}\([^;{{}}]*\)\n{{", r"\n}"), flags=re.S)


def told(code, name):
    return re.search(rf"\b(?:limits|l)(?:->|\.){name}\b", code) is not None


def bit_places(read, bit):
    """Where a bit that says whether nodes enforce a limit must be told."""
    described = json.loads(read("controller/ops/objects.json"))["components"]["schemas"]
    word = bit.lower()
    number = re.search(rf"\bENFORCE_{bit} = (\d+)", between(read("common/model/node_wire.h"), "enum enforce_bit {", "}"))
    everything = re.search(r"\bENFORCE_ALL = (\d+)", read("common/model/node_wire.h"))
    in_json = between(read("sql/functions/objects.sql"), r"create function enforced_json", r"\$\$;")
    return [
        (number and int(number[1]) & int(everything[1]), f"common/model/node_wire.h: enum enforce_bit, ENFORCE_{bit}, and ENFORCE_ALL"),
        (number and f"'{word}', case when bits & {number[1]} <>" in in_json, f"sql/functions/objects.sql: enforced_json, {word}"),
        *((word in described[of]["properties"][member]["required"], f"controller/ops/objects.json: {of}.{member}, {word}")
          for of, member in (("Sandbox", "enforced"), ("Node", "enforces"))),
        (has(read("agent/node/host_probe.c"), f"ENFORCE_{bit}"), f"agent/node/host_probe.c: a check for ENFORCE_{bit}"),
    ]


def missing(root, rows):
    def read(path):
        return (root / path).read_text()
    schema = "".join(p.read_text() for p in sorted((root / "sql/schema").glob("*.sql")))
    at_start = read("agent/docker/docker_json.c") + read("agent/sandbox/start.c")
    change = read("agent/cgroup/cgroup_limit.c")
    hand_out = read("agent/sandbox/hand_out.c")
    warm_class = between(read("controller/core/warm_demand.h"), "struct warm_class {", "}")
    dashboard = between(read("web/lib/limits.js"), r"const LIMITS = \[", r"\n\]")

    for row in rows:
        name = row["name"]
        places = [(in_table(schema, "tiers", name), "sql/schema: a column of tiers"),
                  (f'name: "{name}"' in dashboard, "web/lib/limits.js: LIMITS")]
        if not row["time"]:
            places += [
                (in_table(schema, "sandboxes", name), "sql/schema: a column of sandboxes"),
                (has(between(read("proto/sandbox.proto"), "message SandboxLimits", "}"), name), "proto/sandbox.proto: SandboxLimits"),
                (told(at_start, name), "agent/docker/docker_json.c or agent/sandbox/start.c: the kernel is told at the start"),
                *bit_places(read, row["bit"]),
            ]
        if not row["time"] and not row["live"]:
            places.append((told(hand_out, name) or has(warm_class, name),
                           "agent/sandbox/hand_out.c or struct warm_class: what a container of the warm pool gets"))
        if row["live"]:
            both = body_of(change, "cgroup_limit")
            places += [(told(both + body_of(change, f"limit_{v}"), name), f"agent/cgroup/cgroup_limit.c: a change, in limit_{v}")
                       for v in ("v1", "v2")]
        yield from (f"{name} is missing in {place}" for good, place in places if not good)


def main(root):
    rows = list(rows_of((root / "common/model/limit.def").read_text()))
    if not rows:
        sys.exit("common/model/limit.def: its rows are not read")
    faults = list(missing(root, rows))
    for fault in faults:
        print(f"common/model/limit.def: {fault}")
    if faults:
        sys.exit(1)
    print(f"{len(rows)} limits have all their places")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
