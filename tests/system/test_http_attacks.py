"""The HTTP front under attack: what is refused, what is bounded, and that other clients are served
meanwhile and afterwards."""
import json
import select
import socket
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from corral import wait_until
from front import Answer, Front, ends

GET = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /sandbox HTTP/1.1\r\nHost: h\r\n"
MIB = 1 << 20


@pytest.fixture(scope="module")
def shared():
    front = Front()
    yield front
    front.stop()


@pytest.fixture
def front(shared):
    """One front for all tests; it is healthy after each attack."""
    yield shared
    assert shared.healthy()
    wait_until("the connections are gone", lambda: shared.files() < 60, 15)


def is_refusal(answer):
    """The answer is a problem document, or the connection is closed."""
    if answer.status is None:
        return True
    problem = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/problem+json" and answer.headers["connection"] == "close"
    assert problem["status"] == answer.status and problem["request_id"] == answer.headers["x-request-id"]
    return answer.status >= 400


@pytest.mark.parametrize("sent", [
    b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
    b"Content-Length: 4, 4\r\n\r\nabcd",
    b"Content-Length: +4\r\n\r\nabcd",
    b"Content-Length: 0x4\r\n\r\nabcd",
    b"Content-Length: 4 5\r\n\r\nabcd",
    b"Content-Length: 99999999999999999999\r\n\r\n",
    b"Content-Length: \r\n\r\n",
    b"Content-Length : 4\r\n\r\nabcd",
    b"Content-Length\t: 4\r\n\r\nabcd",
    b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n1\r\naXY0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n",
    b"Transfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-API-Key: k\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    b"X: a\r\n folded\r\n\r\n",
    b"X: a\r\n\tfolded\r\n\r\n",
    b"X: a\nContent-Length: 4\r\n\r\nabcd",
    b"X: a\rContent-Length: 4\r\n\r\nabcd",
    b"X: a\x00b\r\n\r\n",
    b"Host: other\r\n\r\n",
    b": nameless\r\n\r\n",
    b"nocolon\r\n\r\n",
])
def test_smuggling_is_refused_and_ends_the_connection(front, sent):
    with front.connect() as s:
        s.sendall(POST + sent + GET)
        answer = Answer(s)
        assert is_refusal(answer), (answer.status, answer.body)
        assert Answer(s, answer.rest).status is None, "nothing after it was taken for a request"


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                  b"GET / HTTP/1.1\r\n\r\n", b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", b"GET / HTTP/9.9\r\nHost: h\r\n\r\n",
                                  b"GET /\x00 HTTP/1.1\r\nHost: h\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n",
                                  b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", b"G" * 40000])
def test_what_is_no_request_is_refused(front, sent):
    with front.connect() as s:
        s.sendall(sent)
        assert is_refusal(Answer(s))
        assert ends(s)


def test_who_speaks_tls_where_none_is_hears_so(front):
    """The hello of a client that was given https:// instead of http://; the rest of it never comes, and
    nobody waits for it."""
    with front.connect() as s:
        s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x20" * 500)
        answer = Answer(s)
        assert is_refusal(answer) and answer.status == 400 and "http://" in json.loads(answer.body)["detail"]
        assert ends(s)


def test_a_proxy_s_form_of_the_target_is_taken(front):
    with front.connect() as s:
        s.sendall(b"GET http://other:1234/healthz HTTP/1.1\r\nHost: h\r\n\r\nGET /%68ealthz HTTP/1.1\r\nHost: h\r\n\r\n")
        answer = Answer(s)
        assert answer.status == 200 and Answer(s, answer.rest).status == 200


def test_pipelining(front):
    with front.connect() as s:
        s.sendall(GET * 100)
        rest = b""
        for _ in range(100):
            answer = Answer(s, rest)
            assert answer.status == 200
            rest = answer.rest
        assert not rest


def test_who_says_no_more_still_gets_the_answers(front):
    with front.connect() as s:
        s.sendall(GET * 20 + b"GET /sandbox HTTP/1.1\r\nHost: h\r\nX-API-Key: crl_" + b"a" * 40 + b"\r\n\r\n")
        s.shutdown(socket.SHUT_WR)
        rest = b""
        for _ in range(20):
            answer = Answer(s, rest)
            assert answer.status == 200
            rest = answer.rest
        assert Answer(s, rest).status in (401, 503)
        assert ends(s)


