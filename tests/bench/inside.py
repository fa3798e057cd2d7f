#!/usr/bin/python3
"""Work inside a sandbox, beside Docker's own way to the same container, in turn in one run: exec of `true`, a keystroke's echo in
a terminal, a file and a folder in and out, and the resident memory of the daemons before and after.

usage: inside.py [ROUNDS [MEGABYTES]]   (needs a running deploy/quickstart, whose env was sourced)"""
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests
import websockets
from wire import Wire

URL, KEY = os.environ["CORRAL_URL"], os.environ["CORRAL_API_KEY"]
HOME = Path(os.environ["CORRAL_HOME"])
MIB = 1 << 20
FILE_ROUNDS = 3

session = requests.Session()
session.headers["X-API-Key"] = KEY


def timed(act, *args):
    begin = time.perf_counter()
    act(*args)
    return time.perf_counter() - begin


def summary(name, times):
    times = sorted(times)
    print(f"{name}: median {statistics.median(times) * 1000:.2f} ms, p95 {times[int(len(times) * .95)] * 1000:.2f} ms")


# --- exec ---

class Exec:
    """On a kept connection."""

    def __init__(self, sandbox):
        self.path, self.wire = f"/sandbox/{sandbox}/exec", Wire(URL, KEY)

    def __call__(self):
        status, text = self.wire.call("POST", self.path, '{"command": ["true"]}')
        assert status == 200 and b'"exit_code":0' in text.replace(b" ", b""), text


def docker_exec(sandbox):
    subprocess.run(["docker", "exec", sandbox, "true"], check=True)


def measure_exec(sandbox, rounds):
    ours, took = Exec(sandbox), {"corral": [], "docker": []}
    ours(), docker_exec(sandbox)
    for _ in range(rounds):
        took["docker"].append(timed(docker_exec, sandbox))
        took["corral"] += [timed(ours) for _ in range(5)]
    for name in took:
        summary(f"exec of true, {name}", took[name])
    print(f"docker exec takes {statistics.median(took['docker']) / statistics.median(took['corral']):.1f} times as long (aim: 25)")


# --- a keystroke ---

async def keystrokes(sandbox, rounds):
    took = []
    async with websockets.connect(f"ws{URL[4:]}/sandbox/{sandbox}/terminal?command=cat", subprotocols=["v5.channel.k8s.io"],
                                  extra_headers={"X-API-Key": KEY}) as ws:
        for i in range(rounds * 5):
            begin = time.perf_counter()
            await ws.send(b"\x00x")
            assert await ws.recv() == b"\x01x"
            took.append(time.perf_counter() - begin)
            await asyncio.sleep(0.005)
    return took


# --- files ---

def transfer(sandbox, *how):
    """By a program, as Docker's way is."""
    subprocess.run(["curl", "-sSf", "-H", f"X-API-Key: {KEY}", *how, f"{URL}/sandbox/{sandbox}/files?path=/workspace/in"], check=True, stdout=subprocess.DEVNULL)


def put(sandbox, path):
    transfer(sandbox, "-T", path)


def get(sandbox):
    transfer(sandbox)


def docker_put(sandbox, path):
    """Docker copies into the container's folder of its own: the sandbox's disk."""
    subprocess.run(["docker", "cp", "-q", path, f"{sandbox}:/workspace/in2"], check=True)


def docker_get(sandbox):
    subprocess.run(["docker", "cp", "-q", f"{sandbox}:/workspace/in", "-"], check=True, stdout=subprocess.DEVNULL)


# --- folders ---

def cp_in(sandbox, path):
    subprocess.run([HOME / "bin/corral", "cp", "-q", path, f"{sandbox}:/workspace/tree"], check=True)


def cp_out(sandbox, to):
    subprocess.run([HOME / "bin/corral", "cp", "-q", f"{sandbox}:/workspace/tree", f"{to}/corral"], check=True)


def docker_cp_in(sandbox, path):
    subprocess.run(["docker", "cp", "-q", path, f"{sandbox}:/workspace/tree2"], check=True)


def docker_cp_out(sandbox, to):
    subprocess.run(["docker", "cp", "-q", f"{sandbox}:/workspace/tree", f"{to}/docker"], check=True)


def measure_folders(sandbox, megabytes):
    """Of files of 64 KiB."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        tree, piece = Path(folder, "tree"), os.urandom(MIB)
        for i in range(megabytes):
            (tree / f"d{i}").mkdir(parents=True)
            for j in range(16):
                (tree / f"d{i}/f{j}").write_bytes(piece[j << 16:(j + 1) << 16])
        for what, ours, docker, argument in (("in", cp_in, docker_cp_in, tree), ("out", cp_out, docker_cp_out, folder)):
            rates = [megabytes / timed(way, sandbox, argument) for way in (ours, docker)]
            print(f"a folder of {megabytes} MiB {what}: corral cp {rates[0]:.0f} MiB/s, docker cp {rates[1]:.0f} MiB/s, ratio {rates[0] / rates[1]:.2f} (aim: 0.8)")


def settled(sandbox):
    """Neither way pays for what the other one has written."""
    for name in ("in", "in2"):
        session.delete(f"{URL}/sandbox/{sandbox}/files?path=/workspace/{name}")
    os.sync()


def measure_files(sandbox, megabytes):
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as file:
        file.write(os.urandom(MIB) * megabytes)
        file.flush()
        for what, ours, docker, args in (("in", put, docker_put, (sandbox, file.name)), ("out", get, docker_get, (sandbox,))):
            took = {ours: [], docker: []}
            for _ in range(FILE_ROUNDS):
                for way in took:
                    settled(sandbox)
                    if what == "out":
                        put(sandbox, file.name)
                        os.sync()
                    took[way].append(timed(way, *args))
            rates = [megabytes / statistics.median(times) for times in took.values()]
            print(f"{megabytes} MiB {what}: corral {rates[0]:.0f} MiB/s, docker cp {rates[1]:.0f} MiB/s, ratio {rates[0] / rates[1]:.2f} (aim: 0.8)")


def resident(name):
    pid = (HOME / "run" / f"{name}.pid").read_text().strip()
    return next(int(line.split()[1]) / 1024 for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS"))


def main():
    rounds, megabytes = (int(given) for given in (sys.argv[1:] + ["30", "256"][len(sys.argv) - 1:]))
    # The pages of a file that comes in are the sandbox's own memory; those of `docker cp` are the node's.
    answer = session.post(URL + "/sandbox", json={"memory_bytes": min(2 * megabytes + 256, 2048) * MIB, "cpu_millis": 2000, "storage_bytes": (4 * megabytes + 128) * MIB})
    assert answer.status_code == 201, answer.text
    sandbox = answer.json()["id"]
    try:
        measure_exec(sandbox, rounds)
        summary("echo of a keystroke (aim: 1 ms)", asyncio.run(keystrokes(sandbox, rounds)))
        before = {name: resident(name) for name in ("agent", "controller")}
        measure_files(sandbox, megabytes)
        measure_folders(sandbox, megabytes)
        for name, at_first in before.items():
            print(f"{name}: resident {at_first:.1f} MiB before the files, {resident(name):.1f} MiB after (aim: 2 more)")
    finally:
        session.delete(f"{URL}/sandbox/{sandbox}")


main()
