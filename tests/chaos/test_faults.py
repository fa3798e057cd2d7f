"""Daemons that are killed, frozen and cut off, and what holds without them. These tests run last: they
disturb the whole installation."""
import os
import random
import signal
import struct
import subprocess
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import agent_records
import pytest
import requests
from corral import BUILD_ROOT, FOREVER, ROOT, STAYS, UNTIL_TOLD, wait_until
from cut_docker import CutDocker
from hermits import SMALL, Hermits, pid_of, runs

ROUNDS = int(os.environ.get("CORRAL_CHAOS_ROUNDS", "5")) # seconds of random faults; many for a soak
SEED = int(os.environ.get("CORRAL_CHAOS_SEED", "1"))


def ready(corral):
    wait_until("the controller is ready", lambda: try_ready(corral), 20)
    wait_until("the node is back", lambda: corral.admin.good("GET", "/sandbox/system/nodes/node-1")["state"] == "ready", 20)


def try_ready(corral):
    try:
        return corral.admin.call("GET", "/readyz", timeout=2).status_code == 200
    except OSError:
        return False


def create(user, **body):
    """Creates as soon as a node takes sandboxes: a controller that has just begun waits for its nodes."""
    return wait_until("a node takes the sandbox", lambda: (a := user.call("POST", "/sandbox", body)).status_code == 201 and a.json(), 15)


def new_pid(corral, name, old):
    try:
        pid = corral.pid(name)
    except (OSError, ValueError):
        return None # it is about to be written
    return pid if pid != old and runs(pid) else None


def seconds_until_gone(pid, most):
    begin = time.monotonic()
    wait_until("the process is gone", lambda: not runs(pid), most, 0.01)
    return time.monotonic() - begin


def docker_dir(corral):
    return corral.home / "docker"


def unsettled(corral):
    """Sandboxes without a container, containers without a row, and all that is under way."""
    rows = set(corral.sql("select id from sandboxes where ended_at is null").split())
    names = set(corral.docker("ps", "-a", "--format", "{{.Names}}", "--filter", "label=corral.sandbox").split())
    on_the_way = corral.sql("select id, state from sandboxes where ended_at is null and state not in ('running', 'paused')")
    return [*(rows ^ names), *on_the_way.split()]


