"""A node whose own disk fails every start: it is unhealthy after the third, and other nodes get the
sandboxes until it is healthy again."""
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from corral import TORN, wait_until
from hermits import SMALL


@contextmanager
def no_records(cluster, node):
    """Nothing can be written to the folder of a node's records, because the folder is missing."""
    folder = cluster.home / f"agent-{node}/records"
    away = folder.rename(folder.with_name("records.away"))
    try:
        yield
    finally:
        away.rename(folder)


@contextmanager
def full(folder):
    """Mounts a file system without a free byte or inode over a folder."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k,nr_inodes=8,mode=711", "full", folder], check=True)
    try:
        try:
            for i in range(8):
                (folder / f"x{i}").write_bytes(bytes(8192))
        except OSError:
            pass
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def folder_of(cluster, what):
    """What a start writes to: the agent's records, or its disks; Docker's files of containers, or
    containerd's of tasks."""
    docker = cluster.home / "docker-1"
    return {"records": lambda: cluster.home / "agent-1/records", "disks": lambda: cluster.home / "agent-1/volumes",
            "docker": lambda: next(docker.glob("data/*/containers")),
            "containerd": lambda: next(docker.glob("exec/containerd/daemon/io.containerd.runtime.v2.task/moby"))}[what]()


def rescheduled(cluster, sandboxes):
    ids = ",".join(f"'{s['id']}'" for s in sandboxes)
    return cluster.sql(f"select sandbox_id, data->>'from_node', data->>'node' from events where type = 'sandbox.rescheduled' "
                     f"and sandbox_id in ({ids})").splitlines()


def history(cluster, user):
    """The events of the sandboxes that did not start."""
    return cluster.sql(f"select e.sandbox_id, e.at, e.type, e.data from events e join sandboxes s on s.id = e.sandbox_id "
                     f"where s.user_id = '{user.user_id}' and s.state = 'failed' order by e.seq")


def state(cluster, node):
    return cluster.admin.good("GET", f"/sandbox/system/nodes/{node}")


def test_a_node_that_fails_every_start_takes_no_more(cluster):
    user = cluster.user("starts", tier="enterprise")
    cluster.admin.good("POST", "/sandbox/system/nodes/node-2/cordon") # so that all of them are placed on the failing node
    with no_records(cluster, 1):
        for _ in range(3):
            assert user.refused("POST", "/sandbox", SMALL)["code"] == "start_failed"
        unhealthy = wait_until("the node is unhealthy", lambda: (n := state(cluster, "node-1"))["state"] == "unhealthy" and n, 10)
        assert "its last 3 starts failed" in unhealthy["reason"], unhealthy
        cluster.admin.good("POST", "/sandbox/system/nodes/node-2/uncordon")
        made = [user.create(**SMALL) for _ in range(3)]
        assert {s["node"] for s in made} == {"node-2"}
    wait_until("the node is tried again", lambda: state(cluster, "node-1")["state"] == "ready", 40)
    cluster.admin.good("POST", "/sandbox/system/nodes/node-2/cordon")
    well = user.create(**SMALL)
    assert well["node"] == "node-1"
    cluster.admin.good("POST", "/sandbox/system/nodes/node-2/uncordon")
    for sandbox in made + [well]:
        user.delete(sandbox["id"])


def test_what_an_image_is_to_blame_for_does_not_count(cluster):
    user = cluster.user("blames", tier="enterprise")
    for _ in range(4):
        assert user.refused("POST", "/sandbox", {"image": "corral-no-such-image", **SMALL})["status"] in (422, 502)
    assert {state(cluster, f"node-{i}")["state"] for i in (1, 2)} == {"ready"}


def begins_again(cluster, user):
    wait_until("the node is tried again", lambda: state(cluster, "node-1")["state"] == "ready", 80)
    cluster.admin.good("POST", "/sandbox/system/nodes/node-2/cordon")
    try:
        well = user.create(**SMALL)
        assert well["node"] == "node-1"
        user.delete(well["id"])
    finally:
        cluster.admin.good("POST", "/sandbox/system/nodes/node-2/uncordon")


def unhealthy_reasons(cluster, node):
    """All reasons, also past ones: an unhealthy node is tried again after a while, and may become unhealthy
    again."""
    return cluster.sql(f"select data->>'reason' from events where type = 'node.unhealthy' and node = '{node}' order by seq").splitlines()


