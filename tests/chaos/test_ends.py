"""Every way to end, each with its true reason, exit code, sentence and last figures."""
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from corral import BUILD_ROOT, FOREVER, STAYS, UNTIL_TOLD, wait_until

MIB = 1 << 20
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture(scope="module")
def images(corral):
    """An image with tests/chaos/hostile.c; one that cannot start: its /workspace is a file; one with a
    command and a working folder of its own."""
    for tag, text in (("ends:hostile", "FROM corral-base:latest\nCOPY hostile /bin/hostile\n"),
                      ("ends:broken", "FROM scratch\nCOPY hostile /workspace\n"),
                      ("ends:own", 'FROM corral-base:latest\nCOPY hostile /srv/app/\nWORKDIR /srv/app\nVOLUME ["/tmp/", "/workspace/"]\n'
                       'CMD ["sh", "-c", "test -x ./hostile && exit 3"]\n')):
        context = Path(tempfile.mkdtemp(dir=corral.home))
        shutil.copy(BUILD_ROOT / "tests/hostile", context)
        (context / "Dockerfile").write_text(text)
        subprocess.run(["/usr/bin/docker", "-H", f"unix://{corral.home}/run/docker.sock", "build", "-q", "-t", tag, context],
                       env={**corral.environ, "DOCKER_BUILDKIT": "0"}, check=True, capture_output=True, timeout=60)


def sh(text, **more):
    return {"command": ["sh", "-c", text], **more}


def hostile(*command, **more):
    return {"image": "ends:hostile", "command": ["hostile", *command], **more}


def nothing(corral, user, sandbox_id):
    pass


def by_docker(*command, check=True):
    def act(corral, user, sandbox_id):
        try:
            corral.docker(*command, sandbox_id)
        except subprocess.CalledProcessError:
            assert not check
    return act


def past_the_guard(corral, user, sandbox_id):
    """Lets a sandbox take its memory while the agent cannot sample it: the kernel has to kill."""
    counts = corral.kernel(sandbox_id, "memory/memory.oom_control", "memory.events")

    def killed():
        try:
            return re.search("oom_kill [1-9]", counts.read_text())
        except OSError:
            return True # it has ended already

    corral.kill("agent", signal.SIGSTOP)
    try:
        corral.tell(sandbox_id)
        wait_until("the kernel kills", killed, 10, 0.01) # Docker removes the cgroup soon after
    finally:
        corral.kill("agent", signal.SIGCONT)


def shim_of(corral, sandbox_id):
    """The shim, the process of containerd beside each container."""
    full = corral.docker("inspect", "-f", "{{.Id}}", sandbox_id)
    return next(int(p.parent.name) for p in Path("/proc").glob("[0-9]*/cmdline")
                if b"containerd-shim" in (text := p.read_bytes()) and full.encode() in text)


def kill_shim(corral, user, sandbox_id):
    subprocess.run(["kill", "-9", str(shim_of(corral, sandbox_id))], check=True)


# name, create, act, reason, exit code, sentence
ENDS = [
    ("code", sh("exit 3"), nothing, "exited", 3, "its command exited with code 3"),
    ("success", sh("exit 0"), nothing, "exited", 0, "its command exited with code 0"),
    ("killed", sh("kill -KILL $$"), nothing, "exited", 137, r"its command was ended by signal 9 \(Killed\): exit code 137"),
    ("crash", sh("kill -SEGV $$"), nothing, "exited", 139, r"its command was ended by signal 11 \(Segmentation fault\): exit code 139"),
    ("absent", {"command": ["nosuch"]}, nothing, "exited", 127,
     "its command could not be invoked: No such file or directory: exit code 127"),
    ("no program", {"command": ["/etc/passwd"]}, nothing, "exited", 126,
     "its command could not be invoked: Permission denied: exit code 126"),
    ("own command", {"image": "ends:own", "use_image_command": True}, nothing, "exited", 3, "its command exited with code 3"),
    ("oom", sh(UNTIL_TOLD + "exec hostile burst 200", image="ends:hostile", memory_bytes=64 * MIB), past_the_guard, "oom_killed", ...,
     rf"the kernel killed \d of its processes at its memory limit of {64 * MIB} bytes; at most {64 * MIB} bytes were in use"),
    ("oom of a child", sh(UNTIL_TOLD + "hostile burst 200; " + STAYS, image="ends:hostile", memory_bytes=64 * MIB), past_the_guard,
     "oom_killed", None,
     rf"the kernel killed \d of its processes at its memory limit of {64 * MIB} bytes; at most {64 * MIB} bytes were in use"),
    ("memory", hostile("memory", "200", "100", memory_bytes=32 * MIB), nothing, "memory_critical", None,
     rf"it held \d+ of {32 * MIB} bytes of memory that the kernel could not take back: 9\d\.\d %, and 95 % is critical"),
    ("expired", {"lifetime_seconds": 2}, nothing, "expired", None, f"its lifetime of 2 s ended at {TIME}"),
    ("expired while paused", {"lifetime_seconds": 3}, lambda c, u, i: u.good("POST", f"/sandbox/{i}/pause"), "expired", None,
     f"its lifetime of 3 s ended at {TIME}"),
    ("idle", {"idle_timeout_seconds": 2}, nothing, "idle", None,
     "it did no work for 2 s: no bytes in or out, and less than 1 % of its CPU limit"),
    ("deleted", {}, lambda c, u, i: u.delete(i), "deleted", None, r"its user deleted it; it had lived for [\d.]+ s"),
    ("admin", {}, lambda c, u, i: c.admin.delete(i), "admin", None, r"an administrator ended it; it had lived for [\d.]+ s"),
    ("docker kill", {"command": FOREVER}, by_docker("kill"), "exited", 137,
     "its container ended with code 137: it was killed, and not by Corral"),
    ("docker stop", sh("trap 'exit 5' TERM; tail -f /dev/null & wait"), by_docker("stop", "-t", "5"), "exited", 5,
     "its command exited with code 5"),
    ("docker stop of an idle one", {}, by_docker("stop", "-t", "5"), "exited", 143, "its container ended with code 143"),
    ("docker rm", {"command": FOREVER}, by_docker("rm", "-f"), "orphaned", None,
     "its container was removed from its node's Docker, and not by Corral"),
    ("docker restart", {"command": FOREVER}, by_docker("restart", "-t", "1", check=False), ("orphaned", "exited"), ..., ".*"),
    ("shim", {"command": FOREVER}, kill_shim, "exited", 137, "its container ended with code 137: it was killed, and not by Corral"),
]


