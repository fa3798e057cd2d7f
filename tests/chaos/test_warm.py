"""The warm pool: containers that stand ready, what a sandbox gets that takes one over, and what happens to members that died,
were touched, or lost their daemon."""
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CalledProcessError

import pytest
from corral import Corral, wait_until
from test_database import readyz, sql

MIB = 1 << 20


@pytest.fixture(scope="module")
def corral():
    installation = Corral(CORRAL_WARM_MIN="2", CORRAL_WARM_MAX="8", CORRAL_RATE_PER_SECOND="100000", CORRAL_RATE_BURST="100000")
    yield installation
    installation.reset()


def pool(corral):
    return corral.admin.good("GET", "/sandbox/system/stats")["warm"]


def members(corral):
    return set(corral.sql("select id from warm_members order by id").split())


def wait_for(corral, ready=2):
    """All that are to be there are there, so many of the base image among them. One whose container was frozen before its init
    answered is given up after 30 s, and after one that ended within its first minute its class waits."""
    base = f"select count(*) from warm_members where storage_bytes = {1 << 30}"
    wait_until(f"{ready} members stand ready", lambda: pool(corral)["ready"] >= ready and pool(corral)["making"] == 0
               and int(corral.sql(base)) >= ready, 120)


def all_ready(corral):
    """The members at a moment in which all stand ready: what is done to one that is being made shows when its start times out."""
    def look():
        there, now = members(corral), pool(corral)
        return there if now["ready"] == len(there) and not now["making"] else None
    return wait_until("all members stand ready", look, 60)


def run(client, sandbox, *command):
    result = client.good("POST", f"/sandbox/{sandbox}/exec", {"command": list(command)})
    assert result["exit_code"] == 0, result
    return result["stdout"]


def test_a_create_takes_a_member_over(corral, user):
    wait_for(corral)
    ready, before = members(corral), pool(corral)["taken"]
    sandbox = user.create()
    assert sandbox["warm"] and sandbox["state"] == "running" and sandbox["id"] in ready
    assert run(user, sandbox["id"], "echo", "hi") == "hi\n"
    assert pool(corral)["taken"] == before + 1
    wait_until("another one took its place", lambda: pool(corral)["ready"] >= 2, 30)
    assert sandbox["id"] not in members(corral)
    assert [e["type"] for e in user.good("GET", f"/sandbox/{sandbox['id']}/events")["items"]][:1] in (
        ["sandbox.created"], ["sandbox.started"])


def test_creates_that_cannot_be_stored_give_the_members_back(corral, user):
    wait_for(corral)
    refused = lambda: (a := user.call("POST", "/sandbox", {})).status_code == 503 and a.json()["code"] == "database_unavailable"
    sql(corral, "alter system set default_transaction_read_only = on")
    try:
        sql(corral, "select pg_reload_conf()")
        wait_until("the controller knows that nothing can be written", lambda: readyz(corral).status_code == 503, 15)
        wait_until("creates are refused", lambda: all(refused() for _ in range(9)), 15)
    finally:
        sql(corral, "alter system reset default_transaction_read_only")
        sql(corral, "select pg_reload_conf()")
    wait_until("the controller is ready", lambda: readyz(corral).status_code == 200, 30)
    wait_for(corral)
    wait_until("no member is kept by a create that failed", lambda: len(members(corral)) == pool(corral)["ready"], 20)
    assert user.create()["warm"]