def create_all(user, count):
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda _: user.call("POST", "/sandbox", SMALL), range(count)))


def delete_all(user):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda s: user.delete(s["id"]), user.good("GET", "/sandbox?limit=200")["items"]))


@pytest.mark.parametrize("what, crowd", [("records", 30), ("disks", 6), ("docker", 6), ("containerd", 6)])
def test_no_create_fails_while_another_node_has_room(cluster, what, crowd):
    user = cluster.user("crowd-" + what, tier="enterprise")
    before = len(unhealthy_reasons(cluster, "node-1"))
    try:
        with full(folder_of(cluster, what)):
            answers = create_all(user, crowd)
            assert {a.status_code for a in answers} == {201}, history(cluster, user)
            made = [a.json() for a in answers]
            assert {s["node"] for s in made} == {"node-2"}
            said = wait_until("the node is unhealthy", lambda: unhealthy_reasons(cluster, "node-1")[before:], 10)
            assert "its last 3 starts failed" in said[0], said
        moves = rescheduled(cluster, made)
        assert len(moves) >= 3 and len(set(moves)) == len(moves), moves
        assert all(m.endswith("|node-1|node-2") for m in moves), moves
        assert user.good("GET", "/sandbox/quota/usage")["used"]["sandboxes"] == crowd
        assert state(cluster, "node-1")["reserved"]["sandboxes"] == 0
        assert state(cluster, "node-2")["reserved"]["sandboxes"] == crowd
        wait_until("nothing of the sandboxes is left on the node", lambda: cluster.docker("ps", "-aq", "--filter", "label=corral.sandbox", node=1) == "", 20)
    finally:
        delete_all(user)
        begins_again(cluster, user)
    assert cluster.sql(TORN) == ""


def test_a_node_that_the_database_knows_to_be_ill_before_its_controller_does(cluster):
    """The node became unhealthy between the choice and the admission: another node is chosen."""
    user = cluster.user("between", tier="enterprise")
    made = []
    for _ in range(3): # spread over the nodes: one at least is for node-1
        cluster.sql("update nodes set health = 'unhealthy' where name = 'node-1'")
        made.append(user.create(**SMALL))
    for sandbox in made:
        user.delete(sandbox["id"])
    wait_until("the leader finds the change by comparing", lambda: state(cluster, "node-1")["state"] == "ready", 20)


def build(cluster, tag, dockerfile):
    for node in (1, 2):
        subprocess.run(["/usr/bin/docker", "-H", f"unix://{cluster.home}/run/docker-{node}.sock", "build", "-q", "-t", tag, "-"],
                       input=dockerfile, text=True, env={**cluster.environ, "DOCKER_BUILDKIT": "0"}, check=True, capture_output=True,
                       timeout=60)


def test_what_a_tenant_brings_about_is_no_nodes_fault(cluster):
    """Images and limits that fail on every node make no node unhealthy: a path in the image that reads like
    a node's fault, or limits that are too small for anything."""
    user = cluster.user("provokes", tier="enterprise")
    build(cluster, "provokes:file", "FROM corral-base:latest\nUSER root\nRUN rm -rf /tmp && touch /tmp\n")
    build(cluster, "provokes:words", 'FROM corral-base:latest\nVOLUME ["/x: no space left on device"]\n')
    build(cluster, "provokes:deep", "FROM corral-base:latest\nVOLUME " + " ".join(
        f"/workspace/{c}/" + "/".join(c * 115) for c in "abcdefghijklmnopqrstuvwxyz") + "\n")
    starved = {"memory_bytes": 6291456, "cpu_millis": 10, "pids": 1, "storage_bytes": 4194304}
    for _ in range(4):
        for body in ({"image": "provokes:file", **starved}, {"image": "provokes:words", **starved}, {"image": "provokes:deep", **starved},
                     {"command": ["/no/such/command"], **starved}, {"command": ["/etc/passwd"], **starved}):
            answer = user.call("POST", "/sandbox", body)
            if answer.status_code == 201:
                user.delete(answer.json()["id"])
    assert not [(n["name"], n["reason"]) for n in (state(cluster, f"node-{i}") for i in (1, 2)) if n["state"] != "ready"]
    assert cluster.sql(f"select count(*) from events where type = 'sandbox.rescheduled' and user_id = '{user.user_id}'") == "0"
