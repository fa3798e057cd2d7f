#!/usr/bin/python3
"""Names each place that lacks a state or a reason of common/model/sandbox_state.def and is not generated from that table;
and proves it with a state and a reason that are in no such place.

usage: states.py SOURCE_ROOT"""
import json
import re
import sys
from pathlib import Path


def rows_of(text, kind):
    return [name for name in re.findall(rf'^{kind}\(\w+, "(\w*)"', text, re.M) if name]


def missing(root, states, reasons):
    objects = json.loads((root / "controller/ops/objects.json").read_text())["components"]["schemas"]["Sandbox"]["properties"]
    schema = "".join(path.read_text() for path in sorted((root / "sql/schema").glob("*.sql")))
    ends = (root / "docs/ends.md").read_text()
    places = {
        "state": (states, {
            "controller/ops/params.def: SANDBOX_STATES": re.search(r'#define SANDBOX_STATES "([^"]*)"', (root / "controller/ops/params.def").read_text())[1].split(),
            "controller/ops/objects.json: Sandbox": objects["state"]["enum"],
            "sql/schema: sandbox_states": re.findall(r"\('(\w+)', (?:true|false)\)", schema),
        }),
        "reason": (reasons, {
            "controller/ops/objects.json: Sandbox": [name for name in objects["reason"]["enum"] if name],
            "sql/schema: the check of sandboxes.reason":
                re.findall(r"'(\w+)'", re.search(r"reason\s+text check \(reason in \(([^)]*)\)", schema)[1]),
            "docs/ends.md": [name for name in re.findall(r"`(\w+)`", ends) if name in reasons],
        }),
    }
    for kind, (names, where) in places.items():
        for place, there in where.items():
            yield from (f"{place} lacks the {kind} {name}" for name in names if name not in there)
            yield from (f"{place} has the {kind} {name}, which is none" for name in sorted(set(there) - set(names)))


def main(root):
    table = (root / "common/model/sandbox_state.def").read_text()
    states, reasons = rows_of(table, "STATE"), rows_of(table, "REASON")
    faults = list(missing(root, states, reasons))
    print("\n".join(faults) or f"{len(states)} states and {len(reasons)} reasons have all their places")
    made_up = list(missing(root, [*states, "made_up"], [*reasons, "made_up"]))
    assert sum("made_up" in fault for fault in made_up) == 6, made_up
    return 1 if faults or len(states) < 8 or len(reasons) < 12 else 0


sys.exit(main(Path(sys.argv[1])))
