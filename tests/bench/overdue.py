#!/usr/bin/python3
"""How late the last process of each of many hostile sandboxes goes that are due at one moment, and what the agent's own
threads waited for in the kernel meanwhile. Twice: with the agent there, and with one that comes back after they were due.

usage: overdue.py [COUNT [ROUNDS]]   (needs a running deploy/quickstart with room for them (MAX_TOTAL_SANDBOXES), whose env was
sourced; an administrator's key)"""
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import storm # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
URL, ADMIN, HOME = os.environ["CORRAL_URL"], os.environ["CORRAL_API_KEY"], Path(os.environ["CORRAL_HOME"])
BUILD = Path(os.environ.get("CORRAL_BUILD", ROOT / "build-release"))


class Client:
    def __init__(self, key):
        self.http = requests.Session()
        self.http.headers["X-API-Key"] = key

    def good(self, method, path, body=None):
        answer = self.http.request(method, URL + path, json=body, timeout=120)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def create(self, **body):
        return self.good("POST", "/sandbox", body)


def docker(*args):
    return subprocess.run(["/usr/bin/docker", *args], check=True, capture_output=True, text=True,
                          env={**os.environ, "DOCKER_BUILDKIT": "0"}).stdout


def image():
    with tempfile.TemporaryDirectory() as context:
        Path(context, "hostile").write_bytes((BUILD / "tests/hostile").read_bytes())
        Path(context, "hostile").chmod(0o755)
        Path(context, "Dockerfile").write_text("FROM corral-base:latest\nCOPY hostile /bin/hostile\n")
        docker("build", "-q", "-t", "hostile:plain", context)


def hostile_user(count):
    admin = Client(ADMIN)
    user = admin.good("POST", "/sandbox/system/users", {"name": f"overdue-{os.getpid()}", "tier": "enterprise", "overrides": {
        "max_sandboxes": count, "max_key_sandboxes": count}})
    return Client(admin.good("POST", f"/sandbox/system/users/{user['id']}/keys", {"name": "bench"})["key"])


def procs(ids):
    lines = docker("inspect", "-f", "{{.HostConfig.CgroupParent}}/{{.Id}}", *ids).split()
    memory = Path("/sys/fs/cgroup/memory")
    return [Path(f"{memory if memory.is_dir() else memory.parent}{line}/cgroup.procs") for line in lines]


def agent():
    return int((HOME / "run/agent.pid").read_text())


def told(name, late):
    if None in late:
        print(f"{name}: {late.count(None)} of {len(late)} were still there")
    good = sorted(s for s in late if s is not None)
    print(f"{name}: median {statistics.median(good):.2f} s, p95 {good[int(len(good) * 0.95)]:.2f} s, last {good[-1]:.2f} s; "
          f"{sum(s > 2 for s in good)} of {len(good)} past 2 s; load {os.getloadavg()[0]:.0f}", flush=True)


def storms(user, count, agent_is_down):
    ids = storm.create(user, count)
    files = procs(ids)
    at = storm.due(user, ids, 20 + count / 4)
    storm.unleash(HOME, ids)
    while time.time() < at - 2:
        time.sleep(0.1)
    if agent_is_down:
        os.kill(agent(), signal.SIGKILL)
        time.sleep(max(0, at + 3 - time.time()))
        at = time.time()
        back = subprocess.Popen([ROOT / "deploy/quickstart", "--restart", "agent"], stdout=subprocess.DEVNULL)
        told("after the agent's start", storm.gone(files, at, at + 60))
        back.wait()
    else:
        told("after the deadline", storm.gone(files, at, at + 60))
    for sandbox in ids:
        user.good("DELETE", f"/sandbox/{sandbox}")


def main():
    count, rounds = (int(sys.argv[1]) if len(sys.argv) > 1 else 120), (int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    image()
    user = hostile_user(count)
    for _ in range(rounds):
        storms(user, count, False)
        storms(user, count, True)


main()
