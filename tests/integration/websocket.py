#!/usr/bin/python3
"""WebSockets over real sockets: a client that is not ours (python3-websockets) for what is right, raw bytes for what is wrong.

usage: websocket.py SOURCE_ROOT [NAME]"""
import asyncio
import base64
import hashlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import websockets

SERVER = Path(os.environ["CORRAL_BUILD_ROOT"]) / "tests/websocket_server"
MESSAGE_BYTES = 100_000


class Server:
    def __init__(self, ping_ms=60_000, take_ms=60_000, close_ms=500):
        self.process = subprocess.Popen([SERVER, str(MESSAGE_BYTES), str(ping_ms), str(take_ms), str(close_ms)], stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        self.stopped = False

    def stop(self):
        """Once: a second signal would come while it ends, and kill it."""
        if not self.stopped:
            self.process.send_signal(signal.SIGTERM)
        self.stopped = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        assert self.process.wait(20) == 0, "the server has to end cleanly"

    def connect(self, **more):
        return websockets.connect(f"ws://127.0.0.1:{self.port}/", ping_interval=None, close_timeout=5, max_size=None,
                                  **{"subprotocols": ["good"], **more})


class Raw:
    """A client that says what it likes."""

    def __init__(self, server, headers="", key="dGhlIHNhbXBsZSBub25jZQ==", version="13"):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self.socket.sendall(f"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: {key}\r\n"
                            f"Sec-WebSocket-Version: {version}\r\n{headers}\r\n".encode())
        self.rest = b""
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.socket.recv(4096)
        self.head, _, self.rest = self.rest.partition(b"\r\n\r\n")

    def send(self, first, payload=b"", masked=True, length=None):
        n = len(payload) if length is None else length
        key = os.urandom(4)
        mask = 0x80 if masked else 0
        head = bytes([first, mask | n]) if n < 126 else bytes([first, mask | 126]) + struct.pack(">H", n) if n < 65536 else bytes([first, mask | 127]) + struct.pack(">Q", n)
        self.socket.sendall(head + (key + bytes(b ^ key[i % 4] for i, b in enumerate(payload)) if masked else payload))

    def bytes(self, n):
        while len(self.rest) < n:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            self.rest += more
        out, self.rest = self.rest[:n], self.rest[n:]
        return out

    def frame(self):
        first, n = self.bytes(2)
        assert n < 128, "a server does not mask"
        n = struct.unpack(">H", self.bytes(2))[0] if n == 126 else struct.unpack(">Q", self.bytes(8))[0] if n == 127 else n
        return first, self.bytes(n)

    def close_code(self):
        """Of its close, whatever comes before it; None: the connection ends without one."""
        try:
            while True:
                first, payload = self.frame()
                if first == 0x88:
                    return struct.unpack(">H", payload[:2])[0] if payload else 1005
        except (EOFError, ConnectionError):
            return None

    def ends(self):
        """The server ends the connection, too."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            pass
        return True


def counts(server):
    """How many there are beside the one that asks, and how many owners were told of an end."""
    async def ask():
        async with server.connect() as ws:
            await ws.send("count")
            there, told = map(int, (await ws.recv()).split())
            return there - 1, told
    return asyncio.run(ask())


def wait_until(what, condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def test_messages_of_all_sizes():
    async def run(server):
        async with server.connect() as ws:
            assert ws.subprotocol == "good"
            for size in (0, 1, 125, 126, 65535, 65536, MESSAGE_BYTES):
                message = os.urandom(size)
                await ws.send(message)
                assert await ws.recv() == message, size
            await ws.send("Grüße ✓")
            assert await ws.recv() == "Grüße ✓"
    with Server() as server:
        asyncio.run(run(server))


def test_fragments_with_control_frames_between():
    async def pieces():
        for piece in (b"a" * 1000, b"", b"b" * 5000):
            yield piece

    async def run(server):
        async with server.connect() as ws:
            await ws.send(pieces())
            assert await ws.recv() == b"a" * 1000 + b"b" * 5000
            await asyncio.wait_for(await ws.ping(), 5)
    with Server() as server:
        asyncio.run(run(server))
        raw = Raw(server)
        raw.send(0x01, "ä".encode()[:1])
        raw.send(0x89, b"in between")
        raw.send(0x00, "ä".encode()[1:])
        raw.send(0x80, b"!")
        assert raw.frame() == (0x8a, b"in between")
        assert raw.frame() == (0x81, "ä!".encode())


def test_subprotocols():
    async def run(server):
        for offered, chosen in ((["good", "best"], "best"), (["other", "good"], "good"), (["other"], None), (None, None)):
            async with server.connect(subprotocols=offered) as ws:
                assert ws.subprotocol == chosen
    with Server() as server:
        asyncio.run(run(server))
        raw = Raw(server, headers="Sec-WebSocket-Protocol: other , goodness\r\nSec-WebSocket-Protocol: good\r\n")
        assert b"\r\nSec-WebSocket-Protocol: good" in raw.head


def test_handshakes_that_are_refused():
    with Server() as server:
        accept = base64.b64encode(hashlib.sha1(b"dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        assert b"Sec-WebSocket-Accept: " + accept in Raw(server).head
        assert Raw(server, version="8").head.startswith(b"HTTP/1.1 426 ")
        for key in ("", "short==", "x" * 24, "dGhlIHNhbXBsZSBub25jZQ=="[:22]):
            assert Raw(server, key=key).head.startswith(b"HTTP/1.1 400 "), key
        with socket.create_connection(("127.0.0.1", server.port)) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert plain.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_what_breaks_a_rule_is_closed():
    bad = [("no mask", 1002, lambda r: r.send(0x82, b"x", masked=False)), ("a reserved bit", 1002, lambda r: r.send(0xc2, b"x")),
           ("an opcode that there is not", 1002, lambda r: r.send(0x83, b"x")), ("a continuation of nothing", 1002, lambda r: r.send(0x80, b"x")),
           ("a fragment of a ping", 1002, lambda r: r.send(0x09, b"x")), ("bad text", 1007, lambda r: r.send(0x81, b"\xff")),
           ("half a character", 1007, lambda r: r.send(0x81, "ä".encode()[:1])), ("too long", 1009, lambda r: r.send(0x82, b"x" * (MESSAGE_BYTES + 1))),
           ("announced too long", 1009, lambda r: r.send(0x82, b"x", length=1 << 40)),
           ("fragments too long", 1009, lambda r: (r.send(0x02, b"x" * MESSAGE_BYTES), r.send(0x80, b"x"))),
           ("a bad code", 1002, lambda r: r.send(0x88, struct.pack(">H", 1005))), ("a bad reason", 1007, lambda r: r.send(0x88, struct.pack(">H", 1000) + b"\xff"))]
    with Server() as server:
        for what, code, send in bad:
            raw = Raw(server)
            try:
                send(raw)
            except ConnectionError:
                pass
            assert raw.close_code() == code, what
            assert raw.ends()
            wait_until(what, lambda: counts(server)[0] == 0)


def test_the_client_closes():
    async def run(server):
        for code, reason in ((1000, "bye"), (1001, ""), (4000, "mine")):
            ws = await server.connect()
            await ws.close(code, reason)
            assert ws.close_code == code
    with Server() as server:
        asyncio.run(run(server))
        raw = Raw(server)
        raw.send(0x88)
        assert raw.close_code() == 1005 and raw.ends()
        raw = Raw(server)
        raw.send(0x82, b"before")
        raw.send(0x88, struct.pack(">H", 1000))
        raw.send(0x82, b"behind: not looked at")
        assert raw.frame() == (0x82, b"before") and raw.close_code() == 1000 and raw.ends()
        Raw(server).socket.close()
        wait_until("all are gone", lambda: counts(server)[0] == 0)


def test_the_server_closes():
    async def run(server):
        for code in (1000, 1001, 1008, 1011, 1012, 1013):
            ws = await server.connect()
            await ws.send(f"close {code} because")
            try:
                await ws.recv()
                assert False, "it goes on"
            except websockets.ConnectionClosed:
                assert (ws.close_code, ws.close_reason) == (code, "because")
    with Server() as server:
        asyncio.run(run(server))


def test_both_close_at_once():
    with Server() as server:
        for _ in range(50):
            raw = Raw(server)
            raw.send(0x81, b"close 1008 first")
            raw.send(0x88, struct.pack(">H", 1000))
            assert raw.close_code() == 1008 and raw.ends()
        wait_until("all are gone", lambda: counts(server)[0] == 0)


def test_a_close_that_is_never_answered():
    with Server(close_ms=300) as server:
        raw = Raw(server)
        raw.send(0x81, b"close 1000 bye")
        assert raw.close_code() == 1000
        begun = time.monotonic()
        for _ in range(3): # what it says meanwhile is not looked at
            raw.send(0x82, b"more")
        assert raw.ends() and time.monotonic() - begun < 3


def test_pings_that_are_never_answered():
    with Server(ping_ms=200) as server:
        raw = Raw(server)
        begun = time.monotonic()
        assert raw.frame() == (0x89, b"") and raw.frame() == (0x89, b"")
        assert raw.close_code() is None and 0.5 < time.monotonic() - begun < 3
        wait_until("its owner was told", lambda: counts(server)[0] == 0)


def test_pings_that_are_answered():
    async def run(server):
        async with server.connect() as ws:
            await asyncio.sleep(1.5)
            await ws.send(b"still there")
            assert await ws.recv() == b"still there"
    with Server(ping_ms=100) as server:
        asyncio.run(run(server))


def test_an_owner_that_takes_nothing_loses_no_client():
    """Pongs wait behind messages that are not taken; and all messages come, in order, when it goes on."""
    async def run(server):
        async with server.connect() as ws:
            await ws.send("wait 1500")
            async def feed():
                for i in range(200):
                    await ws.send(i.to_bytes(4, "big") + bytes(5000))
            feeding = asyncio.ensure_future(feed())
            for i in range(200):
                assert (await ws.recv())[:4] == i.to_bytes(4, "big")
            await feeding
    with Server(ping_ms=100) as server:
        asyncio.run(run(server))


def test_what_is_not_taken_stops_the_sender():
    """Small messages in one piece, too: none comes past the one with which the owner had enough."""
    with Server() as server:
        raw = Raw(server)
        raw.send(0x81, b"wait 500")
        for i in range(100):
            raw.send(0x82, b"%d" % i)
        raw.socket.settimeout(0.3)
        try:
            assert not raw.socket.recv(1), "it goes on"
        except TimeoutError:
            pass
        raw.socket.settimeout(10)
        assert [raw.frame()[1] for _ in range(100)] == [b"%d" % i for i in range(100)]


def test_a_slow_reader_gets_all():
    async def run(server):
        async with server.connect(max_queue=1, read_limit=4096) as ws:
            await ws.send("flood 20000000")
            got = 0
            try:
                while True:
                    got += len(await ws.recv())
                    if got < 2_000_000:
                        await asyncio.sleep(0.005)
            except websockets.ConnectionClosed:
                assert (got, ws.close_code, ws.close_reason) == (20_000_000, 1000, "all of it")
    with Server(take_ms=2000) as server:
        asyncio.run(run(server))


def test_who_takes_nothing_is_closed():
    with Server(take_ms=600, close_ms=3000) as server:
        raw = Raw(server)
        raw.send(0x81, b"flood 50000000")
        time.sleep(1.2) # takes nothing
        assert raw.close_code() == 1013 # behind all that was written
        assert raw.ends()


def test_who_pings_and_takes_nothing_costs_nothing():
    with Server(take_ms=1000) as server:
        raw = Raw(server)
        raw.send(0x81, b"flood 50000000")
        raw.socket.settimeout(2)
        try:
            for _ in range(200_000):
                raw.send(0x89, b"p" * 125)
        except (TimeoutError, ConnectionError):
            pass
        assert server.process.poll() is None
        raw.socket.close()
        wait_until("it is gone", lambda: counts(server)[0] == 0)


def test_a_restart_closes_all():
    async def run(server):
        all = [await server.connect() for _ in range(50)]
        server.stop()
        for ws in all:
            await ws.wait_closed()
            assert ws.close_code == 1012
    with Server() as server:
        asyncio.run(run(server))


def main():
    for name, test in list(globals().items()):
        if name.startswith("test_") and name.endswith(sys.argv[2] if len(sys.argv) > 2 else ""):
            begun = time.monotonic()
            test()
            print(f"{name} {time.monotonic() - begun:.1f} s", flush=True)


main()
