"""Terminals, and attaching to processes: WebSockets that carry Kubernetes' channels."""
import asyncio
import hashlib
import json
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from channels import CLOSE, LOOP, STDIN, V4, Channels, cut_all, refusal
from corral import BUILD_ROOT, ROOT, Client, wait_until


@pytest.fixture
def sandbox(user):
    yield user.create()["id"]
    cut_all()


def terminal(user, sandbox, query="", **more):
    return Channels(user, f"/sandbox/{sandbox}/terminal{query}", **more)


def command(*words):
    return "?" + "&".join(f"command={quote(word)}" for word in words)


def attach(user, sandbox, pid, position=None, **more):
    return Channels(user, f"/sandbox/{sandbox}/processes/{pid}/attach" + ("" if position is None else f"?from={position}"), **more)


def start(user, sandbox, script, **more):
    return user.good("POST", f"/sandbox/{sandbox}/processes", {"command": ["sh", "-c", script], **more}, status=201)["pid"]


def show(user, sandbox, pid):
    return user.good("GET", f"/sandbox/{sandbox}/processes/{pid}", status=200)


def run(user, sandbox, script):
    return user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["sh", "-c", script]}, status=200)["stdout"]


# --- from start to end ---

def test_a_shell(user, sandbox):
    t = terminal(user, sandbox, "?rows=30&columns=100")
    assert t.ws.subprotocol == "v5.channel.k8s.io" and t.begin == 0
    t.type("echo $((6*7)) $(tty) $(stty size) $TERM\n")
    t.until("42 /dev/pts/0 30 100 xterm-256color")
    got = show(user, sandbox, t.pid)
    assert got["tty"] == {"rows": 30, "columns": 100} and got["state"] == "running"
    t.resize(50, 120)
    t.type("stty size\n")
    t.until("50 120")
    assert show(user, sandbox, t.pid)["tty"] == {"rows": 50, "columns": 120}
    t.type("exit 3\n")
    assert t.ended() == 1000
    assert t.status["status"] == "Failure" and t.status["reason"] == "NonZeroExitCode"
    assert t.status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
    assert t.status["exit_code"] == 3 and t.status["signal"] is None


def test_success(user, sandbox):
    t = terminal(user, sandbox, command("sh", "-c", "echo a b; true"))
    assert t.ended() == 1000 and t.output == b"a b\r\n" and t.status["status"] == "Success" and t.status["exit_code"] == 0


def test_a_signal(user, sandbox):
    t = terminal(user, sandbox, command("sh", "-c", "kill -9 $$"))
    assert t.ended() == 1000 and t.status["signal"] == 9 and t.status["exit_code"] is None
    assert t.status["details"]["causes"][0]["message"] == "137"


def test_control_keys(user, sandbox):
    t = terminal(user, sandbox)
    t.type("sleep 1000\n")
    wait_until("it sleeps", lambda: "sleep 1000" in run(user, sandbox, "ps -o args"))
    t.type("\x03")
    t.type("echo after=$?\n")
    t.until("after=130")
    t.type("\x04")
    assert t.ended() == 1000


def test_bytes_as_they_are(user, sandbox):
    """A character of UTF-8 may be cut anywhere."""
    t = terminal(user, sandbox, command("sh", "-c", r"stty -opost; printf '\303'; sleep 0.3; printf '\251\377\000'"))
    assert t.ended() == 1000 and t.output == b"\xc3\xa9\xff\x00"


def test_channels_of_a_process_without_a_terminal(user, sandbox):
    pid = start(user, sandbox, "echo out; echo error >&2; cat; exit 7", stdin=True)
    a = attach(user, sandbox, pid)
    a.until("out")
    a.say(STDIN, b"given\n")
    a.until("given")
    a.end_input()
    assert a.ended() == 1000
    assert (a.output, a.errors) == (b"out\ngiven\n", b"error\n") and a.status["exit_code"] == 7


