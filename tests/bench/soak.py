#!/usr/bin/python3
"""A soak of the history: real sandboxes that work, end and are followed by others, some of them watched, while the controller, PostgreSQL and the
agent are killed in turn. At the end each sample that the agent produced, by its own file, is stored, or counted as dropped.

usage: soak.py [MINUTES [SANDBOXES [SECONDS BETWEEN KILLS]]]   (default 60 30 120; 0: none is killed; needs a running deploy/quickstart of one
node, whose env was sourced)"""
import asyncio
import collections
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import psycopg2
import requests
import websockets

ROOT = Path(__file__).resolve().parents[2]
HOME, URL, KEY = Path(os.environ["CORRAL_HOME"]), os.environ["CORRAL_URL"], os.environ["CORRAL_API_KEY"]
WORK = ["while :; do sleep 1; done", "while :; do :; done", "while :; do head -c 20000000 /dev/urandom > f; sleep 3; done",
        "x=$(head -c 30000000 /dev/zero | tr '\\0' x); while :; do sleep 1; done"]
LATE = 1000 # numbers that are further apart belong to two lives of the agent
session = requests.Session()
session.headers["X-API-Key"] = KEY


def call(method, path, body=None):
    """The answer; None while the controller is away or refuses."""
    try:
        answer = session.request(method, URL + path, json=body, timeout=30)
        return (answer.json() if answer.content else {}) if answer.ok else None
    except (requests.RequestException, ValueError):
        return None


def surely(method, path, body=None):
    end = time.monotonic() + 120
    while (answer := call(method, path, body)) is None:
        assert time.monotonic() < end, (method, path)
        time.sleep(0.5)
    return answer


def metric(name):
    text = session.get(URL + "/metrics", timeout=30).text
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])


def resident():
    pid = int((HOME / "run/controller.pid").read_text())
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


class Produced(threading.Thread):
    """Reads the agent's file again and again: what it numbers is in it for longer than a reading takes, but where the whole file is written just
    then. Numbers are without gaps in a life of the agent, so what was missed is known, too."""

    def __init__(self):
        super().__init__(daemon=True)
        self.samples, self.violations, self.over = {}, set(), False
        self.read()
        self.before = set(self.samples) | self.violations
        self.samples, self.violations = {}, set()

    def read(self):
        for line in (HOME / "agent/outbox").read_text(errors="replace").splitlines():
            words = line.split()
            if len(words) > 8 and words[1] == "sample":
                self.samples[int(words[5])] = words[2]
            elif len(words) > 4 and words[1] == "violation":
                self.violations.add(int(words[4]))

    def run(self):
        while not self.over:
            self.read()
            time.sleep(0.2)

    def counts(self):
        """By sandbox, and how many numbers were missed."""
        known = sorted((set(self.samples) | self.violations) - self.before)
        missed = sum(b - a - 1 for a, b in zip(known, known[1:]) if b - a < LATE)
        return collections.Counter(of for number, of in self.samples.items() if number not in self.before), missed


class Watchers(threading.Thread):
    """Each watches one sandbox after the other, for a while."""

    def __init__(self, sandboxes, count):
        super().__init__(daemon=True)
        self.sandboxes, self.count, self.over, self.told = sandboxes, count, False, 0

    async def watch(self):
        while not self.over:
            try:
                url = f"ws{URL[4:]}/sandbox/{random.choice(self.sandboxes)}/stats/stream"
                async with websockets.connect(url, extra_headers={"X-API-Key": KEY}) as ws:
                    end = time.monotonic() + random.uniform(5, 40)
                    while time.monotonic() < end and not self.over:
                        await asyncio.wait_for(ws.recv(), 5)
                        self.told += 1
            except (OSError, asyncio.TimeoutError, websockets.WebSocketException, IndexError):
                await asyncio.sleep(0.5)

    def run(self):
        async def all_of_them():
            await asyncio.gather(*(self.watch() for _ in range(self.count)))
        asyncio.run(all_of_them())


def quickstart(what):
    subprocess.run([ROOT / "deploy/quickstart", "--restart", what], check=True, stdin=subprocess.DEVNULL, capture_output=True)


def kill(what):
    if what == "postgres":
        subprocess.run([ROOT / "deploy/lib/postgres.sh", "stop", HOME / "postgres", "immediate"], check=True, capture_output=True)
    else:
        os.kill(int((HOME / f"run/{what}.pid").read_text()), signal.SIGKILL)
    quickstart(what)


def make(user):
    number = random.randrange(len(WORK))
    made = call("POST", "/sandbox", {"command": ["sh", "-c", WORK[number]], "cpu_millis": 100, "memory_bytes": 128 << 20, "storage_bytes": 64 << 20,
                                      "labels": {"soak": user}, "lifetime_seconds": 86400})
    return made and made["id"]


def stored(ids):
    with psycopg2.connect(os.environ["CORRAL_DATABASE_URL"], options="-c search_path=public,corral") as database, database.cursor() as cursor:
        cursor.execute("select id, (select count(*) from history_points(id, '-infinity', 'infinity', 1)) from unnest(%s) id", (ids,))
        return dict(cursor.fetchall())


def soak(minutes, count, every, name):
    dropped = metric('corral_node_dropped_total{node="node-1",kind="sample"}')
    produced = Produced()
    produced.start()
    live, all_ids = [], []
    watchers = Watchers(live, max(1, count // 3))
    end, killed, next_kill, said = time.monotonic() + minutes * 60, [], time.monotonic() + (every or 1e9), 0
    watchers.start()
    while time.monotonic() < end:
        if len(live) < count and (made := make(name)):
            live.append(made)
            all_ids.append(made)
        elif len(live) == count and random.random() < 0.1:
            victim = live.pop(random.randrange(count))
            call("DELETE", f"/sandbox/{victim}")
        if time.monotonic() > next_kill:
            killed.append(("controller", "postgres", "agent")[len(killed) % 3])
            kill(killed[-1])
            next_kill = time.monotonic() + every
        if time.monotonic() > said:
            print(f"{len(all_ids)} sandboxes so far, {len(produced.samples)} samples, the controller has {resident():.0f} MiB", flush=True)
            said = time.monotonic() + 60
        time.sleep(0.5)
    watchers.over = True
    for sandbox in all_ids:
        surely("DELETE", f"/sandbox/{sandbox}")
    begin = time.monotonic()
    while time.monotonic() < begin + 60:
        time.sleep(2)
        counts, missed = produced.counts()
        kept = stored(all_ids)
        lost = metric('corral_node_dropped_total{node="node-1",kind="sample"}') - dropped
        mine = {sandbox: counts[sandbox] for sandbox in all_ids}
        if sum(mine.values()) + missed == sum(kept.values()) + lost:
            break
    produced.over = True
    print(f"killed: {', '.join(f'{what} {n} times' for what, n in collections.Counter(killed).items()) or 'nothing'}; {watchers.told} figures were watched")
    print(f"produced {sum(mine.values()) + missed} samples of {len(all_ids)} sandboxes ({missed} seen by their numbers alone), stored {sum(kept.values())}, dropped {lost:.0f}")
    wrong = {sandbox: (mine[sandbox], kept[sandbox]) for sandbox in all_ids if mine[sandbox] > kept[sandbox] and not lost
             or kept[sandbox] > mine[sandbox] and not missed}
    assert sum(mine.values()) + missed == sum(kept.values()) + lost and not wrong, wrong


def main():
    given = [float(word) for word in sys.argv[1:]]
    minutes, count, every = given + [60, 30, 120][len(given):]
    soak(minutes, int(count), every, uuid.uuid4().hex[:8])


main()