def looks(client, sandbox):
    """What a sandbox sees of itself, but for what is another in each: its name, its pids, its times."""
    return {name: run(client, sandbox, "sh", "-c", script) for name, script in {
        "environment": "env | grep -v HOSTNAME | sort", "limits": "ulimit -a", "limits of the init": "cat /proc/1/limits",
        "folder": "pwd; ls -la /workspace /tmp | awk '{print $1, $2, $3, $4, $9}'", "user": "id; umask",
        "disk": "df -k /workspace | awk 'NR > 1 {print $2, $3}'", "shm": "df -k /dev/shm | awk 'NR > 1 {print $2, $3}'",
        "mounts": "awk '{print $2, $3, $4}' /proc/mounts | sed 's/sbx_[0-9A-Z]*//g; s/[0-9a-f]\\{64\\}//g; s#/[A-Z0-9]\\{26\\}##g' | grep -v overlay | sort",
        "status": "grep -E 'Cap|Seccomp|NoNewPrivs' /proc/self/status", "processes": "set -- /proc/[0-9]*; echo $#",
        "network": "ls /sys/class/net; cat /proc/net/route"}.items()}


def in_the_kernel(corral, sandbox):
    names = {"memory/memory.limit_in_bytes": "memory.max", "cpu/cpu.cfs_quota_us": "cpu.max", "cpu/cpu.shares": "cpu.weight",
             "pids/pids.max": "pids.max"}
    return {v1: corral.kernel(sandbox, v1, v2).read_text() for v1, v2 in names.items()}


def test_it_is_as_one_that_was_started_for_its_user(corral, user):
    asked = {"memory_bytes": 96 * MIB, "cpu_millis": 400, "cpu_shares": 300, "pids": 77, "storage_bytes": 1 << 30, "env": {"A": "b c", "HOME": "/tmp"}}
    corral.admin.good("PATCH", "/sandbox/system/tiers/pro", {"warm_starts": False})
    cold = user.create(**asked)
    corral.admin.good("PATCH", "/sandbox/system/tiers/pro", {"warm_starts": True})
    wait_for(corral)
    warm = wait_until("a create takes a member", lambda: next((s for s in [user.create(**asked)] if s["warm"] or user.delete(s["id"])), None), 30)
    assert not cold["warm"] and warm["warm"]
    assert looks(user, warm["id"]) == looks(user, cold["id"])
    assert in_the_kernel(corral, warm["id"]) == in_the_kernel(corral, cold["id"])
    for name in ("limits", "enforced", "tier", "image", "network", "exec"):
        assert warm[name] == cold[name]
    wait_until("Docker knows the limits", lambda: corral.docker("inspect", "-f", "{{.HostConfig.Memory}}", warm["id"]) == str(96 * MIB))


def test_its_command_runs_once_and_its_end_is_reported(corral, user):
    wait_for(corral)
    sandbox = user.create(command=["sh", "-c", "echo $WHAT; exit 3"], env={"WHAT": "hello"})
    assert sandbox["warm"]
    ended = user.wait(sandbox["id"], "stopped")
    assert (ended["reason"], ended["exit_code"]) == ("exited", 3)
    assert user.session.get(f"{user.url}/sandbox/{sandbox['id']}/logs", timeout=10).text == "hello\n"


def test_members_are_nobodys(corral, user):
    wait_for(corral)
    usage = user.good("GET", "/sandbox/quota/usage")["used"]
    assert not any(usage.values())
    wait_until("the node's row of the pool agrees", lambda: corral.admin.good("GET", "/sandbox/system/nodes")["items"][0]["warm"][
        "sandboxes"] == len(members(corral)))
    stats = corral.admin.good("GET", "/sandbox/system/stats")
    node = corral.admin.good("GET", "/sandbox/system/nodes")["items"][0]
    live = {s["id"] for s in corral.admin.good("GET", "/sandbox?limit=200")["items"]}
    assert stats["sandboxes"]["total"] == len(live) and node["reserved"]["sandboxes"] == len(live)
    assert node["warm"]["sandboxes"] >= 2 and node["warm"]["memory_bytes"] == node["warm"]["sandboxes"] * 64 * MIB
    for member in members(corral):
        assert member not in live
        assert user.call("GET", f"/sandbox/{member}").status_code == 404
        assert user.call("POST", f"/sandbox/{member}/exec", {"command": ["true"]}).status_code == 404
        assert corral.admin.call("DELETE", f"/sandbox/{member}").status_code == 404
    found = corral.admin.good("POST", "/sandbox/system/cleanup", {"dry_run": True})["found"]
    assert not any(found.values()), found