def wait_settled(corral, seconds):
    try:
        wait_until("all is settled", lambda: not unsettled(corral), seconds, 0.5)
    except AssertionError:
        raise AssertionError(f"not within {seconds} s: {unsettled(corral)}") from None


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
    sandbox = user.create(command=["sh", "-c", UNTIL_TOLD + "exit 4"])
    other = user.create()
    corral.kill("agent")
    corral.restart("agent")
    ready(corral)
    assert user.show(other["id"])["state"] == "running"
    corral.tell(sandbox["id"])
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
    wait_until("the process is gone", lambda: not os.path.exists(f"/proc/{pid}"), 12 - (time.monotonic() - begin))
    wait_until("the container is gone", lambda: not corral.docker("ps", "-aq", "--filter", f"name={sandbox['id']}"), 5)
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
        wait_until("the process is gone", lambda: not os.path.exists(f"/proc/{pid}"), 6)
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
        wait_until("the deadline is past", lambda: time.monotonic() > deadline, 6)
        assert os.path.exists(f"/proc/{pid}"), "nobody is there to end it"
        restart = subprocess.Popen([ROOT / "deploy/quickstart", "--restart", "agent"], env=corral.environ,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("the process is gone", lambda: not os.path.exists(f"/proc/{pid}"), 6)
    finally:
        corral.kill("dockerd", signal.SIGCONT)
    assert restart.wait(60) == 0
    assert user.wait(sandbox["id"], "stopped", 40)["reason"] == "expired"


def test_the_database_goes_and_comes_back(corral, user):
    sandbox = user.create()
    corral.postgres("stop")
    problem = wait_until("a refusal", lambda: user.call("POST", "/sandbox", {}).status_code == 503 and
                         user.refused("POST", "/sandbox", {}), 10)
    assert problem["code"] in ("database_unavailable", "not_leading")
    corral.restart("postgres")
    ready(corral)
    assert user.show(sandbox["id"])["state"] == "running"
    wait_until("a create is accepted", lambda: user.call("POST", "/sandbox", {}).status_code == 201, 20)


def test_docker_is_killed_and_comes_back(corral, user):
    sandbox = user.create(command=FOREVER)
    node = "/sandbox/system/nodes/node-1"
    pid = int(corral.docker("inspect", "-f", "{{.State.Pid}}", sandbox["id"]))
    told = "select count(*) from events where type = 'node.unhealthy'"
    before = int(corral.sql(told))
    corral.kill("dockerd")
    unhealthy = wait_until("the node is unhealthy", lambda: (n := corral.admin.good("GET", node))["state"] == "unhealthy" and n, 15)
    assert "Docker" in unhealthy["reason"]
    assert user.refused("POST", "/sandbox", {})["code"] == "no_capacity"
    assert os.path.exists(f"/proc/{pid}") and user.show(sandbox["id"])["state"] == "running"
    corral.quickstart()
    wait_until("the node is healthy again", lambda: corral.admin.good("GET", node)["state"] == "ready", 20)
    assert os.path.exists(f"/proc/{pid}") and user.show(sandbox["id"])["state"] == "running"
    assert user.create()["state"] == "running"
    assert int(corral.sql(told)) == before + 1


# --- what a node decides while nobody listens ---

def test_ends_while_controller_and_database_are_gone(corral, user):
    hermits = Hermits(corral, user, later=3)
    full = user.create(command=["sh", "-c", "dd if=/dev/zero of=/workspace/f bs=64k 2>/dev/null; " + STAYS], **SMALL)["id"]
    pid = pid_of(corral, full)
    corral.kill("controller")
    corral.postgres("stop")
    hermits.end_alone()
    assert runs(pid), "the sandbox that fills its disk gets an error, and lives"
    corral.restart("postgres")
    corral.restart("controller")
    ready(corral)
    hermits.are_told_truly()
    assert user.stats(full)["disk"]["percent"] >= 80
    wait_until("the violation is reported", lambda: ("violation.opened", "disk") in [
        (e["type"], e["data"].get("kind")) for e in user.good("GET", f"/sandbox/{full}/events?limit=200")["items"]], 10)
    assert corral.late(user) == ""


# --- the agent ---

@pytest.mark.parametrize("signo", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "ended"])
def test_a_deadline_passes_while_the_agent_is_down(corral, user, signo):
    late = user.create(lifetime_seconds=3)["id"]
    exited = user.create(lifetime_seconds=4, command=["sh", "-c", UNTIL_TOLD + "exit 3"])["id"]
    pid, began = pid_of(corral, late), time.monotonic()
    agent = corral.pid("agent")
    corral.kill("agent", signo)
    corral.tell(exited)
    wait_until("the agent is gone", lambda: not runs(agent), 10)
    wait_until("the deadline is past by more than the detail may hide", lambda: time.monotonic() > began + 5.5, 7)
    assert runs(pid), "nobody is there to end it"
    restart = subprocess.Popen([ROOT / "deploy/quickstart", "--restart", "agent"], env=corral.environ,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until("the agent is back", lambda: new_pid(corral, "agent", agent), 10, 0.01)
    took = seconds_until_gone(pid, 5)
    print(f"gone {took:.2f} s after the agent was back")
    assert restart.wait(60) == 0
    ended = user.wait(late, "stopped", 15)
    assert ended["reason"] == "expired" and "s later" in ended["detail"], ended["detail"]
    ended = user.wait(exited, "stopped", 15)
    assert (ended["reason"], ended["exit_code"]) == ("exited", 3), ended["detail"]


def test_a_frozen_agent(corral, user):
    """An agent that wakes does at once what it slept through; a sandbox that ended meanwhile is reported
    with its true end."""
    late = user.create(lifetime_seconds=3)["id"]
    exited = user.create(command=["sh", "-c", UNTIL_TOLD + "exit 9"])["id"]
    pid, began = pid_of(corral, late), time.monotonic()
    corral.kill("agent", signal.SIGSTOP)
    try:
        corral.tell(exited)
        wait_until("the deadline is past", lambda: time.monotonic() > began + 4, 6)
        assert runs(pid)
    finally:
        corral.kill("agent", signal.SIGCONT)
    assert seconds_until_gone(pid, 2) < 2
    assert user.wait(late, "stopped", 15)["reason"] == "expired"
    ended = user.wait(exited, "stopped", 15)
    assert (ended["reason"], ended["exit_code"]) == ("exited", 9), ended["detail"]


def churn(user, rng, stop, made):
    """Creates and ends sandboxes in every way until it is stopped."""
    while not stop.is_set():
        body = rng.choice([{}, {"command": ["sh", "-c", "exit 5"]}, {"lifetime_seconds": rng.randrange(1, 6)},
                           {"command": ["sh", "-c", "sleep 2; exit 6"]}])
        answer = user.call("POST", "/sandbox", {**SMALL, **body}, headers={"Prefer": "respond-async"})
        if answer.status_code == 202:
            made.append((answer.json()["id"], body))
        mine = user.good("GET", "/sandbox?limit=200")["items"]
        if len(mine) > 4:
            user.call("DELETE", f"/sandbox/{rng.choice(mine)['id']}")


def test_the_agent_dies_again_and_again(corral):
    """Kills the agent in the middle of a start, a kill or a removal. The moments are random, by a seed."""
    rng, stop, made = random.Random(SEED), threading.Event(), []
    user = corral.user(f"again-{SEED}", tier="pro")
    thread = threading.Thread(target=churn, args=(user, random.Random(SEED), stop, made))
    thread.start()
    try:
        for _ in range(ROUNDS):
            thread.join(rng.uniform(0.05, 1.2)) # the moment of the fault
            corral.kill("agent")
            thread.join(rng.uniform(0, 0.3))
            corral.restart("agent")
    finally:
        stop.set()
        thread.join(60)
    assert made and not thread.is_alive()
    wait_settled(corral, 40)
    for sandbox, body in made:
        seen = user.show(sandbox)
        code = {"exit 5": 5, "sleep 2; exit 6": 6}.get(body.get("command", [""])[-1])
        if seen["reason"] == "exited":
            assert seen["exit_code"] == code, (body, seen["detail"])
        assert seen["state"] in ("running", "stopped", "failed") and seen["reason"] in (
            None, "deleted", "exited", "expired", "start_failed"), (body, seen)
    for sandbox in user.good("GET", "/sandbox?limit=200")["items"]:
        user.delete(sandbox["id"])


def test_a_command_that_runs_is_not_run_again(corral, user):
    """The agent dies before it could record that the command began: its next life adopts the command, and
    does not start it again."""
    made, others = {}, corral.docker("ps", "--format", "{{.Names}}").split()

    def create():
        made.update(user.call("POST", "/sandbox", {"command": ["sh", "-c", "date +%s%N >>/workspace/begun; exec tail -f /workspace/begun"], **SMALL}).json())

    def begun():
        names = corral.docker("ps", "--format", "{{.Names}}", "--filter", "label=corral.sandbox").split()
        return next((n for n in names if n not in others and "tail -f /workspace/begun" in subprocess.run(
            ["/usr/bin/docker", "-H", f"unix://{corral.home}/run/docker.sock", "top", n], capture_output=True, text=True).stdout), None)

    thread = threading.Thread(target=create)
    thread.start()
    sandbox = wait_until("the command runs", begun, 15, 0.002)
    corral.kill("agent")
    pid = pid_of(corral, sandbox)
    corral.restart("agent")
    thread.join(60)
    assert made["state"] == "running" and made["id"] == sandbox
    assert pid_of(corral, sandbox) == pid and runs(pid)
    assert corral.docker("exec", sandbox, "wc", "-l", "/workspace/begun").split()[0] == "1"
    corral.kill("agent")
    corral.docker("kill", sandbox) # a command that has ended by then is not begun again either
    corral.restart("agent")
    assert user.wait(sandbox, "stopped", 15)["exit_code"] == 137


# --- Docker ---

def containerd_pid(corral):
    """The pid, or none while Docker writes the file again."""
    text = (docker_dir(corral) / "exec/containerd/containerd.pid").read_text()
    return int(text) if text else None


def test_containerd_is_killed(corral, user):
    sandbox = user.create(command=FOREVER)["id"]
    pid, containerd = pid_of(corral, sandbox), containerd_pid(corral)
    os.kill(containerd, signal.SIGKILL)

    def another_runs():
        now = containerd_pid(corral)
        return now is not None and now != containerd and runs(now)

    wait_until("Docker has a new one", another_runs, 20)
    assert runs(pid) and user.show(sandbox)["state"] == "running"
    wait_until("another starts", lambda: user.call("POST", "/sandbox", SMALL).status_code == 201, 20)
    user.delete(sandbox)
    assert not runs(pid)


def start_dockerd(corral, live_restore):
    """Docker is killed, and started by hand with the same arguments."""
    name = next(p.name for p in Path("/run/netns").iterdir() if p.name.endswith("-1") and corral.installed_as in p.name)
    corral.kill("dockerd")
    wait_until("Docker is gone", lambda: not runs(corral.pid("dockerd")), 10)
    subprocess.run([ROOT / "deploy/lib/dockerd.sh", "start", name, docker_dir(corral), corral.home / "run/docker.sock",
                    corral.home / "log/dockerd.log"], env={**corral.environ, "DOCKERD_LIVE_RESTORE": live_restore}, check=True,
                   timeout=60, capture_output=True)


def test_docker_without_live_restore(corral, user):
    """Docker's restart kills what runs: the ends are reported as the node's doing, not as the command's."""
    command = user.create(command=FOREVER, **SMALL)["id"]
    idler = user.create(**SMALL)["id"]
    paused = user.create(**SMALL)["id"]
    user.good("POST", f"/sandbox/{paused}/pause")
    try:
        start_dockerd(corral, "no")
        for sandbox in (command, idler, paused):
            ended = user.wait(sandbox, "stopped", 30)
            assert ended["reason"] == "node_lost" and "Docker" in ended["detail"], ended
        assert not corral.containers() or wait_until("no container is left", lambda: not corral.containers(), 10)
    finally:
        start_dockerd(corral, "yes")
    ready(corral)
    assert user.create(**SMALL)["state"] == "running"


def test_docker_breaks_off_while_the_agent_comes_back(corral, user):
    """A question that Docker did not answer says nothing about a container: it is asked again."""
    mine = [user.create(**SMALL)["id"], user.create(command=FOREVER, **SMALL)["id"]]
    pids = [pid_of(corral, i) for i in mine]
    corral.kill("agent")
    with CutDocker(corral, rb"GET \S+/containers/sbx_\w+/json") as docker:
        corral.restart("agent")
        wait_until("the agent has asked again", lambda: docker.cuts >= 4, 10)
    ready(corral)
    for sandbox, pid in zip(mine, pids):
        wait_until("it answers", lambda: user.stats(sandbox)["health"]["status"] == "healthy", 10)
        assert user.show(sandbox)["state"] == "running" and runs(pid)


# --- clocks ---

class WallClock:
    """Sets the clock of the daemons that are started with it."""

    def __init__(self, corral):
        self.file = corral.home / "wallclock"
        self.jump(0)

    def jump(self, seconds):
        with open(self.file, "r+b" if self.file.exists() else "wb") as f:
            f.write(struct.pack("<q", seconds * 10**9))

    def env(self):
        # The library must come before the sanitizer's.
        return {"WALLCLOCK_FILE": str(self.file), "LD_PRELOAD": str(BUILD_ROOT / "tests/libwallclock.so"),
                "ASAN_OPTIONS": "verify_asan_link_order=0"}


@pytest.fixture
def wall_clock(corral):
    clock = WallClock(corral)
    for daemon in ("controller", "agent"):
        corral.kill(daemon)
    for daemon in ("controller", "agent"):
        corral.restart(daemon, **clock.env())
    ready(corral)
    yield clock
    clock.jump(0)
    for daemon in ("controller", "agent"):
        corral.kill(daemon)
    for daemon in ("controller", "agent"):
        corral.restart(daemon)
    ready(corral)


@pytest.mark.parametrize("hours", [1, -1])
def test_the_wall_clock_jumps(corral, user, wall_clock, hours):
    before = {"created": time.monotonic(), "id": create(user, lifetime_seconds=5)["id"]}
    stays = user.create(lifetime_seconds=1800)["id"]
    wall_clock.jump(hours * 3600)
    after = {"created": time.monotonic(), "id": user.create(lifetime_seconds=5)["id"]}
    for sandbox in (before, after):
        pid = pid_of(corral, sandbox["id"])
        wait_until("it ends", lambda: not runs(pid), 9, 0.02)
        lived = time.monotonic() - sandbox["created"]
        assert 4.5 <= lived <= 7.5, lived # the lifetime begins within the create, and ends at most 2 s late
        assert user.wait(sandbox["id"], "stopped", 10)["reason"] == "expired"
    corral.kill("agent")
    corral.restart("agent", **wall_clock.env())
    assert user.show(stays)["state"] in ("running", "lost")
    wait_until("it runs", lambda: user.show(stays)["state"] == "running", 15)
    assert runs(pid_of(corral, stays))
    assert corral.late(user) == ""


# --- what was acknowledged stays ---

def many_creates(corral, fault, count=30):
    """Creates with keys, a fault in the middle of them, and each repeated until it is answered. Returns
    {key: id}."""
    user = corral.user(f"many-{uuid.uuid4().hex[:8]}", tier="enterprise")
    keys = [uuid.uuid4().hex for _ in range(count)]
    first = {}

    def create(key):
        try:
            answer = user.session.post(corral.url + "/sandbox", json={**SMALL, "labels": {"key": key}}, timeout=30,
                                       headers={"Prefer": "respond-async", "Idempotency-Key": key})
        except requests.RequestException:
            return None
        if answer.status_code == 202:
            first.setdefault(key, set()).add(answer.json()["id"])
        return answer.status_code

    with ThreadPoolExecutor(8) as pool:
        rounds = list(pool.map(lambda k: (create(k), fault() if k == keys[count // 3] else None), keys))
    acknowledged = {k: set(v) for k, v in first.items()}
    assert rounds
    ready(corral)
    for key in keys:
        wait_until("the create is accepted", lambda: create(key) == 202, 20)
    # An answer that was lost with the controller is given again, also to a create that waits for its start.
    lost = corral.sql(f"update idempotency set status = null, body = null where key in ('{keys[0]}', '{keys[1]}') returning key").split()
    assert len(lost) == 2
    begin = time.monotonic()
    for key in lost:
        answer = user.session.post(corral.url + "/sandbox", json={**SMALL, "labels": {"key": key}}, timeout=30,
                                   headers={"Idempotency-Key": key})
        assert answer.status_code == 201 and answer.json()["id"] in first[key]
        user.delete(answer.json()["id"])
        corral.sql(f"update idempotency set status = null, body = null where key = '{key}'")
        answer = user.session.post(corral.url + "/sandbox", json={**SMALL, "labels": {"key": key}}, timeout=30,
                                   headers={"Idempotency-Key": key})
        assert answer.status_code == 201 and answer.json()["state"] == "stopped"
    assert time.monotonic() - begin < 10
    assert len(first) == count and all(len(ids) == 1 for ids in first.values()), "one key, one sandbox"
    doubled = corral.sql(f"select labels->>'key', count(*) from sandboxes where user_id = '{user.user_id}' group by 1 having count(*) > 1")
    assert doubled == ""
    for ids in acknowledged.values():
        wait_until("the sandbox runs, or has ended", lambda: (s := user.show(next(iter(ids))))["state"] in ("running", "stopped", "failed")
                   and (s["state"] == "running" or s["reason"]), 60)
    wait_settled(corral, 60)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda s: user.delete(s["id"]), user.good("GET", "/sandbox?limit=200")["items"]))


def kill_postgres(corral):
    """Kills the whole agent at once, as the kernel's OOM killer would."""
    postmaster = int((corral.home / "postgres/postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for pid in [postmaster, *map(int, children)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass # it died with the one before
    wait_until("all its processes are gone", lambda: not any(runs(p) for p in [postmaster, *children]), 10)
    corral.restart("postgres")


def test_postgres_is_killed_in_the_middle_of_creates(corral):
    many_creates(corral, lambda: kill_postgres(corral))


@pytest.mark.parametrize("signo", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_the_controller_goes_in_the_middle_of_creates(corral, signo):
    def fault():
        pid = corral.pid("controller")
        os.kill(pid, signo)
        wait_until("the process is gone", lambda: not runs(pid), 10)
        corral.restart("controller")
    many_creates(corral, fault)


# --- another boot ---

def checksum(text):
    """FNV-1a, as agent/disk/record.c computes it."""
    value = 0xcbf29ce484222325
    for byte in text:
        value = (value ^ byte) * 0x100000001b3 % (1 << 64)
    return value


def test_the_node_was_booted(corral, user):
    """A reboot, as far as a test can show it: no process is left, and the record is of another boot."""
    sandbox, kept = user.create(**SMALL)["id"], user.create(**SMALL)["id"]
    corral.kill("agent")
    corral.docker("kill", sandbox)
    record = corral.home / "agent/records" / sandbox
    lines = agent_records.text_of(record).encode().split(b"\n")
    text = b"\n".join(b"boot_id 00000000-0000-4000-8000-000000000000" if line.startswith(b"boot_id ") else line for line in lines)
    text = text[:text.rindex(b"sum ")]
    record.write_bytes(text + b"sum %016x\n" % checksum(text))
    corral.restart("agent")
    ready(corral)
    ended = user.wait(sandbox, "stopped", 20)
    assert ended["reason"] == "node_lost" and "its node was booted at 20" in ended["detail"], ended
    assert user.show(kept)["state"] == "running"
    assert not corral.docker("ps", "-aq", "--filter", f"name={sandbox}")
