"""Hostile and careless sandboxes on a node that guards itself."""
import datetime
import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from corral import STAYS, wait_until

MIB = 1 << 20


def running(pid):
    """Whether the process runs: a zombie that nobody has reaped does not."""
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def run(user, image, *command, **more):
    return user.create(image=image, command=list(command), **more)


def events_of(user, sandbox):
    """Type, kind and level of each violation event."""
    return [(e["type"], e["data"].get("kind"), e["data"].get("level"))
            for e in user.good("GET", f"/sandbox/{sandbox['id']}/events?limit=200")["items"]]


def test_the_agent_comes_before_everything_else(corral):
    """Where the kernel groups processes by session, the priority of a thread counts only within its session."""
    pid = int((corral.home / "run/agent.pid").read_text())
    assert os.getpriority(os.PRIO_PROCESS, pid) == -10
    group = Path(f"/proc/{pid}/autogroup")
    assert not group.exists() or group.read_text().split()[-1] == "-10", group.read_text()


def test_memory_at_full_speed_is_ended_before_the_kernel_does(user, hostile):
    ends = []
    for _ in range(20):
        sandbox = run(user, hostile, "hostile", "memory", "600", memory_bytes=256 * MIB)
        ended = user.wait(sandbox["id"], "stopped")
        ends.append(ended["reason"])
        user.delete(sandbox["id"])
    assert ends == ["memory_critical"] * 20
    assert "bytes of memory that the kernel could not take back" in ended["detail"]
    seen = [e for e in events_of(user, sandbox) if e[0].startswith(("violation", "sandbox.stopped"))]
    assert seen[0] == ("violation.opened", "memory", "warning")
    assert seen[1] == ("violation.opened", "memory", "critical")
    assert [e[2] for e in seen if e[0] == "violation.closed"] == ["critical"]


def test_memory_with_a_full_page_cache(user, hostile):
    ends = []
    for _ in range(5):
        sandbox = run(user, hostile, "sh", "-c", "dd if=/dev/zero of=/workspace/f bs=1M count=300 2>/dev/null; "
                      "cat /workspace/f >/dev/null; exec hostile memory 600", memory_bytes=256 * MIB)
        ends.append(user.wait(sandbox["id"], "stopped", 30)["reason"])
        user.delete(sandbox["id"])
    assert set(ends) <= {"memory_critical", "oom_killed"} and ends.count("memory_critical") >= 3, ends


def test_slow_memory_is_warned_then_ended(user, hostile):
    sandbox = run(user, hostile, "hostile", "memory", "200", "40", memory_bytes=64 * MIB)
    ended = user.wait(sandbox["id"], "stopped", 20)
    assert ended["reason"] == "memory_critical"
    levels = [e[2] for e in events_of(user, sandbox) if e[0] == "violation.opened"]
    assert levels == ["warning", "critical"]


def test_memory_below_what_is_held(corral, user, hostile):
    """A new limit below the use is refused with the figure, and set if that is forced."""
    sandbox = run(user, hostile, "hostile", "memory", "60", memory_bytes=256 * MIB)["id"]
    held = wait_until("the memory is in use", lambda: (m := user.stats(sandbox)["memory"]["unreclaimable_bytes"]) > 60 * MIB and m, 10)
    for asked in (32 * MIB, 60 * MIB, held + (1 << 20)): # at 95 % of its limit it would be ended
        problem = user.refused("PATCH", f"/sandbox/{sandbox}", {"memory_bytes": asked})
        assert (problem["status"], problem["code"]) == (409, "below_use"), problem
        said = int(re.search(r"uses (\d+) bytes", problem["detail"])[1])
        assert abs(said - held) < 2 * MIB
        done = corral.cli("extend", sandbox, "--memory", str(asked))
        assert done.returncode == 1 and "below_use" in done.stderr, done
    assert user.show(sandbox)["limits"]["memory_bytes"] == 256 * MIB and user.show(sandbox)["state"] == "running"
    assert corral.user("other", tier="pro").refused("PATCH", f"/sandbox/{sandbox}", {"memory_bytes": 32 * MIB})["code"] == "not_found"
    user.good("PATCH", f"/sandbox/{sandbox}", {"memory_bytes": 128 * MIB})
    user.good("PATCH", f"/sandbox/{sandbox}", {"memory_bytes": 32 * MIB, "force": True})
    assert user.wait(sandbox, "stopped", 15)["reason"] in ("memory_critical", "oom_killed")


def test_a_tier_has_levels_of_its_own(corral, hostile):
    admin = corral.admin
    assert corral.cli("tier", "add", "early", "--violation", "memory_warning=30", "--violation", "memory_critical=50",
                      "--violation", "memory_clear=20").returncode == 0
    user = corral.user("early", tier="early")
    warned = run(user, hostile, "hostile", "memory", "24", memory_bytes=64 * MIB)
    wait_until("the violation is reported", lambda: ("violation.opened", "memory", "warning") in events_of(user, warned), 10)
    ended = user.wait(run(user, hostile, "hostile", "memory", "36", memory_bytes=64 * MIB)["id"], "stopped", 10)
    assert ended["reason"] == "memory_critical", ended["detail"]
    # A live sandbox keeps its levels, also over a restart of its agent; a new sandbox gets the new ones.
    assert corral.cli("tier", "set", "early", "--violation", "memory_critical=", "--violation", "memory_warning=90",
                      "--violation", "memory_clear=").returncode == 0
    assert admin.good("GET", "/sandbox/system/tiers/early")["violations"] == {"memory_warning": 90}
    corral.kill("agent")
    corral.restart("agent")
    wait_until("the sandbox is sampled again", lambda: user.stats(warned["id"])["health"]["status"] == "degraded", 15)
    other = run(user, hostile, "hostile", "memory", "36", memory_bytes=64 * MIB)
    wait_until("the memory is in use", lambda: user.stats(other["id"])["memory"]["percent"] > 55, 10)
    assert user.show(other["id"])["state"] == "running" and not user.stats(other["id"])["violations"]
    for sandbox in (warned, other):
        user.delete(sandbox["id"])