def test_a_slow_reader_holds_little(front):
    """Answers that nobody reads stop the requests of that connection, not the server."""
    before = front.rss()
    with front.connect() as s:
        s.setblocking(False)
        sent, end = 0, time.monotonic() + 3
        many = GET * 500
        while time.monotonic() < end and sent < 200 * MIB:
            try:
                sent += s.send(many)
            except BlockingIOError:
                select.select([], [s], [], 0.02)
        assert sent < 64 * MIB, "the socket was full at some time"
        assert front.healthy() and front.rss() - before < 16 * MIB


def test_header_floods(front):
    with front.connect() as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n" + b"".join(b"h%d: v\r\n" % i for i in range(100)) + b"\r\n")
        answer = Answer(s)
        assert answer.status == 431 and is_refusal(answer)
    for one in (b"GET / HTTP/1.1\r\nHost: h\r\nX: ", b"GET /", b"GET / HTTP/1.1\r\n"):
        with front.connect() as s:
            try:
                s.sendall(one)
                for _ in range(64):
                    s.sendall(b"x" * 65536 if one[-1:] != b"\n" else b"a: b\r\n" * 10000)
            except OSError:
                pass
            assert is_refusal(Answer(s))


def test_body_floods(front):
    before = front.rss()
    with front.connect() as s:
        s.sendall(POST + b"Content-Length: 1000000000000\r\n\r\n")
        assert Answer(s).status == 413
    for head, piece in ((b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
                        (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 30000)):
        with front.connect() as s:
            s.sendall(POST + head)
            try:
                for _ in range(200):
                    s.sendall(piece)
            except OSError:
                pass
            assert is_refusal(Answer(s))
    assert front.rss() - before < 64 * MIB


NONSENSE = b"X-API-Key: crl_nonsense\r\n"


def test_a_body_without_a_key_is_not_read(front):
    """2,000 slow bodies of 1 MiB with a nonsense key: each is refused at its head, memory does not grow,
    others are served."""
    before, held = front.rss(), []
    try:
        for i in range(2000):
            s = front.connect(f"127.0.2.{1 + i // 1000}")
            s.sendall(POST + NONSENSE + b"Content-Length: 1048576\r\n\r\n" + b"x" * 8192)
            held.append(s)
        assert front.healthy()
        for s in held:
            try:
                s.sendall(b"x" * 65536)
            except OSError:
                pass
        assert front.rss() - before < 48 * MIB
        begin, answers = time.monotonic(), [Answer(s) for s in held]
        assert {a.status for a in answers} <= {401, 429, None} and sum(a.status == 401 for a in answers) >= 100
        assert all(a.headers["connection"] == "close" for a in answers if a.status)
        assert time.monotonic() - begin < 10
        wait_until("no connection is kept", lambda: front.files() < 60, 5)
        assert front.rss() - before < 48 * MIB
    finally:
        for s in held:
            s.close()


def test_what_still_comes_after_a_refusal_is_thrown_away_for_a_second(front):
    before, sent = front.rss(), 0
    with front.connect() as s:
        s.sendall(POST + NONSENSE + b"Content-Length: 1000000\r\n\r\n")
        assert Answer(s).status == 401
        begin = time.monotonic()
        try:
            while time.monotonic() - begin < 10:
                sent += s.send(b"x" * 65536)
        except OSError:
            pass
        assert time.monotonic() - begin < 4 and front.rss() - before < 8 * MIB


def test_a_body_that_is_there_costs_no_connection(front):
    """A refusal skips a body that arrived whole with its head, so that the connection can go on."""
    with front.connect() as s:
        s.sendall(POST + NONSENSE + b"Content-Length: 4\r\n\r\n{}{}" + GET)
        refused = Answer(s)
        assert refused.status == 401 and "connection" not in refused.headers
        assert Answer(s, refused.rest).status == 200
    with front.connect() as s:
        s.sendall(POST + NONSENSE + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" + GET)
        refused = Answer(s)
        assert refused.status == 401 and Answer(s, refused.rest).status == 200
    with front.connect() as s:
        s.sendall(POST + NONSENSE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + GET)
        assert Answer(s).status == 401 and ends(s)


def test_who_asks_before_sending_is_told(front):
    """Expect: 100-continue: a refusal comes at once and alone; a client that may send is asked to."""
    with front.connect() as s:
        s.sendall(POST + NONSENSE + b"Expect: 100-continue\r\nContent-Length: 1000000\r\n\r\n")
        refused = Answer(s)
        assert refused.status == 401 and refused.headers["connection"] == "close" and ends(s)
    with front.connect() as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        asked = Answer(s)
        assert asked.status == 100
        s.sendall(b"abcd" + GET)
        answer = Answer(s)
        assert answer.status == 200 and Answer(s, answer.rest).status == 200
    with front.connect() as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nabcd")
        assert Answer(s).status == 200, "a client that has sent the body gets no 100"


def test_what_strangers_hold_is_bounded(front):
    """2,000 slow heads of 28 KiB, then answers that nobody reads: the slowest are refused, and memory keeps
    its bound."""
    before = front.rss()
    held = []
    try:
        for i in range(2000):
            s = front.connect(f"127.0.3.{1 + i // 500}")
            s.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 28000)
            held.append(s)
        assert front.healthy()
        assert front.rss() - before < 80 * MIB, "16 MiB are its budget; each connection and the sanitizer have theirs"
        refused = [Answer(s) for s in held[:200]]
        assert {a.status for a in refused} == {429} and json.loads(refused[0].body)["code"] == "rate_limited"
        assert "retry-after" in refused[0].headers
        held[-1].sendall(b"\r\n\r\n")
        assert Answer(held[-1]).status == 404, "the newest connection was left alone"
    finally:
        for s in held:
            s.close()
    wait_until("all connections are gone", lambda: front.files() < 60, 15)
    held = []
    try:
        for i in range(400):
            s = front.connect(f"127.0.4.{1 + i}" if i < 250 else f"127.0.5.{i - 249}")
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n" * 40)
            held.append(s)
        assert front.healthy()
        assert front.rss() - before < 80 * MIB
    finally:
        for s in held:
            s.close()


def test_strangers_make_room_for_each_other():
    """All connections hold heads that never end: a new client is served nevertheless."""
    front = Front(CORRAL_UNAUTHENTICATED_CONNECTIONS="100")
    try:
        held = []
        for _ in range(150):
            held.append(front.connect("127.0.0.7"))
            held[-1].sendall(b"GET / HTTP/1.1\r\nHost: h\r\n")
        assert front.healthy() and front.files() < 140
        assert ends(held[0])
        for s in held:
            s.close()
    finally:
        front.stop()


def test_slow_senders_have_their_time(front):
    """One byte a second of a head, a head that stops, and a body that stops: each gets 408, others are
    served."""
    def slow(start, seconds, drip):
        begin = time.monotonic()
        with front.connect(timeout=60) as s:
            s.sendall(start)
            s.settimeout(0.5)
            while drip:
                try:
                    s.sendall(b"x")
                    if s.recv(1, socket.MSG_PEEK):
                        break
                except TimeoutError:
                    assert time.monotonic() - begin < seconds + 4
            s.settimeout(60)
            answer = Answer(s)
            took = time.monotonic() - begin
            return answer.status, is_refusal(answer), seconds - 2 < took < seconds + 4

    head = b"GET / HTTP/1.1\r\nHost: h\r\nX: "
    body = b"GET /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"  # any client may send a body here
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(slow, *way) for way in ((head, 10, True), (head, 10, False), (b"G", 10, False), (body, 30, True),
                                                    (body, 30, False))]
        while not all(r.done() for r in runs):
            begin = time.monotonic()
            assert front.healthy() and time.monotonic() - begin < 1
            wait(runs, timeout=0.5)
        for run in runs:
            assert run.result() == (408, True, True)