def test_a_tier_without_warm_starts(corral, user):
    wait_for(corral)
    before = pool(corral)["misses"]["tier"]
    free = corral.user(f"cold-{time.time_ns()}", tier="free")
    corral.admin.good("PATCH", "/sandbox/system/tiers/free", {"warm_starts": False})
    try:
        sandbox = free.create()
        assert not sandbox["warm"] and pool(corral)["misses"]["tier"] == before + 1
        free.delete(sandbox["id"])
    finally:
        corral.admin.good("PATCH", "/sandbox/system/tiers/free", {"warm_starts": True})


TOUCHES = {"killed": lambda c, m: c.docker("kill", m), "frozen": lambda c, m: c.docker("pause", m),
           "entered": lambda c, m: c.docker("exec", "-d", m, "sleep", "1000"),
           "written to": lambda c, m: c.docker("exec", m, "sh", "-c", "echo secret > /workspace/left"),
           "removed": lambda c, m: c.docker("rm", "-f", m)}


@pytest.mark.parametrize("touch", TOUCHES, ids=lambda t: t.replace(" ", "-"))
def test_members_that_somebody_touched(corral, user, touch):
    wait_for(corral)
    for member in all_ready(corral):
        TOUCHES[touch](corral, member)
    sandbox = user.create()
    assert sandbox["state"] == "running"
    assert run(user, sandbox["id"], "sh", "-c", "ls -A /workspace /tmp; ls -d /proc/[0-9]* | wc -l").split()[-1] in ("2", "3", "4")
    assert "left" not in run(user, sandbox["id"], "ls", "/workspace")
    wait_for(corral)


def test_a_class_that_is_asked_for_gets_members(corral, user):
    wait_for(corral)
    first = user.create(storage_bytes=512 * MIB)
    assert not first["warm"]
    wait_until("a member of that class stands ready", lambda: corral.sql(
        f"select count(*) from warm_members where storage_bytes = {512 * MIB}") == "1" and pool(corral)["making"] == 0, 30)
    second = user.create(storage_bytes=512 * MIB)
    assert second["warm"]
    assert run(user, second["id"], "df", "-k", "/workspace").split()[-5].startswith(("4", "5"))


@pytest.mark.parametrize("daemon", ["agent", "controller"])
def test_the_pool_survives_a_restart(corral, user, daemon):
    wait_for(corral)
    before = all_ready(corral)
    corral.kill(daemon)
    corral.restart(daemon)
    wait_for(corral)
    assert before <= members(corral)
    # An agent that has just begun looks for its containers first: until then they are started cold.
    sandbox = wait_until("a create takes a member", lambda: next(
        (s for s in [user.create()] if s["warm"] or user.delete(s["id"])), None), 30)
    assert run(user, sandbox["id"], "echo", "hi") == "hi\n"


def init_bytes(corral, member):
    """The size of the init that runs in it; None where nothing runs yet."""
    try:
        pid = int(corral.docker("inspect", "-f", "{{.State.Pid}}", member))
        return Path(f"/proc/{pid}/exe").stat().st_size if pid else None
    except (OSError, CalledProcessError):
        return None


def test_members_with_the_init_of_before_an_upgrade_are_made_again(corral, user):
    """They would be handed out for as long as they last: also where the upgrade mends the init. One that was being made at the
    upgrade may keep its id: it is made again from its beginning."""
    before, init = all_ready(corral), corral.home / "bin/corral-init"
    corral.kill("agent")
    installed = init.read_bytes()
    init.with_suffix(".new").write_bytes(installed + b"\0") # which the kernel does not read
    init.with_suffix(".new").chmod(0o755)
    init.with_suffix(".new").rename(init)
    corral.restart("agent")
    wait_until("no old one is left", lambda: all(init_bytes(corral, m) == len(installed) + 1 for m in before & members(corral)), 60)
    wait_for(corral)
    sandbox = user.create()
    assert sandbox["warm"] and run(user, sandbox["id"], "wc", "-c", "/.corral/init").split()[0] == str(len(installed) + 1)


