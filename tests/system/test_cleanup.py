"""The cleanup: one orphan of each kind is planted, and beside it a thing that only looks like it."""
import contextlib
import fcntl
import json
import os
import random
import subprocess
import time
from pathlib import Path

import pytest
from corral import wait_until
from node_peer import say_hello
from registries import Registry

KINDS = ("expired", "orphan_container", "volume", "network", "state_file", "stale_session", "row_without_container", "image")
NOTHING = dict.fromkeys(KINDS, 0)


def new_id():
    return "sbx_0" + "".join(random.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=25))


def cleanup(corral, **body):
    answer = corral.admin.good("POST", "/sandbox/system/cleanup", body or None, status=200)
    assert set(answer["found"]) == set(answer["removed"]) == set(KINDS)
    return answer


def audit(corral):
    return [r for r in corral.admin.good("GET", "/sandbox/system/audit?limit=200")["items"] if r["action"] == "system.cleanup"]


def cleaned(corral, kind):
    text = corral.admin.call("GET", "/metrics").text
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(f'corral_cleanup_removed_total{{kind="{kind}"}}'))


def node_is_ready(corral):
    def ready():
        try:
            return corral.admin.call("GET", "/sandbox/system/nodes/node-1", timeout=5).json().get("state") == "ready"
        except OSError:
            return False
    wait_until("the node is ready", ready, 20)


@pytest.fixture
def clean(corral):
    """The node is cleaned up before, and all that a test planted is removed after it, foreign things too."""
    node_is_ready(corral)
    wait_until("nothing is left of other tests", lambda: cleanup(corral)["found"] == NOTHING, 20)
    with contextlib.ExitStack() as stack:
        yield stack
    wait_until("nothing is left", lambda: cleanup(corral)["found"] == NOTHING, 20)


def label(device, text):
    """Labels a loop device as the agent labels that of a disk: lo_file_name of loop(4)."""
    with open(device, "rb") as f:
        info = bytearray(fcntl.ioctl(f, 0x4C05, bytes(232))) # LOOP_GET_STATUS64
        info[56:120] = text.encode().ljust(64, b"\0")
        fcntl.ioctl(f, 0x4C04, bytes(info)) # LOOP_SET_STATUS64


