#!/usr/bin/python3
"""A crowd inside sandboxes: many commands at once over several sandboxes and keys, many terminals at once, and how long the deletion of a
sandbox takes while others of its node print as fast as they can, beside the same without.

usage: crowd.py [SANDBOXES [COMMANDS [TERMINALS [STREAMS]]]]   (default 10 500 200 50; needs a running deploy/quickstart, whose env was
sourced)"""
import asyncio
import json
import os
import statistics
import sys
import time
from urllib.parse import urlsplit

import requests
import websockets

URL, KEY = os.environ["CORRAL_URL"], os.environ["CORRAL_API_KEY"]
HOST, PORT = urlsplit(URL).hostname, urlsplit(URL).port
KEYS = 10
DELETIONS = 5

session = requests.Session()
session.headers["X-API-Key"] = KEY


def good(method, path, body=None):
    answer = session.request(method, URL + path, json=body, timeout=120)
    assert answer.ok, (method, path, answer.text)
    return answer.json() if answer.content else None


def summary(name, times):
    times = sorted(times)
    print(f"{name}: p50 {statistics.median(times) * 1000:.0f} ms, p95 {times[int(len(times) * .95)] * 1000:.0f} ms, most {times[-1] * 1000:.0f} ms")


# --- commands ---

async def command(key, sandbox):
    """One command over a connection of its own. Returns how long it took."""
    body = json.dumps({"command": ["echo", "hi"]})
    begin = time.perf_counter()
    reader, writer = await asyncio.open_connection(HOST, PORT)
    writer.write((f"POST /sandbox/{sandbox}/exec HTTP/1.1\r\nHost: {HOST}\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
                  f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode())
    answer = await reader.read()
    writer.close()
    head, _, text = answer.partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], answer
    assert json.loads(text)["stdout"] == "hi\n", text
    return time.perf_counter() - begin


async def commands(keys, sandboxes, count):
    begin = time.perf_counter()
    took = await asyncio.gather(*(command(keys[i % len(keys)], sandboxes[i % len(sandboxes)]) for i in range(count)))
    print(f"{count} commands at once in {len(sandboxes)} sandboxes by {len(keys)} keys: all in {time.perf_counter() - begin:.2f} s")
    summary("each", took)


# --- terminals ---

def connect(key, sandbox, query):
    return websockets.connect(f"ws{URL[4:]}/sandbox/{sandbox}/terminal?{query}", subprotocols=["v5.channel.k8s.io"],
                              extra_headers={"X-API-Key": key}, open_timeout=60, max_size=None)


async def terminals(keys, sandboxes, count):
    sockets = await asyncio.gather(*(connect(keys[i % len(keys)], sandboxes[i % len(sandboxes)], "command=cat").__aenter__() for i in range(count)))

    async def echo(ws):
        begin = time.perf_counter()
        await ws.send(b"\x00x")
        assert await ws.recv() == b"\x01x"
        return time.perf_counter() - begin

    summary(f"{count} terminals at once, a keystroke in each at the same time", await asyncio.gather(*map(echo, sockets)))
    summary("a keystroke in one after the other", [await echo(ws) for ws in sockets])
    await asyncio.gather(*(ws.close() for ws in sockets))


# --- deletions ---

async def deletion():
    """By a process of its own, which tells how long it took: this one is busy with the streams."""
    sandbox = await asyncio.to_thread(good, "POST", "/sandbox", {})
    curl = await asyncio.create_subprocess_exec(
        "curl", "-sf", "-o", "/dev/null", "-w", "%{time_total}", "-X", "DELETE", "-H", f"X-API-Key: {KEY}", f"{URL}/sandbox/{sandbox['id']}",
        stdout=asyncio.subprocess.PIPE)
    took, _ = await curl.communicate()
    assert curl.returncode == 0
    return float(took)


async def read_on(ws, counted):
    async for message in ws:
        counted[0] += len(message)


async def deletions(keys, sandboxes, streams):
    alone = [await deletion() for _ in range(DELETIONS)]
    sockets = await asyncio.gather(*(connect(keys[i % len(keys)], sandboxes[i % len(sandboxes)], "command=cat&command=/dev/zero").__aenter__()
                                     for i in range(streams)))
    counted = [0]
    readers = [asyncio.create_task(read_on(ws, counted)) for ws in sockets]
    begin = time.perf_counter()
    beside = [await deletion() for _ in range(DELETIONS)]
    rate = counted[0] / (time.perf_counter() - begin) / (1 << 20)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*(ws.close() for ws in sockets))
    later = statistics.median(beside) - statistics.median(alone)
    print(f"a deletion takes {statistics.median(alone) * 1000:.0f} ms, and {statistics.median(beside) * 1000:.0f} ms beside {streams} streams that carry "
          f"{rate:.0f} MiB/s together: {later * 1000:.0f} ms more (aim: at most 100)")


async def crowd(sandboxes, counts):
    user = good("GET", "/sandbox/quota/usage")["user"]["id"]
    keys = [good("POST", f"/sandbox/system/users/{user}/keys", {"name": f"crowd-{i}"}) for i in range(KEYS)]
    secrets = [key["key"] for key in keys]
    try:
        await commands(secrets, sandboxes, counts[0])
        await terminals(secrets, sandboxes, counts[1])
        await deletions(secrets, sandboxes, counts[2])
    finally:
        for key in keys:
            good("DELETE", f"/sandbox/system/users/{user}/keys/{key['id']}")


def main():
    count, *counts = (int(given) for given in (sys.argv[1:] + ["10", "500", "200", "50"][len(sys.argv) - 1:]))
    sandboxes = [good("POST", "/sandbox", {"memory_bytes": 256 << 20, "pids": 256})["id"] for _ in range(count)]
    try:
        asyncio.run(crowd(sandboxes, counts))
    finally:
        for sandbox in sandboxes:
            good("DELETE", f"/sandbox/{sandbox}")


main()
