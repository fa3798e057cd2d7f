#!/usr/bin/python3
"""What one key's flood does to another key: p99 of quiet GETs alone, then beside a flood, in one run.

usage: flood.py [SECONDS]   (needs a running deploy/quickstart, whose env was sourced; an administrator's key)"""
import multiprocessing
import os
import sys
import time
import uuid

import requests

URL, ADMIN = os.environ["CORRAL_URL"], os.environ["CORRAL_API_KEY"]


def session(key):
    s = requests.Session()
    s.headers["X-API-Key"] = key
    return s


def new_key():
    admin = session(ADMIN)
    user = admin.post(URL + "/sandbox/system/users", json={"name": f"bench-{uuid.uuid4().hex[:8]}", "tier": "pro"}).json()
    return admin.post(f"{URL}/sandbox/system/users/{user['id']}/keys", json={"name": "bench"}).json()["key"]


def quiet(key, seconds):
    """Twenty requests a second, far below the rate of a key."""
    s, took, end = session(key), [], time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.perf_counter()
        answer = s.get(URL + "/sandbox/quota/usage")
        took.append(time.perf_counter() - begin)
        assert answer.status_code == 200, answer.text
        time.sleep(0.05)
    took.sort()
    return took[int(len(took) * 0.99)] * 1000


def flood(key, stop, count):
    os.nice(19)  # the flood's own work would be another machine's
    s = session(key)
    while not stop.is_set():
        s.get(URL + "/sandbox")
        with count.get_lock():
            count.value += 1


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 15
    mine, theirs, stop, count = new_key(), new_key(), multiprocessing.Event(), multiprocessing.Value("l", 0)
    alone = quiet(mine, seconds)
    floods = [multiprocessing.Process(target=flood, args=(theirs, stop, count)) for _ in range(2)]
    for one in floods:
        one.start()
    beside = quiet(mine, seconds)
    stop.set()
    for one in floods:
        one.join()
    print(f"p99 alone {alone:.1f} ms, beside a flood {beside:.1f} ms: {beside / alone:.2f} times (aim: at most 2)")
    print(f"the flood made {count.value / seconds:.0f} requests a second")


main()
