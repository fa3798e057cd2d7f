"""The listener of ports by itself: TLS, what it refuses, and a port that somebody else has."""
import json
import socket
import ssl
import time

import pytest
from corral import free_port, wait_until
from front import Answer, Front, ends
from test_tls import make_certificate

TOKEN = "a" * 32
GET = f"GET /p/{TOKEN}/ HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


@pytest.fixture
def listener():
    """A front whose database is away, and the port of its listener of ports."""
    port = free_port()
    front = Front(CORRAL_PORTS_LISTEN_PORT=str(port))
    yield front, port
    front.stop()


def say(port, text, timeout=20):
    s = socket.create_connection(("127.0.0.1", port), timeout)
    s.sendall(text)
    return s


def problem(s):
    answer = Answer(s)
    assert answer.headers["content-type"] == "application/problem+json" and "x-request-id" in answer.headers
    got = json.loads(answer.body)
    assert got["status"] == answer.status
    return answer.status, got["code"]


def test_without_the_database(listener):
    assert problem(say(listener[1], GET)) == (503, "database_unavailable")


@pytest.mark.parametrize("head,status", [
    (b"BAD\r\n\r\n", 400), (b"GET /p/x HTTP/1.1\r\n\r\n", 400), (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400), (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400), (b"TRACE " + GET[4:], 405),
    (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 40000 + b"\r\n\r\n", 431), (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 404), (b"GET /p/" + b"%61" * 32 + b"/ HTTP/1.1\r\nHost: a\r\n\r\n", 503)])
def test_what_it_refuses(listener, head, status):
    assert problem(say(listener[1], head))[0] == status


def test_a_head_that_does_not_come(listener):
    begun = time.monotonic()
    s = say(listener[1], GET[:20])
    assert problem(s)[0] == 408 and 8 < time.monotonic() - begun < 15
    assert ends(s)


def test_it_has_the_certificate_of_rest(tmp_path):
    port = free_port()
    front = Front(tls=make_certificate(tmp_path, "ports"), CORRAL_LISTEN_ADDRESS="0.0.0.0", CORRAL_PORTS_LISTEN_PORT=str(port))
    try:
        context = ssl.create_default_context(cafile=str(tmp_path / "tls.crt"))
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port), 5), server_hostname="localhost") as s:
            s.sendall(GET)
            assert problem(s) == (503, "database_unavailable")
        s = say(port, GET)
        assert ends(s)
    finally:
        front.stop()


def test_somebody_else_has_the_port():
    """All else works, and it is tried again."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = free_port()
        other.bind(("127.0.0.1", port))
        other.listen()
        front = Front(CORRAL_PORTS_LISTEN_PORT=str(port))
    try:
        assert "URLs of ports are not served" in front.log.read_text()

        def served():
            try:
                return problem(say(port, GET))[0] == 503
            except ConnectionRefusedError:
                return False
        wait_until("it listens", served, 10)
    finally:
        front.stop()
