"""Pools that the kernel shares among all: how much of each one sandbox can take, and whether another still
gets its part. docs/hardening.md has the same matrix."""
import json
import re
import subprocess
from pathlib import Path

import pytest
from corral import ROOT, wait_until

# bounded: whatever one sandbox takes, another gets its part. denied: no sandbox gets any. advisory: bounded
# if the node has the settings of deploy/sysctl.conf. open: one sandbox can take all of it.
POOLS = {
    "aio": "denied", "keys": "denied", "sigpending": "bounded", "sysv-semaphores": "bounded", "sysv-shm": "bounded",
    "sysv-queues": "bounded", "locks": "bounded", "mqueue": "advisory", "inotify": "bounded", "flight": "open", "ptys": "advisory",
    "pipes": "advisory", "sockets": "bounded", "processes": "bounded",
}


def taken(corral, sandbox):
    text = wait_until("the first sandbox has taken all", lambda: "\nend" in (t := corral.docker("logs", sandbox["id"])) and t, 60)
    return {name: (int(count), why) for name, count, why in (line.split() for line in text.splitlines() if line != "end")}


@pytest.fixture(scope="module")
def takers(corral, hostile):
    """One sandbox that takes all that it can and keeps it, then one of another user that takes one of each."""
    one, other = corral.user("pools-one", tier="pro"), corral.user("pools-other", tier="pro")
    greedy = one.create(image=hostile, command=["hostile", "pools"])
    took = taken(corral, greedy)
    modest = other.create(image=hostile, command=["hostile", "pools", "one"])
    yield took, taken(corral, modest), greedy
    one.delete(greedy["id"])
    other.delete(modest["id"])


def test_every_pool_is_judged(takers):
    took, got, _ = takers
    assert set(took) == set(got) == set(POOLS)


@pytest.mark.parametrize("pool", POOLS)
def test_a_pool(takers, pool):
    took, got, _ = takers
    print(pool, POOLS[pool], "one took", took[pool], "another got", got[pool])
    if POOLS[pool] == "denied":
        assert took[pool] == got[pool] == (0, {"aio": "ENOSYS", "keys": "EPERM"}[pool])
    elif POOLS[pool] == "bounded":
        assert got[pool] == (1, "OK")


def test_a_share_of_inotify_is_its_own(takers):
    took, _, _ = takers
    host = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    assert took["inotify"] == (max(16, min(128, host // 8)), "EMFILE")


def test_signals_and_processes_end_with_its_limit(takers):
    took, _, _ = takers
    assert took["sigpending"][0] <= 4096 and took["sigpending"][1] == "EAGAIN"
    assert took["processes"][0] <= 256 and took["processes"][1] == "EAGAIN"


def socket_memory():
    """The bytes that the sockets of the node hold."""
    pages = re.findall(r"^(?:TCP|UDP):.* mem (\d+)", Path("/proc/net/sockstat").read_text(), re.M)
    return 4096 * sum(map(int, pages))


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_sockets_hold_no_more_than_its_memory(corral, user, hostile, kind):
    """Data that nobody reads counts for the sandbox that sent it; otherwise 4 MB of a sandbox would be 2 GB
    of its node, and end the node's own connections."""
    before = socket_memory()
    sandbox = user.create(image=hostile, command=["hostile", "sockets", kind, "400"], memory_bytes=32 << 20)
    def over():
        try:
            return user.show(sandbox["id"])["state"] == "stopped" or "sockets" in corral.docker("logs", sandbox["id"])
        except subprocess.CalledProcessError:
            return False # it ended in between and its container is gone: the next read of the state shows it

    wait_until("the sockets are full, or the sandbox ended", over, 30)
    print(f"{kind}: took {(socket_memory() - before) >> 20} MiB")
    wait_until("the sockets hold no more than the sandbox's memory", lambda: socket_memory() - before <= 40 << 20, 5)
    ended = wait_until("the sandbox runs, or has ended", lambda: (s := user.show(sandbox["id"]))["state"] in ("running", "stopped") and s, 10)
    assert ended["state"] == "running" or ended["reason"] in ("memory_critical", "oom_killed"), ended


def test_the_matrix_is_in_the_docs():
    rows = dict(re.findall(r"^\| `([a-z-]+)` \|.*\| (bounded|denied|advisory|open) \|", (ROOT / "docs/hardening.md").read_text(), re.M))
    assert {name: rows.get(name) for name in POOLS} == POOLS


# --- system calls: ours against Docker's own list ---

# Each call that Docker allows to a container like ours and Corral does not, with the reason.
DENIED = {
    "io_setup io_submit io_cancel io_destroy io_getevents io_pgetevents": "counted for the node, as fs.aio-max-nr",
    "io_uring_enter io_uring_register io_uring_setup": "a way past the filter, with many faults",
    "sync syncfs": "write back all disks, or the node's (at / or /etc/hosts); answered with success, and not done",
    "adjtimex clock_adjtime": "tell of the node's clock", "fanotify_mark": "half of what is denied anyhow",
    "memfd_secret": "memory that nobody else can look at", "modify_ldt": "part of exploits", "process_mrelease": "hardly used",
    "remap_file_pages": "part of exploits", "vmsplice": "part of exploits", "kcmp": "tells of kernel addresses",
    "name_to_handle_at": "half of open_by_handle_at", "epoll_ctl_old epoll_wait_old": "never were",
    "get_thread_area set_thread_area": "of 32 bits",
}
OTHER_TABLE = re.compile(r"(32|64_64|_time64|stat64|statat64|statfs64|fcntl64|truncate64|sendfile64|clock_gettime64|settime64|gettime64|adjtime64"
                         r"|mmap2|ipc|socketcall|recv|send|waitpid|sigprocmask|sigreturn|_llseek|_newselect|ugetrlimit)$")
# The reverse: newer than Docker 20.10, or made safe by ptrace of kernel 4.8.
ADDED = {"cachestat", "fchmodat2", "futex_requeue", "futex_wait", "futex_wake", "getxattrat", "listxattrat", "map_shadow_stack", "mseal",
         "pkey_alloc", "pkey_free", "pkey_mprotect", "process_vm_readv", "process_vm_writev", "ptrace", "removexattrat", "setxattrat",
         "uretprobe", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "futex_waitv", "epoll_pwait2",
         "close_range", "openat2", "faccessat2", "pidfd_open"}


def allowed(calls):
    return {name for rule in calls if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]}


@pytest.fixture(scope="module")
def dockers(corral):
    """The filter that Docker itself makes for a container without capabilities."""
    container = corral.docker("run", "-d", "--network", "none", "--cap-drop", "ALL", "--entrypoint", "sleep", "corral-base:latest", "600")
    config = next((corral.home / "docker").glob(f"**/moby/{container}/config.json"))
    yield json.loads(config.read_text())["linux"]["seccomp"]
    corral.docker("rm", "-f", container)


def test_each_difference_from_dockers_filter_has_its_reason(dockers):
    ours = allowed(json.loads((ROOT / "deploy/seccomp.json").read_text())["syscalls"])
    theirs = allowed(dockers["syscalls"])
    known = {name for names in DENIED for name in names.split()}
    assert {name for name in theirs - ours if not OTHER_TABLE.search(name)} - known == set()
    assert ours - theirs - ADDED == set()
    assert "getsid" in ours and not known & ours


def test_sync_succeeds(user):
    # sync writes no disk back, and nobody can notice that: a sandbox's disk does not survive a crash of its
    # node anyway.
    sandbox = user.create(command=["sh", "-c", "sync && exit 7"])
    assert user.wait(sandbox["id"], "stopped")["exit_code"] == 7
