#!/usr/bin/python3
"""Names that mean another address a moment later (DNS rebinding): what is connected to is the very address that was checked. In a
network namespace of its own, whose resolver is this test's, and which has a public address (of a documentation range) beside loopback.

usage: webhook_names.py SOURCE_ROOT"""
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

PUBLIC, OTHER, PRIVATE = "203.0.113.10", "203.0.113.11", "127.0.0.1"
REFUSED = "its address is private or reserved, and such are not connected to"


def resolver(answers, asked):
    """Answers the n-th question for an address with the n-th list, and then with the last one; nothing has an IPv6 address."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((PRIVATE, 53))
    while True:
        question, client = server.recvfrom(512)
        end = question.index(b"\0", 12) + 5
        kind = struct.unpack("!H", question[end - 4:end - 2])[0]
        found = []
        if kind == 1:
            found = answers[min(len(asked), len(answers) - 1)]
            asked.append(found)
        server.sendto(question[:2] + struct.pack("!HHHHH", 0x8180, 1, len(found), 0, 0) + question[12:end] + b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(a) for a in found), client)


def receiver(address, port, seen):
    server = socket.create_server((address, port))
    while True:
        connection = server.accept()[0]
        seen.append(address)
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        connection.close()


def post(host):
    return subprocess.run([Path(os.environ["CORRAL_BUILD_ROOT"]) / "tests/webhook_post", f"http://{host}:8080/"], capture_output=True,
                          text=True, timeout=20, check=True).stdout.strip()


def inside():
    for command in (["ip", "link", "set", "lo", "up"], ["ip", "address", "add", f"{PUBLIC}/32", "dev", "lo"],
                    ["mount", "--bind", sys.argv[2], "/etc/resolv.conf"]):
        subprocess.run(command, check=True)
    answers, asked, seen = [], [], []
    threading.Thread(target=resolver, args=(answers, asked), daemon=True).start()
    for address in (PUBLIC, PRIVATE):
        threading.Thread(target=receiver, args=(address, 8080, seen), daemon=True).start()
    cases = [  # what the resolver says, one question after another; what is posted; who was connected to
        ("it changes after the check", [[PUBLIC], [PRIVATE]], "204|", [PUBLIC]),
        ("it was private first", [[PRIVATE], [PUBLIC]], f"0|{REFUSED}", []),
        ("both at once", [[PRIVATE, PUBLIC], [PRIVATE]], "204|", [PUBLIC]),
        ("both, and the public one is silent", [[OTHER, PRIVATE], [PRIVATE]], None, []),
        ("only private ones", [[PRIVATE, "10.0.0.1", "169.254.169.254"]], f"0|{REFUSED}", []),
    ]
    for what, says, expected, connected in cases:
        answers[:], asked[:], seen[:] = says, [], []
        got = post("changes.example")
        assert expected is None and got.startswith("0|") or got == expected, (what, got)
        assert seen == connected and len(asked) == 1, (what, seen, asked)


if len(sys.argv) == 3:
    inside()
else:
    conf = Path(f"/tmp/corral-webhook-names.{os.getpid()}")
    conf.write_text(f"nameserver {PRIVATE}\n", encoding="utf-8")
    try:
        sys.exit(subprocess.run(["unshare", "--net", "--mount", "--propagation", "private", sys.executable, __file__, sys.argv[1], conf],
                                timeout=120).returncode)
    finally:
        conf.unlink()
