#!/usr/bin/python3
"""A limit that is in its table alone is reported for each place that is not generated from the table; a complete one for
none.

usage: test_limits.py SOURCE_ROOT"""
import sys
from pathlib import Path

import limits

ROOT = Path(sys.argv[1])
TABLE = (ROOT / "common/model/limit.def").read_text()
MADE_UP = 'LIMIT(MADE_UP, made_up, COUNT, 1, 9, YES, YES, YES, "CORRAL_MADE_UP", "1", "Made up.")\n'


def main():
    rows = list(limits.rows_of(TABLE))
    assert [r["name"] for r in rows][-2:] == ["nofile", "lifetime_seconds"], rows
    assert [r["name"] for r in rows if r["live"]] == ["memory_bytes", "cpu_millis", "cpu_shares"], rows
    assert list(limits.missing(ROOT, rows)) == []
    more = list(limits.rows_of(TABLE.replace("LIMIT_TIME(LIFETIME", MADE_UP + "LIMIT_TIME(LIFETIME")))
    faults = list(limits.missing(ROOT, more))
    assert all(f.startswith("made_up is missing in ") for f in faults) and len(faults) == 5, faults
    print("a row that is alone is told in", len(faults), "places")


main()