def test_half_open_and_reset_connections(front):
    for i in range(300):
        s = front.connect()
        s.sendall((GET * 20, POST + b"Content-Length: 10\r\n\r\nab", b"GET /he")[i % 3])
        if i % 2:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            s.shutdown(socket.SHUT_WR)
        s.close()
    assert front.healthy()


def is_over(s):
    s.setblocking(False)
    try:
        return not s.recv(1)
    except BlockingIOError:
        return False


def test_idle_connections(front):
    """2,000 connections from three addresses: others are served, memory is bounded, and one address gets no
    more than its share."""
    before = front.rss()
    held = [front.connect(f"127.0.0.{2 + i // 1000}") for i in range(2000)]
    try:
        wait_until("all places are taken", lambda: front.files() > 2000, 10)
        begin = time.monotonic()
        assert front.healthy() and time.monotonic() - begin < 1
        assert (front.rss() - before) / 2000 < 16384
        for s in held[::97]:
            s.sendall(GET)
            assert Answer(s).status == 200
        more = [front.connect("127.0.0.2") for _ in range(40)]
        for s in more: # a new client from the same address is served, and the oldest of that address make room
            s.sendall(GET)
            assert Answer(s).status == 200
        assert sum(is_over(s) for s in held[:1000]) == 1000 + 40 - 1024
        for s in more:
            s.close()
    finally:
        for s in held:
            s.close()
    wait_until("all connections are gone", lambda: front.files() < 60, 10)


