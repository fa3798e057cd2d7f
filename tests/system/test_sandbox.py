"""The life of a sandbox, through every daemon."""
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from corral import STAYS, UNTIL_TOLD, wait_until


def test_create_answers_when_it_runs(corral, user):
    answer = user.call("POST", "/sandbox", {"name": "one", "labels": {"team": "a"}})
    assert answer.status_code == 201
    sandbox = answer.json()
    assert answer.headers["location"] == f"/sandbox/{sandbox['id']}"
    assert sandbox["state"] == "running" and sandbox["reason"] is None and sandbox["started_at"]
    assert sandbox["image"] == "corral-base:latest" and sandbox["node"] == "node-1"
    assert set(sandbox["enforced"].values()) == {"enforced"}
    assert user.show(sandbox["id"]) == sandbox
    user.delete(sandbox["id"])
    ended = user.show(sandbox["id"])
    assert ended["state"] == "stopped" and ended["reason"] == "deleted" and ended["ended_at"]
    assert user.call("DELETE", f"/sandbox/{sandbox['id']}").status_code == 204
    types = [e["type"] for e in user.good("GET", f"/sandbox/{sandbox['id']}/events")["items"]]
    assert types[0] == "sandbox.created" and types[-1] == "sandbox.stopped" and "sandbox.started" in types


