"""Every container against the CIS Docker Benchmark; what must fail in a sandbox; the floods that
test_guard.py leaves out."""
import json
import os
import signal
import subprocess
import time

import pytest
from corral import BUILD_ROOT, FOREVER, ROOT, STAYS, UNTIL_TOLD, running, wait_until

MIB = 1 << 20
PROFILE = json.loads((ROOT / "deploy/seccomp.json").read_text())
SENSITIVE = ("/", "/boot", "/dev", "/etc", "/lib", "/proc", "/root", "/run", "/sys", "/usr", "/var/run")


def run(user, image, *command, **more):
    return user.create(image=image, command=list(command), **more)


def said(corral, sandbox, last):
    """What the sandbox printed, once that ends in this word."""
    return wait_until(f"the sandbox prints {last}", lambda: last in (text := corral.docker("logs", sandbox["id"])) and text, 20)


def opened(user, sandbox, kind):
    events = user.good("GET", f"/sandbox/{sandbox['id']}/events?limit=200")["items"]
    return [e for e in events if e["type"] == "violation.opened" and e["data"]["kind"] == kind]


def pid_of(corral, sandbox):
    return int(corral.docker("inspect", "-f", "{{.State.Pid}}", sandbox["id"]))


def cgroup_file(corral, sandbox, controller, v1, v2):
    """The text of a file of its cgroup; on version 2 all files are in one folder."""
    for line in open(f"/proc/{pid_of(corral, sandbox)}/cgroup"):
        number, names, path = line.strip().split(":", 2)
        if controller in names.split(","):
            return open(f"/sys/fs/cgroup/{names}{path}/{v1}").read()
    return open(f"/sys/fs/cgroup{path}/{v2}").read()


# --- CIS Docker Benchmark 1.6, section 5 ---

@pytest.fixture(scope="module")
def inspected(corral, hostile):
    """docker inspect of a sandbox of each kind."""
    user = corral.user("cis", tier="pro")
    kinds = [{}, {"command": FOREVER, "memory_bytes": 64 * MIB, "pids": 32}, {"image": "hostile:volume"},
             {"env": {"A": "b"}, "cpu_millis": 100, "storage_bytes": 64 * MIB}, {"runtime": "runsc"}]
    ids = [user.create(**kind)["id"] for kind in kinds]
    yield json.loads(corral.docker("inspect", *ids))
    for sandbox in ids:
        user.delete(sandbox)


def host_config(c):
    return c["HostConfig"]


def profile_of(c):
    return [json.loads(o.split("=", 1)[1]) for o in host_config(c)["SecurityOpt"] if o.startswith("seccomp=")]