def test_text_messages(user, sandbox):
    """Some clients send them (Kubernetes' in Python does)."""
    pid = start(user, sandbox, "cat", stdin=True)
    a = attach(user, sandbox, pid, protocol=V4)
    assert a.ws.subprotocol == V4
    a.do(a.ws.send("\0text\n"))
    a.until("text")


def test_the_older_protocol_has_no_close(user, sandbox):
    a = attach(user, sandbox, start(user, sandbox, "cat", stdin=True), protocol=V4)
    a.say(CLOSE, bytes([STDIN]))
    assert a.ended() == 1002


@pytest.mark.parametrize("message", [b"\x01x", b"\x09", b"\x04{", b"\x04" + b" " * 2000, b"\xff"])
def test_what_a_client_may_not_say(user, sandbox, message):
    pid = start(user, sandbox, "sleep 1000")
    a = attach(user, sandbox, pid)
    a.do(a.ws.send(message))
    assert a.ended() == 1002 and a.status is None
    assert show(user, sandbox, pid)["state"] == "running"


def test_too_long_a_message(user, sandbox):
    a = attach(user, sandbox, start(user, sandbox, "sleep 1000", stdin=True))
    a.say(STDIN, bytes(1 << 20))
    assert a.ended() == 1009


def test_who_is_refused(corral, user, sandbox):
    path = f"/sandbox/{sandbox}/terminal"
    assert refusal(user, path, protocol=None) == 400
    assert refusal(user, path, protocol="chat") == 400
    assert refusal(user, path + "?rows=0") == 422
    assert refusal(user, path + "?pid=1&command=sh") == 422
    assert refusal(user, path + "?pid=99999") == 404
    assert refusal(user, f"/sandbox/{sandbox}/processes/99999/attach") == 404
    assert refusal(corral.user(f"other-{sandbox[-8:].lower()}"), path) == 404
    assert user.call("GET", path).status_code == 400
    user.good("POST", f"/sandbox/{sandbox}/pause")
    assert refusal(user, path) == 409
    user.delete(sandbox)
    assert refusal(user, path) == 409


# --- again ---

def test_attach_again_from_a_position(user, sandbox):
    t = terminal(user, sandbox, command("sh", "-c", "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); [ $((i % 50)) = 0 ] && sleep 0.05; done; exit 4"))
    t.until("line 100\r\n")
    t.cut()
    again = terminal(user, sandbox, f"?pid={t.pid}&from={t.position}")
    assert again.begin == t.position
    assert again.ended() == 1000 and again.status["exit_code"] == 4
    assert t.output + again.output == b"".join(b"line %d\r\n" % i for i in range(2000))
    after = attach(user, sandbox, t.pid) # it has ended, and its output is kept
    assert after.ended() == 1000 and after.status["exit_code"] == 4
    assert (t.output + again.output)[after.begin:] == after.output


def test_output_that_is_gone_or_not_there_yet(user, sandbox):
    pid = start(user, sandbox, "head -c 1000000 /dev/zero; sleep 1000")
    wait_until("it has printed", lambda: show(user, sandbox, pid)["output_bytes"] == 1000000)
    path = f"/sandbox/{sandbox}/processes/{pid}/attach"
    assert refusal(user, path + "?from=0") == 410
    assert refusal(user, path + "?from=1000001") == 422
    a = attach(user, sandbox, pid)
    assert 1000000 - 262144 <= a.begin < 1000000
    while a.position < 1000000:
        a.step()
    b = attach(user, sandbox, pid, position=1000000)
    assert b.begin == 1000000


def test_two_see_the_same(user, sandbox):
    pid = start(user, sandbox, "cat", stdin=True)
    one, other = attach(user, sandbox, pid), attach(user, sandbox, pid)
    one.say(STDIN, b"from one\n")
    other.until("from one")
    other.say(STDIN, b"from the other\n")
    one.until("from the other")
    assert one.output.startswith(b"from one\n")