class Plants:
    """The planted things. ours: name → whether it still exists; foreign: the same, and these must stay."""

    def __init__(self, corral, user, undo):
        self.corral, self.user, self.undo = corral, user, undo
        self.state = corral.home / "agent"
        self.ours, self.foreign = {}, {}

    def docker_there(self, kind, name):
        return name in self.corral.docker(kind, "ls", *(["-a"] if kind == "container" else []), "--format",
                                          "{{.Name}}" if kind == "network" else "{{.Names}}").split()

    def docker(self, where, kind, name, *options):
        words = ["--name", name, *options, "corral-base:latest", "true"] if kind == "container" else [*options, name]
        self.corral.docker(kind, "create", *words)
        where[f"{kind} {name}"] = lambda: self.docker_there(kind, name)
        self.undo.callback(lambda: self.docker_there(kind, name) and self.corral.docker(kind, "rm", name))

    def path(self, where, path, make):
        make(path)
        where[str(path)] = path.exists
        self.undo.callback(lambda: path.exists() and (path.rmdir() if path.is_dir() else path.unlink()))

    def containers(self):
        labels = lambda sandbox, of: ["--label", f"corral.sandbox={sandbox}", "--label", f"corral.cluster={of}"]
        ours = self.corral.installed_as
        self.docker(self.ours, "container", "orphan", *labels(new_id(), ours))
        self.docker(self.ours, "container", "made-up", *labels("sbx_none", ours))
        self.docker(self.foreign, "container", "of-another-cluster", *labels(new_id(), "another"))
        self.docker(self.foreign, "container", "of-nobody")
        return 2

    def networks(self):
        ours = f"corral.cluster={self.corral.installed_as}"
        self.docker(self.ours, "network", "orphan-net", "--label", f"corral.sandbox={new_id()}", "--label", ours)
        self.docker(self.foreign, "network", "used-net", "--label", ours)
        self.docker(self.foreign, "container", "its-user", "--network", "used-net")
        self.docker(self.foreign, "network", "another-net", "--label", "corral.cluster=another")
        return 1

    def disks(self):
        volumes = self.state / "volumes"
        disk = lambda path: subprocess.run(["truncate", "-s", "4M", path], check=True)
        plain, mounted, looped = volumes / f"{new_id()}.img", volumes / f"{new_id()}.img", volumes / f"{new_id()}.img"
        self.path(self.ours, plain, lambda path: (path.mkdir(), disk(path / "disk")))
        self.path(self.ours, mounted, disk)
        self.path(self.ours, mounted.with_suffix(""), Path.mkdir)
        subprocess.run(["mkfs.ext4", "-q", "-F", mounted], check=True)
        subprocess.run(["mount", "-o", "loop", mounted, mounted.with_suffix("")], check=True)
        looped.mkdir()
        disk(looped / "disk")
        device = subprocess.run(["losetup", "-f", "--show", looped / "disk"], check=True, capture_output=True, text=True).stdout.strip()
        label(device, f"{looped.stem} {volumes.stat().st_ino:x}")
        (looped / "disk").unlink()
        looped.rmdir()
        self.ours[f"loop device {device}"] = lambda: str(looped) in subprocess.run(
            ["losetup", "-a"], capture_output=True, text=True).stdout
        for name in ("notes.img", f"{new_id()}.img.kept"):
            self.path(self.foreign, volumes / name, disk)
        return 3

    def files(self):
        records, links = self.state / "records", self.state / "links"
        for name in (new_id(), f"{new_id()}.new", f"{new_id()}.bad"):
            self.path(self.ours, records / name, Path.touch)
        self.path(self.ours, links / new_id(), Path.mkdir)
        self.path(self.foreign, records / "README", Path.touch)
        self.path(self.foreign, links / "another", Path.mkdir)
        parents = [p for p in (*Path("/sys/fs/cgroup").glob(f"*/{self.corral.installed_as}-1"),
                               Path("/sys/fs/cgroup") / f"{self.corral.installed_as}-1") if p.is_dir()]
        assert parents
        orphan, foreign = os.urandom(32).hex(), "another"
        for parent in parents:
            self.path(self.ours, parent / orphan, Path.mkdir)
            self.path(self.foreign, parent / foreign, Path.mkdir)
        return 5

    def row(self, expires):
        sandbox = new_id()
        self.corral.sql(
            "insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes,"
            f" pids, nofile, state, spec, expires_at) values ('{sandbox}', '{self.user.user_id}', '{self.user.key_id}', 'pro',"
            f" 'corral-base:latest', 'node-1', 1, 1, 2, 1, 1, 1, 'running', '', now() + interval '{expires}')")
        self.ours[f"row {sandbox}"] = lambda: self.user.show(sandbox)["state"] == "running"
        return sandbox

    def there(self, of):
        return {name: bool(there()) for name, there in of.items()}


def test_one_of_each_kind(corral, user, clean):
    live = user.create()
    corral.kill("controller") # restarts the minute until the controller next reads new rows: that reading would end the rows by itself
    corral.restart("controller")
    node_is_ready(corral)
    plants = Plants(corral, user, clean)
    clean.callback(say_hello(corral.port + 4420, corral.home / "pki", "node-1").close)
    found = {**NOTHING, "stale_session": 1}
    found.update(orphan_container=plants.containers(), volume=plants.disks(), network=plants.networks(),
                 state_file=plants.files())
    wait_until("the challenge is no longer valid", lambda: cleanup(corral, dry_run=True)["found"]["stale_session"], 20, 0.5)
    expired, unheld = plants.row("-1 minute"), plants.row("1 hour")
    found.update(expired=1, row_without_container=1)

    before = len(audit(corral))
    dry = cleanup(corral, dry_run=True)
    assert dry["dry_run"] is True and dry["found"] == found and dry["removed"] == NOTHING, dry
    assert all(plants.there(plants.ours).values()), plants.there(plants.ours)
    counted = cleaned(corral, "volume")

    real = cleanup(corral)
    assert real["dry_run"] is False and real["found"] == found and real["removed"] == found, real
    assert real["duration_ms"] < 30000
    assert not any(plants.there(plants.ours).values()), plants.there(plants.ours)
    assert all(plants.there(plants.foreign).values()), plants.there(plants.foreign)
    for sandbox, reason in ((expired, "expired"), (unheld, "orphaned")):
        ended = user.show(sandbox)
        assert (ended["state"], ended["reason"]) == ("stopped", reason) and ended["detail"]
        events = [e for e in user.good("GET", f"/sandbox/{sandbox}/events")["items"] if e["type"] == "sandbox.stopped"]
        assert len(events) == 1 and events[0]["data"]["reason"] == reason
    assert cleaned(corral, "volume") == counted + found["volume"]

    again = cleanup(corral)
    assert again["found"] == again["removed"] == NOTHING
    rows = audit(corral)
    assert len(rows) == before + 3 # every kind was asked for
    assert rows[1]["after"] == {"dry_run": False, "found": found, "removed": found, "silent": []}
    assert rows[1]["user"] and rows[1]["key"] and rows[1]["target"] == ""
    assert user.show(live["id"])["state"] == "running"
    user.stats(live["id"])
    assert (plants.state / "volumes" / f"{live['id']}.img").exists() and (plants.state / "records" / live["id"]).exists()


