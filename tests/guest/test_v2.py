"""What the agent does on cgroup v2, compared with the kernel's own files."""
import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from corral import BUILD_ROOT, CGROUP_V2, STAYS, UNTIL_TOLD, wait_until

MIB = 1 << 20
RESULTS = Path(os.environ["CORRAL_TEST_LOGS"])
# What is recorded of a sandbox's cgroup, for tests/data/cgroup_v2.
RECORDED = ("memory.current memory.peak memory.max memory.high memory.min memory.low memory.swap.max memory.stat memory.events "
            "memory.events.local memory.oom.group memory.pressure cpu.stat cpu.max cpu.max.burst cpu.weight cpu.pressure "
            "pids.current pids.peak pids.max pids.events io.stat io.pressure cgroup.events cgroup.freeze cgroup.controllers "
            "cgroup.stat cgroup.type").split()


def figure(text):
    """A line for the reader of the results."""
    print(text)
    with open(RESULTS / "figures", "a") as f:
        print(text, file=f)


@pytest.fixture(scope="module")
def hostile(corral):
    """The base image with tests/chaos/hostile.c."""
    context = Path(corral.home / "hostile")
    context.mkdir()
    shutil.copy(BUILD_ROOT / "tests/hostile", context)
    (context / "Dockerfile").write_text("FROM corral-base:latest\nCOPY hostile /bin/hostile\n")
    subprocess.run(["/usr/bin/docker", "-H", f"unix://{corral.home}/run/docker.sock", "build", "-q", "-t", "hostile:plain",
                    context], env={**corral.environ, "DOCKER_BUILDKIT": "0"}, check=True, capture_output=True, timeout=120)
    return "hostile:plain"


def keyed(path):
    return {k: int(v) for k, v in (line.split() for line in path.read_text().splitlines())}


def number(path):
    text = path.read_text().strip()
    return None if text == "max" else int(text)


def host_pid(corral, sandbox):
    return int(corral.docker("inspect", "-f", "{{.State.Pid}}", sandbox["id"]))


def running(pid):
    return Path(f"/proc/{pid}").exists()


def test_the_doctor_says_version_2_and_enforces_all(corral):
    environ = {**corral.environ, "CORRAL_DOCKER_SOCKET": str(corral.home / "run/docker.sock"),
               "CORRAL_STATE_DIR": str(corral.home / "agent"), "CORRAL_INIT_PATH": str(corral.home / "bin/corral-init")}
    command = [corral.home / "bin/corral-agent", "doctor", "--json"]
    doctor = subprocess.run(command, env=environ, capture_output=True, text=True)
    checks = {c["name"]: c for c in json.loads(doctor.stdout)["checks"]}
    figure("doctor: " + "; ".join(f"{n} {'ok' if c['ok'] else 'NOT'} ({c['detail']})" for n, c in checks.items()))
    assert CGROUP_V2 and checks["cgroups"]["detail"] == "version 2"
    assert doctor.returncode == 0 and all(checks[n]["ok"] for n in ("memory", "swap", "cpu", "pids", "nofile", "disk", "network", "apparmor"))
    poor = subprocess.run(command, env={**environ, "PATH": "/nowhere"}, capture_output=True, text=True)
    assert not {c["name"]: c for c in json.loads(poor.stdout)["checks"]}["apparmor"]["ok"], "Debian's kernel uses AppArmor"


def test_stats_are_the_kernels_figures(corral, user):
    sandbox = user.create(memory_bytes=64 * MIB, cpu_millis=200, command=["sh", "-c", "dd if=/dev/urandom of=/workspace/f bs=1M "
                          "count=8; sync; while :; do :; done"])
    folder = corral.kernel(sandbox["id"], "memory/", "")
    wait_until("the sandbox is throttled", lambda: keyed(folder / "cpu.stat")["nr_throttled"] > 20, 30)
    wait_until("the file is written", lambda: user.stats(sandbox["id"])["disk"]["used_bytes"] > 8 * MIB, 20)
    stats, stat = user.stats(sandbox["id"]), keyed(folder / "memory.stat")
    memory, cpu = stats["memory"], stats["cpu"]
    assert memory["limit_bytes"] == number(folder / "memory.max") == 64 * MIB and number(folder / "memory.swap.max") in (0, None)
    assert abs(memory["used_bytes"] - number(folder / "memory.current")) < 2 * MIB
    back = stat["inactive_file"] + stat["active_file"] + stat["slab_reclaimable"]
    assert stat["file"] >= 8 * MIB and abs(memory["unreclaimable_bytes"] - (number(folder / "memory.current") - back)) < 2 * MIB
    assert memory["unreclaimable_bytes"] < 6 * MIB < memory["peak_bytes"] and memory["oom_kills"] == 0
    usage = keyed(folder / "cpu.stat")["usage_usec"] * 1000
    assert usage * 0.5 < cpu["usage_ns"] <= usage and cpu["limit_millis"] == 200
    quota, period = (int(n) for n in (folder / "cpu.max").read_text().split())
    assert quota / period == pytest.approx(0.2)
    wait_until("the CPU percentage is reported", lambda: user.stats(sandbox["id"])["cpu"]["percent"] > 60, 20)
    assert user.stats(sandbox["id"])["cpu"]["throttled_percent"] > 10
    wait_until("the number of processes is reported", lambda: user.stats(sandbox["id"])["pids"] == {
        "current": number(folder / "pids.current"), "limit": number(folder / "pids.max")}, 10)
    pressure = wait_until("the CPU pressure is reported", lambda: (p := user.stats(sandbox["id"])["pressure"])["cpu_some_avg10"] and p, 30)
    assert all(isinstance(v, (int, float)) for v in pressure.values()), pressure
    record(sandbox, folder, host_pid(corral, sandbox))