def test_a_terminal_that_nobody_comes_back_to(corral, user, sandbox):
    corral.restart("controller", CORRAL_TERMINAL_GRACE_SECONDS="5")
    try:
        attended, left, again = (terminal(user, sandbox) for _ in range(3))
        open_ones = lambda: corral.metric("corral_websocket_connections")  # noqa: E731
        all_three = open_ones()
        for t in (left, again):
            t.type("(setsid sleep 1000 &); echo so''on\n")
            t.until("soon")
            t.cut()
        wait_until("they have left", lambda: open_ones() == all_three - 2)
        back = terminal(user, sandbox, f"?pid={again.pid}&from={again.position}")
        got = wait_until("it is killed", lambda: (p := show(user, sandbox, left.pid))["state"] == "exited" and p)
        assert got["signal"] == 9
        assert run(user, sandbox, "ps -o args | grep -c '^sleep 1000'").strip() == "1"
        time.sleep(3) # past the grace of the other, had nobody come back
        for t in (attended, back):
            t.type("echo al''ive\n")
            t.until("alive")
        pid = start(user, sandbox, "sleep 1000", tty={"rows": 2, "columns": 2}) # not a terminal of the terminal's route
        time.sleep(7)
        assert show(user, sandbox, pid)["state"] == "running"
    finally:
        corral.restart("controller", CORRAL_TERMINAL_GRACE_SECONDS="300")


# --- back-pressure ---

def test_a_client_that_takes_nothing_stops_the_process(user, sandbox):
    pid = start(user, sandbox, "while :; do printf %0999d; done")
    a = attach(user, sandbox, pid, max_queue=1)
    a.step()

    def output():
        return show(user, sandbox, pid)["output_bytes"]

    def stands_still():
        return wait_until("it stands still", lambda: (n := output()) == (time.sleep(0.5) or output()) and n, 20)

    stands = stands_still()
    assert stands < 16 << 20 # what the sockets of this machine take, and the windows
    while a.position < stands + (1 << 20):
        a.step()
    stands_still()
    b = attach(user, sandbox, pid)
    for _ in range(200):
        b.step() # one that reads sets the pace
    wait_until("it goes on", lambda: output() > stands + (1 << 20))


def test_a_process_that_takes_nothing_stops_its_client(user, sandbox):
    pid = start(user, sandbox, "until [ -e /workspace/go ]; do sleep 0.1; done; sha256sum", stdin=True)
    a = attach(user, sandbox, pid)
    piece, sent, digest = bytes(range(256)) * 1000, 0, hashlib.sha256()

    async def send_all():
        nonlocal sent
        while sent < 80:
            await a.ws.send(bytes([STDIN]) + piece)
            sent += 1
    sending = LOOP.create_task(send_all())
    with pytest.raises(asyncio.TimeoutError):
        a.do(asyncio.shield(sending), 3)
    assert sent < 60
    run(user, sandbox, "touch /workspace/go")
    a.do(sending, 30)
    a.end_input()
    assert a.ended() == 1000
    for _ in range(80):
        digest.update(piece)
    assert a.output.decode().split()[0] == digest.hexdigest()


# --- ends of other things ---

def test_the_sandbox_ends(user, sandbox):
    t = terminal(user, sandbox)
    t.type("echo he''re\n")
    t.until("here")
    user.delete(sandbox)
    assert t.ended() == 1000
    assert t.status["status"] == "Failure" and t.status["reason"] == user.show(sandbox)["reason"]
    assert t.status["exit_code"] is None


def test_the_deadline_of_the_sandbox(user):
    sandbox = user.create(lifetime_seconds=6)["id"]
    t = terminal(user, sandbox)
    assert t.ended() == 1000 and t.status["reason"] == "expired"


def test_pause_and_resume(user, sandbox):
    t = terminal(user, sandbox)
    t.type("echo fi''rst\n")
    t.until("first")
    user.good("POST", f"/sandbox/{sandbox}/pause")
    t.type("echo sec''ond\n")
    time.sleep(1)
    user.good("POST", f"/sandbox/{sandbox}/resume")
    t.until("second")


