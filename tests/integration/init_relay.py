#!/usr/bin/python3
"""The real corral-init as process 1 of a namespace that listens, and its own program as a relay to it.
usage: init_relay.py SOURCE_ROOT"""
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

INIT = Path(os.environ["CORRAL_BUILD_ROOT"]) / "agent/corral-init"
HELLO, PING, PONG = 1, 2, 3
HEAD = struct.Struct("=IIHH")


class Relay:
    def __init__(self, process_1):
        """In the network namespace of process 1, as Docker's exec starts it."""
        self.process = subprocess.Popen(["nsenter", "-t", str(process_1), "-n", INIT, "--relay"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, bufsize=0)

    def read(self, size):
        data = b""
        while len(data) < size:
            piece = self.process.stdout.read(size - len(data))
            assert piece, f"the relay ended after {data!r}"
            data += piece
        return data

    def frame(self):
        size, _, kind, zero = HEAD.unpack(self.read(HEAD.size))
        assert zero == 0
        return kind, self.read(size)

    def until(self, kind):
        while (got := self.frame())[0] != kind:
            pass
        return got[1]

    def send(self, kind, payload):
        self.process.stdin.write(HEAD.pack(len(payload), 0, kind, 0) + payload)

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0


def process_1(unshare):
    children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children")
    while not (text := children.read_text().split()):
        time.sleep(0.01)
    return int(text[0])


def test_both_ways_and_again(pid):
    for round in range(3): # an agent that restarts comes back so
        relay = Relay(pid)
        version, state, features, _ = struct.unpack("=IIII", relay.until(HELLO)[:16])
        assert version == 2 and state == 3 and features, (version, state, features)
        for number in range(200):
            relay.send(PING, struct.pack("=Q", number))
        for number in range(200): # neither way holds up the other
            assert struct.unpack("=Q", relay.until(PONG)) == (number,)
        relay.end()


def test_the_second_waits(pid):
    first = Relay(pid)
    first.until(HELLO)
    second = Relay(pid)
    first.send(PING, bytes(8))
    first.until(PONG)
    first.end()
    second.until(HELLO)
    second.end()


def test_a_broken_rule_ends_the_link(pid):
    relay = Relay(pid)
    relay.until(HELLO)
    relay.send(99, b"")
    assert relay.process.wait(10) == 0
    again = Relay(pid)
    again.until(HELLO)
    again.end()


def main():
    if os.getuid() != 0:
        print("skipped: needs root, for namespaces")
        return 77
    unshare = subprocess.Popen(["unshare", "--net", "--pid", "--fork", "--mount-proc", INIT, "--listen", "/nothing/there"])
    try:
        pid = process_1(unshare)
        for test in (test_both_ways_and_again, test_the_second_waits, test_a_broken_rule_ends_the_link):
            test(pid)
        os.kill(pid, signal.SIGTERM)
        assert unshare.wait(10) == 128 + signal.SIGTERM
    finally:
        unshare.kill()
    print("process 1 and its relay agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