# (number, title, check of an inspected container; c, corral)
CIS = (
    ("5.4", "Linux kernel capabilities are restricted", lambda c, _: host_config(c)["CapDrop"] == ["ALL"] and not host_config(c)["CapAdd"]),
    ("5.5", "privileged containers are not used", lambda c, _: host_config(c)["Privileged"] is False),
    ("5.6", "sensitive host system directories are not mounted", lambda c, corral: c["Mounts"] and all(
        m["Source"] not in SENSITIVE and m["Source"].startswith(f"{corral.home}/") for m in c["Mounts"])),
    ("5.8", "privileged ports are not mapped", lambda c, _: not host_config(c)["PortBindings"]),
    ("5.9", "only needed ports are open", lambda c, _: not c["NetworkSettings"]["Ports"] and not host_config(c)["PublishAllPorts"]),
    ("5.10", "the host's network namespace is not shared", lambda c, _: host_config(c)["NetworkMode"] == "none"),
    ("5.11", "memory usage is limited", lambda c, _: 0 < host_config(c)["Memory"] == host_config(c)["MemorySwap"]),
    ("5.12", "CPU priority is set", lambda c, _: host_config(c)["CpuShares"] > 0 and 0 < host_config(c)["CpuQuota"] <= host_config(c)["CpuPeriod"]),
    ("5.13", "the root filesystem is mounted read only", lambda c, _: host_config(c)["ReadonlyRootfs"] is True),
    ("5.14", "incoming traffic is bound to a specific host interface", lambda c, _: not host_config(c)["PortBindings"]),
    ("5.15", "the restart policy is at most on-failure, 5 times", lambda c, _: host_config(c)["RestartPolicy"]["Name"] == "no"),
    ("5.16", "the host's process namespace is not shared", lambda c, _: host_config(c)["PidMode"] == ""),
    ("5.17", "the host's IPC namespace is not shared", lambda c, _: host_config(c)["IpcMode"] == "private"),
    ("5.18", "host devices are not exposed", lambda c, _: not host_config(c)["Devices"] and not host_config(c)["DeviceRequests"]
     and not host_config(c)["DeviceCgroupRules"]),
    ("5.19", "the default ulimit is overwritten", lambda c, _: {u["Name"]: u["Hard"] for u in host_config(c)["Ulimits"]}
     == {"nofile": 4096, "core": 1, "sigpending": 4096, "msgqueue": 409600}),
    ("5.20", "mount propagation mode is not shared", lambda c, _: {m["Propagation"] for m in c["Mounts"]} <= {"private", "rprivate"}),
    ("5.21", "the host's UTS namespace is not shared", lambda c, _: host_config(c)["UTSMode"] == ""),
    ("5.22", "the default seccomp profile is not disabled", lambda c, _: profile_of(c) == [PROFILE]),
    ("5.23", "docker exec is not used with the privileged option", lambda c, _: not c["ExecIDs"]),
    ("5.24", "docker exec is not used with the user=root option", lambda c, _: not c["ExecIDs"] and c["Config"]["User"] == "1000:1000"),
    ("5.25", "cgroup usage is confirmed", lambda c, _: host_config(c)["CgroupParent"].startswith("/corral-")),
    ("5.26", "additional privileges cannot be acquired", lambda c, _: "no-new-privileges" in host_config(c)["SecurityOpt"]),
    ("5.28", "the latest version of the image is used", lambda c, corral: c["Image"]
     == corral.docker("image", "inspect", "-f", "{{.Id}}", c["Config"]["Image"])),
    ("5.29", "the PIDs cgroup limit is used", lambda c, _: 0 < host_config(c)["PidsLimit"] <= 256),
    ("5.30", "the default bridge docker0 is not used", lambda c, _: set(c["NetworkSettings"]["Networks"]) == {"none"}),
    ("5.31", "the host's user namespaces are not shared", lambda c, corral: host_config(c)["UsernsMode"] == ""
     and "name=userns" in corral.docker("info", "-f", "{{.SecurityOptions}}")),
    ("5.32", "the Docker socket is not mounted", lambda c, _: not any("docker.sock" in m["Source"] for m in c["Mounts"])),
)


@pytest.mark.parametrize("number, title, holds", CIS, ids=[row[0] for row in CIS])
def test_cis(corral, inspected, number, title, holds):
    wrong = [c["Name"] for c in inspected if not holds(c, corral)]
    assert not wrong, (number, title, wrong)


def test_the_log_is_capped_and_input_and_output_limited(corral, inspected):
    for c in inspected:
        assert host_config(c)["LogConfig"] == {"Type": "local", "Config": {
            "compress": "false", "max-file": "2", "max-size": "4000000"}}
        rates = [host_config(c)[f"BlkioDevice{what}"] for what in ("ReadBps", "WriteBps", "ReadIOps", "WriteIOps")]
        assert [r["Rate"] for rate in rates for r in rate] == [256 * MIB, 256 * MIB, 10000, 10000]
        assert {r["Path"][:9] for rate in rates for r in rate} == {"/dev/loop"}


# --- what must fail ---

