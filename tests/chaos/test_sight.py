"""What a sandbox sees of its node and of other sandboxes: the test walks through /proc and /sys, and all
that is visible is on a list."""
import json
import re

import pytest
from corral import FOREVER, ROOT, wait_until

# Files of /proc that show the same to every reader and may be read: each with the reason why it is left
# readable. A file that is not listed is masked, or empty, or cannot be read. docs/hardening.md has the same
# list.
LEFT = {
    "cgroups": "Java finds its memory limit by it; how many cgroups the node has",
    "consoles": "of the kernel", "cpuinfo": "programs choose code by it; which processor the node has", "crypto": "of the kernel",
    "devices": "of the kernel", "dma": "of the kernel", "execdomains": "of the kernel", "filesystems": "of the kernel",
    "fb": "of the kernel", "iomem": "addresses are zero", "ioports": "addresses are zero",
    "kallsyms": "addresses are zero", "loadavg": "uptime, top, make -l; how busy the node is",
    "meminfo": "free, and programs that size their caches; how much of the node's memory is taken", "misc": "of the kernel",
    "stat": "top, and the C library for the number of processors; how busy they are", "uptime": "when the node was booted",
    "version": "the kernel's", "vmstat": "vmstat; what the node's memory does", "mtrr": "of the processor",
    "sysvipc": "its own namespace's", "allocinfo": "of the kernel",
}
# Folders of /proc that are the sandbox's own (of its namespaces), or constant; sys is checked by itself.
FOLDERS = {"bus", "driver", "dynamic_debug", "irq", "net", "self", "sys", "sysvipc", "thread-self", "tty", "mounts"}
# Files of /proc/sys that apply to all, and may be read.
COUNTS = {"kernel/random/entropy_avail": "of the kernel", "kernel/random/boot_id": "of the node's start; programs take it for its name",
          "kernel/random/uuid": "a new one each time", "kernel/ns_last_pid": "its own namespace's",
          "fs/dentry-negative": "a setting"}


def inside(corral, sandbox, *command):
    return corral.docker("exec", sandbox["id"], *command)


def written(corral, sandbox, name, script):
    """What the script prints in the sandbox. It may take a while, so its output goes to a file there."""
    folder = corral.home / f"agent/volumes/{sandbox['id']}/0"
    inside(corral, sandbox, "sh", "-c", f"(({script}) >/workspace/{name}.new 2>/dev/null; mv /workspace/{name}.new /workspace/{name}) "
           "</dev/null >/dev/null 2>&1 &")
    wait_until(f"{name} is written", lambda: (folder / name).exists(), 240)
    return (folder / name).read_text(errors="replace")


@pytest.fixture(scope="module")
def two(corral):
    """Sandboxes of two users: one searches, the other has everything that could be seen."""
    one, other = corral.user("sight-one", tier="enterprise"), corral.user("sight-other")
    looks, seen = one.create(command=FOREVER), other.create(command=FOREVER, labels={"secret": "a-label-of-another"})
    yield looks, seen
    one.delete(looks["id"])
    other.delete(seen["id"])


def test_no_file_of_proc_or_sys_names_another(corral, two):
    looks, seen = two
    container = corral.docker("inspect", "-f", "{{.Id}}", seen["id"])
    markers = "\n".join([seen["id"], container, container[:12], "sbx_", str(corral.home), "a-label-of-another"])
    (corral.home / f"agent/volumes/{looks['id']}/0/markers").write_text(markers + "\n")
    # Without its own processes: those are in folders of numbers, and self is one of them.
    found = written(corral, looks, "found", "cd /proc; for f in [a-z]*; do case $f in self|thread-self|mounts) ;; *) echo $f; esac; "
                    "done | xargs grep -rlsF -f /workspace/markers /sys")
    assert found == ""


def disk_of(corral, sandbox):
    mounts = [line.split() for line in open("/proc/self/mountinfo")]
    return next(m[m.index("-") + 2] for m in mounts if m[4].endswith(f"/volumes/{sandbox['id']}")).removeprefix("/dev/")


def test_what_is_behind_a_disk_has_one_name_for_all(corral, two):
    names = [open(f"/sys/block/{disk_of(corral, s)}/loop/backing_file").read().strip() for s in two]
    assert names == ["/disk", "/disk"]


def test_its_own_mounts_and_cgroups(corral, two):
    looks, seen = two
    cgroups = inside(corral, looks, "cat", "/proc/self/cgroup").splitlines()
    assert {line.split(":", 2)[2] for line in cgroups} == {"/"}
    mounts = inside(corral, looks, "cat", "/proc/self/mountinfo")
    assert seen["id"] not in mounts and corral.docker("inspect", "-f", "{{.Id}}", seen["id"]) not in mounts
    # Of the installation it sees only what Docker itself shows (the layers, its three files), and the program
    # of its init.
    showing = [line.split()[4] for line in mounts.splitlines() if str(corral.home) in line]
    assert set(showing) == {"/", "/.corral/init", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts"}


def test_each_file_of_proc_is_judged(corral, two):
    looks, _ = two
    text = inside(corral, looks, "sh", "-c", "cd /proc; for f in [a-z]*; do [ -f $f ] && [ -n \"$(timeout 2 head -c 1 $f 2>/dev/null "
                  "| tr '\\0' x)\" ] && echo $f; done; true")
    assert set(text.split()) - FOLDERS - set(LEFT) == set()
    folders = inside(corral, looks, "sh", "-c", "cd /proc; for f in [a-z]*; do [ -d $f ] && [ -n \"$(ls $f)\" ] && echo $f; done; true")
    assert set(folders.split()) - FOLDERS - set(LEFT) == set()


def test_what_is_masked_holds_nothing(corral, two):
    looks, _ = two
    masked = json.loads(corral.docker("inspect", looks["id"]))[0]["HostConfig"]["MaskedPaths"]
    for path in ("/proc/partitions", "/proc/diskstats", "/proc/swaps", "/proc/locks", "/proc/modules", "/sys/block", "/sys/fs/ext4",
                 "/sys/devices/virtual/block", "/sys/module", "/proc/kcore", "/proc/keys", "/sys/firmware"):
        assert path in masked
    size = inside(corral, looks, "sh", "-c", "for p in " + " ".join(masked) + "; do "
                  "[ -d $p ] && ls -A $p; [ -f $p ] && cat $p; [ -c $p ] && cat $p; done 2>/dev/null; true")
    assert size == ""


def test_no_count_in_proc_sys_moves_with_others(corral, two):
    """Two readings with work of another sandbox in between: each file that changed is on the list."""
    looks, seen = two
    def read(name):
        return dict(line.split(":", 1) for line in written(
            corral, looks, name, "cd /proc/sys; grep -rs . fs kernel vm").splitlines() if ":" in line)
    before = read("before")
    assert len(before) > 100
    corral.docker("exec", seen["id"], "sh", "-c", "i=0; while [ $i -lt 200 ]; do mkdir -p /tmp/d$i; : >/tmp/d$i/f; i=$((i+1)); done")
    after = read("after")
    assert {name for name in before if before[name] != after.get(name)} - set(COUNTS) == set()


def test_the_list_is_in_the_docs():
    text = (ROOT / "docs/hardening.md").read_text()
    missing = [name for name in LEFT if f"`{name}`" not in text]
    assert missing == []
