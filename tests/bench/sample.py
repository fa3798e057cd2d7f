#!/usr/bin/python3
"""One sample of 100 sandboxes (20, five times over) beside the bare pread of the same files and beside Docker's stats
API, in one run; then the agent's CPU with 49 sandboxes at one sample a second.

usage: sample.py BENCH_SAMPLE [SECONDS [ROUNDS [SANDBOXES]]]   (how long the CPU is read, how often Docker is asked; needs
the release build's tests/bench_sample, and a running deploy/quickstart, whose env was sourced)"""
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

URL, KEY = os.environ["CORRAL_URL"], os.environ["CORRAL_API_KEY"]
DOCKER = os.environ["DOCKER_HOST"].removeprefix("unix://")
RUN = Path(os.environ["CORRAL_HOME"]) / "run"
SMALL = {"memory_bytes": 32 << 20, "cpu_millis": 100, "storage_bytes": 16 << 20}


class Docker(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(DOCKER)

    def get(self, path):
        self.request("GET", "/v1.41" + path)
        answer = self.getresponse()
        data = answer.read()
        assert answer.status == 200, data
        return json.loads(data)


def cpu_us(daemon):
    """The CPU time of a daemon and its children: dockerd has its containerd."""
    pid = (RUN / f"{daemon}.pid").read_text().strip()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(int(p.read_text().split()[0]) for one in (pid, *children) for p in Path(f"/proc/{one}/task").glob("*/schedstat")) / 1000


def main(program, seconds=30, rounds=3, sandboxes=49):
    session, docker = requests.Session(), Docker("docker")
    session.headers["X-API-Key"] = KEY

    def create(count):
        made = [session.post(URL + "/sandbox", json=SMALL) for _ in range(count)]
        assert all(a.status_code == 201 for a in made), made[-1].text
        return [a.json()["id"] for a in made]

    sandboxes = int(sandboxes)
    ids = create(min(20, sandboxes))
    pids = [str(docker.get(f"/containers/{i}/json")["State"]["Pid"]) for i in ids]
    ours, bare, files = map(float, subprocess.run([program, "1000", *pids * 5], check=True, capture_output=True,
                                                  text=True).stdout.split())
    print(f"a sample of one sandbox: {ours:.1f} us; the bare pread of its {files:.0f} files: {bare:.1f} us; "
          f"ratio {ours / bare:.2f} (aim: at most 3)")
    for query in ("stream=false", "stream=false&one-shot=true"):
        before, begin, count = cpu_us("dockerd"), time.perf_counter(), 0
        for _ in range(int(rounds)):
            for i in ids[:5]:
                docker.get(f"/containers/{i}/stats?{query}")
                count += 1
        took = (time.perf_counter() - begin) / count * 1e6
        cpu = (cpu_us("dockerd") - before) / count
        print(f"Docker's stats, {query}: {took:.0f} us each, {cpu:.0f} us of its daemons' CPU; ours is 1/{took / ours:.0f} "
              f"of its time, 1/{cpu / ours:.0f} of its CPU (aim: 1/100)")
    ids += create(sandboxes - len(ids))
    time.sleep(3)
    before, begin = cpu_us("agent"), time.monotonic()
    time.sleep(float(seconds))
    share = (cpu_us("agent") - before) / (time.monotonic() - begin) / 1e4
    print(f"the agent with {len(ids)} sandboxes: {share:.2f} % of a core (aim: below 1)")
    for i in ids:
        session.delete(URL + "/sandbox/" + i)


main(*sys.argv[1:])