def test_nothing_leads_out(corral, user, hostile):
    sandbox = run(user, hostile, "hostile", "escapes")
    results = dict(line.split() for line in said(corral, sandbox, "\nend").splitlines() if line != "end")
    assert len(results) >= 70
    assert not [name for name, result in results.items() if result == "done"]
    # Refused by the seccomp profile itself, however the kernel was built.
    filtered = ("keyctl", "add_key", "request_key", "userfaultfd", "io_uring", "bpf", "perf_event_open", "unshare_user",
                "unshare_mount", "clone_user", "clone_net", "mount", "vmsplice", "memfd_secret", "modify_ldt",
                "remap_file_pages", "name_to_handle_at", "personality_odd", "personality_32", "af_alg", "af_vsock",
                "af_packet", "netfilter", "kcmp", "adjtimex", "huge_file", "huge_segment", "ping_socket", "multipath_tcp")
    assert {name: results[name] for name in filtered} == dict.fromkeys(filtered, "EPERM")
    assert (results["clone3"], results["huge_memory"]) == ("ENOSYS", "ENOMEM")
    # It runs on, as the same user with the same limits.
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{pid_of(corral, sandbox)}/status") if ":\t" in line)
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert (status["NoNewPrivs"].strip(), status["Seccomp"].strip()) == ("1", "2")
    assert open(f"/proc/{pid_of(corral, sandbox)}/oom_score_adj").read().strip() == "500"


def test_a_call_of_32_bits_ends_its_caller(user, hostile):
    """By the filter if the kernel supports such calls at all, else by the kernel."""
    taken = subprocess.run([BUILD_ROOT / "tests/hostile", "int80"], capture_output=True).returncode == 0
    sandbox = run(user, hostile, "sh", "-c", "hostile int80; echo $? >/workspace/code; exit $(cat /workspace/code)")
    assert user.wait(sandbox["id"], "stopped")["exit_code"] == 128 + (signal.SIGSYS if taken else signal.SIGSEGV)


# --- careless and hostile workloads ---

def test_descriptors_end_with_the_limit(corral, user, hostile):
    sandbox = run(user, hostile, "hostile", "open")
    # Of 4096, it has three open from the start.
    assert said(corral, sandbox, "descriptors") == "4093 descriptors: Too many open files"
    assert user.wait(user.create(command=["true"])["id"], "stopped")["exit_code"] == 0


def test_cpu_is_warned_of_and_stays_within_its_quota(user, hostile):
    sandbox = run(user, hostile, "hostile", "spin", "4", cpu_millis=300)
    wait_until("the violation is reported", lambda: opened(user, sandbox, "cpu"), 10)

    def look():
        begin, usage = time.monotonic(), user.stats(sandbox["id"])["cpu"]["usage_ns"]
        return begin, wait_until("a new look", lambda: (u := user.stats(sandbox["id"])["cpu"]["usage_ns"]) != usage and u, 5), \
            time.monotonic()

    first, last = look(), None
    while not last or last[0] - first[2] < 2:
        last = look()
    # At most one sample interval more than the time between.
    assert last[1] - first[1] <= 0.3e9 * 1.05 * (last[2] - first[0])
    assert user.stats(sandbox["id"])["cpu"]["percent"] <= 110
    assert [v["kind"] for v in user.stats(sandbox["id"])["violations"]] == ["cpu"]
    assert len(opened(user, sandbox, "cpu")) == 1


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_flood_of_lines_is_not_kept_and_costs_its_own_time(corral, user, hostile):
    sandbox = run(user, hostile, "hostile", "log")
    folder = next((corral.home / "docker/data").glob(f"*/containers/{corral.docker('inspect', '-f', '{{.Id}}', sandbox['id'])}"))
    init = pid_of(corral, sandbox)
    child = next(p for p in cgroup_file(corral, sandbox, "pids", "cgroup.procs", "cgroup.procs").split() if p != str(init))
    printed = lambda: int(next(line for line in open(f"/proc/{child}/io") if line.startswith("wchar")).split()[1])
    begin, dockers = time.monotonic(), cpu_seconds(corral.pid("dockerd"))
    wait_until("the sandbox has printed three times what the log keeps", lambda: printed() > 6 * MIB, 20)
    # Docker needed a whole processor for it before the init began to hold the flood back.
    assert cpu_seconds(corral.pid("dockerd")) - dockers < 0.3 * (time.monotonic() - begin)
    user.good("POST", f"/sandbox/{sandbox['id']}/pause")
    files = [p.stat().st_size for p in folder.iterdir() if "-json.log" in p.name]
    assert len(files) <= 2 and sum(files) <= 2.1 * MIB
    assert user.wait(user.create(command=["true"])["id"], "stopped")["exit_code"] == 0


