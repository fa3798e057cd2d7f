"""corral exec and corral run carry bytes: as they come, all of them, in order, and nothing that was not there."""
import hashlib
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
from channels import Channels, cut_all
from corral import wait_until
from terminal import Terminal

MIB = 1 << 20


@pytest.fixture
def sandbox(user):
    yield user.create()["id"]
    cut_all()


@pytest.fixture
def environ(corral, user):
    return {**corral.environ, "CORRAL_URL": corral.url, "CORRAL_API_KEY": user.session.headers["X-API-Key"]}


@pytest.fixture
def begin(corral, environ):
    """Begins corral, with pipes for what is not given."""
    there = []

    def begin(*args, **more):
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environ, **more}
        there.append(subprocess.Popen([corral.home / "bin/corral", *args], **more))
        return there[-1]
    yield begin
    for process in there:
        if process.poll() is None:
            process.kill()
        process.wait()
        for file in filter(None, (process.stdin, process.stdout, process.stderr)):
            file.close()


def script(user, sandbox, text):
    return user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["sh", "-c", text]}, status=200)["stdout"]


def processes(user, sandbox):
    return script(user, sandbox, "ps -o args")


def noise(seed, length):
    """Bytes that repeat nowhere within a window."""
    return b"".join(hashlib.sha256(b"%d %d" % (seed, i)).digest() for i in range(length // 32))


# --- output ---

def test_a_line_comes_while_the_command_runs(begin, sandbox):
    run = begin("exec", sandbox, "sh", "-c", "echo one; echo two >&2; sleep 1000")
    assert (run.stdout.readline(), run.stderr.readline()) == (b"one\n", b"two\n") and run.poll() is None


def test_much_output_is_whole(begin, sandbox):
    run = begin("exec", sandbox, "sh", "-c", "seq 1 8400000; echo err >&2; exit 5")
    digest, length = hashlib.sha256(), 0
    while piece := run.stdout.read(MIB):
        digest.update(piece)
        length += len(piece)
    assert run.wait(60) == 5 and run.stderr.read() == b"err\n"
    expected, total = hashlib.sha256(), 0
    for first in range(1, 8400001, 100000):
        piece = b"".join(b"%d\n" % i for i in range(first, first + 100000))
        expected.update(piece)
        total += len(piece)
    assert total > 62 * MIB and (length, digest.hexdigest()) == (total, expected.hexdigest())


def test_a_reader_that_is_slow_holds_the_command_up(begin, user, sandbox):
    run = begin("exec", sandbox, "sh", "-c", "yes | tee /dev/stderr 2>count | cat; true")
    assert run.stdout.read(2) == b"y\n"
    size = wait_until("it stands still", lambda: (a := script(user, sandbox, "sleep 1; stat -c %s count")) == script(
        user, sandbox, "sleep 1; stat -c %s count") and a, 60)
    assert int(size) < 24 * MIB


def test_nobody_reads_any_more(corral, environ, user, sandbox):
    program = f"{corral.home}/bin/corral"
    got = subprocess.run(["bash", "-c", f'{program} exec {sandbox} yes | head -1; echo "${{PIPESTATUS[0]}}"'], env=environ, capture_output=True,
                         text=True, timeout=60)
    assert (got.stdout, got.stderr) == ("y\n141\n", "")
    wait_until("it has ended", lambda: "yes" not in processes(user, sandbox), 10)
    with open("/dev/full", "wb") as full:
        got = subprocess.run([program, "exec", sandbox, "echo", "hi"], env=environ, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert got.returncode == 125 and b"cannot write" in got.stderr


def test_a_file_takes_all(begin, sandbox, tmp_path):
    with open(tmp_path / "out", "wb") as out:
        assert begin("exec", sandbox, "sh", "-c", "yes | head -c 20000000", stdout=out).wait(60) == 0
    assert (tmp_path / "out").stat().st_size == 20000000


# --- input ---

@pytest.mark.parametrize("length", [0, 1, 16 * MIB])
def test_input_comes_back(begin, sandbox, length):
    data = noise(1, length) if length > 1 else b"\0" * length
    out, err = begin("exec", sandbox, "cat", stdin=subprocess.PIPE).communicate(data, 100)
    assert out == data and err == b""


def test_input_from_a_file(begin, sandbox, tmp_path):
    data = noise(2, MIB)
    (tmp_path / "in").write_bytes(data)
    with open(tmp_path / "in", "rb") as file:
        assert begin("exec", sandbox, "cat", stdin=file).communicate(timeout=60)[0] == data


def test_input_that_comes_late(begin, sandbox):
    run = begin("exec", sandbox, "sh", "-c", "echo there; while read -r line; do echo got $line; done; echo end", stdin=subprocess.PIPE, bufsize=0)
    assert run.stdout.readline() == b"there\n"
    for word in (b"one", b"two"):
        run.stdin.write(word + b"\n")
        assert run.stdout.readline() == b"got " + word + b"\n"
        time.sleep(0.3)
    run.stdin.close()
    assert run.stdout.read() == b"end\n" and run.wait(20) == 0


def test_input_that_nobody_takes_holds_nothing_up(begin, sandbox, corral, environ):
    read, write = os.pipe() # nobody writes to it, and nobody closes it
    try:
        assert begin("exec", sandbox, "echo", "hi", stdin=read).communicate(timeout=20)[0] == b"hi\n"
    finally:
        os.close(read)
        os.close(write)
    program = f"{corral.home}/bin/corral"
    got = subprocess.run(["bash", "-c", f"head -c {16 * MIB} /dev/zero | {program} exec {sandbox} sh -c 'head -c 3 | wc -c'; yes | {program} exec {sandbox} true"],
                         env=environ, capture_output=True, timeout=60)
    assert (got.returncode, got.stdout, got.stderr) == (0, b"3\n", b"")


def test_a_terminal_is_read_with_i_only(corral, environ, sandbox):
    t = Terminal([corral.home / "bin/corral", "exec", sandbox, "sh", "-c", "cat; echo end"], environ)
    t.until("end\r\n")
    assert t.ended() == 0
    t.close()
    t = Terminal([corral.home / "bin/corral", "exec", "-i", sandbox, "sh", "-c", "cat; echo end"], environ)
    t.type("typed\n")
    t.until("typed\r\ntyped\r\n")
    t.type("\x04")
    t.until("end\r\n")
    assert t.ended() == 0
    t.close()


# --- its end ---

@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_kills_all_that_descends(begin, user, sandbox, sent):
    run = begin("exec", sandbox, "sh", "-c", "setsid sleep 1001 & (sleep 1002 & sleep 1003) & echo there; wait")
    assert run.stdout.readline() == b"there\n"
    wait_until("all run", lambda: all(f"sleep 100{i}" in processes(user, sandbox) for i in (1, 2, 3)), 20)
    run.send_signal(sent)
    assert run.wait(30) == -sent
    assert "sleep 100" not in processes(user, sandbox)


def test_a_sandbox_that_ends_meanwhile(begin, user, sandbox):
    run = begin("exec", sandbox, "sh", "-c", "echo there; sleep 1000")
    assert run.stdout.readline() == b"there\n"
    user.delete(sandbox)
    assert run.wait(30) == 125
    assert b"deleted" in run.stderr.read()


def test_json_is_one_object_at_the_end(begin, sandbox):
    got = json.loads(begin("exec", "--json", sandbox, "sh", "-c", "echo x; echo y >&2; kill -TERM $$").communicate(timeout=30)[0])
    assert {k: v for k, v in got.items() if k != "duration_ms"} == {"exit_code": None, "signal": 15, "stdout": "x\n", "stderr": "y\n", "truncated": False,
                                                                    "timed_out": False}
    much = begin("exec", "--json", sandbox, "sh", "-c", r"yes | head -c 2000000; printf '\377' >&2", stdin=subprocess.PIPE)
    got = json.loads(much.communicate(b"", 30)[0])
    assert len(got["stdout"]) == MIB and got["truncated"] and got["stderr_base64"] == "/w=="


# --- a connection that is lost ---

def test_the_controller_restarts(begin, corral, user, sandbox):
    """Much is under way when it goes; nothing of it is lost, and nothing comes twice."""
    run = begin("exec", sandbox, "sh", "-c", "seq 1 3000000; cat", stdin=subprocess.PIPE)
    head = run.stdout.read(100000)
    corral.kill("controller")
    rest = []
    reader = threading.Thread(target=lambda: rest.append(run.stdout.read()))
    reader.start()
    corral.restart("controller")
    run.stdin.write(b"late\n")
    run.stdin.close()
    reader.join(120)
    assert run.wait(20) == 0, run.stderr.read()
    got = head + rest[0]
    assert len(got) == 22888896 + 5
    assert got == b"".join(b"%d\n" % i for i in range(1, 3000001)) + b"late\n"


@pytest.mark.slow
def test_long_pauses(begin, sandbox):
    """A reader that takes nothing for more than a minute loses its connection, and not a byte; a command that takes no input is left to it."""
    silent = begin("exec", sandbox, "sh", "-c", "sleep 80; wc -c", stdin=subprocess.PIPE)
    feeder = threading.Thread(target=lambda: (silent.stdin.write(b"x" * 4 * MIB), silent.stdin.close()))
    feeder.start()
    slow = begin("exec", sandbox, "seq", "1", "2000000")
    head = slow.stdout.read(10000)
    time.sleep(70)
    assert head + slow.stdout.read() == b"".join(b"%d\n" % i for i in range(1, 2000001))
    assert slow.wait(20) == 0 and slow.stderr.read() == b""
    assert silent.stdout.read() == b"%d\n" % (4 * MIB) and silent.wait(20) == 0 and silent.stderr.read() == b""
    feeder.join()


@pytest.mark.parametrize("daemon", ["controller", "agent"])
def test_a_daemon_restarts_while_bytes_go_both_ways(begin, corral, sandbox, daemon):
    data, got = noise(3, 24 * MIB), []
    run = begin("exec", sandbox, "cat", stdin=subprocess.PIPE)

    def feed():
        run.stdin.write(data)
        run.stdin.close()
    threads = [threading.Thread(target=feed), threading.Thread(target=lambda: got.extend(iter(lambda: run.stdout.read1(MIB), b"")))]
    threads[0].start()
    head = run.stdout.read(4 * MIB)
    threads[1].start()
    corral.kill(daemon)
    corral.restart(daemon)
    for thread in threads:
        thread.join(100)
    assert run.wait(20) == 0, run.stderr.read()
    assert head + b"".join(got) == data


# --- held for a client ---

def start(user, sandbox, text, **more):
    return user.good("POST", f"/sandbox/{sandbox}/processes", {"command": ["sh", "-c", text], **more}, status=201)["pid"]


def test_a_client_that_comes_late_finds_everything(user, sandbox):
    pid = start(user, sandbox, "seq 1 200000; echo err >&2", grace_seconds=60)
    free = start(user, sandbox, "seq 1 200000")
    wait_until("it has ended", lambda: user.good("GET", f"/sandbox/{sandbox}/processes/{free}")["state"] == "exited", 20)
    held = wait_until("the other one is full", lambda: (p := user.good("GET", f"/sandbox/{sandbox}/processes/{pid}"))["output_bytes"] >= 128 << 10 and p, 20)
    assert held["state"] == "running"
    c = Channels(user, f"/sandbox/{sandbox}/processes/{pid}/attach")
    assert c.begin == 0 and c.ended(60) == 1000 and c.status["exit_code"] == 0
    assert c.output == b"".join(b"%d\n" % i for i in range(1, 200001)) and c.errors == b"err\n"
    assert Channels(user, f"/sandbox/{sandbox}/processes/{free}/attach").begin > 0


class Slow:
    """An attachment over a slow network: what it has not read waits at the server. Counts all output that has come."""

    def __init__(self, user, path):
        host, port = user.url.split("//")[1].split(":")
        self.s = socket.socket()
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.s.connect((host, int(port)))
        self.s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {user.session.headers['X-API-Key']}\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                       "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.s.recv(1)
        assert head.startswith(b"HTTP/1.1 101"), head

    def read(self, enough):
        frames, output, at = b"", b"", 0
        while len(frames) < enough:
            frames += self.s.recv(4096)
        while at + 4 < len(frames):
            short = frames[at + 1]
            begin, size = (at + 4, int.from_bytes(frames[at + 2:at + 4], "big")) if short == 126 else (at + 2, short)
            output += frames[begin + 1:begin + size]
            at = begin + size
        return output


def test_a_client_that_comes_back_finds_everything(user, sandbox):
    """Also over a slow network: what waits in the server's kernel is lost with the connection, and no more than the init keeps."""
    pid, got = start(user, sandbox, "seq 1 400000", grace_seconds=60), b""
    at, printed = f"/sandbox/{sandbox}/processes/{pid}", []

    def waits():
        printed.append((time.monotonic(), user.good("GET", at)["output_bytes"]))
        return [b for t, b in printed if t < printed[-1][0] - 1.5][-1:] == [printed[-1][1]]
    for _ in range(2):
        slow = Slow(user, f"{at}/attach?from={len(got)}")
        got += slow.read(200000)
        wait_until("the process waits for its reader", waits, 20)
        slow.s.close()
    back = Channels(user, f"{at}/attach?from={len(got)}")
    assert back.ended(60) == 1000
    assert got + back.output == b"".join(b"%d\n" % i for i in range(1, 400001))


def test_a_client_with_input_comes_back_beside_another_one(user, sandbox):
    """It learns where its input stands although the other one is there, which gives none from then on."""
    path = f"/sandbox/{sandbox}/processes/{start(user, sandbox, 'cat', stdin=True, grace_seconds=60)}/attach"
    first = Channels(user, path)
    first.type("one\n")
    first.until("one\n")
    second = Channels(user, path)
    assert "X-Input-From" not in second.ws.response_headers
    first.cut()

    def returned():
        back = Channels(user, f"{path}?from={first.position}")
        if back.ws.response_headers.get("X-Input-From") == "4":
            return back
        back.cut()
    back = wait_until("its former stream is gone", returned, 20)
    back.type("two\n")
    second.until("two\n")
    second.type("lost\n")
    assert second.ended() == 1012
    back.end_input()
    assert back.ended() == 1000 and back.output == b"two\n"


def test_a_process_that_nobody_comes_to_is_killed(user, sandbox):
    pid = start(user, sandbox, "setsid sleep 1004 & sleep 1005", grace_seconds=2)
    other = start(user, sandbox, "sleep 1006")
    wait_until("they run", lambda: "sleep 1004" in processes(user, sandbox), 10)
    wait_until("it was killed", lambda: user.good("GET", f"/sandbox/{sandbox}/processes/{pid}")["signal"] == 9, 10)
    assert "sleep 1004" not in processes(user, sandbox)
    assert user.good("GET", f"/sandbox/{sandbox}/processes/{other}")["state"] == "running"
    for wrong in (0, 3601, "1", None):
        assert user.refused("POST", f"/sandbox/{sandbox}/processes", {"command": ["true"], "grace_seconds": wrong})["code"] == "invalid"


def test_a_process_that_its_client_left_is_killed(user, sandbox):
    pid = start(user, sandbox, "echo there; sleep 1007", grace_seconds=2)
    c = Channels(user, f"/sandbox/{sandbox}/processes/{pid}/attach")
    c.until("there")
    time.sleep(3)
    assert user.good("GET", f"/sandbox/{sandbox}/processes/{pid}")["state"] == "running"
    c.cut()
    wait_until("it was killed", lambda: user.good("GET", f"/sandbox/{sandbox}/processes/{pid}")["signal"] == 9, 20)


# --- run ---

def test_run_is_live_and_takes_input(begin, user):
    run = begin("run", "--rm", "-q", "--", "sh", "-c", "echo ready; cat; exit 3", stdin=subprocess.PIPE, bufsize=0)
    assert run.stdout.readline() == b"ready\n"
    run.stdin.write(b"a\0b\n")
    assert run.stdout.readline() == b"a\0b\n"
    run.stdin.close()
    assert run.wait(60) == 3 and run.stderr.read() == b""
    assert user.good("GET", "/sandbox")["items"] == []


def test_run_in_a_terminal(corral, environ, user):
    t = Terminal([corral.home / "bin/corral", "run", "--rm", "-it", "--", "sh"], environ, rows=31, columns=99)
    t.until("sandbox sbx_")
    t.until(r"[$#] ", 60)
    assert t.is_raw()
    t.type("stty size; tty; echo $TERM\r")
    t.until("31 99\r\n/dev/pts/0\r\nxterm-256color\r\n")
    t.type("echo there; sleep 1000\r")
    t.until("there\r\n")
    (made,) = user.good("GET", "/sandbox")["items"]
    wait_until("it sleeps", lambda: "sleep 1000" in processes(user, made["id"]).split("\n"), 20) # the shell's line editor reads keys before
    t.type("\x03")
    t.until(r"[$#] ")
    t.type("exit 9\r")
    assert t.ended(60) == 9
    t.close()
    assert user.good("GET", "/sandbox")["items"] == []


def test_run_in_a_terminal_that_a_signal_ends(corral, environ, user):
    t = Terminal([corral.home / "bin/corral", "run", "-it", "--", "sh"], environ)
    t.until(r"[$#] ", 60)
    t.signal(signal.SIGTERM)
    assert t.ended(60) == 143
    t.close()
    assert user.good("GET", "/sandbox")["items"] == []