def test_a_sandbox_that_flaps_makes_few_events(corral, hostile):
    """At most one closing in episode_seconds, however often the figure swings; the closing says how often."""
    assert corral.cli("tier", "add", "flappy", "--violation", "episode_seconds=8").returncode == 0
    user = corral.user("flappy", tier="flappy")
    sandbox = run(user, hostile, "sh", "-c", "while :; do dd if=/dev/zero of=/workspace/f bs=1M count=28 2>/dev/null; sleep 1.5; "
                  "rm /workspace/f; sleep 1.5; done", storage_bytes=32 * MIB)

    def episodes():
        return [e for e in user.good("GET", f"/sandbox/{sandbox['id']}/events?limit=200")["items"]
                if e["type"].startswith("violation") and e["data"]["kind"] == "disk"]
    wait_until("three episodes have closed", lambda: [e["type"] for e in episodes()].count("violation.closed") >= 3, 60)
    seen = episodes()
    assert [e["type"] for e in seen] == (["violation.opened", "violation.closed"] * len(seen))[:len(seen)]
    closed = [e for e in seen if e["type"] == "violation.closed"]
    times = [datetime.datetime.fromisoformat(e["at"].replace("Z", "+00:00")).timestamp() for e in closed]
    assert min(b - a for a, b in zip(times, times[1:])) > 7.5
    assert closed[0]["data"]["swings"] == 0 and closed[1]["data"]["swings"] >= 1
    assert "swings" not in seen[0]["data"]
    user.delete(sandbox["id"])


def test_a_reader_of_large_files_is_left_alone(user, hostile):
    sandbox = run(user, hostile, "sh", "-c", "dd if=/dev/zero of=/workspace/f bs=1M count=200 2>/dev/null; "
                  "hostile read /workspace/f 20; echo done; exit 7", memory_bytes=64 * MIB)
    ended = user.wait(sandbox["id"], "stopped", 60)
    assert (ended["reason"], ended["exit_code"]) == ("exited", 7), ended["detail"]
    assert not [e for e in events_of(user, sandbox) if e[0].startswith("violation") and e[1] == "memory"]


def test_a_fork_bomb_stays_within_its_processes(user, hostile):
    sandbox = run(user, hostile, "hostile", "fork", pids=64)
    wait_until("the violation is reported", lambda: ("violation.opened", "pids", "warning") in events_of(user, sandbox), 10)
    assert user.stats(sandbox["id"])["pids"]["current"] <= 64
    bystander = user.create(command=["true"])
    assert user.wait(bystander["id"], "stopped")["exit_code"] == 0
    user.delete(sandbox["id"])


def test_files_end_with_its_disk(user, hostile):
    begin = shutil.disk_usage("/var/tmp").used
    sandbox = run(user, hostile, "hostile", "files", "/workspace", storage_bytes=32 * MIB)
    assert user.wait(sandbox["id"], "stopped", 40)["reason"] in ("exited", "memory_critical")
    big = run(user, hostile, "sh", "-c", "dd if=/dev/zero of=/workspace/f bs=1M count=200 2>/dev/null; stat -c %s /workspace/f; " +
              STAYS, storage_bytes=32 * MIB)
    wait_until("the violation is reported", lambda: ("violation.opened", "disk", "warning") in events_of(user, big), 10)
    user.delete(big["id"])
    assert shutil.disk_usage("/var/tmp").used - begin < 200 * MIB


def test_a_volume_of_its_image_lies_on_its_disk(user, hostile):
    sandbox = run(user, "hostile:volume", "sh", "-c", "dd if=/dev/zero of=/data/f bs=1M count=200 2>/dev/null && exit 9; "
                  "[ $(stat -c %s /data/f) -lt 40000000 ]", storage_bytes=32 * MIB)
    ended = user.wait(sandbox["id"], "stopped", 20)
    assert (ended["reason"], ended["exit_code"]) == ("exited", 0), ended["detail"]


def test_who_heeds_no_signal_ends_all_the_same(corral, user, hostile):
    sandbox = run(user, hostile, "hostile", "stubborn", lifetime_seconds=3)
    ended = user.wait(sandbox["id"], "stopped", 8)
    assert ended["reason"] == "expired"


def test_fifty_expiries_in_one_second(corral):
    user = corral.user("fifty", tier="enterprise")
    small = {"memory_bytes": 8 * MIB, "cpu_millis": 10, "storage_bytes": 4 * MIB, "pids": 8}
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: user.create(**small)["id"], range(50)))
    pids = [int(p) for p in corral.docker("inspect", "-f", "{{.State.Pid}}", *made).split()]
    assert len(pids) == 50 and all(pids)
    deadline = time.time() + 6
    at = datetime.datetime.utcfromtimestamp(deadline).strftime("%Y-%m-%dT%H:%M:%S.%f")[:23] + "Z"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: user.good("PATCH", f"/sandbox/{i}", {"expires_at": at}), made))
    assert time.time() < deadline and all(os.path.exists(f"/proc/{p}") for p in pids)
    wait_until("all have ended", lambda: not any(running(p) for p in pids), deadline + 2 - time.time(), 0.02)
    assert time.time() >= deadline
    for sandbox in made:
        assert user.wait(sandbox, "stopped", 60)["reason"] == "expired"