def test_what_was_printed_at_the_end_is_kept(corral, user):
    sandbox = user.create(command=["sh", "-c", "echo begin; " + UNTIL_TOLD + "seq 1 5000; "
                                   "echo last >&2; exit 5"])
    with running(["/usr/bin/docker", "-H", f"unix://{corral.home}/run/docker.sock", "logs", "-f", sandbox["id"]],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
        assert follower.stdout.readline() == "begin\n"
        (corral.home / f"agent/volumes/{sandbox['id']}/0/go").touch()
        out, err = follower.communicate(timeout=30)
    assert out.split() == [str(n) for n in range(1, 5001)] and err == "last\n"
    assert user.wait(sandbox["id"], "stopped")["exit_code"] == 5


def test_nothing_is_lost_at_the_rate(corral, user):
    # More lines than are taken at once; the log keeps the latest ones.
    sandbox = user.create(command=["sh", "-c", "seq 1 30000; echo end; " + STAYS])
    lines = said(corral, sandbox, "end").split()
    assert len(lines) > 10000 and lines[:-1] == [str(n) for n in range(int(lines[0]), 30001)] and lines[-1] == "end"


def test_a_flood_on_its_loopback_is_its_own(corral, user, hostile):
    sandbox = run(user, hostile, "hostile", "udp", cpu_millis=300)
    lo = lambda: int(next(line for line in open(f"/proc/{pid_of(corral, sandbox)}/net/dev") if "lo:" in line).split()[1])
    wait_until("it sends", lambda: lo() > 100 * MIB, 15)
    assert [line.split(":")[0].strip() for line in open(f"/proc/{pid_of(corral, sandbox)}/net/dev")][2:] == ["lo"]
    stats = user.stats(sandbox["id"])
    assert stats["network"]["rx_bytes"] == stats["network"]["tx_bytes"] == 0 and stats["cpu"]["percent"] <= 110


def test_names_that_are_not_there_are_forgotten(user, hostile):
    # A million of them take some 250 MB of the kernel's memory; they count as the sandbox's own, and can be
    # reclaimed.
    sandbox = run(user, hostile, "sh", "-c", "hostile dentries /workspace 1000000 && exit 7", memory_bytes=24 * MIB)
    ended = user.wait(sandbox["id"], "stopped", 40)
    assert (ended["reason"], ended["exit_code"]) == ("exited", 7), ended["detail"]
    assert not opened(user, sandbox, "memory")


def test_direct_writes_are_held_to_their_rate(corral, user):
    sandbox = user.create(storage_bytes=1024 * MIB, command=["sh", "-c", "dd if=/dev/zero of=/workspace/f bs=4M "
                          "count=192 oflag=direct 2>/dev/null && exit 7"])
    limit = cgroup_file(corral, sandbox, "blkio", "blkio.throttle.write_bps_device", "io.max")
    assert f"{256 * MIB}" in limit and limit.startswith("7:"), limit
    ended = user.wait(sandbox["id"], "stopped", 40)
    assert (ended["reason"], ended["exit_code"]) == ("exited", 7), ended["detail"]
    assert seconds(ended["ended_at"]) - seconds(ended["started_at"]) >= 768 / 256 - 0.3


def seconds(text):
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) + float(text[19:23])


