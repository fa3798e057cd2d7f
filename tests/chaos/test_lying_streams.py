"""A node that serves streams (common/io/mux.h), and breaks them off where an honest one does not."""
import itertools
import socket
import ssl
import struct
import subprocess
import threading
from contextlib import closing

import pytest
import requests
from corral import wait_until
from hermits import SMALL
from node_peer import Peer, field, read
from test_liar import inventory, pack, resources, states

OPEN, DATA, CLOSE, PING, PONG = 1, 2, 4, 5, 6
STDOUT, MESSAGE = 1, 3


class Streams:
    """The node's connection for streams: answers each stream that is opened with these frames, (type, payload)."""

    def __init__(self, port, peer):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(peer.pki / f"{peer.name}.crt", peer.pki / f"{peer.name}.key")
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="corral-controller")
        self.socket.settimeout(60)
        self.socket.sendall(b"\0CRLMUX\1" + peer.session)
        self.frames = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        try:
            while True:
                size, number = struct.unpack(">II", read(self.socket, 8))
                read(self.socket, size >> 8)
                answers = self.frames if size & 255 == OPEN else [(PONG, b"")] if size & 255 == PING else []
                for kind, payload in answers:
                    self.socket.sendall(struct.pack(">II", len(payload) << 8 | kind, 0 if kind == PONG else number) + payload)
        except (OSError, EOFError, AssertionError, struct.error):
            pass

    def close(self):
        self.socket.close()


def test_streams_that_break_off(corral, user):
    subprocess.run([corral.home / "bin/corral-controller", "pki", "issue", "breaker"], check=True, capture_output=True,
                   env={**corral.environ, "CORRAL_PKI_DIR": str(corral.home / "pki")})
    port, key = corral.port + 4420, {"X-API-Key": user.session.headers["X-API-Key"]}
    with closing(Peer(port, corral.home / "pki", "breaker")) as node:
        node.say_hello()
        node.prove(inventory(resources(2**40)))
        wait_until("both are ready", lambda: states(corral).get("breaker") == "ready", 8)
        corral.admin.good("POST", "/sandbox/system/nodes/node-1/cordon")
        sandbox = user.good("POST", "/sandbox", {**SMALL, "lifetime_seconds": 60}, status=202, headers={"Prefer": "respond-async"})["id"]
        corral.admin.good("POST", "/sandbox/system/nodes/node-1/uncordon")
        numbers = itertools.count(2)

        def runs():
            node.report(pack("Report", statuses=[pack("SandboxStatus", id=sandbox.encode(), state=2, generation=1, number=next(numbers))]))
            return user.show(sandbox)["state"] == "running"
        wait_until("it is running, as the node says", runs, 8)
        with closing(Streams(port, node)) as streams:
            url = f"{corral.url}/sandbox/{sandbox}"
            said, end = (DATA, bytes([MESSAGE]) + field(5, b"")), (CLOSE, b"\0\0")
            record = struct.pack("<BQH", 0, 10**18, 5) + b"line\n"
            streams.frames = [said, (DATA, bytes([STDOUT]) + record), end]
            wait_until("its connection stands", lambda: requests.get(f"{url}/logs", headers=key, timeout=10).status_code == 200, 8)
            assert requests.get(f"{url}/logs", headers=key, timeout=10).text == "line\n"
            streams.frames = [said, (DATA, bytes([STDOUT]) + record + record[:-1]), end]
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                requests.get(f"{url}/logs", headers=key, timeout=10)
            told, change = (DATA, bytes([MESSAGE]) + field(16, field(1, 2))), struct.pack("<BBHHH", 1, 1, 1, 0, 0)
            watch = lambda *bad: [told, *((DATA, bytes([STDOUT]) + b) for b in (change + b"a", *bad)), end]  # noqa: E731
            for bad in (b"", b"\xff" * 8, change + b"/", struct.pack("<BBHHH", 1, 1, 2, 0, 0) + b"..", b"\7\1" + bytes(6) + change + b"b"):
                streams.frames = watch(bad) if bad else watch()
                text = requests.get(f"{url}/files/watch?path=/d", headers=key, timeout=10).text
                assert 'data: {"event":"created","path":"/d/a","type":"file"}\n\nevent: end\n' in text, text
                assert text.count("data: ") == 2 and '"path":"/d"' in text, text # and nothing of what is no change
            streams.frames = [told, told]
            assert "protocol" in requests.get(f"{url}/files/watch?path=/d", headers=key, timeout=10).text
            streams.frames = [end]
            with socket.create_connection(("127.0.0.1", corral.port), 10) as client: # has more to send when the node says that it took all
                client.sendall(f"POST /sandbox/{sandbox}/processes/1/stdin HTTP/1.1\r\nHost: h\r\nX-API-Key: {key['X-API-Key']}\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n".encode())
                assert read(client, 12) == b"HTTP/1.1 500"
    corral.admin.good("POST", "/sandbox/system/nodes/breaker/revoke")