@pytest.mark.parametrize("daemon", ["agent", "controller"])
def test_a_daemon_is_killed_while_members_are_handed_out(corral, user, daemon):
    """Each sandbox that was acknowledged runs its command once, whatever came of the member."""
    wait_for(corral)
    body = {"command": ["sh", "-c", "echo x >> /workspace/runs; sleep 1000"]}
    with ThreadPoolExecutor() as threads:
        calls = [threads.submit(user.call, "POST", "/sandbox", body, headers={"Prefer": "respond-async"}) for _ in range(4)]
        time.sleep(0.004)
        corral.kill(daemon)
        corral.restart(daemon)
        for call in calls:
            try:
                call.result(70)
            except OSError:
                pass # the controller was killed: it may have admitted it or not
    rows = user.good("GET", "/sandbox?limit=200")["items"]
    for row in rows:
        sandbox = user.wait(row["id"], "running", 40)
        assert sandbox["state"] == "running", sandbox
        wait_until("its command has begun", lambda: run(user, row["id"], "sh", "-c", "cat /workspace/runs 2>/dev/null || :"), 10)
        assert run(user, row["id"], "cat", "/workspace/runs") == "x\n"
    taken = {row["id"] for row in rows}
    wait_until("no container is there twice, or without a row",
               lambda: len(corral.containers()) == len(taken | members(corral)) and not taken & members(corral), 40)


def test_draining_a_node_empties_its_pool(corral, user):
    wait_for(corral)
    corral.admin.good("POST", "/sandbox/system/nodes/node-1/drain")
    try:
        wait_until("no member is left", lambda: not members(corral), 30)
        wait_until("nor its container", lambda: not corral.containers(), 10)
    finally:
        corral.admin.good("POST", "/sandbox/system/nodes/node-1/uncordon")
    wait_for(corral)


def test_stopping_leaves_nothing(corral):
    wait_for(corral)
    corral.quickstart("--stop")
    mounts = [line for line in open("/proc/self/mountinfo") if f"{corral.home}/agent/volumes" in line]
    assert not mounts
    corral.quickstart()
    wait_for(corral)


def test_a_shared_template_has_members_though_nobody_asks(corral, user):
    kind = f"select count(*) from warm_members where storage_bytes = {70 * MIB}"
    count = lambda: int(corral.sql(kind))
    corral.admin.good("POST", "/sandbox/templates", {"name": "held", "shared": True, "warm": 2, "storage_bytes": 70 * MIB, "memory_bytes": 128 * MIB, "env": {"K": "v"},
                                                     "command": ["sh", "-c", "touch /workspace/up; exec tail -f /dev/null"],
                                                     "ready": {"command": ["test", "-e", "/workspace/up"], "interval_ms": 100}}, status=201)
    try:
        wait_until("its members stand there", lambda: count() == 2, 60)
        all_ready(corral)
        made = user.create(template="held")
        assert made["warm"] and made["template"] == "held@1" and {"hand_out", "ready"} <= made["start_ms"].keys()
        assert run(user, made["id"], "sh", "-c", "echo $K") == "v\n"
        wait_until("another one takes its place", lambda: count() == 2, 60)
        assert user.refused("PATCH", "/sandbox/templates/held?shared=true", {"warm": 0})["code"] == "forbidden"
        changed = corral.admin.good("PATCH", "/sandbox/templates/held?shared=true", {"warm": 0}, status=200)
        assert (changed["version"], changed["warm"]) == (1, 0)
        # what was asked for once stays for its ten minutes
        wait_until("they go", lambda: count() == 1, 60)
    finally:
        corral.admin.good("DELETE", "/sandbox/templates/held?shared=true", status=204)
