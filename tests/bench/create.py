#!/usr/bin/python3
"""From a create to its sandbox running, beside the same container straight at the Docker API, in turn in one run;
and the resident memory of both daemons with 49 sandboxes.

usage: create.py [ROUNDS [SANDBOXES [SECONDS]]]   (memory is read after so many seconds; needs a running deploy/quickstart, whose env was sourced)"""
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
# A container like a sandbox's: it has every option that costs time.
LIKE = {"Image": "corral-base:latest", "User": "1000:1000", "Cmd": ["sleep", "600"], "HostConfig": {
    "Memory": 128 << 20, "MemorySwap": 128 << 20, "CpuPeriod": 100000, "CpuQuota": 50000, "PidsLimit": 128,
    "ReadonlyRootfs": True, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"], "NetworkMode": "none",
    "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 1024}]}}


class DockerConnection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(DOCKER)


docker_connection = DockerConnection("docker")


def docker(method, path, body=None):
    docker_connection.request(method, "/v1.41" + path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
    answer = docker_connection.getresponse()
    data = answer.read()
    assert answer.status < 300, (path, data)
    return json.loads(data) if data else None


def by_docker():
    begin = time.perf_counter()
    made = docker("POST", "/containers/create", LIKE)["Id"]
    docker("POST", f"/containers/{made}/start")
    took = time.perf_counter() - begin
    docker("DELETE", f"/containers/{made}?force=true")
    return took


session = requests.Session()
session.headers["X-API-Key"] = KEY


def by_corral():
    begin = time.perf_counter()
    answer = session.post(URL + "/sandbox", json={"memory_bytes": 128 << 20, "cpu_millis": 500, "pids": 128})
    took = time.perf_counter() - begin
    assert answer.status_code == 201, answer.text
    assert session.delete(URL + "/sandbox/" + answer.json()["id"]).status_code == 204
    return took


def resident(name):
    pid = (HOME / "run" / f"{name}.pid").read_text().strip()
    return next(int(line.split()[1]) / 1024 for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS"))


def main():
    rounds, sandboxes, seconds = (int(given) for given in (sys.argv[1:] + ["30", "49", "15"][len(sys.argv) - 1:]))
    by_docker(), by_corral()
    took = {"docker": [], "corral": []}
    for _ in range(rounds):
        took["docker"].append(by_docker())
        took["corral"].append(by_corral())
    for name, times in took.items():
        times.sort()
        print(f"{name}: median {statistics.median(times) * 1000:.0f} ms, p95 {times[int(len(times) * .95)] * 1000:.0f} ms")
    print(f"ratio at the median: {statistics.median(took['corral']) / statistics.median(took['docker']):.2f} (aim: at most 1.15)")
    ids = [session.post(URL + "/sandbox", json={"memory_bytes": 32 << 20, "cpu_millis": 100}).json()["id"] for _ in range(sandboxes)]
    time.sleep(seconds)
    print(f"resident with {len(ids)} sandboxes: agent {resident('agent'):.1f} MiB (aim: 10), "
          f"controller {resident('controller'):.1f} MiB (aim: 30)")
    for sandbox_id in ids:
        session.delete(URL + "/sandbox/" + sandbox_id)


main()
