#!/usr/bin/python3
"""Checks the rules for Prometheus: that they are well formed, that each alarm fires where alerts.yml says so and not where
it says that, and that each has both.

usage: check.py SOURCE_ROOT"""
import re
import subprocess
import sys
from pathlib import Path

root = Path(sys.argv[1])
rules, tests = root / "deploy/prometheus/corral.rules.yml", root / "tests/prometheus/alerts.yml"
for command in (["check", "rules", rules], ["check", "config", "--syntax-only", root / "deploy/prometheus/prometheus.yml"], ["test", "rules", tests]):
    subprocess.run(["promtool", *command], check=True)
alarms = re.findall(r"- alert: (\w+)", rules.read_text())
tested = re.findall(r"- name: (\w+) (fires|does not)$", tests.read_text(), re.M)
missing = [f"alerts.yml: no test in which {alarm} {what}" for alarm in alarms for what in ("fires", "does not") if (alarm, what) not in tested]
print("\n".join(missing) or f"{len(alarms)} alarms fire, and do not, as they are to")
sys.exit(bool(missing))
