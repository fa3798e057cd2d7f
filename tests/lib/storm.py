"""Hostile sandboxes whose deadlines are all at one moment: how late the last process of each goes."""
import datetime
import os
import time
from concurrent.futures import ThreadPoolExecutor

MIB = 1 << 20
KINDS = ("hostile fork", "hostile spin 16", "hostile files /tmp; hostile stubborn", "hostile dentries /tmp 1000000000")
SMALL = {"image": "hostile:plain", "memory_bytes": 32 * MIB, "cpu_millis": 150, "storage_bytes": 16 * MIB, "pids": 48,
         "lifetime_seconds": 1800}


def create(client, count, side_by_side=4):
    """The sandboxes wait for their file, so that the start of the last ones is not slowed down by the
    first."""
    def one(i):
        return client.create(command=["sh", "-c", f"until [ -e /workspace/go ]; do sleep 1; done; {KINDS[i % len(KINDS)]}"],
                             **SMALL)["id"]
    with ThreadPoolExecutor(side_by_side) as pool:
        return list(pool.map(one, range(count)))


def due(client, ids, seconds):
    """Sets all deadlines to one moment, in so many seconds; returns that moment (Unix)."""
    at = time.time() + seconds
    text = datetime.datetime.utcfromtimestamp(at).strftime("%Y-%m-%dT%H:%M:%S.%f")[:23] + "Z"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: client.good("PATCH", f"/sandbox/{i}", {"expires_at": text}), ids))
    return at


def unleash(home, ids):
    for sandbox in ids:
        (home / f"agent/volumes/{sandbox}/0/go").touch()


def processes(file):
    try:
        return bool(file.read_text())
    except OSError:
        return False # the cgroup is gone


def gone(files, since, until):
    """For each cgroup.procs the time at which it was first seen empty, in seconds after since; None: not
    until then."""
    left, when = dict(enumerate(files)), {}
    try:
        os.nice(-15) # the test itself should not disturb what it measures
    except OSError:
        pass
    while left and time.time() < until:
        for i, file in list(left.items()):
            if not processes(file):
                when[i] = time.time() - since
                del left[i]
        time.sleep(0.02)
    return [when.get(i) for i in range(len(files))]