@pytest.mark.parametrize("what,body,act,reason,exit_code,sentence", ENDS, ids=[e[0] for e in ENDS])
def test_ends(corral, user, images, what, body, act, reason, exit_code, sentence):
    sandbox = user.create(storage_bytes=8 * MIB, **body)
    act(corral, user, sandbox["id"])
    ended = user.wait(sandbox["id"], "stopped", 15)
    assert ended["reason"] in (reason if isinstance(reason, tuple) else (reason,)), ended["detail"]
    assert exit_code is ... or ended["exit_code"] == exit_code, ended["detail"]
    assert re.fullmatch(sentence, ended["detail"]), ended["detail"]
    if ended["reason"] == "expired":
        assert ended["detail"].endswith(ended["expires_at"])
    events = user.good("GET", f"/sandbox/{sandbox['id']}/events")["items"]
    assert [e["type"] for e in events].count("sandbox.stopped") == 1
    data = events[-1]["data"]
    assert (data["reason"], data["detail"], data.get("exit_code")) == (ended["reason"], ended["detail"], ended["exit_code"])
    assert data["last"]["memory"]["limit_bytes"] == ended["limits"]["memory_bytes"]
    assert data["last"]["memory"]["peak_bytes"] > 0 and data["last"]["disk"]["limit_bytes"] == 8 * MIB
    wait_until("the container is gone", lambda: not corral.docker("ps", "-aq", "--filter", f"name={sandbox['id']}"), 5)


FAILURES = [
    ("image", {"image": "127.0.0.1:1/nosuch:1"}, 422, "image_unavailable", r"the image cannot be pulled"),
    ("start", {"image": "ends:broken", "command": ["x"]}, 502, "start_failed", "Docker answered 500: .*not a directory.*"),
]


@pytest.mark.parametrize("what,body,status,reason,sentence", FAILURES, ids=[f[0] for f in FAILURES])
def test_failures(corral, user, images, what, body, status, reason, sentence):
    problem = user.refused("POST", "/sandbox", body)
    assert (problem["status"], problem["code"]) == (status, reason)
    ended = user.good("GET", "/sandbox?all=true")["items"][0]
    assert (ended["state"], ended["reason"]) == ("failed", reason) and re.fullmatch(sentence, ended["detail"]), ended
    last = user.good("GET", f"/sandbox/{ended['id']}/events")["items"][-1]
    assert last["type"] == "sandbox.failed" and last["data"]["detail"] == ended["detail"]


def test_somebody_pauses_it_in_docker(corral, user):
    """The real state is reported; then the desired state is restored."""
    sandbox = user.create(command=FOREVER)["id"]
    corral.docker("pause", sandbox)
    wait_until("the sandbox runs again", lambda: corral.docker("inspect", "-f", "{{.State.Paused}}", sandbox) == "false", 5)
    user.wait(sandbox, "running", 5)
    wait_until("both states were reported", lambda: [e["type"] for e in user.good("GET", f"/sandbox/{sandbox}/events")["items"]][-2:] ==
               ["sandbox.paused", "sandbox.resumed"], 5)
    user.good("POST", f"/sandbox/{sandbox}/pause")
    user.wait(sandbox, "paused", 5)
    corral.docker("unpause", sandbox)
    wait_until("the sandbox is paused again", lambda: corral.docker("inspect", "-f", "{{.State.Paused}}", sandbox) == "true", 5)
    user.wait(sandbox, "paused", 5)
