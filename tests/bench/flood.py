#!/usr/bin/python3
"""What one key's flood does to another key: p99 of quiet GETs alone and beside a flood of 64 connections, in turn.

usage: flood.py [ROUNDS]   (needs a running deploy/quickstart, whose env was sourced; an administrator's key)"""
import os
import re
import statistics
import subprocess
import sys
import time
import uuid

import requests

URL, ADMIN = os.environ["CORRAL_URL"], os.environ["CORRAL_API_KEY"]
SECONDS, PERIOD = 6, 0.025  # 40 requests a second, below the rate of a key


def session(key):
    s = requests.Session()
    s.headers["X-API-Key"] = key
    return s


def new_key():
    admin = session(ADMIN)
    user = admin.post(URL + "/sandbox/system/users", json={"name": f"bench-{uuid.uuid4().hex[:8]}", "tier": "pro"}).json()
    return admin.post(f"{URL}/sandbox/system/users/{user['id']}/keys", json={"name": "bench"}).json()["key"]


def quiet(key):
    """The p99 in milliseconds."""
    s, took, due = session(key), [], time.perf_counter()
    end = due + SECONDS
    while due < end:
        begin = time.perf_counter()
        answer = s.get(URL + "/sandbox/quota/usage")
        took.append(time.perf_counter() - begin)
        assert answer.status_code == 200, answer.text
        due += PERIOD
        time.sleep(max(0, due - time.perf_counter()))
    took.sort()
    return took[int(len(took) * 0.99)] * 1000


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    mine, theirs = new_key(), new_key()
    alone, beside, speed = [], [], []
    for _ in range(rounds):
        alone.append(quiet(mine))
        # Niced: the load of the flood's own processes would come from another machine.
        wrk = subprocess.Popen(["nice", "-n", "19", "wrk", "-t", "1", "-c", "64", "-d", str(SECONDS), "-H", f"X-API-Key: {theirs}",
                                URL + "/sandbox"], stdout=subprocess.PIPE, text=True)
        beside.append(quiet(mine))
        speed.append(float(re.search(r"Requests/sec:\s+([\d.]+)", wrk.communicate()[0])[1]))
    print("p99 in ms, alone:", *(f"{x:.1f}" for x in alone), " beside a flood:", *(f"{x:.1f}" for x in beside))
    print(f"medians {statistics.median(alone):.1f} and {statistics.median(beside):.1f} ms: "
          f"{statistics.median(beside) / statistics.median(alone):.2f} times (aim: at most 2)")
    print(f"the flood made {statistics.median(speed):.0f} requests a second")


main()