def test_an_administrator(corral, user, sandbox):
    admin = Client(corral.url, corral.key(corral.user(f"admin-{sandbox[-8:].lower()}", role="admin").user_id, scopes=["write", "admin"])["key"])
    assert refusal(admin, f"/sandbox/{sandbox}/terminal") == 404
    assert refusal(user, f"/sandbox/{sandbox}/terminal?admin_access=true") == 403
    t = terminal(admin, sandbox, "?command=cat&admin_access=true")
    t.type("x\n")
    t.until("x")
    rows = corral.admin.good("GET", f"/sandbox/system/audit?target={sandbox}&action=sandbox.enter")["items"]
    assert [r["after"]["act"] for r in rows] == ["sandboxTerminal"]


def test_a_revoked_key(corral, user, sandbox):
    key = corral.key(user.user_id, "short")
    t = terminal(Client(corral.url, key["key"]), sandbox)
    corral.admin.good("DELETE", f"/sandbox/system/users/{user.user_id}/keys/{key['id']}")
    assert t.ended(5) == 1008
    assert show(user, sandbox, t.pid)["state"] == "running"


@pytest.mark.parametrize("what", ["controller", "agent"])
def test_a_restart(corral, user, sandbox, what):
    t = terminal(user, sandbox)
    t.type("V=kept; echo fi''rst\n")
    t.until("first\r\n")
    pid = corral.pid(what)
    corral.kill(what, signal.SIGTERM)
    assert t.ended() == 1012
    wait_until("it has ended", lambda: not Path(f"/proc/{pid}").exists())
    corral.restart(what)
    wait_until("it is there again", lambda: user.call("GET", f"/sandbox/{sandbox}/processes/{t.pid}").status_code == 200, 30)
    again = terminal(user, sandbox, f"?pid={t.pid}&from={t.position}")
    again.type("echo V=$V\n")
    again.until("V=kept")


def test_they_are_counted(corral, user, sandbox):
    before = corral.admin.good("GET", "/sandbox/system/stats")["connections"]["websocket"]
    t = terminal(user, sandbox)
    assert corral.admin.good("GET", "/sandbox/system/stats")["connections"]["websocket"] == before + 1
    assert corral.metric("corral_websocket_connections") == before + 1
    t.cut()
    wait_until("it is gone", lambda: corral.metric("corral_websocket_connections") == before)


def test_sixty_four_of_a_sandbox(user, sandbox):
    pid = start(user, sandbox, "sleep 1000")
    there = [attach(user, sandbox, pid) for _ in range(64)]
    assert refusal(user, f"/sandbox/{sandbox}/processes/{pid}/attach") == 429
    there.pop().close()
    wait_until("one more fits", lambda: attach(user, sandbox, pid))


# --- a client that is not ours ---

def kubernetes(corral, user, path, given):
    programs = Path(subprocess.run([ROOT / "tests/npm/install", BUILD_ROOT], check=True, capture_output=True, text=True).stdout.strip())
    script = ROOT / "tests/system/kubernetes_client.mjs"
    run = subprocess.run(["node", script, programs.parent, corral.url, user.session.headers["X-API-Key"], path, given],
                         capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_kubernetes_client_attaches(corral, user, sandbox):
    pid = start(user, sandbox, "echo out; echo error >&2; cat; exit 5", stdin=True)
    got = kubernetes(corral, user, f"/sandbox/{sandbox}/processes/{pid}/attach", "given\n")
    assert got["protocol"] == "v5.channel.k8s.io" and got["code"] == 1000
    assert (got["stdout"], got["stderr"]) == ("out\ngiven\n", "error\n")
    assert got["status"]["status"] == "Failure" and got["status"]["details"]["causes"][0]["message"] == "5"


def test_kubernetes_client_in_a_terminal(corral, user, sandbox):
    got = kubernetes(corral, user, f"/sandbox/{sandbox}/terminal", "echo $((6*7)); exit\n")
    assert "42" in got["stdout"] and got["status"]["status"] == "Success"
