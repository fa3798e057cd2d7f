"""The disk of Docker's images is full in the middle of a pull that was ordered: a real file system, of a size of its own."""
import subprocess
import uuid
from urllib.parse import quote

import pytest
from corral import Corral, wait_until
from registries import LyingRegistry, bomb

IMAGES = "/sandbox/system/images"
SIZE = 600 << 20


def small_disk(home):
    (home / "docker").mkdir()
    with open(home / "disk", "wb") as f:
        f.truncate(SIZE)
    subprocess.run(["mkfs.ext4", "-q", home / "disk"], check=True, capture_output=True)
    subprocess.run(["mount", "-o", "loop", home / "disk", home / "docker"], check=True)


@pytest.fixture(scope="module")
def small():
    installation = Corral(prepare=small_disk, CORRAL_REGISTRIES="docker.io,127.0.0.1:5000", CORRAL_IMAGE_FREE_BYTES="0",
                          CORRAL_IMAGE_DISK_HIGH_PERCENT="100")
    yield installation
    installation.quickstart("--stop")
    subprocess.run(["umount", installation.home / "docker"], check=True)
    installation.reset()


def free(small):
    used, left = subprocess.run(["df", "-B1", "--output=used,avail", small.home / "docker"], capture_output=True, text=True, check=True).stdout.split()[-2:]
    return int(left)


def test_full_in_the_middle(small):
    """The pull fails and says why, what it took is given back, and sandboxes start as before; it is the same the next time."""
    user = small.user("full", tier="pro")
    before, pids = free(small), [small.pid("agent"), small.pid("dockerd")]
    with LyingRegistry(small, bomb(2)) as registry:
        for _ in range(2):
            ref = f"{registry.address[0]}:{registry.address[1]}/lying/{uuid.uuid4().hex}:1"
            small.admin.good("POST", IMAGES, {"ref": ref}, status=202)
            path = f"{IMAGES}/{quote(ref, safe='')}"
            seen = wait_until("the pull fails", lambda: next(
                (n for n in small.admin.good("GET", path)["nodes"] if n["state"] == "failed"), None), 90)
            assert "no space left" in seen["problem"], seen
            wait_until("the disk is as it was", lambda: free(small) > before - (20 << 20), 30)
            sandbox = user.create(memory_bytes=32 << 20, storage_bytes=16 << 20)
            user.delete(sandbox["id"])
            small.admin.good("DELETE", path, status=204)
    assert [small.pid("agent"), small.pid("dockerd")] == pids
    assert small.admin.good("GET", "/sandbox/system/nodes/node-1")["state"] == "ready"