@pytest.mark.parametrize("command,code", [(["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137),
                                          (["/no/such"], 127), (["/etc/passwd"], 126)])
def test_a_command_ends_with_its_code(user, command, code):
    sandbox = user.create(command=command)
    ended = user.wait(sandbox["id"], "stopped")
    assert (ended["reason"], ended["exit_code"]) == ("exited", code)
    assert ended["detail"]


def test_hardening_as_docker_sees_it(corral, user):
    sandbox = user.create(memory_bytes=128 << 20, cpu_millis=300, pids=50, storage_bytes=64 << 20)
    seen = json.loads(corral.docker("inspect", sandbox["id"]))[0]
    host, config = seen["HostConfig"], seen["Config"]
    assert host["Memory"] == host["MemorySwap"] == 128 << 20
    assert host["CpuQuota"] / host["CpuPeriod"] == pytest.approx(0.3)
    assert host["CpuShares"] == sandbox["limits"]["cpu_shares"] and host["PidsLimit"] == 50
    assert {"Name": "nofile", "Soft": 4096, "Hard": 4096} in host["Ulimits"]
    assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["CapAdd"] and not host["Privileged"]
    assert any(o.startswith("no-new-privileges") for o in host["SecurityOpt"])
    assert not any("seccomp=unconfined" in o or "apparmor=unconfined" in o for o in host["SecurityOpt"])
    assert config["User"] == "1000:1000" and host["NetworkMode"] == "none"
    assert host["RestartPolicy"]["Name"] in ("", "no") and host["LogConfig"]["Config"]["max-size"]
    assert host["IpcMode"] == "private" and host["PidMode"] == "" and host["UsernsMode"] == ""
    labels = config["Labels"]
    assert labels["corral.sandbox"] == sandbox["id"] and labels["corral.node"] == "node-1" and labels["corral.cluster"]
    assert labels["corral.expires_at"][:16] == sandbox["expires_at"][:16]
    for target in ("/workspace", "/tmp"):
        mount = next(m for m in seen["Mounts"] if m["Destination"] == target)
        assert mount["RW"] and mount["Source"].startswith(str(corral.home))


def test_shared_memory_is_as_large_as_was_asked(corral, user):
    """/dev/shm is as large as the create says, otherwise the smaller of 64 MiB and half of the memory; the
    container has the same."""
    for body, size in (({"memory_bytes": 32 << 20}, 16 << 20), ({"memory_bytes": 256 << 20}, 64 << 20),
                       ({"memory_bytes": 256 << 20, "shm_bytes": 128 << 20}, 128 << 20)):
        sandbox = user.create(**body)
        assert sandbox["limits"]["shm_bytes"] == user.show(sandbox["id"])["limits"]["shm_bytes"] == size
        assert json.loads(corral.docker("inspect", sandbox["id"]))[0]["HostConfig"]["ShmSize"] == size
    problem = user.refused("POST", "/sandbox", {"memory_bytes": 32 << 20, "shm_bytes": 64 << 20})
    assert (problem["status"], problem["errors"][0]["pointer"]) == (422, "/shm_bytes"), problem


def test_stats_are_the_kernels_figures(corral, user):
    sandbox = user.create(memory_bytes=64 << 20, command=["sh", "-c", "dd if=/dev/zero of=/workspace/f bs=1M count=8; " + STAYS])
    stats = wait_until("the file is written", lambda: (s := user.stats(sandbox["id"]))["disk"]["used_bytes"] > 8 << 20 and s, 5)
    limit = int(corral.kernel(sandbox["id"], "memory/memory.limit_in_bytes", "memory.max").read_text())
    usage = int(corral.kernel(sandbox["id"], "memory/memory.usage_in_bytes", "memory.current").read_text())
    assert stats["sandbox_id"] == sandbox["id"]
    assert stats["memory"]["limit_bytes"] == limit == 64 << 20
    assert abs(stats["memory"]["used_bytes"] - usage) < 4 << 20
    assert stats["memory"]["unreclaimable_bytes"] < 8 << 20, "page cache does not count"
    assert stats["disk"]["limit_bytes"] == sandbox["limits"]["storage_bytes"]
    assert stats["pids"]["limit"] == sandbox["limits"]["pids"] and stats["pids"]["current"] >= 2
    assert stats["health"]["status"] == "healthy" and stats["violations"] == []
    age = time.time() - time.mktime(time.strptime(stats["sampled_at"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone
    assert age < 3


def test_times_are_in_order(user):
    """Also for a sandbox that ends as it begins, in whatever order its node's reports arrive."""
    for _ in range(6):
        sandbox = user.create(command=["true"])["id"]
        ended = user.wait(sandbox, "stopped", 20)
        assert ended["created_at"] <= ended["started_at"] <= ended["ended_at"], ended


def test_disk_ends_at_its_limit(user):
    sandbox = user.create(storage_bytes=16 << 20, command=["sh", "-c", "dd if=/dev/zero of=/workspace/f bs=64k; exit 0"])
    ended = user.wait(sandbox["id"], "stopped", 20)
    assert ended["reason"] == "exited"


def test_a_disk_is_full_of_files_without_a_byte(user):
    sandbox = user.create(storage_bytes=8 << 20, command=["sh", "-c", "i=0; while echo -n >/workspace/$i; do i=$((i+1)); done 2>/dev/null; " + STAYS])["id"]
    full = lambda: (s := user.stats(sandbox)) and s["disk"]["percent"] == 100 and s
    stats = wait_until("no more files can be created", full, 20)
    disk = stats["disk"]
    assert disk["inodes_used"] == disk["inodes_limit"] > 500 and disk["used_bytes"] < disk["limit_bytes"] / 10
    assert stats["violations"] == [{"kind": "disk", "level": "warning"}] and stats["health"]["status"] == "degraded"
    opened = wait_until("the violation is reported", lambda: [e["data"] for e in user.good("GET", f"/sandbox/{sandbox}/events")["items"]
                                               if e["type"] == "violation.opened"], 5)[0]
    assert opened["kind"] == "disk" and opened["limit"] == disk["inodes_limit"] and opened["percent"] >= 80
    user.delete(sandbox)
    last = user.good("GET", f"/sandbox/{sandbox}/events")["items"][-1]
    assert last["data"]["last"]["disk"]["inodes_used"] == disk["inodes_used"], last


def test_pause_and_resume(corral, user):
    sandbox = user.create()
    for _ in range(3): # the change is made when it is answered
        assert user.good("POST", f"/sandbox/{sandbox['id']}/pause", status=200)["state"] == "paused"
        assert corral.is_frozen(sandbox["id"])
        assert user.good("POST", f"/sandbox/{sandbox['id']}/resume", status=200)["state"] == "running"
        assert not corral.is_frozen(sandbox["id"])
    later = {"headers": {"Prefer": "respond-async"}}
    assert user.good("POST", f"/sandbox/{sandbox['id']}/pause", status=202, **later)["state"] == "running"
    assert user.good("POST", f"/sandbox/{sandbox['id']}/pause", status=200)["state"] == "paused"
    assert user.stats(sandbox["id"])["health"]["status"] == "paused"
    assert user.good("POST", f"/sandbox/{sandbox['id']}/resume", status=202, **later)["state"] == "paused"
    assert user.good("POST", f"/sandbox/{sandbox['id']}/resume", status=200)["state"] == "running"
    user.delete(sandbox["id"])
    assert user.refused("POST", f"/sandbox/{sandbox['id']}/pause")["code"] == "wrong_state"


def test_it_ends_when_its_time_is_over(user):
    begin = time.monotonic()
    sandbox = user.create(lifetime_seconds=3)
    ended = user.wait(sandbox["id"], "stopped", 8)
    assert ended["reason"] == "expired" and 2.5 < time.monotonic() - begin < 5.5


def test_extend_and_resize(corral, user):
    sandbox = user.create(lifetime_seconds=5, memory_bytes=64 << 20, cpu_millis=200)
    changed = user.good("PATCH", f"/sandbox/{sandbox['id']}", {"lifetime_seconds": 600, "memory_bytes": 128 << 20,
                                                                "cpu_millis": 400, "name": "other"})
    assert changed["expires_at"] > sandbox["expires_at"] and changed["limits"]["memory_bytes"] == 128 << 20
    assert changed["name"] == "other"
    wait_until("Docker was told", lambda: json.loads(corral.docker("inspect", sandbox["id"]))[0]["HostConfig"]["Memory"]
               == 128 << 20, 5)
    problem = user.refused("PATCH", f"/sandbox/{sandbox['id']}", {"memory_bytes": 4 << 30})
    assert problem["code"] == "above_tier_limit"
    wait_until("it lives past its first deadline", lambda: time.time() > time.mktime(
        time.strptime(sandbox["expires_at"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone + 1, 8)
    assert user.show(sandbox["id"])["state"] == "running"


@pytest.mark.parametrize("name", ["plain", "reason", "state"])
def test_an_image_that_is_not_there(user, name):
    problem = user.refused("POST", "/sandbox", {"name": name, "image": "127.0.0.1:1/no/such:image"})
    assert (problem["status"], problem["code"]) == (422, "image_unavailable")
    assert user.good("GET", "/sandbox")["items"] == []


def test_wait_answers_at_the_end(corral, user):
    sandbox = user.create(command=["sh", "-c", UNTIL_TOLD + "exit 3"])
    with ThreadPoolExecutor(1) as pool:
        wait = pool.submit(user.good, "GET", f"/sandbox/{sandbox['id']}/wait?timeout_ms=20000")
        wait_until("it waits", lambda: corral.admin.good("GET", "/sandbox/system/stats")["queues"]["waiters"] == 1, 5)
        corral.tell(sandbox["id"])
        ended = wait.result()
    assert ended["state"] == "stopped" and ended["exit_code"] == 3
    quick = user.create()
    begin = time.monotonic()
    assert user.good("GET", f"/sandbox/{quick['id']}/wait?state=stopped&timeout_ms=300")["state"] == "running"
    assert time.monotonic() - begin < 3


def test_respond_async_answers_before_it_runs(user):
    answer = user.call("POST", "/sandbox", {}, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    user.wait(answer.json()["id"], "running")


def test_quota_admits_exactly_as_many(corral):
    free = corral.user("quota-race", tier="free")
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: free.call("POST", "/sandbox", {}), range(64)))
    codes = [a.status_code for a in answers]
    assert codes.count(201) == 2, codes
    refused = [a.json() for a in answers if a.status_code != 201]
    assert {p["code"] for p in refused} == {"quota_exceeded"}
    assert refused[0]["scope"] in ("user", "api_key") and refused[0]["limit"] == 2 and refused[0]["used"] == 2
    usage = free.good("GET", "/sandbox/quota/usage")
    assert usage["used"]["sandboxes"] == 2 and usage["remaining"]["sandboxes"] == 0
    for sandbox in free.good("GET", "/sandbox")["items"]:
        free.delete(sandbox["id"])
    assert free.good("GET", "/sandbox/quota/usage")["used"]["sandboxes"] == 0


def test_nothing_is_left_of_what_ended(corral, user):
    ids = [user.create()["id"] for _ in range(3)]
    for sandbox_id in ids:
        user.delete(sandbox_id)
    assert not [c for c in corral.docker("ps", "-a", "--format", "{{.Names}}").split() if c in ids]
    mounts = open("/proc/self/mountinfo").read()
    volumes = [p.name for p in (corral.home / "agent/volumes").iterdir()]
    assert not [i for i in ids if i in mounts or any(i in v for v in volumes)]
