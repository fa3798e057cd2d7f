"""A client that tries the corner cases of RFC 9110 and RFC 9112; requests that can be read in two ways are
in test_http_attacks."""
import json
import re
from contextlib import contextmanager

import pytest
from corral import wait_until
from front import Answer, Front, ends

GET = "GET /healthz HTTP/1.1\r\nHost: h\r\n"


@pytest.fixture(scope="module")
def front():
    front = Front()
    yield front
    front.stop()


@contextmanager
def asked(front, text, closes=False):
    """The first answer, and whether the connection goes on as expected: then a second request is answered."""
    with front.connect() as s:
        s.sendall(text.encode("latin1"))
        answer = Answer(s)
        yield answer
        if closes:
            assert not answer.rest and ends(s)
        else:
            s.sendall((GET + "\r\n").encode())
            assert Answer(s, answer.rest).status == 200


def is_problem(answer, code):
    problem = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/problem+json" and problem["code"] == code, problem
    return True


@pytest.mark.parametrize("text", [
    "\r\n\r\n" + GET + "\r\n",                                                         # RFC 9112, 2.2: an empty line before it
    "GET /healthz HTTP/1.2\r\nHost: h\r\n\r\n",                                        # RFC 9110, 2.5: a later minor version
    "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", "GET /healthz HTTP/1.1\r\nhOST:\t[::1]:3000 \t\r\n\r\n",  # RFC 9112, 3.2; RFC 9110, 5.5
    "GET http://other:1/healthz HTTP/1.1\r\nHost: h\r\n\r\n", "GET HTTP://H/healthz? HTTP/1.1\r\nHost: h\r\n\r\n", # RFC 9112, 3.2.2
    GET + "X-Y: \xe9\r\nX-Y: again\r\nX-Z:\r\n\r\n",                                   # RFC 9110, 5.5: obs-text; 5.3: repeated
    GET + "Content-Length: 5\r\n\r\nhello", GET + "Transfer-Encoding: CHUNKED\r\n\r\n0A\r\n0123456789\r\n000\r\n\r\n", # a body of a GET
    GET + "Upgrade: h2c, websocket\r\nConnection: Upgrade\r\n\r\n",                    # RFC 9110, 7.8: the upgrade is ignored
    GET + "Range: bytes=0-1\r\nIf-Range: x\r\nAccept: text/html\r\nAccept-Encoding: br;q=1, *;q=0\r\nTE: trailers\r\n\r\n",
    GET + "Expect: 100-continue\r\n\r\n",                                              # RFC 9110, 10.1.1: without a body
    GET + "Connection: x, y\r\nKeep-Alive: timeout=5\r\n\r\n",
])
def test_it_is_taken(front, text):
    with asked(front, text) as answer:
        assert answer.status == 200 and answer.body == b'{"status":"ok"}'
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.headers["date"]) # RFC 9110, 6.6.1
        assert "connection" not in answer.headers and "transfer-encoding" not in answer.headers


@pytest.mark.parametrize("text", [GET + "Connection: close\r\n\r\n", GET + "Connection: foo , CLOSE\r\n\r\n", GET + "Connection: a\r\nConnection: close\r\n\r\n",
                                  "GET /healthz HTTP/1.0\r\n\r\n", "GET /healthz HTTP/1.0\r\nHost: h\r\nConnection: close\r\n\r\n"])
def test_who_wants_the_end_gets_it(front, text):
    """RFC 9112, 9.3 and 9.6."""
    with asked(front, text, closes=True) as answer:
        assert answer.status == 200 and answer.headers["connection"] == "close"


def test_http_1_0_goes_on_where_it_asks(front):
    """RFC 9112, 9.3: the client of such a version ends the connection unless the answer says otherwise."""
    with asked(front, "GET /healthz HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n") as answer:
        assert answer.status == 200 and answer.headers["connection"] == "keep-alive"


@pytest.mark.parametrize("text,status,code", [
    ("GET /healthz HTTP/2.0\r\nHost: h\r\n\r\n", 505, "http_version_not_supported"),    # RFC 9110, 15.6.6
    ("BREW /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 501, "not_implemented"),              # RFC 9110, 9.1
    ("get /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 501, "not_implemented"),               # methods are in capitals
    ("GET /" + "a" * 9000 + " HTTP/1.1\r\nHost: h\r\n\r\n", 414, "uri_too_long"),       # RFC 9112, 3
    (GET + "X: y\r\n" * 200 + "\r\n", 431, "headers_too_large"),
    ("GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "bad_request"),                 # RFC 9112, 3.2: an invalid Host
    ("GET /healthz HTTP/1.1\r\nHost: h/x\r\n\r\n", 400, "bad_request"),
    ("GET http://u:p@h/healthz HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request"),       # RFC 9110, 4.2.4
    ("GET /healthz#x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request"),                 # not a part of a target
    ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request"),                          # RFC 9112, 3.2.4
    (GET + "Transfer-Encoding: gzip\r\n\r\n", 400, "bad_request"),
])
def test_it_is_refused_in_words(front, text, status, code):
    with asked(front, text, closes=True) as answer:
        assert answer.status == status and is_problem(answer, code) and answer.headers["connection"] == "close"


def test_head_is_get_without_its_body(front):
    """RFC 9110, 9.3.2: the same fields, of the same length."""
    for path in ("/healthz", "/openapi.json", "/nothing"):
        with asked(front, f"GET {path} HTTP/1.1\r\nHost: h\r\nX-Request-Id: r\r\n\r\n") as got:
            pass
        with front.connect() as s:
            s.sendall(f"HEAD {path} HTTP/1.1\r\nHost: h\r\nX-Request-Id: r\r\n\r\n{GET}Connection: close\r\n\r\n".encode())
            raw = b""
            while more := s.recv(65536):
                raw += more
        head, rest = raw.decode("latin1").split("\r\n\r\n", 1)
        fields = {line.split(": ")[0].lower(): line.split(": ")[1] for line in head.split("\r\n")[1:]}
        changing = ("date", "ratelimit-remaining", "ratelimit-reset")
        assert {k: v for k, v in fields.items() if k not in changing} == {k: v for k, v in got.headers.items() if k not in changing}
        assert f" {got.status} " in head and rest.startswith("HTTP/1.1 200 ")


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PUT", "DELETE", "LOCK"])
def test_methods_that_a_path_has_not(front, method):
    """RFC 9110, 15.5.6: 405 comes with Allow."""
    with asked(front, f"{method} /healthz HTTP/1.1\r\nHost: h\r\n\r\n") as answer:
        assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD" and is_problem(answer, "method_not_allowed")


def test_the_server_as_a_whole(front):
    """RFC 9110, 9.3.7; and a 204 has neither a body nor its length (8.6)."""
    with asked(front, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n") as answer:
        assert answer.status == 204 and "PATCH" in answer.headers["allow"]
        assert "content-length" not in answer.headers and "content-type" not in answer.headers


def test_the_end_of_its_input_is_no_end_of_the_answers(front):
    """RFC 9112, 9.6: a client may close its half of the connection."""
    with front.connect() as s:
        s.sendall((GET + "\r\n").encode() * 3)
        s.shutdown(1)
        rest = b""
        for _ in range(3):
            answer = Answer(s, rest)
            rest = answer.rest
            assert answer.status == 200
        assert ends(s)


def test_one_byte_at_a_time(front):
    with front.connect() as s:
        for byte in (GET + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + GET + "\r\n").encode():
            s.sendall(bytes([byte]))
        first = Answer(s)
        assert first.status == 200 and Answer(s, first.rest).status == 200
    wait_until("the front is healthy", front.healthy, 5)
