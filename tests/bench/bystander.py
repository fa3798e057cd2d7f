#!/usr/bin/python3
"""How hostile sandboxes slow down another one: how much a sandbox with half a processor computes alone, then beside each kind of them
and beside all, in turn in one run. On a machine with nothing else to do, and two processors or more.

usage: bystander.py [ROUNDS [KIND...]]   (needs a running deploy/quickstart, whose env was sourced; an administrator's key)"""
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

URL, ADMIN = os.environ["CORRAL_URL"], os.environ["CORRAL_API_KEY"]
BUILD = Path(os.environ.get("CORRAL_BUILD", Path(__file__).resolve().parents[2] / "build-release"))
MIB = 1 << 20
KINDS = {"spin": ("spin", "4"), "fork": ("fork",), "log": ("log",), "udp": ("udp",), "files": ("files", "/workspace"),
         "dentries": ("dentries", "/workspace", "1000000000")}
http = requests.Session()
http.headers["X-API-Key"] = ADMIN


def docker(*args):
    return subprocess.run(["/usr/bin/docker", *args], check=True, capture_output=True, text=True,
                          env={**os.environ, "DOCKER_BUILDKIT": "0"}).stdout


def create(*command, **more):
    answer = http.post(URL + "/sandbox", json={"image": "bench:hostile", "command": ["hostile", *command], **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def remove(*ids):
    for sandbox in ids:
        http.delete(f"{URL}/sandbox/{sandbox}")


def hog(kind):
    return create(*KINDS[kind], cpu_millis=150, memory_bytes=64 * MIB, pids=64, storage_bytes=64 * MIB)


def idle():
    words = open("/proc/stat").readline().split()
    return (int(words[4]) + int(words[5])) / os.sysconf("SC_CLK_TCK")


def work():
    """Rounds that were computed in 3 s, and how many processors of the machine were idle meanwhile."""
    sandbox, begin, was = create("work", "3", cpu_millis=500), time.monotonic(), idle()
    while "rounds" not in (said := docker("logs", sandbox)):
        time.sleep(0.05)
    spare = (idle() - was) / (time.monotonic() - begin)
    remove(sandbox)
    return int(said.split()[0]), spare


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as context:
        Path(context, "hostile").write_bytes((BUILD / "tests/hostile").read_bytes())
        Path(context, "hostile").chmod(0o755)
        Path(context, "Dockerfile").write_text("FROM corral-base:latest\nCOPY hostile /bin/hostile\n")
        docker("build", "-q", "-t", "bench:hostile", context)
    asked = sys.argv[2:] or list(KINDS)
    for name, kinds in [*((kind, [kind]) for kind in asked), ("all of them", asked)]:
        alone, beside, spare = [], [], []
        for _ in range(rounds):
            alone.append(work()[0])
            hogs = [hog(kind) for kind in kinds]
            count, rest = work()
            beside.append(count)
            spare.append(rest)
            remove(*hogs)
        print(f"beside {name}: {statistics.median(beside) / statistics.median(alone):.3f} of what it computes alone"
              f" ({statistics.median(spare):.2f} processors idle)", flush=True)


main()
