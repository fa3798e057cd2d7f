#!/usr/bin/python3
"""Watchers of live events: many streams at once over several users' keys, some of which take nothing until the end. How long an event
takes from its commit to all of its watchers, how much memory the controller has for it, and that every watcher, the slow ones too,
gets each of its user's events once, in order.

usage: watchers.py [WATCHERS [EVENTS [SLOW]]]   (default 500 5000 20; needs a running deploy/quickstart, whose env was sourced)"""
import asyncio
import os
import re
import socket
import statistics
import sys
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import requests

URL, KEY = os.environ["CORRAL_URL"], os.environ["CORRAL_API_KEY"]
PID = int((Path(os.environ["CORRAL_HOME"]) / "run/controller.pid").read_text())
HOST, PORT = urlsplit(URL).hostname, urlsplit(URL).port
USERS, ROUNDS, BATCH = 5, 20, 50
DATA = re.compile(rb"\ndata: \{\"id\" ?: ?\"(evt_\d+)\"")

database = psycopg2.connect(os.environ["CORRAL_DATABASE_URL"])
session = requests.Session()
session.headers["X-API-Key"] = KEY


def good(method, path, body=None):
    answer = session.request(method, URL + path, json=body, timeout=120)
    assert answer.ok, (method, path, answer.text)
    return answer.json() if answer.content else None


def commit(user, count):
    """Events as the controller writes them, a transaction for them all. Returns their ids."""
    with database, database.cursor() as cursor:
        cursor.execute("select event_id(add_event('sandbox.resized', %s, null, null, jsonb_build_object('memory_bytes', n))) from generate_series(1, %s) n",
                       (user, count))
        return [row[0].encode() for row in cursor.fetchall()]


def resident():
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{PID}/status").read_text())[1]) / 1024


class Watcher:
    def __init__(self, user, key):
        self.user, self.key, self.ids, self.left, self.last, self.times = user, key, [], b"", None, 0

    async def connect(self, room=None):
        s = socket.socket()
        if room:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        s.setblocking(False)
        await asyncio.get_running_loop().sock_connect(s, (HOST, PORT))
        self.reader, self.writer = await asyncio.open_connection(sock=s, limit=4096 if room else 65536)
        last = f"Last-Event-ID: {self.last.decode()}\r\n" if self.last else ""
        self.writer.write(f"GET /sandbox/events HTTP/1.1\r\nHost: {HOST}\r\nX-API-Key: {self.key}\r\nAccept: text/event-stream\r\n{last}\r\n".encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head.split(b"\r\n")[0], head
        self.last = self.last or re.search(rb"X-Events-After: (\w+)", head)[1]
        self.times += 1

    async def take(self, last):
        """Reads until this event has come."""
        while not self.ids or self.ids[-1] != last:
            try:
                piece = await self.reader.read(65536)
            except OSError:
                piece = b""
            if not piece: # one that took nothing for long
                self.left = b""
                await self.connect()
                continue
            text = self.left + piece.replace(b"\r\n", b"\n") # of chunks
            found = list(DATA.finditer(text))
            self.ids += [m[1] for m in found]
            self.last = self.ids[-1] if self.ids else self.last
            self.left = text[found[-1].end():] if found else text[-100:]


async def all_take(watchers, last):
    await asyncio.gather(*(w.take(last[w.user]) for w in watchers))


async def watch(users, count, events, slow):
    watchers = [Watcher(*users[i % USERS]) for i in range(count)]
    lazy = [Watcher(*users[i % USERS]) for i in range(slow)]
    before = resident()
    await asyncio.gather(*(w.connect() for w in watchers), *(w.connect(room=4096) for w in lazy))
    memory, took, ids = [resident()], [], {user: [] for user, _ in users}
    print(f"{count} watchers by {USERS} keys, and {slow} that take nothing: {(memory[0] - before) * 1024 / (count + slow):.0f} KiB each")
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for user in ids:
            ids[user] += commit(user, 1)
        await all_take(watchers, {user: of[-1] for user, of in ids.items()})
        took.append((time.perf_counter() - begin) * 1000)
    print(f"an event of each user, from before its commit until all have it: p50 {statistics.median(took):.0f} ms, most {max(took):.0f} ms")
    begin = time.perf_counter()
    for _ in range(events // USERS // BATCH):
        for user in ids:
            ids[user] += commit(user, BATCH)
        await all_take(watchers, {user: of[-1] for user, of in ids.items()})
        memory.append(resident())
    seconds = time.perf_counter() - begin
    shown = events // USERS * count
    print(f"{events} events, shown {shown} times in {seconds:.1f} s ({shown / seconds:.0f} a second)")
    print(f"memory of the controller: {memory[0]:.0f} MiB with all connected, {memory[len(memory) // 2]:.0f} MiB half-way, {memory[-1]:.0f} MiB at the end")
    await all_take(lazy, {user: of[-1] for user, of in ids.items()})
    assert all(w.ids == ids[w.user] for w in watchers + lazy)
    print(f"each has each of its events once, in order; those that took nothing, too ({sum(w.times > 1 for w in lazy)} came back for them)")
    assert all(w.times == 1 for w in watchers)
    for w in watchers + lazy:
        w.writer.close()


def main():
    given = [int(word) for word in sys.argv[1:]]
    count, events, slow = given + [500, 5000, 20][len(given):]
    users = []
    for _ in range(USERS):
        user = good("POST", "/sandbox/system/users", {"name": f"watchers-{uuid.uuid4().hex[:8]}", "tier": "enterprise"})["id"]
        users.append((user, good("POST", f"/sandbox/system/users/{user}/keys", {"name": "watchers"})["key"]))
    try:
        asyncio.run(watch(users, count, events, slow))
    finally:
        for user, _ in users:
            good("DELETE", f"/sandbox/system/users/{user}")


main()
