#!/usr/bin/python3
"""How a storm of creates slows down a running sandbox: how much a sandbox with half a processor computes a second while many are
created at once, of what it computes in between, and how many are created a second; in turn in one run. On a machine with
nothing else to do, and two processors or more.

usage: storm.py [ROUNDS [CREATES]]   (needs a running deploy/quickstart, whose env was sourced; an administrator's key)"""
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

URL, ADMIN = os.environ["CORRAL_URL"], os.environ["CORRAL_API_KEY"]
BUILD = Path(os.environ.get("CORRAL_BUILD", Path(__file__).resolve().parents[2] / "build-release"))
MIB = 1 << 20
QUIET_SECONDS = 5
STORM_SECONDS = 3
http = requests.Session()
http.headers["X-API-Key"] = ADMIN


def docker(*args):
    return subprocess.run(["/usr/bin/docker", *args], check=True, capture_output=True, text=True,
                          env={**os.environ, "DOCKER_BUILDKIT": "0"}).stdout


def create(**body):
    """Creates a sandbox and returns its id, also if it does not run in time: that is part of a storm."""
    answer = requests.post(URL + "/sandbox", json=body, headers={"X-API-Key": ADMIN, "Prefer": "respond-async"}, timeout=120)
    assert answer.status_code == 202, answer.text
    sandbox = answer.json()["id"]
    requests.get(f"{URL}/sandbox/{sandbox}/wait?state=running&timeout_ms=60000", headers={"X-API-Key": ADMIN}, timeout=120)
    return sandbox


def remove(sandbox):
    requests.delete(f"{URL}/sandbox/{sandbox}", headers={"X-API-Key": ADMIN}, timeout=120)


def rounds_of(sandbox):
    return [int(line.split()[0]) for line in docker("logs", sandbox).splitlines() if line.split()[1:2] == ["rounds"]]


def seconds_of(sandbox, act):
    """What the bystander computed in each whole second within act, and how long act took."""
    before, begin = len(rounds_of(sandbox)), time.monotonic()
    act()
    took = time.monotonic() - begin
    return rounds_of(sandbox)[before + 1:], took # the first second began before act


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    creates = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    with tempfile.TemporaryDirectory() as context:
        Path(context, "hostile").write_bytes((BUILD / "tests/hostile").read_bytes())
        Path(context, "hostile").chmod(0o755)
        Path(context, "Dockerfile").write_text("FROM corral-base:latest\nCOPY hostile /bin/hostile\n")
        docker("build", "-q", "-t", "bench:hostile", context)
    bystander = create(image="bench:hostile", cpu_millis=500, command=["hostile", "work", "1", "again"])
    quiet, storm, rate, made = [], [], [], []

    def all_at_once():
        """Repeats the creates until they last for a whole second."""
        begin = time.monotonic()
        while time.monotonic() - begin < STORM_SECONDS:
            with ThreadPoolExecutor(creates) as pool:
                made.extend(pool.map(lambda _: create(memory_bytes=32 * MIB, cpu_millis=100, storage_bytes=16 * MIB), range(creates)))

    for _ in range(rounds):
        quiet += seconds_of(bystander, lambda: time.sleep(QUIET_SECONDS))[0]
        computed, took = seconds_of(bystander, all_at_once)
        storm += computed
        rate.append(len(made) / took)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(remove, made))
        made.clear()
        time.sleep(2)
    remove(bystander)
    if not storm:
        sys.exit("the bystander reported no second during the storm")
    print(f"during {creates} creates at once: {statistics.mean(storm) / statistics.mean(quiet):.2f} of what it computes otherwise "
          f"(aim: at least 0.6); {statistics.median(rate):.1f} creates a second")


main()
