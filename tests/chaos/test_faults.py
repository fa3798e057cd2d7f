"""Daemons that are killed, and what holds without them. These run last: they disturb the whole installation."""
import os
import signal
import subprocess
import time

from corral import ROOT, wait_until


def ready(corral):
    wait_until("the controller is ready", lambda: try_ready(corral), 20)
    wait_until("the node is back", lambda: corral.admin.good("GET", "/sandbox/system/nodes/node-1")["state"] == "ready", 20)


def try_ready(corral):
    try:
        return corral.admin.call("GET", "/readyz", timeout=2).status_code == 200
    except OSError:
        return False


def test_kill_the_controller(corral, user):
    ids = [user.create()["id"] for _ in range(2)]
    corral.kill("controller")
    corral.restart("controller")
    ready(corral)
    for sandbox_id in ids:
        assert user.show(sandbox_id)["state"] == "running"
        user.stats(sandbox_id)
    user.delete(ids[0])
    assert user.create()["state"] == "running"


def test_kill_the_agent(corral, user):
    sandbox = user.create(command=["sh", "-c", "sleep 6; exit 4"])
    other = user.create()
    corral.kill("agent")
    corral.restart("agent")
    ready(corral)
    assert user.show(other["id"])["state"] == "running"
    ended = user.wait(sandbox["id"], "stopped", 20)
    assert (ended["reason"], ended["exit_code"]) == ("exited", 4)
    user.delete(other["id"])
    assert other["id"] not in corral.docker("ps", "-a", "--format", "{{.Names}}").split()


def test_expiry_with_everything_else_gone(corral, user):
    sandbox = user.create(lifetime_seconds=10)
    begin = time.monotonic()
    corral.kill("controller")
    corral.postgres("stop")
    pid = int(corral.docker("inspect", "-f", "{{.State.Pid}}", sandbox["id"]))
    wait_until("its process is gone", lambda: not os.path.exists(f"/proc/{pid}"), 12 - (time.monotonic() - begin))
    wait_until("its container is gone", lambda: not corral.docker("ps", "-aq", "--filter", f"name={sandbox['id']}"), 5)
    corral.restart("postgres")
    corral.restart("controller")
    ready(corral)
    ended = user.wait(sandbox["id"], "stopped", 15)
    assert ended["reason"] == "expired"


def test_expiry_with_a_frozen_docker(corral, user):
    sandbox = user.create(lifetime_seconds=4)
    pid = int(corral.docker("inspect", "-f", "{{.State.Pid}}", sandbox["id"]))
    corral.kill("dockerd", signal.SIGSTOP)
    try:
        wait_until("its process is gone", lambda: not os.path.exists(f"/proc/{pid}"), 6)
    finally:
        corral.kill("dockerd", signal.SIGCONT)
    assert user.wait(sandbox["id"], "stopped", 40)["reason"] == "expired"


def test_expiry_with_a_restarted_agent_and_a_frozen_docker(corral, user):
    sandbox = user.create(lifetime_seconds=4)
    deadline = time.monotonic() + 4.5
    pid = int(corral.docker("inspect", "-f", "{{.State.Pid}}", sandbox["id"]))
    corral.kill("dockerd", signal.SIGSTOP)
    try:
        corral.kill("agent")
        wait_until("its deadline is past", lambda: time.monotonic() > deadline, 6)
        assert os.path.exists(f"/proc/{pid}"), "nobody is there to end it"
        restart = subprocess.Popen([ROOT / "deploy/quickstart", "--restart", "agent"], env=corral.environ,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("its process is gone", lambda: not os.path.exists(f"/proc/{pid}"), 6)
    finally:
        corral.kill("dockerd", signal.SIGCONT)
    assert restart.wait(60) == 0
    assert user.wait(sandbox["id"], "stopped", 40)["reason"] == "expired"


def test_the_database_goes_and_comes_back(corral, user):
    sandbox = user.create()
    corral.postgres("stop")
    problem = wait_until("a refusal", lambda: user.call("POST", "/sandbox", {}).status_code == 503 and
                         user.refused("POST", "/sandbox", {}), 10)
    assert problem["code"] in ("database_unavailable", "not_ready")
    corral.restart("postgres")
    ready(corral)
    assert user.show(sandbox["id"])["state"] == "running"
    wait_until("a create is taken", lambda: user.call("POST", "/sandbox", {}).status_code == 201, 20)


def test_docker_is_killed_and_comes_back(corral, user):
    sandbox = user.create(command=["sh", "-c", "sleep 600"])
    node = "/sandbox/system/nodes/node-1"
    pid = int(corral.docker("inspect", "-f", "{{.State.Pid}}", sandbox["id"]))
    corral.kill("dockerd")
    sick = wait_until("the host is sick", lambda: (n := corral.admin.good("GET", node))["state"] == "sick" and n, 15)
    assert "Docker" in sick["reason"]
    assert user.refused("POST", "/sandbox", {})["code"] == "no_capacity"
    assert os.path.exists(f"/proc/{pid}") and user.show(sandbox["id"])["state"] == "running"
    corral.quickstart()
    wait_until("it is well again", lambda: corral.admin.good("GET", node)["state"] == "ready", 20)
    assert os.path.exists(f"/proc/{pid}") and user.show(sandbox["id"])["state"] == "running"
    assert user.create()["state"] == "running"
    assert corral.sql("select count(*) from events where type = 'node.sick'") == "1"
