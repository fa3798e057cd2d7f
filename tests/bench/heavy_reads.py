#!/usr/bin/python3
"""What a user who reads histories of days, eight at once, does to another who lists, deletes and creates nothing: the other's
median and 99th percentile alone and beside it, in turns, and the controller's memory before and after. Of the installation
whose env is sourced; puts 60,480 samples (7 days) of one sandbox into its database. usage: heavy_reads.py [SECONDS [SAMPLES]]"""
import os
import subprocess
import sys
import threading
import time

import requests

URL, ADMIN = os.environ["CORRAL_URL"], {"X-API-Key": os.environ["CORRAL_API_KEY"]}
SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 10
SAMPLES = int(sys.argv[2]) if len(sys.argv) > 2 else 60480
ROUNDS = 3


def user(name):
    made = requests.post(f"{URL}/sandbox/system/users", json={"name": f"{name}-{time.time_ns()}", "tier": "pro"}, headers=ADMIN).json()
    key = requests.post(f"{URL}/sandbox/system/users/{made['id']}/keys", json={"name": "bench"}, headers=ADMIN).json()
    return {"X-API-Key": key["key"]}


def sql(text):
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", os.environ["CORRAL_DATABASE_URL"], "-c", text], check=True,
                   stdout=subprocess.DEVNULL)


def resident():
    metrics = requests.get(f"{URL}/metrics", headers=ADMIN).text
    return next(float(line.split()[1]) for line in metrics.splitlines() if line.startswith("process_resident_memory_bytes ")) / 2 ** 20


def read_history(headers, sandbox, until, counts):
    session = requests.Session()
    path = (f"{URL}/sandbox/{sandbox}/stats/history?step=1&from={time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() - 604800))}"
            f"&to={time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}")
    while time.monotonic() < until:
        answer = session.get(path, headers=headers)
        counts.append(answer.status_code)
        if answer.status_code == 200:
            assert len(answer.json()["points"]) <= 1000


def lists(headers, until):
    session, took = requests.Session(), []
    while time.monotonic() < until:
        began = time.monotonic()
        assert session.get(f"{URL}/sandbox", headers=headers).status_code in (200, 429)
        took.append(time.monotonic() - began)
        time.sleep(0.02)
    took.sort()
    return took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000


def main():
    reader, other = user("reader"), user("other")
    sandbox = requests.post(f"{URL}/sandbox", json={"lifetime_seconds": 3600}, headers=reader, timeout=60).json()["id"]
    sql("select make_partition((now() at time zone 'UTC')::date - day, 'sample_rows') from generate_series(0, 8) day")
    sql(f"insert into sample_rows select '{sandbox}', now() - i * interval '10 s', i, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 "
        f"from generate_series(1, {SAMPLES}) i")
    sql(f"select pack_hour('{sandbox}', h) from generate_series(packing_until() - interval '8 days', packing_until() - interval '1 hour', '1 hour') h")
    before = resident()
    for turn in range(ROUNDS):
        alone = lists(other, time.monotonic() + SECONDS)
        until, counts = time.monotonic() + SECONDS, []
        threads = [threading.Thread(target=read_history, args=(reader, sandbox, until, counts)) for _ in range(8)]
        for thread in threads:
            thread.start()
        beside = lists(other, until)
        for thread in threads:
            thread.join()
        print(f"alone {alone[0]:.1f} ms, p99 {alone[1]:.1f}; beside {counts.count(200)} histories {beside[0]:.1f} ms, "
              f"p99 {beside[1]:.1f} ({beside[1] / alone[1]:.2f})")
    print(f"resident {before:.0f} MiB before, {resident():.0f} MiB after")
    requests.delete(f"{URL}/sandbox/{sandbox}", headers=reader, timeout=60)


if __name__ == "__main__":
    main()