def test_room_is_made_for_new_ones():
    """When all places are taken by idle connections, the one that is idle for longest is closed."""
    front = Front(CORRAL_CONNECTIONS="20")
    try:
        held = []
        for _ in range(19):
            held.append(front.connect())
            held[-1].sendall(GET)
            assert Answer(held[-1]).status == 200
        more = [front.connect("127.0.0.9") for _ in range(3)]
        for s in more:
            s.sendall(GET)
            assert Answer(s).status == 200
        assert ends(held[0])
        held[9].sendall(GET)
        assert Answer(held[9]).status == 200
        for s in held + more:
            s.close()
    finally:
        front.stop()


def test_fewer_descriptors_than_connections_are_allowed():
    """The bound on connections is lowered to the descriptors that the process may open, which leaves some
    for the database and for nodes; the newest client is served."""
    front = Front(files=200)
    try:
        held = [front.connect() for _ in range(300)]
        held[-1].sendall(GET)
        assert Answer(held[-1]).status == 200
        assert front.files() < 120 and sum(is_over(s) for s in held) >= 200
        assert "instead of 12288, since this process may open 200 files" in front.text()
        for s in held:
            s.close()
    finally:
        front.stop()


def test_a_name_server_that_says_nothing_holds_nobody_up(tmp_path):
    """The database's host is a name: it is looked up outside the loop, also if that never ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.77", 53))
        silent.settimeout(5)
        resolver = tmp_path / "resolv.conf"
        resolver.write_text("nameserver 127.0.0.77\n")
        front = Front(resolver=str(resolver), CORRAL_DATABASE_URL="postgresql://corral@db.example,other.example/corral")
        try:
            assert b"\x02db\x07example" in silent.recv(512).lower()
            begin, slowest = time.monotonic(), 0
            while time.monotonic() - begin < 6:
                asked = time.monotonic()
                assert front.healthy()
                slowest = max(slowest, time.monotonic() - asked)
            assert slowest < 1, slowest
            wait_until("the log says so", lambda: "other.example: " in front.text(), 10)
        finally:
            front.stop()


def test_out_of_descriptors():
    """The loop does not spin, and waiting clients are served once there is room."""
    front = Front(files=200)
    try:
        subprocess.run(["prlimit", f"--pid={front.process.pid}", f"--nofile={front.files() + 8}"], check=True)
        held = [front.connect() for _ in range(40)]
        held[0].sendall(GET)
        assert Answer(held[0]).status == 200, "connected clients are served"
        begin, cpu = time.monotonic(), front.cpu_seconds()
        wait_until("two seconds passed", lambda: time.monotonic() - begin > 2, 5, 0.5)
        assert front.cpu_seconds() - cpu < 0.8
        for s in held:
            s.close()
        wait_until("the front answers again", front.healthy, 5)
    finally:
        front.stop()


def test_who_has_no_key_is_slowed_by_address(front):
    def ask(source, method="GET"):
        with front.connect(source) as s:
            s.sendall(b"%s /sandbox HTTP/1.1\r\nHost: h\r\nX-API-Key: crl_wrong\r\nConnection: close\r\n\r\n" % method.encode())
            return Answer(s)

    answers = [ask("127.0.1.1") for _ in range(120)]
    assert {a.status for a in answers} == {401, 429}
    assert 50 <= sum(a.status == 401 for a in answers) < 100
    slowed = next(a for a in answers if a.status == 429)
    assert int(slowed.headers["retry-after"]) >= 1 and json.loads(slowed.body)["code"] == "rate_limited"
    assert slowed.headers["ratelimit-remaining"] == "0" and slowed.headers["ratelimit-limit"] == "50"
    assert ask("127.0.1.2").status == 401, "another address is not touched"
    assert front.healthy("127.0.1.1"), "health is never held up"
    wait_until("the address may ask again", lambda: ask("127.0.1.1").status == 401, 5, 0.3)


def test_many_addresses_cost_little(front):
    before = front.rss()
    for i in range(3000):
        with front.connect(f"127.1.{i // 250}.{1 + i % 250}") as s:
            s.sendall(b"GET /sandbox HTTP/1.1\r\nHost: h\r\n\r\n")
            assert Answer(s).status == 401
    assert front.rss() - before < 24 * MIB