def test_what_was_not_yet_written_back_holds_nobody(corral, user):
    """The disk of a removed sandbox is discarded, not flushed: otherwise the deadline of another sandbox
    would wait for it."""
    full = user.create(memory_bytes=1024 * MIB, storage_bytes=1024 * MIB, command=[
        "sh", "-c", "dd if=/dev/zero of=/workspace/f bs=1M count=800 2>/dev/null; touch /workspace/done; " + STAYS])
    wait_until("the file is written", lambda: (corral.home / f"agent/volumes/{full['id']}/0/done").exists(), 30)
    begin = time.monotonic()
    user.delete(full["id"])
    assert time.monotonic() - begin < 1.5


# --- gVisor ---

def test_a_runtime_that_no_node_has(user):
    problem = user.refused("POST", "/sandbox", {"runtime": "kata"})
    assert (problem["status"], problem["code"]) == (422, "invalid") and "kata" in problem["detail"]


def test_gvisor(corral, user, hostile):
    assert "runsc" in corral.admin.good("GET", "/sandbox/system/nodes/node-1")["docker"]["runtimes"]
    sandbox = run(user, hostile, "sh", "-c", "uname -r; hostile open", runtime="runsc", memory_bytes=128 * MIB)
    assert sandbox["runtime"] == "runsc" and set(sandbox["enforced"].values()) == {"enforced"}
    lines = said(corral, sandbox, "descriptors").splitlines()
    assert lines[0].startswith("4.4.") and lines[-1].split()[0] in ("4093", "4092", "4091")
    stats = user.stats(sandbox["id"])
    assert stats["health"]["status"] == "healthy" and 0 < stats["memory"]["used_bytes"] < 128 * MIB
    # gVisor's runtime has no update of its own: the agent writes its cgroups.
    user.good("PATCH", f"/sandbox/{sandbox['id']}", {"memory_bytes": 192 * MIB, "cpu_millis": 200})
    wait_until("the sandbox's memory limit grew", lambda: cgroup_file(corral, sandbox, "memory", "memory.limit_in_bytes", "memory.max").strip()
               == str(192 * MIB), 5)
    pid = pid_of(corral, sandbox)
    user.delete(sandbox["id"])
    wait_until("the sandbox's kernel process is gone", lambda: subprocess.run(["kill", "-0", str(pid)], capture_output=True).returncode, 5)


def test_gvisor_tells_ends_over_a_restart_of_the_agent(corral, user):
    quick = user.create(runtime="runsc", command=["sh", "-c", "exit 7"])
    slow = user.create(runtime="runsc", command=["sh", "-c", UNTIL_TOLD + "exit 5"])
    ended = user.wait(quick["id"], "stopped")
    assert (ended["reason"], ended["exit_code"]) == ("exited", 7), ended["detail"]
    corral.kill("agent")
    corral.restart("agent")
    wait_until("the node is back", lambda: corral.admin.good("GET", "/sandbox/system/nodes/node-1")["state"] == "ready", 20)
    (corral.home / f"agent/volumes/{slow['id']}/0/go").touch()
    ended = user.wait(slow["id"], "stopped", 20)
    assert (ended["reason"], ended["exit_code"]) == ("exited", 5), ended["detail"]


def test_gvisor_is_held_to_its_memory_and_disk(user, hostile):
    greedy = run(user, hostile, "hostile", "memory", "600", runtime="runsc", memory_bytes=128 * MIB)
    full = run(user, hostile, "sh", "-c", "dd if=/dev/zero of=/workspace/f bs=1M count=200 2>/dev/null && exit 9; "
               "[ $(stat -c %s /workspace/f) -lt 40000000 ]", runtime="runsc", storage_bytes=32 * MIB)
    assert user.wait(greedy["id"], "stopped", 30)["reason"] in ("memory_critical", "oom_killed")
    ended = user.wait(full["id"], "stopped", 30)
    assert (ended["reason"], ended["exit_code"]) == ("exited", 0), ended["detail"]