def test_a_node_cleans_up_by_itself(corral, user, clean):
    """An agent that starts looks for what its last life left, and its report is stored once."""
    plants = Plants(corral, user, clean)
    before = len(audit(corral))
    corral.kill("agent")
    try:
        found = {**NOTHING, "orphan_container": plants.containers(), "volume": plants.disks()}
    finally:
        corral.restart("agent")
    wait_until("the orphans are gone", lambda: not any(plants.there(plants.ours).values()), 20)
    row = wait_until("the report is stored", lambda: (r := audit(corral)) and len(r) > before and r[0], 15)
    assert (row["target"], row["user"]) == ("node-1", "")
    assert row["after"] == {"dry_run": False, "found": found, "removed": found, "silent": []}
    assert all(plants.there(plants.foreign).values())
    node_is_ready(corral)
    cleanup(corral) # a report that was not acknowledged would be sent again with it
    assert len(audit(corral)) == before + 2


def test_while_sandboxes_come_and_go(corral, user, clean):
    """A cleanup removes nothing of a sandbox that starts, and nothing of one that has just ended."""
    ids = []
    for _ in range(6):
        made = user.call("POST", "/sandbox", {"memory_bytes": 32 << 20}, headers={"Prefer": "respond-async"})
        assert made.status_code == 202
        ids.append(made.json()["id"])
        assert cleanup(corral)["found"] == NOTHING
    for sandbox in ids:
        user.wait(sandbox, "running", 30)
    for sandbox in ids:
        ended = user.call("DELETE", f"/sandbox/{sandbox}")
        assert ended.status_code == 204
        assert cleanup(corral)["found"] == NOTHING


@pytest.fixture
def registry(corral, tmp_path):
    """A registry that only the node's Docker can reach."""
    with Registry(corral, tmp_path) as registry:
        yield registry


def names_of_images(corral):
    return corral.docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()


def commit_image(corral, ref):
    corral.docker("container", "create", "--name", "of-an-image", "corral-base:latest", "true")
    corral.docker("commit", "--change", f"LABEL of={ref}", "of-an-image", ref)
    corral.docker("container", "rm", "of-an-image")


def test_images_that_the_agent_pulled(corral, user, clean, registry):
    pulled, foreign, file = f"{registry.address}/cleaned:1", "mine:1", corral.home / "agent/images"
    names = lambda: names_of_images(corral)
    for ref in (pulled, foreign):
        commit_image(corral, ref)
    clean.callback(lambda: corral.docker("rmi", foreign))

    registry.push(pulled)
    corral.docker("rmi", pulled)
    user.delete(user.create(image=pulled)["id"])
    assert pulled in names() and pulled in file.read_text()
    assert cleanup(corral)["found"] == NOTHING # the image was used just now

    corral.kill("agent")
    week_ago = str(int((time.time() - 8 * 86400) * 1000))
    head, entry = file.read_text().splitlines()
    file.write_text(f"{head}\n{' '.join([week_ago, *entry.split()[1:]])}\n")
    corral.restart("agent")
    node_is_ready(corral)
    corral.docker("container", "create", "--name", "its-user", pulled, "true")
    assert cleanup(corral, dry_run=True)["found"]["image"] == 0
    corral.docker("container", "rm", "its-user")
    dry = cleanup(corral, dry_run=True)
    assert (dry["found"]["image"], dry["removed"]["image"]) == (1, 0) and pulled in names()
    real = cleanup(corral)
    assert (real["found"]["image"], real["removed"]["image"]) == (1, 1)
    assert pulled not in names() and {foreign, "corral-base:latest"} <= set(names())
    assert file.read_text() == f"{head}\n"
    assert cleanup(corral)["found"] == NOTHING