def record(sandbox, folder, pid):
    tree = RESULTS / "cgroup_v2"
    tree.mkdir()
    for name in RECORDED:
        if (folder / name).exists():
            (tree / name).write_text((folder / name).read_text())
    (tree / "proc_cgroup").write_text(Path(f"/proc/{pid}/cgroup").read_text())
    mounts = [line for line in open("/proc/self/mountinfo") if " - cgroup" in line or " / / " in line]
    (tree / "mountinfo").write_text("".join(mounts))
    (tree / "net_dev").write_text(Path(f"/proc/{pid}/net/dev").read_text())
    (tree / "kernel").write_text(os.uname().release + "\n" + os.uname().version + "\n")


def test_pause_freezes_and_resume_thaws(corral, user):
    sandbox = user.create(command=["sh", "-c", "while :; do :; done"])
    folder = corral.kernel(sandbox["id"], "memory/", "")
    user.good("POST", f"/sandbox/{sandbox['id']}/pause")
    user.wait(sandbox["id"], "paused")
    assert keyed(folder / "cgroup.events")["frozen"] == 1 and number(folder / "cgroup.freeze") == 1
    wait_until("the stats say so", lambda: user.stats(sandbox["id"])["health"]["status"] == "paused", 5)
    user.good("POST", f"/sandbox/{sandbox['id']}/resume")
    user.wait(sandbox["id"], "running")
    assert keyed(folder / "cgroup.events")["frozen"] == 0
    user.good("POST", f"/sandbox/{sandbox['id']}/pause")
    user.wait(sandbox["id"], "paused")
    user.delete(sandbox["id"])
    assert not folder.exists()


def test_live_resize(corral, user):
    sandbox = user.create(memory_bytes=64 * MIB, cpu_millis=200)
    folder = corral.kernel(sandbox["id"], "memory/", "")
    before = number(folder / "memory.high")
    assert 0.95 * 64 * MIB < before < 64 * MIB
    user.good("PATCH", f"/sandbox/{sandbox['id']}", {"memory_bytes": 128 * MIB, "cpu_millis": 400, "cpu_shares": 1024})
    wait_until("memory.max is set", lambda: number(folder / "memory.max") == 128 * MIB, 10)
    wait_until("the alarm is set again", lambda: (number(folder / "memory.high") or 0) > 0.95 * 128 * MIB, 10)
    quota, period = (int(n) for n in (folder / "cpu.max").read_text().split())
    assert quota / period == pytest.approx(0.4)
    assert number(folder / "memory.high") < 128 * MIB


def test_disks_and_cgroups_hold():
    run = subprocess.run(["/corral/tests/integration/host_parts.sh", "/corral"], capture_output=True, text=True, timeout=200)
    assert run.returncode == 0, run.stdout + run.stderr


def test_an_oom_of_one_process_ends_the_whole(corral, user, hostile):
    """The agent is stopped while the kernel kills, so that it cannot kill first."""
    sandbox = user.create(image=hostile, memory_bytes=64 * MIB, command=["sh", "-c", UNTIL_TOLD +
                          "hostile memory 600; " + STAYS])
    folder, pid = corral.kernel(sandbox["id"], "memory/", ""), host_pid(corral, sandbox)
    corral.kill("agent", signal.SIGSTOP)
    try:
        (folder / "memory.high").write_text("max")
        corral.tell(sandbox["id"])
        wait_until("the kernel has killed", lambda: keyed(folder / "memory.events")["oom_kill"] == 1, 30)
        assert running(pid), "its process 1 was spared"
    finally:
        corral.kill("agent", signal.SIGCONT)
    ended = user.wait(sandbox["id"], "stopped", 20)
    assert ended["reason"] == "oom_killed" and not running(pid), ended


