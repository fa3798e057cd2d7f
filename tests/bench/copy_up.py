#!/usr/bin/python3
"""What the copying of an image's files to a sandbox's disk costs its start: the median time of a create, of that from the
same image without such files, in turn in one run; and what plain Docker takes for the same (run -d, of its own run without).

usage: copy_up.py [ROUNDS]   (needs a running deploy/quickstart, whose env was sourced; an administrator's key)"""
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

URL = os.environ["CORRAL_URL"]
MIB = 1 << 20
http = requests.Session()
http.headers["X-API-Key"] = os.environ["CORRAL_API_KEY"]
BODY = {"memory_bytes": 128 * MIB, "cpu_millis": 1000, "storage_bytes": 256 * MIB}
WHAT = {
    "nothing": "mkdir /data",
    "100 files of 4 KiB": "mkdir /data && cd /data && for i in $(seq 100); do head -c 4096 /bin/busybox > $i; done",
    "2,000 files of 4 KiB": "mkdir /data && cd /data && for i in $(seq 2000); do head -c 4096 /bin/busybox > $i; done",
    "64 MiB in one": "mkdir /data && dd if=/dev/urandom of=/data/x bs=1M count=64",
}


def docker(*args):
    return subprocess.run(["/usr/bin/docker", *args], check=True, capture_output=True, text=True,
                          env={**os.environ, "DOCKER_BUILDKIT": "0"}).stdout.strip()


def build(number, text):
    with tempfile.TemporaryDirectory() as context:
        Path(context, "Dockerfile").write_text(f"FROM corral-base:latest\nUSER 0\nRUN {text} && chown -R 1000:1000 /data\nUSER 1000\nVOLUME /data\n")
        docker("build", "-q", "-t", f"bench-copy:{number}", context)
    return f"bench-copy:{number}"


def timed(act):
    begin = time.monotonic()
    made = act()
    return made, time.monotonic() - begin


def of_corral(image):
    answer, took = timed(lambda: http.post(URL + "/sandbox", json={**BODY, "image": image}, timeout=120))
    assert answer.status_code == 201, answer.text
    http.delete(f"{URL}/sandbox/{answer.json()['id']}", timeout=120)
    return took


def of_docker(image):
    container, took = timed(lambda: docker("run", "-d", "--network", "none", "--user", "1000:1000", image, "sleep", "60"))
    docker("rm", "-f", "-v", container)
    return took


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    images = {what: build(i, text) for i, (what, text) in enumerate(WHAT.items())}
    took = {(by, what): [] for by in (of_corral, of_docker) for what in images}
    for _ in range(rounds + 1): # the first round warms up
        for by, what in took:
            took[by, what].append(by(images[what]))
    median = {key: statistics.median(times[1:]) for key, times in took.items()}
    for what in images:
        print(f"{what}: {median[of_corral, what] / median[of_corral, 'nothing']:.2f} of a create without;"
              f" Docker: {median[of_docker, what] / median[of_docker, 'nothing']:.2f} of a run without")
    docker("rmi", *images.values())


main()
