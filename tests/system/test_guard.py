"""Hostile and careless sandboxes on a host that guards itself."""
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from corral import BUILD_ROOT

MIB = 1 << 20


@pytest.fixture(scope="module")
def hostile(corral):
    """Images with tests/system/hostile.c: one plain, one that declares a VOLUME."""
    for tag, more in (("hostile:plain", ""), ("hostile:volume", "VOLUME /data\n")):
        context = Path(tempfile.mkdtemp(dir=corral.home))
        shutil.copy(BUILD_ROOT / "tests/hostile", context)
        (context / "Dockerfile").write_text(f"FROM corral-base:latest\nCOPY hostile /bin/hostile\n{more}")
        subprocess.run(["/usr/bin/docker", "-H", f"unix://{corral.home}/run/docker.sock", "build", "-q", "-t", tag, context],
                       env={**corral.environ, "DOCKER_BUILDKIT": "0"}, check=True, capture_output=True, timeout=60)
    return "hostile:plain"


def run(user, image, *command, **more):
    return user.create(image=image, command=list(command), **more)


def events_of(user, sandbox):
    """Type, kind, level of each."""
    return [(e["type"], e["data"].get("kind"), e["data"].get("level"))
            for e in user.good("GET", f"/sandbox/{sandbox['id']}/events?limit=200")["items"]]


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
    assert [e[0] for e in seen].count("violation.closed") == 1


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


def test_a_reader_of_large_files_is_left_alone(user, hostile):
    sandbox = run(user, hostile, "sh", "-c", "dd if=/dev/zero of=/workspace/f bs=1M count=200 2>/dev/null; "
                  "hostile read /workspace/f 20; echo done; exit 7", memory_bytes=64 * MIB)
    ended = user.wait(sandbox["id"], "stopped", 60)
    assert (ended["reason"], ended["exit_code"]) == ("exited", 7), ended["detail"]
    assert not [e for e in events_of(user, sandbox) if e[0].startswith("violation") and e[1] == "memory"]
