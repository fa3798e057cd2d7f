#!/usr/bin/python3
"""corral shell in a terminal, against a server that is ours in none of its bytes: what is right in unusual ways, and what is wrong.

usage: cli_terminal.py SOURCE_ROOT [NAME]"""
import base64
import contextlib
import fcntl
import functools
import hashlib
import json
import os
import re
import resource
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from terminal import Terminal  # noqa: E402

PROGRAM = Path(os.environ["CORRAL_BUILD_ROOT"]) / "cli/corral"
SANDBOX = "sbx_" + "0" * 26
PATIENCE = 20
STDIN, STDOUT, STATUS, RESIZE = 0, 1, 3, 4
DONE = b'{"status":"Success","exit_code":0,"signal":null}'


class Peer:
    """The server's side of one connection."""

    def __init__(self, connection):
        self.socket, self.rest, self.closed = connection, b"", None
        self.socket.settimeout(PATIENCE)
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.receive()
        self.head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        self.target = self.head.split()[1].decode()

    def receive(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        return data

    def header(self, name):
        return re.search(rf"^{name}: (.*)\r$", self.head.decode() + "\r\n", re.M | re.I)[1]

    def accept(self, pid=7, position=0, protocol="v5.channel.k8s.io", more="", accept=None):
        digest = hashlib.sha1((self.header("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        self.socket.sendall((f"HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
                             f"Sec-WebSocket-Accept: {accept or base64.b64encode(digest).decode()}\r\nSec-WebSocket-Protocol: {protocol}\r\n"
                             f"X-Process-Id: {pid}\r\nX-Output-From: {position}\r\n{more}\r\n").encode())
        return self

    def raw(self, data):
        self.socket.sendall(data)

    def frame(self, opcode, payload=b"", fin=True):
        n = len(payload)
        size = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else b"\x7f" + struct.pack(">Q", n)
        self.raw(bytes([(0x80 if fin else 0) | opcode]) + size + payload)

    def say(self, channel, data):
        self.frame(2, bytes([channel]) + data)

    def close(self, code):
        self.frame(8, struct.pack(">H", code))

    def end(self, status=DONE):
        self.say(STATUS, status)
        self.close(1000)

    def take(self, n):
        while len(self.rest) < n:
            self.rest += self.receive()
        data, self.rest = self.rest[:n], self.rest[n:]
        return data

    def hear(self):
        """The next frame: its opcode and payload."""
        first, second = self.take(2)
        assert first & 0x80 and second & 0x80, "whole and masked"
        n = second & 0x7f
        n = struct.unpack(">H", self.take(2))[0] if n == 126 else struct.unpack(">Q", self.take(8))[0] if n == 127 else n
        key, payload = self.take(4), self.take(n)
        return first & 0xf, bytes(b ^ key[i % 4] for i, b in enumerate(payload))

    def hear_on(self, channel):
        while True:
            opcode, payload = self.hear()
            if opcode == 2 and payload[0] == channel:
                return payload[1:]

    def cut(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Server:
    """Takes connections; each is given to the next of these scripts, the last of which takes all further ones."""

    def __init__(self, *scripts, context=None, raw=False):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.scripts, self.context, self.raw, self.failed, self.there = list(scripts), context, raw, [], []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
            self.there.append(connection)
            threading.Thread(target=self.run, args=(script, connection), daemon=True).start()

    def run(self, script, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            script(connection if self.raw else Peer(connection))
        except (EOFError, OSError):
            pass
        except Exception as error:  # noqa: BLE001
            self.failed.append(error)

    def stop(self):
        self.listener.close()
        for connection in self.there:
            connection.close()
        assert not self.failed, self.failed


@contextlib.contextmanager
def client(*scripts, args=("shell", SANDBOX), context=None, url=None, raw=False, env=None, **more):
    """A client of a server with these scripts, in a terminal. What it leaves behind is looked at in the end."""
    server = Server(*scripts, context=context, raw=raw)
    environ = {k: v for k, v in os.environ.items() if not k.startswith("CORRAL_")}
    environ.update(CORRAL_URL=url or f"http{'s' if context else ''}://127.0.0.1:{server.port}", CORRAL_API_KEY="crl_test", **(env(server) if env else {}))
    t = Terminal([PROGRAM, *args], environ, **more)
    t.server = server
    try:
        yield t
        assert b"Sanitizer" not in t.output and b"runtime error" not in t.output, t.output
    finally:
        t.close()
        server.stop()


def stays(peer):
    while True:
        peer.hear()


# --- what is right ---

def test_there_and_back():
    typed = threading.Event()

    def script(peer):
        assert peer.target == f"/sandbox/{SANDBOX}/terminal?rows=31&columns=99" and peer.header("X-API-Key") == "crl_test"
        peer.accept()
        peer.say(STDOUT, b"hello\r\n")
        assert peer.hear_on(STDIN) == b"typed\x03\x1a"
        typed.set()
        assert json.loads(peer.hear_on(RESIZE)) == {"Width": 120, "Height": 50}
        peer.end(b'{"status":"Failure","exit_code":7,"signal":null}')
    with client(script, rows=31, columns=99) as t:
        t.until("hello\r\n")
        assert t.is_raw()
        t.type("typed\x03\x1a")
        assert typed.wait(PATIENCE)
        t.size(50, 120)
        assert t.ended() == 7


def test_a_signal_inside():
    with client(lambda peer: peer.accept().end(b'{"status":"Failure","exit_code":null,"signal":15}')) as t:
        assert t.ended() == 143


def test_fragments_pings_and_empty_messages():
    def script(peer):
        peer.accept(more="X-Long: " + "x" * 10000 + "\r\n")
        peer.frame(2, b"\x01one ", fin=False)
        peer.frame(9, b"ping")
        peer.frame(0, b"two ", fin=False)
        peer.frame(0, b"", fin=False)
        peer.frame(10, b"nobody asked")
        peer.frame(0, b"three")
        peer.frame(2, b"")
        peer.frame(2, b"\x01")
        peer.frame(2, b"\x09of a channel that there is not")
        peer.frame(2, b"\x01 four\r\n")
        while (got := peer.hear())[0] != 10:
            pass
        assert got[1] == b"ping"
        peer.end()
    with client(script) as t:
        assert t.ended() == 0 and t.output == b"one two three four\r\n", t.output


def test_bytes_one_by_one():
    def script(peer):
        peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        send, sent = peer.socket.sendall, []

        class Slow:
            def __getattr__(self, name):
                return getattr(real, name)

            def sendall(self, data):
                for i in range(len(data)):
                    send(data[i:i + 1])
                    sent.append(i)
        real, peer.socket = peer.socket, Slow()
        peer.accept()
        peer.say(STDOUT, b"x" * 200)
        peer.end()
    with client(script) as t:
        assert t.ended() == 0 and t.output == b"x" * 200


def test_output_with_the_answer_and_the_end():
    """All in one segment."""
    def script(peer):
        out, send = [], peer.socket.sendall

        class Gathers:
            def __getattr__(self, name):
                return getattr(real, name)

            def sendall(self, data):
                out.append(data)
        real, peer.socket = peer.socket, Gathers()
        peer.accept()
        peer.say(STDOUT, b"y" * 100000)
        peer.end()
        send(b"".join(out))
    with client(script) as t:
        assert t.ended() == 0 and t.output == b"y" * 100000


# --- coming back ---

@contextlib.contextmanager
def twice(how, position=100, **more):
    """A connection that ends like this after six bytes, and the next one."""
    seen, shown = [], threading.Event()

    def first(peer):
        peer.accept(pid=12, position=position)
        peer.say(STDOUT, b"one\r\n.")
        assert shown.wait(PATIENCE) # what is not read yet is lost with a connection that is cut
        how(peer)

    def second(peer):
        seen.append(peer.target)
        peer.accept(pid=12, position=position + 6)
        peer.say(STDOUT, b"two\r\n")
        assert json.loads(peer.hear_on(RESIZE)) == {"Width": 80, "Height": 24}
        peer.end(b'{"exit_code":3}')
    with client(first, second, **more) as t:
        t.until(r"one\r\n\.")
        shown.set()
        yield t
        assert t.ended() == 3 and seen == [f"/sandbox/{SANDBOX}/terminal?pid=12&from={position + 6}"], seen


def in_a_frame(peer):
    peer.raw(b"\x82\x7e\x10\x00\x01lost")
    peer.cut()


def test_coming_back():
    for how in (lambda peer: peer.close(1012), lambda peer: peer.close(1013), lambda peer: peer.close(1001), Peer.cut,
                lambda peer: peer.socket.shutdown(socket.SHUT_RDWR), in_a_frame):
        with twice(how) as t:
            t.until("coming back")
            t.until("connected again")
            t.until("two\r\n")


def test_a_message_in_two_frames_of_which_one_came():
    def how(peer):
        peer.frame(2, b"\x01half", fin=False)
        peer.cut()
    with twice(how) as t:
        t.until("connected again")


def test_output_that_is_gone():
    targets = []

    def lost(peer):
        peer.accept(pid=12)
        peer.say(STDOUT, b"one\r\n")
        peer.close(1013)

    def gone(peer):
        targets.append(peer.target)
        peer.raw(b"HTTP/1.1 410 Gone\r\nContent-Length: 2\r\n\r\n{}")

    def back(peer):
        targets.append(peer.target)
        peer.accept(pid=12, position=1000).end()
    with client(lost, gone, back) as t:
        t.until("995 bytes of output are lost")
        assert t.ended() == 0
    assert targets == [f"/sandbox/{SANDBOX}/terminal?pid=12{more}" for more in ("&from=5", "")]


def test_output_that_came_and_was_not_shown_yet():
    """The connection breaks, which a key that is typed finds out, while the terminal takes nothing."""
    size, cut, back, targets = 120000, threading.Event(), threading.Event(), []

    def first(peer):
        peer.accept(pid=12)
        for _ in range(size // 1000):
            peer.say(STDOUT, b"x" * 998 + b"\r\n")
        while struct.unpack("i", fcntl.ioctl(peer.socket, termios.TIOCOUTQ, b"1234"))[0]:
            time.sleep(0.01)
        peer.cut()
        cut.set()

    def second(peer):
        targets.append(peer.target)
        back.set()
        peer.accept(pid=12, position=size).end()
    with client(first, second) as t:
        assert cut.wait(PATIENCE)
        t.type("x")
        assert back.wait(PATIENCE) and t.ended() == 0
    assert targets == [f"/sandbox/{SANDBOX}/terminal?pid=12&from={size}"]


def test_what_is_typed_while_it_is_lost():
    dials = [(threading.Event(), threading.Event()) for _ in range(2)] # that it dials; that it is refused

    def lost(peer):
        peer.accept(pid=12).cut()

    def refused(peer, dial):
        dial[0].set()
        assert dial[1].wait(PATIENCE)
        peer.raw(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}")

    def back(peer):
        got = b""
        peer.accept(pid=12)
        while got != b"typed meanwhile":
            got += peer.hear_on(STDIN)
        peer.end()
    with client(lost, *(functools.partial(refused, dial=dial) for dial in dials), back) as t:
        t.until("coming back")
        for (asked, answered), text in zip(dials, ("typed mean", "while")):
            assert asked.wait(PATIENCE)
            t.type(text)
            answered.set()
        t.until("connected again")
        assert t.ended() == 0


class Silent:
    """A peer that takes a request, and does not answer it."""

    def __init__(self):
        self.asked = threading.Event()

    def __call__(self, peer):
        self.asked.set()
        time.sleep(PATIENCE)

    def wait(self):
        assert self.asked.wait(PATIENCE)


def test_giving_up():
    for typed, code in (("\x03", 3), ("\r~.", 0)):
        silent = Silent()
        with client(lambda peer: peer.accept().cut(), silent) as t:
            t.until("coming back")
            silent.wait()
            t.type(typed)
            assert t.ended(5) == code and b"--pid 7" in t.output


def test_the_process_is_gone_meanwhile():
    with client(lambda peer: peer.accept().cut(), lambda peer: peer.raw(b"HTTP/1.1 404 Not Found\r\nContent-Length: 41\r\n\r\n"
                b'{"detail":"it is gone","code":"not_found"')) as t:
        assert t.ended() == 1 and b"refused (status 404" in t.output, t.output


# --- how it ends ---

def test_signals():
    for signo in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        with client(lambda peer: stays(peer.accept())) as t:
            wait_raw(t)
            t.signal(signo)
            assert t.ended(5) == 128 + signo


def test_a_signal_while_it_dials():
    silent = Silent()
    with client(silent) as t:
        silent.wait()
        assert t.is_as_before()
        t.signal(signal.SIGINT)
        assert t.ended(5) == 130


def test_an_abort():
    with client(lambda peer: stays(peer.accept())) as t:
        wait_raw(t)
        t.signal(signal.SIGABRT)
        assert t.ended() == -signal.SIGABRT


def test_a_stop_that_nothing_prepares_for():
    with client(lambda peer: stays(peer.accept())) as t:
        wait_raw(t)
        t.signal(signal.SIGSTOP)
        import termios
        termios.tcsetattr(t.slave, termios.TCSANOW, t.before) # as a shell does
        t.signal(signal.SIGCONT)
        wait_raw(t)
        t.signal(signal.SIGTERM)
        assert t.ended() == 143


def test_the_terminal_goes():
    with client(lambda peer: stays(peer.accept())) as t:
        wait_raw(t)
        master, t.master = t.master, os.open("/dev/null", os.O_RDWR)
        os.close(master)
        t.process.wait(10)
        assert t.process.returncode == 129


def test_standard_output_that_nobody_reads():
    read, write = os.pipe()
    os.close(read)
    with client(lambda peer: (peer.accept().say(STDOUT, b"x"), stays(peer)), stdout=write) as t:
        os.close(write)
        assert t.ended() == 1 and b"cannot write" in t.output


def wait_raw(t):
    end = time.monotonic() + PATIENCE
    while not t.is_raw():
        assert time.monotonic() < end, t.output
        t.step(0.05)


# --- a server that is hostile ---

def rubbish(data):
    def script(peer):
        peer.accept()
        peer.raw(data + b"x") # a frame is judged with its first byte
        stays(peer)
    return script


def test_frames_that_break_the_rules():
    for data in (b"\x82\x7f" + b"\x3f" + b"\xff" * 7, # as long as can be
                 b"\x82\x7f" + b"\xff" * 8,
                 b"\x82\x7f" + struct.pack(">Q", (1 << 20) + 1),
                 b"\x82\x7e\x00\x05\x01four", # a length that has a shorter form
                 b"\x82\x83\0\0\0\0\x01hi", # masked
                 b"\xc2\x03\x01hi", b"\x83\x00", b"\x8b\x00", # reserved bits and opcodes
                 b"\x80\x03\x01hi", # the continuation of nothing
                 b"\x02\x03\x01hi\x82\x03\x01hi", # a message within a message
                 b"\x09\x02hi", b"\x89\x7e\x00\x80" + b"x" * 128, # control frames in parts, and too long
                 b"\x88\x01x", b"\x88\x02\x03\xec", b"\x81\x02\xff\xff"):
        with client(rubbish(data)) as t:
            assert t.ended() == 3 and b"breaks the rules" in t.output, (data, t.output)


def test_fragments_without_end():
    def script(peer):
        peer.accept()
        peer.frame(2, b"\x01", fin=False)
        for _ in range(1000):
            peer.frame(0, b"x" * 65536, fin=False)
    with client(script) as t:
        assert t.ended() == 3 and b"breaks the rules" in t.output, t.output


def test_answers_that_are_none():
    def answer(data, hold=False):
        def script(peer):
            peer.raw(data)
            if hold:
                stays(peer)
            peer.socket.shutdown(socket.SHUT_RDWR)
        return script
    for script, code, says in (
            (lambda peer: peer.accept(accept="s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), 3, "no WebSocket"),
            (lambda peer: peer.accept(protocol="chat"), 3, "no WebSocket"),
            (lambda peer: peer.accept(pid=0), 3, "no WebSocket"),
            (lambda peer: peer.accept(pid="9" * 100), 3, "no WebSocket"),
            (answer(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), 3, "no WebSocket"),
            (answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", True), 3, "no WebSocket"),
            (answer(b"SSH-2.0-OpenSSH\r\n", True), 3, "no WebSocket"),
            (answer(b"HTTP/1.1 101 Switching Protocols\r\nX: " + b"x" * 1000000, True), 3, "no WebSocket"),
            (answer(b""), 3, "does not answer"),
            (answer(b"HTTP/1.1 101 Swit"), 3, "does not answer"),
            (answer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 56\r\n\r\n" b'{"detail":"no\\u001b[31m such","code":"c","request_id":"r"}'[:56] + b"}"), 1, "404"),
            (answer(b"HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n0\r\n\r\n", True), 1, "status 502"),
            (answer(b"HTTP/1.1 502 Bad Gateway\r\n\r\n" + b"x" * 70000, True), 1, "status 502"),
            (answer(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", True), 1, "status 302")):
        with client(script) as t:
            assert t.ended() == code and says.encode() in t.output and b"\x1b" not in t.output, (says, t.output)


def test_ends_that_tell_nothing():
    for status, says in ((b"", "does not tell"), (b"{", "does not tell"), (b"[1]", "does not tell"), (b'{"exit_code":"7"}', "does not tell"),
                         (b'{"signal":-3}', "does not tell"), (b"[" * 100000, "does not tell"),
                         (b'{"reason":"deleted\\u001b[31m","message":"m"}', "the sandbox has ended: m, deleted?[31m")):
        with client(lambda peer: peer.accept().end(status)) as t:
            assert t.ended() == 1 and says.encode() in t.output, (status, t.output)


def test_closes():
    for code, says in ((1000, "without telling"), (1008, "API key"), (1011, "node failed"), (1002, "closed the connection"), (4000, "closed the connection")):
        with client(lambda peer: peer.accept().close(code)) as t:
            assert t.ended() == 1 and says.encode() in t.output, (code, t.output)


# --- bounds ---

def memory(t):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{t.process.pid}/status").read_text())[1]) * 1024


def test_a_terminal_that_takes_nothing():
    """The server is held up; signals and pings are not."""
    stuck = threading.Event()

    def script(peer):
        peer.accept()
        peer.socket.settimeout(2)
        try:
            while True:
                peer.say(STDOUT, b"x" * 50000)
        except TimeoutError:
            stuck.set()
    with client(script) as t:
        assert stuck.wait(PATIENCE)
        assert memory(t) < 400 << 20 # with the sanitizer's own
        t.signal(signal.SIGTERM)
        end = time.monotonic() + 5
        while t.process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert t.process.returncode == 143 and t.is_as_before()


def test_a_server_that_takes_nothing():
    """The one who types is held up, not the client."""
    def script(peer):
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.accept()
        time.sleep(PATIENCE)
    with client(script) as t:
        wait_raw(t)
        os.set_blocking(t.master, False)
        sent, still = 0, time.monotonic()
        while time.monotonic() < still + 1 and sent < 64 << 20:
            try:
                sent += os.write(t.master, b"x" * 4096)
                still = time.monotonic()
            except BlockingIOError:
                time.sleep(0.01)
        assert sent < 32 << 20, sent
        t.signal(signal.SIGTERM)
        assert t.ended(5) == 143


def test_pings_without_end():
    def script(peer):
        peer.accept()
        for _ in range(20000):
            peer.frame(9, b"x" * 125)
        peer.end()
    with client(script) as t:
        assert t.ended(60) == 0


# --- exec ---

def answers(asked, status, body):
    """A script that notes a request and answers it."""
    def script(peer):
        method = peer.head.split()[0].decode()
        length = re.search(rb"^content-length: (\d+)", peer.head, re.M | re.I)
        given = peer.take(int(length[1])) if length else b""
        asked.append((method, peer.target, json.loads(given) if given else None))
        peer.raw(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        peer.socket.shutdown(socket.SHUT_RDWR)
    return script


def test_exec_in_a_terminal():
    asked = []

    def attached(peer):
        asked.append(peer.target)
        peer.accept(pid=9)
        assert peer.hear_on(STDIN) == b"typed"
        peer.end(b'{"exit_code":4}')
    with client(answers(asked, 201, '{"pid":9}'), attached, args=("exec", "-it", "-e", "A=1", "-w", "/tmp", "--timeout", "90s", SANDBOX, "a", "-b"),
                rows=20, columns=70) as t:
        wait_raw(t)
        t.type("typed")
        assert t.ended() == 4
    assert asked == [("POST", f"/sandbox/{SANDBOX}/processes", {"command": ["a", "-b"], "env": {"A": "1", "TERM": "xterm-256color"}, "cwd": "/tmp",
                                                               "timeout_ms": 90000, "tty": {"rows": 20, "columns": 70}}),
                     f"/sandbox/{SANDBOX}/processes/9/attach"]


def test_exec_that_a_signal_ends():
    for flags, begun in (("-it", True), ("-t", True), ("-it", False)):
        asked, there = [], threading.Event()

        def attached(peer):
            if begun:
                peer.accept(pid=9)
            there.set()
            stays(peer)
        with client(answers(asked, 201, '{"pid":9}'), attached, answers(asked, 204, ""), args=("exec", flags, SANDBOX, "true")) as t:
            assert there.wait(PATIENCE)
            if begun and flags == "-it":
                wait_raw(t)
            else:
                time.sleep(0.3) # it stays as it was
                assert t.is_as_before()
            t.signal(signal.SIGTERM)
            assert t.ended(5) == 143
        assert asked[1:] == [("DELETE", f"/sandbox/{SANDBOX}/processes/9", None)], asked


def test_exec_that_comes_back():
    targets = []

    def lost(peer):
        peer.accept(pid=9)
        peer.say(STDOUT, b"12345")
        peer.cut()

    def back(peer):
        targets.append(peer.target)
        peer.accept(pid=9, position=5).end()
    with client(answers([], 201, '{"pid":9}'), lost, back, args=("exec", "-it", SANDBOX, "true")) as t:
        assert t.ended() == 0
    assert targets == [f"/sandbox/{SANDBOX}/processes/9/attach?from=5"]


def test_exec_whose_first_output_is_gone():
    with client(answers([], 201, '{"pid":9}'), lambda peer: peer.accept(pid=9, position=77).end(), args=("exec", "-it", SANDBOX, "true")) as t:
        assert t.ended() == 0 and b"77 bytes of output are lost" in t.output


def test_exec_past_its_time():
    asked = []
    with client(answers(asked, 201, '{"pid":9}'), lambda peer: peer.accept(pid=9).end(b'{"signal":9}'), answers(asked, 200, '{"timed_out":true}'),
                args=("exec", "-t", "--timeout", "2s", SANDBOX, "true")) as t:
        assert t.ended() == 137 and b"killed after 2s" in t.output
    assert asked[1][:2] == ("GET", f"/sandbox/{SANDBOX}/processes/9")


def test_exec_that_is_left_or_refused():
    with client(answers([], 201, '{"pid":9}'), lambda peer: stays(peer.accept(pid=9)), args=("exec", "-it", SANDBOX, "true")) as t:
        wait_raw(t)
        t.type("~.")
        assert t.ended() == 0 and b"--pid 9" in t.output
    with client(answers([], 409, '{"detail":"no","code":"wrong_state"}'), args=("exec", "-it", SANDBOX, "true")) as t:
        assert t.ended() == 125 and b"wrong_state" in t.output
    with client(answers([], 201, '{"pid":9}'), lambda peer: peer.accept(pid=9).close(1011), args=("exec", "-it", SANDBOX, "true")) as t:
        assert t.ended() == 125 and b"node failed" in t.output


# --- exec without a terminal: a program goes by its bytes ---

def piped(*args):
    """Arguments of a client whose standard files are pipes, and the ends that are ours."""
    return dict(args=("exec", *args), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def accept_at(peer, given, position=0):
    return peer.accept(pid=9, position=position, more="" if given is None else f"X-Input-From: {given}\r\n")


def take_input(peer):
    """The input, and whether its end came."""
    got = b""
    while True:
        opcode, payload = peer.hear()
        if opcode == 2 and payload == b"\xff\0":
            return got
        if opcode == 2 and payload[0] == STDIN:
            got += payload[1:]


def test_plain_exec():
    asked, got = [], []

    def attached(peer):
        asked.append(peer.target)
        accept_at(peer, 0).say(STDOUT, b"\0\xff")
        peer.say(2, b"err")
        got.append(take_input(peer))
        peer.end(b'{"exit_code":4}')
    with client(answers(asked, 201, '{"pid":9}'), attached, **piped("-e", "A=1", SANDBOX, "a")) as t:
        out, err = t.process.communicate(b"x" * 300000, PATIENCE)
        assert (out, err, t.process.returncode, got[0]) == (b"\0\xff", b"err", 4, b"x" * 300000)
    assert asked == [("POST", f"/sandbox/{SANDBOX}/processes", {"command": ["a"], "env": {"A": "1"}, "grace_seconds": 300, "stdin": True}),
                     f"/sandbox/{SANDBOX}/processes/9/attach"]


def test_plain_exec_sends_what_never_arrived():
    """The server had 100,000 bytes; it does not know how many at first, while an old connection of it lives."""
    data, got = bytes(range(256)) * 4000, []

    def lost(peer):
        accept_at(peer, 0)
        while len(got) < 20:
            got.append(peer.hear_on(STDIN))
        peer.cut()

    def back(peer):
        got.append(take_input(accept_at(peer, 100000)))
        peer.end(b'{"exit_code":0}')
    with client(answers([], 201, '{"pid":9}'), lost, lambda peer: stays(accept_at(peer, None)), back, **piped(SANDBOX, "a")) as t:
        _, err = t.process.communicate(data, PATIENCE)
        assert t.process.returncode == 0 and b"connected again" in err, err
    assert got[-1] == data[100000:]


def test_plain_exec_that_lost_something():
    """Bytes of output, or of input, that nobody can bring back: no success, and the command is killed."""
    def lost(peer):
        accept_at(peer, 0)
        peer.hear_on(STDIN)
        peer.say(STDOUT, b"12345")
        peer.cut()
    for position, given, word in ((6, 5, b"1 bytes of output are lost"), (5, 100, b"a part of the input was lost")):
        asked = []
        with client(answers([], 201, '{"pid":9}'), lost, lambda peer, p=position, g=given: stays(accept_at(peer, g, p)), answers(asked, 204, ""),
                    **piped(SANDBOX, "a")) as t:
            _, err = t.process.communicate(b"typed", PATIENCE)
            assert t.process.returncode == 125 and word in err, err
        assert asked == [("DELETE", f"/sandbox/{SANDBOX}/processes/9", None)]


def test_plain_exec_that_attaches_late():
    """The server is away between the start and the attachment."""
    with client(answers([], 201, '{"pid":9}'), lambda peer: peer.cut(), answers([], 503, "{}"), lambda peer: accept_at(peer, 0).end(b'{"exit_code":6}'),
                **piped(SANDBOX, "a")) as t:
        t.process.communicate(b"", PATIENCE)
        assert t.process.returncode == 6


def test_plain_exec_in_a_sandbox_that_ends():
    with client(answers([], 201, '{"pid":9}'), lambda peer: accept_at(peer, 0).end(b'{"status":"Failure","message":"the sandbox has ended","reason":"expired"}'),
                **piped(SANDBOX, "a")) as t:
        _, err = t.process.communicate(b"", PATIENCE)
        assert t.process.returncode == 125 and b"expired" in err


# --- the way there ---

def test_tls():
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = f"{folder}/key", f"{folder}/certificate"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=x",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        def script(peer):
            peer.accept()
            peer.say(STDOUT, b"z" * 500000)
            assert peer.hear_on(STDIN) == b"typed"
            peer.end()
        with client(script, context=context, env=lambda server: {"CORRAL_CA_FILE": certificate}) as t:
            t.type("typed")
            assert t.ended() == 0 and t.output.count(b"z") == 500000
        with client(script, context=context) as t:
            assert t.ended() == 3 and b"does not answer" in t.output


def test_a_proxy():
    def script(connection):
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += connection.recv(4096)
        assert asked.startswith(b"CONNECT corral.test:3000 HTTP/1.1\r\n") and b"crl_test" not in asked, asked
        connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        peer = Peer(connection)
        assert peer.header("Host") == "corral.test:3000" and peer.target.startswith("/below/sandbox/")
        peer.accept().end()
    with client(script, raw=True, url="http://corral.test:3000/below/", env=lambda server: {"http_proxy": f"http://127.0.0.1:{server.port}"}) as t:
        assert t.ended() == 0


def main():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    failed = 0
    for name, test in sorted(globals().items()):
        if name.startswith("test_") and (len(sys.argv) < 3 or sys.argv[2] in name):
            begin = time.monotonic()
            try:
                test()
                print(f"{name} {time.monotonic() - begin:.1f} s", flush=True)
            except Exception:  # noqa: BLE001
                import traceback
                failed += 1
                print(f"{name} FAILED", flush=True)
                traceback.print_exc()
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
