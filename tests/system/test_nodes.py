"""Several nodes: each a network namespace with a Docker and an agent."""
import os
import signal

import pytest
from corral import wait_until


def state(cluster, n):
    return cluster.admin.good("GET", f"/sandbox/system/nodes/node-{n}")["state"]


def test_sandboxes_are_spread(cluster):
    user = cluster.user("spread", tier="pro")
    made = [user.create(memory_bytes=32 << 20) for _ in range(6)]
    assert sorted(s["node"] for s in made) == ["node-1"] * 3 + ["node-2"] * 3
    for n in (1, 2):
        names = cluster.docker("ps", "--format", "{{.Names}}", node=n).split()
        assert sorted(names) == sorted(s["id"] for s in made if s["node"] == f"node-{n}")
    stats = cluster.admin.good("GET", "/sandbox/system/stats")
    assert stats["sandboxes"]["by_node"] == {"node-1": 3, "node-2": 3} and stats["nodes"]["by_state"] == {"ready": 2}
    for sandbox in made:
        user.delete(sandbox["id"])


def test_every_node_is_cleaned_up(cluster):
    for n in (1, 2):
        cluster.docker("create", "--label", "corral.sandbox=sbx_none", "--label", f"corral.cluster={cluster.installed_as}",
                     "corral-base:latest", "true", node=n)
    cleaned = cluster.admin.good("POST", "/sandbox/system/cleanup")
    assert cleaned["found"]["orphan_container"] == cleaned["removed"]["orphan_container"] == 2
    assert not cluster.docker("ps", "-aq", node=1) + cluster.docker("ps", "-aq", node=2)


def test_a_node_that_is_lost_and_returns(cluster):
    user = cluster.user("lost", tier="pro")
    made = {s["node"]: s["id"] for s in (user.create(memory_bytes=32 << 20) for _ in range(2))}
    cluster.kill("agent-2", signal.SIGSTOP)
    try:
        cleaned = cluster.admin.good("POST", "/sandbox/system/cleanup") # which waits until the node is lost
        row = cluster.admin.good("GET", "/sandbox/system/audit")["items"][0]
        assert (row["action"], row["after"]["silent"]) == ("system.cleanup", ["node-2"]) and cleaned["duration_ms"] < 20000
        wait_until("the node is unreachable", lambda: state(cluster, 2) == "unreachable", 20)
        user.wait(made["node-2"], "lost", 5)
        assert user.show(made["node-1"])["state"] == "running"
        late = user.call("DELETE", f"/sandbox/{made['node-2']}")
        assert late.status_code == 202 and late.json()["state"] == "stopping"
        assert user.create(memory_bytes=32 << 20)["node"] == "node-1"
    finally:
        cluster.kill("agent-2", signal.SIGCONT)
    wait_until("the node is back", lambda: state(cluster, 2) == "ready", 20)
    assert user.wait(made["node-2"], "stopped", 15)["reason"] == "deleted"
    assert made["node-2"] not in cluster.docker("ps", "-a", "--format", "{{.Names}}", node=2).split()
    types = [e["type"] for e in user.good("GET", f"/sandbox/{made['node-2']}/events")["items"]]
    assert types.count("sandbox.lost") == 1 and types[-1] == "sandbox.stopped"
    for sandbox in user.good("GET", "/sandbox")["items"]:
        user.delete(sandbox["id"])


def test_a_lost_sandbox_returns(cluster):
    user = cluster.user("returns", tier="pro")
    sandbox = next(s for s in (user.create(memory_bytes=32 << 20) for _ in range(2)) if s["node"] == "node-1")["id"]
    cluster.kill("agent-1")
    wait_until("the sandbox is lost", lambda: user.show(sandbox)["state"] == "lost", 20)
    cluster.restart("agent-1")
    user.wait(sandbox, "running", 15)
    types = [e["type"] for e in user.good("GET", f"/sandbox/{sandbox}/events")["items"]]
    assert types.count("sandbox.lost") == types.count("sandbox.returned") == 1
    user.stats(sandbox)
    for s in user.good("GET", "/sandbox")["items"]:
        user.delete(s["id"])


def test_stop_ends_all_as_the_administrator(cluster):
    user = cluster.user("stopped", tier="pro")
    sandbox = user.create(memory_bytes=32 << 20)["id"]
    pids = [cluster.pid(n) for n in ("controller", "agent-1", "agent-2", "dockerd-1", "dockerd-2")]
    cluster.quickstart("--stop")
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    cluster.quickstart()
    ended = user.show(sandbox)
    assert (ended["state"], ended["reason"]) == ("stopped", "admin")
    cluster.quickstart("--stop")
    cluster.quickstart("--stop")
    cluster.quickstart() # for the tests that come
