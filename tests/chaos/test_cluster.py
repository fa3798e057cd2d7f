"""A node that is cut off from the controller: what it does alone, and what it reports when it is back."""
import subprocess
from contextlib import contextmanager

import pytest
from corral import TORN, Corral, wait_until
from hermits import SMALL, Hermits, pid_of, runs


@pytest.fixture(scope="module")
def cluster():
    installation = Corral(nodes=2)
    installation.admin.good("POST", "/sandbox/system/nodes/node-1/cordon") # all sandboxes on node 2
    yield installation
    try:
        assert installation.sql(TORN) == ""
    finally:
        installation.reset()


@contextmanager
def cut_off(cluster):
    """Node 2 without its network."""
    def link(state):
        subprocess.run(["nsenter", f"--net=/run/netns/{cluster.installed_as}-net", "ip", "link", "set", "host3", state], check=True)
    link("down")
    try:
        yield
    finally:
        link("up")


def is_back(cluster):
    wait_until("node-2 is back", lambda: cluster.admin.good("GET", "/sandbox/system/nodes/node-2")["state"] == "ready", 40)


def test_ends_in_a_partition_shorter_than_the_lease(cluster):
    user = cluster.user("short", tier="pro")
    hermits = Hermits(cluster, user, node=2, later=8).near_their_ends()
    with cut_off(cluster):
        hermits.end_alone()
    is_back(cluster)
    hermits.are_told_truly()
    assert cluster.late(user) == ""


def test_what_a_node_that_is_away_has_to_hear_of_is_202(cluster):
    """A change of a lost sandbox is answered with 202, since its node must make it; a change that needs no
    node is made at once."""
    user = cluster.user("changes", tier="pro")
    sandbox = user.create(**SMALL)["id"]
    lives = {"lifetime_seconds": 900}
    assert user.good("PATCH", f"/sandbox/{sandbox}", lives, status=200)["state"] == "running"
    with cut_off(cluster):
        user.wait(sandbox, "lost", 20)
        assert user.good("PATCH", f"/sandbox/{sandbox}", lives, status=202)["state"] == "lost"
        assert user.good("PATCH", f"/sandbox/{sandbox}", {"name": "renamed"}, status=200)["name"] == "renamed"
        done = cluster.cli("extend", sandbox, "--lifetime", "1000s")
        assert done.returncode == 0 and "carried out later" in done.stderr, done
    is_back(cluster)
    user.wait(sandbox, "running", 20)
    assert user.good("PATCH", f"/sandbox/{sandbox}", lives, status=200)
    user.delete(sandbox)


def test_ends_in_a_partition_longer_than_the_lease(cluster):
    user = cluster.user("long", tier="pro")
    lives = user.create(**SMALL)["id"]
    deleted = user.create(**SMALL)["id"]
    hermits = Hermits(cluster, user, node=2, later=8).near_their_ends()
    pid = pid_of(cluster, deleted, node=2)
    with cut_off(cluster):
        hermits.end_alone()
        user.wait(lives, "lost", 20)
        late = user.call("DELETE", f"/sandbox/{deleted}")
        assert late.status_code == 202 and late.json()["state"] == "stopping" and runs(pid)
    is_back(cluster)
    hermits.are_told_truly(but=("expired",))
    # Past its deadline and out of reach it was reported as ended: nothing else could be known, and an end is
    # never changed.
    ended = user.wait(hermits.made["expired"], "stopped", 5)
    assert ended["reason"] == "node_lost" and "node-2 was unreachable" in ended["detail"], ended
    user.wait(lives, "running", 20)
    assert user.wait(deleted, "stopped", 20)["reason"] == "deleted" and not runs(pid)
    types = [e["type"] for e in user.good("GET", f"/sandbox/{lives}/events")["items"]]
    assert types[-2:] == ["sandbox.lost", "sandbox.returned"]
    user.delete(lives)
    wait_until("nothing is left on node-2", lambda: not cluster.docker("ps", "-aq", "--filter", "label=corral.sandbox", node=2), 10)
