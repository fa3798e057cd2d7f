#!/usr/bin/python3
"""A limit that is in its table alone is reported for each place that is not generated from the table; a complete one for
none, whichever place is looked at.

usage: test_limits.py SOURCE_ROOT"""
import re
import sys
from pathlib import Path

import limits

ROOT = Path(sys.argv[1])
TABLE = (ROOT / "common/model/limit.def").read_text()
AT_START = ["sql/schema", "web/lib/limits.js", "sql/schema", "proto/sandbox.proto",
            "agent/docker/docker_json.c or agent/sandbox/start.c"]
HAND_OUT = ["agent/sandbox/hand_out.c or struct warm_class"]
BIT = ["common/model/node_wire.h", "sql/functions/objects.sql", "controller/ops/objects.json", "controller/ops/objects.json",
       "agent/node/host_probe.c"]
CHANGE = ["agent/cgroup/cgroup_limit.c"] * 2


def faults_with(live, bit):
    row = f'LIMIT(MADE_UP, made_up, COUNT, 1, 9, YES, {live}, YES, YES, {bit}, "CORRAL_MADE_UP", "1", "Made up.")\n'
    return list(limits.missing(ROOT, list(limits.rows_of(TABLE.replace("LIMIT_TIME(LIFETIME", row + "LIMIT_TIME(LIFETIME")))))


def places(faults):
    assert all(f.startswith("made_up is missing in ") for f in faults), faults
    return [f.removeprefix("made_up is missing in ").split(":")[0] for f in faults]


class Without:
    """The source tree, with one line less in one of its files."""

    def __init__(self, path, line):
        self.path, self.line = path, line

    def __truediv__(self, path):
        text = (ROOT / path).read_text() if (ROOT / path).is_file() else None
        if path != self.path:
            return ROOT / path
        assert text.count(self.line) == 1, (path, self.line)
        return type("File", (), {"read_text": lambda _: text.replace(self.line, "")})()


def main():
    rows = list(limits.rows_of(TABLE))
    assert len(rows) == len(re.findall(r"^LIMIT(?:_TIME)?\(", TABLE, re.M)) and rows[-1]["time"], rows
    assert list(limits.missing(ROOT, rows)) == []

    assert places(faults_with("NO", "CPU")) == AT_START + HAND_OUT
    assert places(faults_with("YES", "CPU")) == AT_START + CHANGE
    assert places(faults_with("NO", "MADE_UP")) == AT_START + BIT + HAND_OUT

    for path, line in (("agent/docker/docker_json.c", 'json_integer((json_int_t)limits->cpu_shares)'),
                       ("agent/cgroup/cgroup_limit.c", '"cpu.shares", l->cpu_shares'),
                       ("agent/cgroup/cgroup_limit.c", '1 + (l->cpu_shares - 2)'),
                       ("agent/sandbox/hand_out.c", "l->limits.pids"),
                       ("web/lib/limits.js", 'name: "pids"')):
        (fault,) = limits.missing(Without(path, line), rows)
        assert re.match(r"(cpu_shares|pids) is missing in " + re.escape(path), fault), fault
    print("a row that is alone is told in", len(AT_START + BIT + HAND_OUT + CHANGE), "places")


main()
