#!/usr/bin/python3
"""A sandbox from the warm pool, from its create to its first exec answered, beside `docker run` of the same image and the same
limits, in turn in one run. Then a burst of creates, and what the idle members cost.

usage: warm.py [ROUNDS [BURST]]   (needs a running deploy/quickstart, whose env was sourced, with a pool: CORRAL_WARM_MIN)"""
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from wire import Wire

URL, KEY = os.environ["CORRAL_URL"], os.environ["CORRAL_API_KEY"]
BODY = json.dumps({"memory_bytes": 128 << 20, "cpu_millis": 500, "lifetime_seconds": 600})


class Client(Wire):
    """One kept connection."""

    def __init__(self):
        super().__init__(URL, KEY)
        self.call("GET", "/healthz")

    def call(self, method, path, body=""):
        status, text = super().call(method, path, body)
        return status, json.loads(text) if text.startswith(b"{") else text


def create_and_exec(client):
    """The sandbox, and the times of its create and of its first exec."""
    begin = time.perf_counter()
    status, sandbox = client.call("POST", "/sandbox", BODY)
    created = time.perf_counter()
    assert status == 201, sandbox
    status, result = client.call("POST", f"/sandbox/{sandbox['id']}/exec", '{"command": ["true"]}')
    done = time.perf_counter()
    assert status == 200 and result["exit_code"] == 0, result
    return sandbox, created - begin, done - begin


def docker_run():
    begin = time.perf_counter()
    subprocess.run(["docker", "run", "--rm", "--network=none", "--read-only", "--user=1000:1000", "--cap-drop=ALL", "--memory=128m",
                    "--memory-swap=128m", "--cpus=0.5", "--pids-limit=256", "--security-opt=no-new-privileges",
                    "corral-base:latest", "true"], check=True, capture_output=True)
    return time.perf_counter() - begin


def pool(client):
    return client.call("GET", "/sandbox/system/stats")[1]["warm"]


def wait_for_pool(client, ready, seconds=60):
    until = time.monotonic() + seconds
    while pool(client)["ready"] < ready and time.monotonic() < until:
        time.sleep(0.1)
    return pool(client)["ready"]


def summary(name, times):
    times = sorted(times)
    print(f"{name}: median {statistics.median(times) * 1000:.2f} ms, p95 {times[int(len(times) * .95)] * 1000:.2f} ms")


def measure(client, rounds):
    created, done, docker = [], [], []
    for _ in range(rounds):
        wait_for_pool(client, 1)
        docker.append(docker_run())
        sandbox, *took = create_and_exec(client)
        client.call("DELETE", f"/sandbox/{sandbox['id']}")
        if sandbox["warm"]:
            created.append(took[0])
            done.append(took[1])
    print(f"{len(done)} of {rounds} came from the pool")
    summary("create, warm", created)
    summary("create to first exec answered, warm (aim: median 5, p95 15)", done)
    summary("docker run, with its end", docker)
    print(f"docker run takes {statistics.median(docker) / statistics.median(done):.1f} times as long (aim: 60)")


def burst(count):
    """All at once, each on a connection of its own."""
    took, lock, made = [], threading.Lock(), []

    def one():
        client = Client()
        barrier.wait()
        sandbox, _, done = create_and_exec(client)
        with lock:
            took.append((done, sandbox["warm"], sandbox["start_ms"]))
            made.append(sandbox["id"])

    barrier = threading.Barrier(count)
    threads = [threading.Thread(target=one) for _ in range(count)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    last = max(done for done, _, _ in took)
    print(f"burst of {count}: {len(took)} ran, {sum(is_warm for _, is_warm, _ in took)} of them warm, the last after {last:.2f} s")
    for name, rows in (("warm", [row for row in took if row[1]]), ("cold", [row for row in took if not row[1]])):
        if rows:
            summary(f"burst, {name}", [done for done, _, _ in rows])
            steps = {step: statistics.median(row[2].get(step, 0) for row in rows) for step in {step for row in rows for step in row[2]}}
            print(f"burst, {name}, steps in ms: " + ", ".join(f"{step} {ms:.0f}" for step, ms in sorted(steps.items(), key=lambda row: -row[1])))
    client = Client()
    [client.call("DELETE", f"/sandbox/{id}") for id in made]


def pool_cost(client):
    """Memory and processor of the idle members, by the files of their cgroups."""
    ids = subprocess.run(["docker", "ps", "-q", "--no-trunc", "--filter", "label=corral.pool"], capture_output=True, text=True).stdout.split()
    roots = [Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup/cpuacct"), Path("/sys/fs/cgroup")]

    def read(id, *names):
        for root in roots:
            for folder in root.glob(f"**/*{id}*"):
                for name in names:
                    if (folder / name).exists():
                        return folder, (folder / name).read_text()
        return None, ""

    def cpu_ns(id):
        folder, text = read(id, "cpuacct.usage", "cpu.stat")
        return int(text) if text.strip().isdigit() else int(text.split()[1]) * 1000 if text else 0

    if not ids:
        return
    memory = [int(read(id, "memory.usage_in_bytes", "memory.current")[1] or 0) for id in ids]
    before, begin = [cpu_ns(id) for id in ids], time.monotonic()
    time.sleep(5)
    used = [after - was for after, was in zip([cpu_ns(id) for id in ids], before)]
    shims = subprocess.run(["pgrep", "-c", "containerd-shim"], capture_output=True, text=True).stdout.strip()
    print(f"{len(ids)} idle members: memory {statistics.mean(memory) / 1024:.0f} KiB each, "
          f"{sum(used) / (time.monotonic() - begin) / 1e7:.3f} % of a processor in all; {shims} shims of Docker run beside")


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    at_once = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    client = Client()
    print(f"{wait_for_pool(client, 1)} members stand ready")
    measure(client, rounds)
    wait_for_pool(client, 4, 20)
    pool_cost(client)
    if at_once:
        burst(at_once)


main()