def due_in(user, sandbox, seconds):
    """The lifetime is set once the sandbox runs: a start takes seconds here."""
    user.good("PATCH", f"/sandbox/{sandbox['id']}", {"lifetime_seconds": seconds})
    return time.monotonic() + seconds


def test_a_frozen_docker_keeps_nothing_alive(corral, user, hostile):
    """cgroup.kill ends a paused sandbox too."""
    stubborn = user.create(image=hostile, command=["hostile", "stubborn"])
    paused = user.create(image=hostile, command=["hostile", "spin", "4"])
    pids = [host_pid(corral, s) for s in (stubborn, paused)]
    groups = [corral.kernel(s["id"], "memory/", "") for s in (stubborn, paused)]
    user.good("POST", f"/sandbox/{paused['id']}/pause")
    user.wait(paused["id"], "paused")
    for sandbox in (stubborn, paused):
        due = due_in(user, sandbox, 4)
    corral.kill("dockerd", signal.SIGSTOP)
    try:
        wait_until("the processes are gone", lambda: not any(running(p) for p in pids), due + 2 - time.monotonic())
        assert not any((g / "cgroup.procs").exists() and (g / "cgroup.procs").read_text() for g in groups)
    finally:
        corral.kill("dockerd", signal.SIGCONT)
    for sandbox in (stubborn, paused):
        assert user.wait(sandbox["id"], "stopped", 60)["reason"] == "expired"


def test_a_fork_bomb_ends_at_once(corral, user, hostile):
    """pids.max bounds a sandbox that forks, cgroup.kill ends it."""
    sandbox = user.create(image=hostile, command=["hostile", "fork"], pids=64)
    folder = corral.kernel(sandbox["id"], "memory/", "")
    wait_until("the sandbox is at its limit", lambda: keyed(folder / "pids.events")["max"] > 0, 20)
    assert number(folder / "pids.current") <= 64
    pids = (folder / "cgroup.procs").read_text().split()
    user.delete(sandbox["id"])
    assert not folder.exists() and not any(running(p) for p in pids)


def test_expiry_is_in_time(corral, user):
    sandbox = user.create()
    pid, due = host_pid(corral, sandbox), due_in(user, sandbox, 3)
    wait_until("the process is gone", lambda: not running(pid), due + 2 - time.monotonic(), 0.01)
    figure(f"expiry: {time.monotonic() - due:.3f} s after its deadline")
    assert user.wait(sandbox["id"], "stopped", 20)["reason"] == "expired"


def test_a_reader_of_large_files_is_left_alone(user, hostile):
    sandbox = user.create(image=hostile, memory_bytes=64 * MIB, command=["sh", "-c", "dd if=/dev/zero of=f bs=1M count=120 "
                          "2>/dev/null; hostile read f 10; exit 7"])
    ended = user.wait(sandbox["id"], "stopped", 200)
    assert (ended["reason"], ended["exit_code"]) == ("exited", 7), ended["detail"]
    events = user.good("GET", f"/sandbox/{sandbox['id']}/events?limit=200")["items"]
    assert not [e for e in events if e["type"].startswith("violation") and e["data"]["kind"] == "memory"]


def ends_of(user, image, times, command, **more):
    ends = []
    for _ in range(times):
        sandbox = user.create(image=image, command=command, memory_bytes=256 * MIB, **more)
        ended = user.wait(sandbox["id"], "stopped", 60)
        ends.append(ended["reason"])
        seen = [(e["type"], e["data"].get("level"), e["data"].get("percent")) for e in
                user.good("GET", f"/sandbox/{sandbox['id']}/events?limit=50")["items"] if e["type"].startswith("violation")]
        figure(f"  {ended['reason']}: {ended['detail']} {seen}")
        user.delete(sandbox["id"])
    return Counter(ends)


def test_memory_at_full_speed(user, hostile):
    ends = ends_of(user, hostile, 20, ["hostile", "memory", "600"])
    figure(f"memory at full speed, 256 MiB, no page cache: {dict(ends)}")
    assert ends == {"memory_critical": 20}


def test_memory_at_full_speed_with_a_full_page_cache(user, hostile):
    ends = ends_of(user, hostile, 20, ["sh", "-c", "dd if=/dev/zero of=/workspace/f bs=1M count=300 2>/dev/null; "
                                       "cat /workspace/f >/dev/null; exec hostile memory 600"])
    figure(f"memory at full speed, 256 MiB, full page cache: {dict(ends)}")
    assert ends == {"memory_critical": 20}