def test_images_go_while_the_disk_is_too_full(corral, user, clean, registry):
    """Above its high mark, the longest unused go, but none that was used in the last minutes, has a container
    or was not pulled. Below it all of them stay."""
    file, ago = corral.home / "agent/images", {"old": 30, "fresh": 5, "used": 40}
    pulled = {name: f"{registry.address}/full-{name}:1" for name in ago}
    for ref in (*pulled.values(), "mine:2"):
        commit_image(corral, ref)
    clean.callback(lambda: corral.docker("rmi", "mine:2"))
    for ref in pulled.values():
        registry.push(ref)
        corral.docker("rmi", ref)
        user.delete(user.create(image=ref)["id"])
    runs = user.create(image=pulled["used"])["id"]

    corral.kill("agent")
    head, *entries = file.read_text().splitlines()
    for name, minutes in ago.items():
        at = str(int((time.time() - minutes * 60) * 1000))
        entries = [" ".join([at, *entry.split()[1:]]) if entry.endswith(pulled[name]) else entry for entry in entries]
    file.write_text("\n".join([head, *entries, ""]))
    corral.restart("agent", CORRAL_IMAGE_DISK_HIGH_PERCENT="100")
    node_is_ready(corral)
    assert cleanup(corral, dry_run=True)["found"]["image"] == 0

    corral.kill("agent")
    corral.restart("agent", CORRAL_IMAGE_DISK_HIGH_PERCENT="1", CORRAL_IMAGE_DISK_LOW_PERCENT="0")
    try:
        node_is_ready(corral)
        assert cleanup(corral, dry_run=True)["found"]["image"] == 1
        assert cleanup(corral)["removed"]["image"] == 1
        assert pulled["old"] not in names_of_images(corral)
        assert {pulled["fresh"], pulled["used"], "mine:2", "corral-base:latest"} <= set(names_of_images(corral))
    finally:
        user.delete(runs)
        corral.kill("agent")
        corral.restart("agent", CORRAL_IMAGE_DISK_HIGH_PERCENT="85", CORRAL_IMAGE_DISK_LOW_PERCENT="80")
        node_is_ready(corral)
        for name in ("fresh", "used"):
            corral.docker("rmi", pulled[name])


def test_the_image_of_all_that_name_none_is_in_use(corral, user, clean):
    """The base image was pulled, and no sandbox has named it for a week: the node keeps it, since it needs
    it."""
    file, week_ago = corral.home / "agent/images", str(int((time.time() - 8 * 86400) * 1000))
    entry = f"{week_ago} {corral.docker('image', 'inspect', '-f', '{{.Id}}', 'corral-base:latest').strip()}"
    corral.kill("agent")
    before = file.read_text() if file.exists() else "corral-images 1\n"
    file.write_text(f"{before}{entry} docker.io/library/corral-base:latest\n")
    corral.restart("agent")
    try:
        node_is_ready(corral)
        wait_until("the use of the image is recorded", lambda: entry not in file.read_text(), 30)
        assert "docker.io/library/corral-base:latest" in file.read_text()
        assert cleanup(corral, dry_run=True)["found"]["image"] == 0
    finally:
        corral.kill("agent")
        file.write_text(before)
        corral.restart("agent")


def test_who_may_ask_and_how(corral, user):
    assert user.refused("POST", "/sandbox/system/cleanup")["status"] == 403
    for body in ({"dry": True}, {"dry_run": "yes"}, []):
        assert corral.admin.refused("POST", "/sandbox/system/cleanup", body)["code"] == "invalid"
    assert cleanup(corral, dry_run=False)["dry_run"] is False
    done = corral.cli("system", "cleanup", "--dry-run", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["dry_run"] is True
    done = corral.cli("system", "cleanup")
    assert done.returncode == 0 and "found.orphan_container" in done.stdout, done
