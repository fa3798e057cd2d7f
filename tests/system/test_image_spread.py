"""A name that an administrator updates stands for the new image on every node that has it."""
import os
import subprocess
import tempfile
import uuid
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest
from corral import wait_until
from registries import Registry

IMAGES = "/sandbox/system/images"
SMALL = {"memory_bytes": 32 << 20, "cpu_millis": 50, "storage_bytes": 16 << 20}


@pytest.fixture(scope="module")
def registry(cluster, tmp_path_factory):
    """One registry, as each node sees it on its own loopback."""
    folder = tmp_path_factory.mktemp("registry")
    with ExitStack() as stack:
        yield [stack.enter_context(Registry(cluster, folder, node)) for node in (1, 2)][0]


def push(cluster, ref):
    context = Path(tempfile.mkdtemp(dir=cluster.home))
    (context / "Dockerfile").write_text(f"FROM corral-base:latest\nLABEL of={uuid.uuid4().hex}\n")
    other = ref.replace("127.0.0.1", "localhost")
    subprocess.run(["/usr/bin/docker", "-H", f"unix://{cluster.home}/run/docker-1.sock", "build", "-q", "-t", other, context],
                   env={**os.environ, "DOCKER_BUILDKIT": "0"}, check=True, capture_output=True, timeout=60)
    digest = cluster.docker("push", other, node=1).rsplit("digest: ", 1)[1].split()[0]
    cluster.docker("rmi", other, node=1)
    return digest


def held(cluster, ref):
    """What the entry stands for, and what each node has of it."""
    shown = cluster.admin.good("GET", f"{IMAGES}/{quote(ref, safe='')}")
    return shown["digest"], {n["node"]: (n["state"], n["digest"]) for n in shown["nodes"]}


def test_an_update(cluster, registry):
    user = cluster.user(f"spread-{uuid.uuid4().hex[:8]}", tier="pro")
    ref = f"{registry.address}/{uuid.uuid4().hex}/x:1"
    old = push(cluster, ref)
    cluster.admin.good("POST", IMAGES, {"ref": ref}, status=202)
    both = {node: ("present", old) for node in ("node-1", "node-2")}
    wait_until("both nodes have it", lambda: held(cluster, ref) == (old, both), 40)
    new = push(cluster, ref)
    cluster.admin.good("POST", IMAGES, {"ref": ref, "update": True}, status=202)
    both = {node: ("present", new) for node in both}
    wait_until("both nodes have the new one", lambda: held(cluster, ref) == (new, both), 60)
    events = [e for e in cluster.admin.good("GET", "/sandbox/events?limit=200&type=image.moved")["items"] if e["data"]["ref"] == ref]
    assert [(e["data"]["from"], e["data"]["to"]) for e in events] == [(old, new)]
    made = [user.create(**SMALL, image=ref) for _ in range(2)] # one on each: placement spreads
    assert {s["node"] for s in made} == {"node-1", "node-2"} and {s["image_digest"] for s in made} == {new}
    for sandbox in made:
        user.delete(sandbox["id"])

    cluster.admin.good("DELETE", f"{IMAGES}/{quote(ref, safe='')}", status=202)
    wait_until("the entry is gone", lambda: cluster.admin.call("GET", f"{IMAGES}/{quote(ref, safe='')}").status_code == 404, 40)
    left = [line for node in (1, 2) for line in cluster.docker("images", "--digests", "--format", "{{.Repository}}@{{.Digest}}", node=node).split()
            if line.startswith(ref.rsplit(":", 1)[0])]
    remembered = "".join(f.read_text() for f in cluster.home.glob("agent*/images"))
    # What is left goes by age: Corral still knows that it pulled it.
    assert remembered and all(line in remembered for line in left), (left, remembered)
