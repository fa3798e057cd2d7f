"""Clients of the node port that are no nodes: many, slow, with a wrong certificate, or with too much to
say."""
import os
import resource
import select
import socket
import ssl
import subprocess
import threading
import time

import pytest
from corral import FOREVER, wait_until
from node_peer import Peer, field, say_hello

IDLE = int(os.environ.get("CORRAL_IDLE_CONNECTIONS", "20000"))
SOURCES = [f"127.0.0.{n}" for n in (1, 11, 12, 13)] # the first address is also the agent's
ROOM_MIB = 96 # by how much a controller under sanitizers may grow


@pytest.fixture
def files():
    """Allows as many descriptors as the idle connections need, if possible; returns how many connections
    there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE + 2000, max(hard, IDLE + 2000)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield min(IDLE, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 2000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def node_port(corral):
    return corral.port + 4420


def connect(corral, source="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", node_port(corral)), 30, (source, 0))


def rss_mib(corral):
    with open(f"/proc/{corral.pid('controller')}/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))


def descriptors(corral):
    return len(os.listdir(f"/proc/{corral.pid('controller')}/fd"))


def is_closed(s):
    if not select.select([s], [], [], 0)[0]:
        return False
    try:
        return not s.recv(4096)
    except OSError:
        return True


def lines(corral, source):
    log = (corral.home / "log/controller.log").read_text(errors="replace")
    return [line for line in log.splitlines() if f"from={source} " in line]


def client_hello():
    """The first bytes of a handshake that never goes on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    out = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    return out.read()


def test_idle_connections_take_nothing_from_others(corral, user, files):
    before, files_before = rss_mib(corral), descriptors(corral)
    idle, slowest = [], 0.0
    try:
        for n in range(files):
            idle.append(connect(corral, SOURCES[n % len(SOURCES)]))
            if n % 1000 == 0:
                begun = time.monotonic()
                assert user.call("GET", "/healthz", timeout=10).status_code == 200
                user.good("GET", "/sandbox", timeout=10)
                slowest = max(slowest, time.monotonic() - begun)
        assert descriptors(corral) - files_before < 1000 and rss_mib(corral) - before < ROOM_MIB
        sandbox = user.create(command=FOREVER)
        user.delete(sandbox["id"])
        corral.kill("agent") # and nodes come and go as ever, also from an address with thousands of connections
        corral.restart("agent")
        # The node is shown as ready until it is missed, so a started sandbox is the proof.
        wait_until("the node is back", lambda: user.call("POST", "/sandbox", {"command": FOREVER}).status_code == 201, 40, 0.5)
        print(f"{len(idle)} idle connections; the slowest answers took {slowest:.3f} s")
    finally:
        for s in idle:
            s.close()
    wait_until("the descriptors are as before", lambda: descriptors(corral) - files_before < 50, 20)
    assert rss_mib(corral) - before < ROOM_MIB


def test_handshakes_that_do_not_go_on_end(corral, user):
    before, hello = descriptors(corral), client_hello()
    half = [connect(corral, SOURCES[n % len(SOURCES)]) for n in range(500)]
    try:
        for n, s in enumerate(half):
            s.sendall(hello[:len(hello) if n % 2 else 5])
        user.good("GET", "/sandbox")
        wait_until("all connections are closed", lambda: descriptors(corral) - before < 20, 15)
        for n, s in enumerate(half):
            s.setblocking(False)
            wait_until("what the server said is read", lambda s=s: is_closed(s), 5, 0)
    finally:
        for s in half:
            s.close()


def test_who_says_nothing_makes_room_first(corral):
    """However many connections come later from its address, one that has begun its handshake has its full
    time."""
    speaks = connect(corral, "127.0.0.14")
    speaks.sendall(client_hello()[:5])
    silent = []
    try:
        silent.extend(connect(corral, "127.0.0.14") for _ in range(300))
        wait_until("the oldest silent connection was closed", lambda: is_closed(silent[0]), 4)
        assert not is_closed(speaks)
    finally:
        for s in [speaks, *silent]:
            s.close()


def other_ca(corral, tmp_path):
    for words in (["init"], ["issue", "node-1"]):
        subprocess.run([corral.home / "bin/corral-controller", "pki", *words], check=True, capture_output=True,
                       env={**corral.environ, "CORRAL_PKI_DIR": str(tmp_path / "pki")})
    return tmp_path / "pki/node-1.crt", tmp_path / "pki/node-1.key"


@pytest.mark.parametrize("kind, source, why", [
    ("none", "127.0.0.21", "did not return a certificate"), ("other", "127.0.0.22", "certificate signature failure"),
    ("server", "127.0.0.23", "unsuitable certificate purpose"), ("old", "127.0.0.24", "unsupported protocol"),
    ("plain", "127.0.0.25", "")])
