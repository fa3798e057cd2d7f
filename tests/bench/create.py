#!/usr/bin/python3
"""From a create to its sandbox running, beside Docker's own create and start, in turn in one run: of a plain container with the
limits of a sandbox, and of one with all of a sandbox's options (its mounts, its seccomp profile, its masks); what each step of these
starts took; and the resident memory of both daemons with 49 sandboxes. Both are cold: nothing was made beforehand but the image.

usage: create.py [ROUNDS [SANDBOXES [SECONDS]]]   (memory is read after so many seconds; needs a running
deploy/quickstart without a warm pool, CORRAL_WARM_MAX=0, whose env was sourced)"""
import http.client
import json
import os
import socket
import statistics
import sys
import time
from pathlib import Path

import requests

URL, KEY = os.environ["CORRAL_URL"], os.environ["CORRAL_API_KEY"]
DOCKER = os.environ["DOCKER_HOST"].removeprefix("unix://")
HOME = Path(os.environ["CORRAL_HOME"])
# A plain container with the limits of a sandbox.
LIKE = {"Image": "corral-base:latest", "User": "1000:1000", "Cmd": ["sleep", "600"], "HostConfig": {
    "Memory": 128 << 20, "MemorySwap": 128 << 20, "CpuPeriod": 100000, "CpuQuota": 50000, "PidsLimit": 128,
    "ReadonlyRootfs": True, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"], "NetworkMode": "none",
    "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 1024}]}}


class DockerConnection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(DOCKER)


docker_connection = DockerConnection("docker")
host, port = URL.removeprefix("http://").split(":")
corral_connection = http.client.HTTPConnection(host, int(port))  # the same client for both: requests adds milliseconds


def docker(method, path, body=None):
    docker_connection.request(method, "/v1.41" + path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
    answer = docker_connection.getresponse()
    data = answer.read()
    assert answer.status < 300, (path, data)
    return json.loads(data) if data else None


def options_of(sandbox_id):
    """All that Docker was asked for a sandbox, with another command: its init finds no agent to talk to."""
    shown = docker("GET", f"/containers/{sandbox_id}/json")
    config = {name: shown["Config"][name] for name in ("Image", "User", "Env", "WorkingDir")}
    return {**config, "Entrypoint": ["sleep", "600"], "HostConfig": shown["HostConfig"]}


def by_docker(options):
    begin = time.perf_counter()
    made = docker("POST", "/containers/create", options)["Id"]
    middle = time.perf_counter()
    docker("POST", f"/containers/{made}/start")
    end = time.perf_counter()
    docker("DELETE", f"/containers/{made}?force=true")
    return end - begin, {"create": (middle - begin) * 1000, "start": (end - middle) * 1000}


ASKED = {"memory_bytes": 128 << 20, "cpu_millis": 500, "pids": 128}
session = requests.Session()
session.headers["X-API-Key"] = KEY


def by_corral():
    begin = time.perf_counter()
    corral_connection.request("POST", "/sandbox", json.dumps(ASKED), {"Content-Type": "application/json", "X-API-Key": KEY})
    answer = corral_connection.getresponse()
    data = answer.read()
    took = time.perf_counter() - begin
    assert answer.status == 201, data
    sandbox = json.loads(data)
    assert not sandbox["warm"], "this one was made beforehand"
    assert session.delete(URL + "/sandbox/" + sandbox["id"]).status_code == 204
    return took, sandbox["start_ms"]


def resident(name):
    pid = (HOME / "run" / f"{name}.pid").read_text().strip()
    return next(int(line.split()[1]) / 1024 for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS"))


def print_steps(name, starts):
    """The median of each step, in the order of their size."""
    middle = {step: statistics.median(start[step] for start in starts) for step in starts[0]}
    print(f"{name}, steps in ms: " + ", ".join(f"{step} {ms:.0f}" for step, ms in sorted(middle.items(), key=lambda row: -row[1])))


def main():
    rounds, sandboxes, seconds = (int(given) for given in (sys.argv[1:] + ["30", "49", "15"][len(sys.argv) - 1:]))
    model = session.post(URL + "/sandbox", json=ASKED).json()["id"]
    same = options_of(model)
    ways = {"docker, plain": lambda: by_docker(LIKE), "docker, same options": lambda: by_docker(same), "corral": by_corral}
    took = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, make in ways.items():
            made = make()
            if turn:  # the first is not counted: it fills caches
                took[name].append(made)
    session.delete(URL + "/sandbox/" + model)
    middle = {}
    for name, starts in took.items():
        times = sorted(whole for whole, _ in starts)
        middle[name] = statistics.median(times)
        print(f"{name}: median {middle[name] * 1000:.0f} ms, p95 {times[int(len(times) * .95)] * 1000:.0f} ms")
        print_steps(name, [steps for _, steps in starts])
    for name in list(ways)[:2]:
        print(f"ratio at the median to {name}: {middle['corral'] / middle[name]:.2f} (aim: at most 1.10)")
    ids = [session.post(URL + "/sandbox", json={"memory_bytes": 32 << 20, "cpu_millis": 100}).json()["id"] for _ in range(sandboxes)]
    time.sleep(seconds)
    print(f"resident with {len(ids)} sandboxes: agent {resident('agent'):.1f} MiB (aim: 10), "
          f"controller {resident('controller'):.1f} MiB (aim: 30)")
    for sandbox_id in ids:
        session.delete(URL + "/sandbox/" + sandbox_id)


main()