def test_the_wrong_papers(corral, tmp_path, kind, source, why):
    pki = corral.home / "pki"
    papers = {"other": lambda: other_ca(corral, tmp_path), "server": lambda: (pki / "controller.crt", pki / "controller.key"),
              "old": lambda: (pki / "node-1.crt", pki / "node-1.key")}.get(kind, lambda: None)()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if kind == "old":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if papers:
        context.load_cert_chain(*papers)
    for _ in range(20):
        s = connect(corral, source)
        try:
            if kind == "plain":
                s.sendall(b"GET / HTTP/1.0\r\n\r\n")
            else:
                s = context.wrap_socket(s)
            while s.recv(4096):
                pass
        except OSError: # the alert
            pass
        finally:
            s.close()
    said = wait_until("the refusal is in the log", lambda: lines(corral, source))
    assert len(said) == 1 and "refused" in said[0] and why in said[0], said


def test_a_node_that_says_too_much(corral, user):
    """A node that asks and asks, and reads no answer, waits; no other node does."""
    before = rss_mib(corral)
    peer = say_hello(node_port(corral), corral.home / "pki", "node-1").peer
    message = b"\1" + (4 + 60000).to_bytes(8, "big") + b"\x80\0\0\1" + b"\xff" * 60000
    try:
        peer.settimeout(3)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            peer.sendall(message)
    except OSError:
        pass
    finally:
        user.good("GET", "/sandbox", timeout=10)
        assert rss_mib(corral) - before < 4 * ROOM_MIB # a sanitizer keeps 256 MiB of freed memory
        peer.close()


def loop_seconds(corral):
    """The processor time that the controller's loop has used."""
    pid = corral.pid("controller")
    with open(f"/proc/{pid}/task/{pid}/stat") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def request(payload, body):
    """One message of a node, as nng frames it."""
    message = b"\x80\0\0\1" + field(1, 1) + field(2, b"") + field(3, 1) + field(4, bytes(16)) + field(5, 1) + field(payload, body)
    return b"\1" + len(message).to_bytes(8, "big") + message


@pytest.fixture
def asker(corral):
    """A node asks on four connections, again and again, and comes back when it is disconnected."""
    subprocess.run([corral.home / "bin/corral-controller", "pki", "issue", "asker"], capture_output=True,
                   env={**corral.environ, "CORRAL_PKI_DIR": str(corral.home / "pki")}) # the first of these tests creates it
    stop, threads = threading.Event(), []

    def ask(messages):
        while not stop.is_set():
            try:
                peer = Peer(node_port(corral), corral.home / "pki", "asker").peer
                peer.settimeout(2)
                while not stop.is_set():
                    peer.sendall(messages)
            except (OSError, AssertionError):
                stop.wait(0.1)

    def begin(messages):
        threads.extend(threading.Thread(target=ask, args=(messages,)) for _ in range(4))
        for thread in threads:
            thread.start()

    yield begin
    stop.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("what", ["hellos", "polls", "parts"])
def test_a_node_that_asks_without_end_takes_its_share(corral, user, asker, what):
    """A hello costs the check of a certificate, a poll nothing, and a report of a million parts as much as
    one message can."""
    issued = corral.home / "pki/asker.crt"
    hello = lambda: request(16, field(1, b"asker") + field(2, ssl.PEM_cert_to_DER_cert(issued.read_text())) + field(3, 0))  # noqa: E731
    asker({"hellos": lambda: 50 * hello(), "polls": lambda: 1000 * request(22, b""), "parts": lambda: request(20, 10**6 * field(1, b""))}[what]())
    spent = loop_seconds(corral)
    wait_until("the burst is spent", lambda: loop_seconds(corral) - spent > 1.5, 60)
    spent, begun, took = loop_seconds(corral), time.monotonic(), []

    def one_more():
        asked = time.monotonic()
        user.good("GET", "/sandbox", timeout=10)
        took.append(time.monotonic() - asked)
        return time.monotonic() - begun > 8

    wait_until("other nodes were served meanwhile", one_more, 40, 0.5)
    share = (loop_seconds(corral) - spent) / (time.monotonic() - begun)
    print(f"{what}: {share:.2f} of the loop, and the slowest answer to somebody else took {max(took):.3f} s")
    assert share < 0.5
    corral.kill("agent") # an honest node connects as ever
    corral.restart("agent")
    wait_until("the node is back", lambda: user.call("POST", "/sandbox", {"command": FOREVER}).status_code == 201, 40, 0.5)
