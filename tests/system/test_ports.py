"""URLs of ports inside sandboxes."""
import hashlib
import os
import random
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests
from corral import Client, wait_until

MIB = 1 << 20
# Reads the head of a request: $method, $path, $length, and all lines in $head.
READ_HEAD = r"""
read -r method path version
head= length=0
while IFS= read -r line; do
    line=${line%$(printf '\r')}
    [ -n "$line" ] || break
    head="$head$line
"
    case $line in [Cc]ontent-[Ll]ength:*) length=${line#*: } ;; esac
done
"""


@pytest.fixture
def sandbox(user):
    return user.create()["id"]


def put(user, sandbox, path, body):
    answer = user.call("PUT", f"/sandbox/{sandbox}/files?path={path}&mode=0755", data=body)
    assert answer.status_code in (201, 204), answer.text


def start(user, sandbox, *command):
    return user.good("POST", f"/sandbox/{sandbox}/processes", {"command": list(command)}, status=201)


def serve(user, sandbox, script, port=8000, head=READ_HEAD):
    """Runs the script for each connection to the port, which is its stdin and stdout."""
    put(user, sandbox, f"/workspace/serve-{port}", "#!/bin/sh\n" + head + script)
    return start(user, sandbox, "nc", "-ll", "-p", str(port), "-e", f"/workspace/serve-{port}")


def open_port(user, sandbox, port=8000, **more):
    return user.good("POST", f"/sandbox/{sandbox}/ports", {"port": port, "wait_ms": 10000, **more}, status=201)


def say(text):
    """A script that answers this text."""
    return "printf '" + text.replace("\r\n", "\\r\\n").replace("'", "'\\''") + "'\n"


def get(url, path="", **more):
    return requests.request(more.pop("method", "GET"), url + path, timeout=30, allow_redirects=False, **more)


def connect(url):
    parts = urlsplit(url)
    s = socket.create_connection((parts.hostname, parts.port), 20)
    return s, parts.path, parts.netloc


def ask(url, head, body=b"", path=""):
    """Sends raw bytes; the socket. head: further lines."""
    s, prefix, host = connect(url)
    s.sendall(f"{head.split()[0]} {prefix}{path} HTTP/1.1\r\nHost: {host}\r\n".encode() + "\r\n".join(head.split("\n")[1:]).encode()
              + (b"\r\n\r\n" if "\n" in head else b"\r\n") + body)
    return s


def is_over(s, seconds=5):
    """Whether the peer ends the connection within the time."""
    s.settimeout(seconds)
    try:
        while s.recv(65536):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


PLAIN = say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")


def test_a_page(user, sandbox, corral):
    put(user, sandbox, "/workspace/www/index.html", "<p>hello")
    start(user, sandbox, "httpd", "-f", "-p", "8080", "-h", "/workspace/www")
    port = open_port(user, sandbox, 8080)
    assert set(port) == {"id", "port", "url", "created_at", "expires_at"} and port["port"] == 8080
    token = port["url"].rsplit("/", 2)[1]
    assert port["url"] == f"http://127.0.0.1:{corral.port + 1}/p/{token}/" and len(token) == 32
    answer = get(port["url"])
    assert answer.status_code == 200 and answer.text == "<p>hello"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox") and "allow-same-origin" not in policy and "allow-scripts" in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert get(port["url"], "none").status_code == 404
    assert get(port["url"], method="HEAD").headers["content-length"] == "8"
    etag = answer.headers.get("etag")
    if etag:
        assert get(port["url"], headers={"If-None-Match": etag}).status_code in (200, 304)
    bare = get(port["url"].rstrip("/") + "?a=b")
    assert bare.status_code == 308 and bare.headers["location"] == f"/p/{token}/?a=b"
    listed = user.good("GET", f"/sandbox/{sandbox}/ports")["items"]
    assert [p["id"] for p in listed] == [port["id"]] and "url" not in listed[0]
    user.good("DELETE", f"/sandbox/{sandbox}/ports/{port['id']}", status=204)
    assert get(port["url"]).status_code == 404
    assert user.refused("DELETE", f"/sandbox/{sandbox}/ports/{port['id']}")["code"] == "not_found"


def test_nothing_listens(user, sandbox):
    assert user.refused("POST", f"/sandbox/{sandbox}/ports", {"port": 9, "wait_ms": 0})["code"] == "port_refused"
    begun = time.monotonic()
    problem = user.refused("POST", f"/sandbox/{sandbox}/ports", {"port": 9, "wait_ms": 1500})
    assert problem["code"] == "port_refused" and problem["status"] == 502 and 1.4 < time.monotonic() - begun < 8
    port = user.good("POST", f"/sandbox/{sandbox}/ports", {"port": 8000}, status=201)
    answer = get(port["url"])
    assert answer.status_code == 502 and answer.json()["code"] == "port_refused"
    assert answer.headers["content-type"] == "application/problem+json"
    serve(user, sandbox, PLAIN)
    wait_until("it is served", lambda: get(port["url"]).text == "hello\n")


def test_it_waits_for_a_listener(user, sandbox):
    with ThreadPoolExecutor() as pool:
        made = pool.submit(open_port, user, sandbox, wait_ms=20000)
        with pytest.raises(TimeoutError):
            made.result(1)
        serve(user, sandbox, PLAIN)
        assert get(made.result(20)["url"]).text == "hello\n"


def test_what_is_asked_of_the_server(user, sandbox):
    """It sees the path without the token, who asks, and no key of Corral."""
    serve(user, sandbox, 'b="$method $path\n$head"; printf "HTTP/1.1 200 OK\\r\\nContent-Length: ${#b}\\r\\n\\r\\n%s" "$b"')
    port = open_port(user, sandbox)
    key = user.session.headers["X-API-Key"]
    seen = get(port["url"], "a/b%20c?d=e&f", headers={
        "X-API-Key": key, "Authorization": f"Bearer {key}", "X-Forwarded-For": "6.6.6.6", "X-Other": "1", "Cookie": "a=b",
        "Connection": "keep-alive, X-Secret", "X-Secret": "2", "Forwarded": "for=6.6.6.6", "Proxy-Authorization": "x"}).text
    lines = seen.lower().splitlines()
    assert lines[0] == "get /a/b%20c?d=e&f"
    assert "crl_" not in seen and "6.6.6.6" not in seen and "x-secret" not in seen.lower() and "proxy-auth" not in seen.lower()
    assert {"x-other: 1", "cookie: a=b", "x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http", "connection: close"} <= set(lines)
    assert f"host: {urlsplit(port['url']).netloc}" in lines
    assert f"x-forwarded-prefix: {urlsplit(port['url']).path.rstrip('/')}" in lines
    assert "authorization: bearer other" in get(port["url"], headers={"Authorization": "Bearer other"}).text.lower()


def test_large_bodies(user, sandbox):
    size = 64 * MIB
    serve(user, sandbox, 'if [ "$method" = POST ]; then s=$(head -c $length | sha256sum | cut -c1-64); '
          'printf "HTTP/1.1 200 OK\\r\\nContent-Length: 64\\r\\n\\r\\n%s" "$s"; else '
          f'printf "HTTP/1.1 200 OK\\r\\nContent-Length: {size}\\r\\n\\r\\n"; head -c {size} /dev/zero; fi')
    url = open_port(user, sandbox)["url"]
    body = os.urandom(MIB) * 64
    answer = requests.post(url, data=body, timeout=120)
    assert answer.text == hashlib.sha256(body).hexdigest()
    answer = requests.get(url, timeout=120)
    assert len(answer.content) == size and not answer.content.strip(b"\0")


def test_chunks_both_ways(user, sandbox):
    serve(user, sandbox, 'case $head in *[Cc]hunked*) ;; *) exit 1 ;; esac; IFS= read -r s; IFS= read -r d; '
          'printf "HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n3\\r\\nab-\\r\\n5\\r\\n%s\\r\\n0\\r\\n\\r\\n" "${d%?}"')
    answer = requests.post(open_port(user, sandbox)["url"], data=iter([b"12345", b"678"]), timeout=30)
    assert answer.text == "ab-12345" and answer.headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize("status", [204, 304])
def test_no_body(user, sandbox, status):
    serve(user, sandbox, say(f"HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\nevil!"))
    with requests.Session() as session:
        url = open_port(user, sandbox)["url"]
        for _ in range(3): # on one connection: nothing of the body may come as the next answer
            answer = session.get(url, timeout=20)
            assert answer.status_code == status and not answer.content


def test_until_the_connection_ends(user, sandbox):
    serve(user, sandbox, say("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold"))
    url = open_port(user, sandbox)["url"]
    with requests.Session() as session:
        for _ in range(3):
            assert session.get(url, timeout=20).text == "old"


def test_cookies_and_places_stay_below_the_prefix(user, sandbox):
    serve(user, sandbox, say("HTTP/1.1 302 Found\r\nLocation: /next?a\r\nSet-Cookie: a=b; Path=/; Domain=example.com; HttpOnly\r\n"
                             "Service-Worker-Allowed: /\r\nClear-Site-Data: *\r\nContent-Security-Policy: default-src x\r\n"
                             "Strict-Transport-Security: max-age=9\r\nContent-Length: 0\r\n\r\n"))
    port = open_port(user, sandbox)
    prefix = urlsplit(port["url"]).path.rstrip("/")
    answer = get(port["url"])
    assert answer.headers["location"] == prefix + "/next?a"
    assert answer.headers["set-cookie"] == f"a=b; HttpOnly; Path={prefix}/"
    for name in ("service-worker-allowed", "clear-site-data", "strict-transport-security"):
        assert name not in answer.headers
    assert "default-src x" in answer.headers["content-security-policy"] and "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("answer", [
    "garbage\r\n\r\n", "SSH-2.0-x\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 999 X\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
    "HTTP/1.1 200 OK\nA: b\n\r\n\r\n", "HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n", ""])
def test_hostile_heads(user, sandbox, answer):
    serve(user, sandbox, say(answer) if answer else "exit 0")
    got = get(open_port(user, sandbox)["url"])
    assert got.status_code == 502 and got.json()["code"] == "bad_gateway", got.text


def test_bare_line_ends_are_refused_at_once(user, sandbox):
    """As a script with echo sends them, which then waits for its client."""
    serve(user, sandbox, say("HTTP/1.1 200 OK\n\nhello\n") + "exec sleep 100\n")
    begun = time.monotonic()
    got = get(open_port(user, sandbox)["url"])
    assert got.status_code == 502 and "must end with CR LF" in got.json()["detail"], got.text
    assert time.monotonic() - begun < 20


def test_heads_without_end(user, sandbox):
    serve(user, sandbox, 'printf "HTTP/1.1 200 OK\\r\\nA: "; while :; do printf aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done')
    assert get(open_port(user, sandbox)["url"]).json()["code"] == "bad_gateway"
    serve(user, sandbox, 'while :; do printf "HTTP/1.1 103 Early\\r\\n\\r\\n"; done', port=8001)
    assert get(open_port(user, sandbox, 8001)["url"]).json()["code"] == "bad_gateway"


@pytest.mark.parametrize("chunks", ["2;a=b\r\nhe\r\n4 \r\nllo\n\r\n0\r\n\r\n", "6\r\nhello\n\r\n0\r\nX-Sum: 1\r\nX-More:\r\n\r\n"])
def test_extensions_and_trailers_of_an_answer_are_passed_over(user, sandbox, chunks):
    serve(user, sandbox, say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + chunks))
    answer = get(open_port(user, sandbox)["url"])
    assert answer.text == "hello\n" and "trailer" not in answer.headers


def test_a_server_that_names_its_own_host(user, sandbox):
    """By what it knows, or by what the client asked for; or it heeds X-Forwarded-Prefix."""
    serve(user, sandbox, """case $path in
        /inner) to=http://localhost:8000/a ;;
        /host) to=http://$(echo "$head" | sed -n 's/^[Hh]ost: //p')/a ;;
        *) to=$(echo "$head" | sed -n 's/^[Xx]-[Ff]orwarded-[Pp]refix: //p')/a ;;
        esac
        printf 'HTTP/1.1 302 F\\r\\nLocation: %s\\r\\nSet-Cookie: a=b; Path=%s\\r\\nContent-Length: 0\\r\\n\\r\\n' "$to" "$to"
        """)
    url = open_port(user, sandbox)["url"]
    prefix = urlsplit(url).path
    for path in "inner", "host", "forwarded":
        assert get(url, path).headers["location"] == prefix + "a", path
    assert get(url, "forwarded").headers["set-cookie"] == f"a=b; Path={prefix}a"


def test_an_interim_answer_is_dropped(user, sandbox):
    serve(user, sandbox, say("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n") + PLAIN)
    assert get(open_port(user, sandbox)["url"]).text == "hello\n"


def test_an_answer_that_breaks_off(user, sandbox):
    serve(user, sandbox, say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"))
    for _ in range(60):
        try:
            answer = get(open_port(user, sandbox)["url"])
        except requests.RequestException:
            continue
        pytest.fail(f"{answer.status_code} {answer.headers} {answer.content}")
    serve(user, sandbox, say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n"), port=8001)
    with pytest.raises(requests.RequestException):
        get(open_port(user, sandbox, 8001)["url"])


ECHO = say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: b\r\n\r\n") + "exec cat"
UPGRADE = "GET\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13"


def upgraded(url):
    s = ask(url, UPGRADE)
    got = b""
    while b"\r\n\r\n" not in got:
        got += s.recv(4096)
    assert got.startswith(b"HTTP/1.1 101 ") and b"X-A: b" in got, got
    assert got.endswith(b"\r\n\r\n")
    return s


def test_an_upgrade(user, sandbox):
    serve(user, sandbox, ECHO)
    s = upgraded(open_port(user, sandbox)["url"])
    s.sendall(b"\x81\x05hello")
    assert s.recv(100) == b"\x81\x05hello"
    body = os.urandom(MIB)
    sender = threading.Thread(target=lambda: [s.sendall(body) for _ in range(8)])
    sender.start()
    got = b""
    while len(got) < 8 * MIB:
        got += s.recv(1 << 20)
    sender.join()
    assert got == body * 8
    s.shutdown(socket.SHUT_WR)
    assert is_over(s)


def test_a_switch_to_what_was_not_asked_for(user, sandbox):
    serve(user, sandbox, say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n") + "exec cat")
    got = b""
    with ask(open_port(user, sandbox)["url"], UPGRADE) as s:
        while b"bad_gateway" not in got:
            some = s.recv(4096)
            assert some, got
            got += some
    assert got.startswith(b"HTTP/1.1 502 "), got


def test_connections_are_counted(corral, user, sandbox):
    serve(user, sandbox, ECHO)
    url = open_port(user, sandbox)["url"]
    before = corral.admin.good("GET", "/sandbox/system/stats")["connections"]["ports"]
    with upgraded(url):
        assert corral.admin.good("GET", "/sandbox/system/stats")["connections"]["ports"] == before + 1
        assert corral.metric("corral_port_connections") == before + 1
    wait_until("it is gone", lambda: corral.metric("corral_port_connections") == before)


def test_many_at_once(user, sandbox):
    """As many streams as a sandbox may have; past them 429."""
    serve(user, sandbox, ECHO)
    url = open_port(user, sandbox)["url"]
    stand = [upgraded(url) for _ in range(40)]
    for i, s in enumerate(stand):
        s.sendall(b"%d" % i)
        assert s.recv(10) == b"%d" % i
    for s in stand:
        s.close()


def test_delete_cuts_at_once(user, sandbox, corral):
    serve(user, sandbox, ECHO)
    port = open_port(user, sandbox)
    other = open_port(user, sandbox)
    s, t = upgraded(port["url"]), upgraded(other["url"])
    stranger = corral.user(f"ports-{time.time_ns()}")
    assert stranger.refused("DELETE", f"/sandbox/{sandbox}/ports/{port['id']}")["code"] == "not_found"
    assert stranger.refused("GET", f"/sandbox/{sandbox}/ports")["code"] == "not_found"
    assert stranger.refused("POST", f"/sandbox/{sandbox}/ports", {"port": 1})["code"] == "not_found"
    user.good("DELETE", f"/sandbox/{sandbox}/ports/{port['id']}", status=204)
    assert is_over(s, 2)
    t.sendall(b"x")
    assert t.recv(1) == b"x"


def test_it_expires(user, sandbox):
    serve(user, sandbox, ECHO)
    port = open_port(user, sandbox, lifetime_seconds=3)
    s = upgraded(port["url"])
    begun = time.monotonic()
    assert is_over(s, 6) and time.monotonic() - begun < 4
    assert get(port["url"]).status_code == 404
    assert user.good("GET", f"/sandbox/{sandbox}/ports")["items"] == []


def test_it_ends_with_its_key(user, sandbox, corral):
    second = corral.key(user.user_id)
    client = Client(corral.url, second["key"])
    serve(user, sandbox, ECHO)
    port = open_port(client, sandbox)
    s = upgraded(port["url"])
    corral.admin.good("DELETE", f"/sandbox/system/users/{user.user_id}/keys/{second['id']}")
    assert is_over(s, 3)
    assert get(port["url"]).status_code == 404


def test_it_ends_with_its_sandbox(user, sandbox):
    serve(user, sandbox, ECHO)
    port = open_port(user, sandbox)
    s = upgraded(port["url"])
    user.delete(sandbox)
    assert is_over(s, 5)
    assert get(port["url"]).status_code == 404


def test_a_paused_sandbox(user, sandbox):
    serve(user, sandbox, PLAIN)
    port = open_port(user, sandbox)
    user.good("POST", f"/sandbox/{sandbox}/pause")
    assert get(port["url"]).json()["code"] == "wrong_state"
    assert [p["id"] for p in user.good("GET", f"/sandbox/{sandbox}/ports")["items"]] == [port["id"]]
    user.good("POST", f"/sandbox/{sandbox}/resume")
    assert get(port["url"]).text == "hello\n"


def test_tokens_that_are_none(user, sandbox, corral):
    base = f"http://127.0.0.1:{corral.port + 1}"
    for path in ("/", "/p", "/p/", "/p/abc/", "/p/" + "a" * 32 + "/", "/p/" + "a" * 33 + "/", "/p/" + "A" * 32 + "/", "/sandbox",
                 "/openapi.json", "/healthz"):
        answer = get(base, path)
        assert answer.status_code == 404 and answer.json()["code"] == "not_found", path


def test_two_sandboxes_and_no_network(user, corral):
    """Each port leads into its own sandbox, which has no network."""
    pages = {}
    for text in ("one", "two"):
        sandbox = user.create()
        assert sandbox["network"] == "none"
        serve(user, sandbox["id"], say(f"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{text}"))
        pages[text] = open_port(user, sandbox["id"])["url"]
    for text, url in pages.items():
        assert get(url).text == text


def test_a_restart_of_the_controller(user, sandbox, corral):
    serve(user, sandbox, PLAIN)
    url = open_port(user, sandbox)["url"]
    token = url.rsplit("/", 2)[1]
    assert get(url).text == "hello\n"
    corral.kill("controller")
    corral.restart("controller")
    wait_until("it is served again", lambda: get(url).text == "hello\n", 20)
    logs = "".join(p.read_text(errors="replace") for p in (corral.home / "log").glob("*.log"))
    assert token not in logs
    dump = corral.sql("select to_jsonb(p)::text from ports p") + corral.sql("select to_jsonb(a)::text from audit a")
    assert "port.create" in dump and token not in dump


def test_it_is_asked_again_with_its_idempotency_key(user, sandbox):
    more = {"headers": {"Idempotency-Key": "once"}}
    first = user.good("POST", f"/sandbox/{sandbox}/ports", {"port": 80}, status=201, **more)
    again = user.good("POST", f"/sandbox/{sandbox}/ports", {"port": 80}, status=201, **more)
    assert "url" in first and "url" not in again and first["id"] == again["id"]


@pytest.mark.parametrize("body", [{}, {"port": 0}, {"port": 65536}, {"port": "80"}, {"port": 80, "lifetime_seconds": 0},
                                  {"port": 80, "wait_ms": 60001}, {"port": 80, "host": "x"}])
def test_bodies_that_do_not_validate(user, sandbox, body):
    assert user.refused("POST", f"/sandbox/{sandbox}/ports", body)["code"] == "invalid"


def restart_controller(corral, **env):
    """An installation keeps what it was started with: what is None is forgotten."""
    kept, pid = corral.home / "run/controller.env", corral.pid("controller")
    kept.write_text("".join(line for line in kept.read_text().splitlines(True) if line.split("=")[0] not in env))
    env = {name: value for name, value in env.items() if value is not None}
    os.kill(pid, signal.SIGTERM)
    wait_until("it has ended", lambda: not os.path.exists(f"/proc/{pid}"), 15)
    corral.restart("controller", **env)


def test_tokens_are_not_guessed(user, sandbox, corral):
    """Past the rate of a network, tokens of no port are refused; ports that are known go on, also for that network."""
    restart_controller(corral, CORRAL_AUTH_FAILURES_BURST="20", CORRAL_AUTH_FAILURES_PER_SECOND="1")
    try:
        serve(user, sandbox, PLAIN)
        port = open_port(user, sandbox)
        assert get(port["url"]).text == "hello\n"
        base = f"http://127.0.0.1:{corral.port + 1}/p/"
        codes = [get(base, "".join(random.choices("abcdefghijklmnopqrstuvwxyz234567", k=32)) + "/").status_code for i in range(60)]
        assert codes[:20] == [404] * 20 and codes.count(429) >= 30, codes
        assert get(port["url"]).text == "hello\n"
    finally:
        restart_controller(corral, CORRAL_AUTH_FAILURES_BURST="100000", CORRAL_AUTH_FAILURES_PER_SECOND=None)


def test_an_origin_for_each(user, sandbox, corral):
    serve(user, sandbox, say("HTTP/1.1 200 OK\r\nService-Worker-Allowed: /\r\nLocation: /a\r\nSet-Cookie: a=b; Domain=ports.test\r\n"
                             "Content-Length: 5\r\n\r\nhello"))
    restart_controller(corral, CORRAL_PORTS_DOMAIN=f"ports.test:{corral.port + 1}")
    try:
        port = open_port(user, sandbox)
        parts = urlsplit(port["url"])
        token, _, domain = parts.netloc.partition(".")
        assert domain == f"ports.test:{corral.port + 1}" and parts.path == "/" and len(token) == 32
        base = f"http://127.0.0.1:{corral.port + 1}/"
        answer = get(base, "x", headers={"Host": parts.netloc})
        assert answer.text == "hello" and answer.headers["service-worker-allowed"] == "/" and answer.headers["location"] == "/a"
        assert answer.headers["set-cookie"] == "a=b; Path=/"
        assert "content-security-policy" not in answer.headers and "referrer-policy" not in answer.headers
        for host in (parts.netloc + ".evil", f"{'a' * 32}.ports.test", "ports.test", f"x.{parts.netloc}"):
            assert get(base, headers={"Host": host}).status_code == 404
        assert "sandbox" in get(base, f"p/{token}/").headers["content-security-policy"]
    finally:
        restart_controller(corral, CORRAL_PORTS_DOMAIN=None)


def test_idle_time(user):
    """Bytes are work; an open connection is not."""
    sandbox = user.create(idle_timeout_seconds=6)["id"]
    serve(user, sandbox, ECHO)
    s = upgraded(open_port(user, sandbox)["url"])
    for _ in range(9):
        time.sleep(1)
        s.sendall(b"x")
        assert s.recv(1) == b"x"
    assert user.show(sandbox)["state"] == "running"
    ended = user.wait(sandbox, "stopped", 20)
    assert ended["reason"] == "idle" and is_over(s)


def test_a_server_that_reads_nothing(user, sandbox):
    """The client stops; nothing fills up in between."""
    serve(user, sandbox, "sleep 1000", head="")
    s = ask(open_port(user, sandbox)["url"], f"POST\nContent-Length: {256 * MIB}")
    s.settimeout(2)
    sent = 0
    with pytest.raises(TimeoutError):
        while True:
            sent += s.send(bytes(MIB))
    assert sent < 32 * MIB
    s.close()


def test_a_client_that_reads_nothing(user, sandbox):
    serve(user, sandbox, 'printf "HTTP/1.1 200 OK\\r\\n\\r\\n"; while printf %65536s; do echo >>/workspace/count; done')
    s = ask(open_port(user, sandbox)["url"], "GET")
    count = lambda: int(user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["sh", "-c", "cat /workspace/count 2>&- | wc -l"]})["stdout"])
    wait_until("it stands still", lambda: (a := count()) and (time.sleep(1), count())[1] == a, 20)
    assert count() < 32 * 16
    s.close()


@pytest.mark.parametrize("head", [
    "GET\nContent-Length: 5\nTransfer-Encoding: chunked", "GET\nContent-Length: 5\nContent-Length: 6", "GET\nTransfer-Encoding: gzip",
    "GET\nA : b", "GET\nA: b\n c", "GET\nHost: other"])
def test_requests_that_two_could_read_in_two_ways(user, sandbox, head):
    s = ask(open_port_unseen(user, sandbox), head, b"0\r\n\r\n")
    assert s.recv(20).startswith(b"HTTP/1.1 400 ")


def open_port_unseen(user, sandbox):
    return user.good("POST", f"/sandbox/{sandbox}/ports", {"port": 8000}, status=201)["url"]


def test_several_requests_at_once_on_a_connection(user, sandbox):
    """Pipelining: each goes to the server inside alone, and is answered in turn."""
    serve(user, sandbox, 'printf "HTTP/1.1 200 OK\\r\\nContent-Length: ${#path}\\r\\n\\r\\n%s" "$path"')
    s, prefix, host = connect(open_port(user, sandbox)["url"])
    s.sendall(b"".join(f"GET {prefix}{i} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() for i in range(5)))
    got = b""
    while got.count(b"HTTP/1.1 200") < 5 or not got.endswith(b"/4"):
        got += s.recv(4096)
    assert [part.rsplit(b"\r\n\r\n")[1] for part in got.split(b"HTTP/1.1 200 OK")[1:]] == [b"/%d" % i for i in range(5)]


def test_a_sandbox_without_room_for_helpers(user, corral):
    """Past the streams of a sandbox, or its processes, requests are refused, and it works on."""
    sandbox = user.create(pids=24)["id"]
    serve(user, sandbox, ECHO)
    url = open_port(user, sandbox)["url"]
    codes = []
    # One alone at first: of those at once the helpers may take all places before the server starts anything for them.
    stand = [upgraded(url)] + [ask(url, UPGRADE) for _ in range(29)]
    codes.append(101)
    for s in stand[1:]:
        s.settimeout(20)
        codes.append(int(s.recv(4096).split()[1]))
    assert codes.count(101) >= 1 and set(codes) - {101} <= {429, 502, 409}, codes
    for s in stand:
        s.close()
    wait_until("there is room again", lambda: user.call(
        "POST", f"/sandbox/{sandbox}/exec", {"command": ["true"]}).status_code == 200)
    serve(user, sandbox, ECHO, port=8001) # the first may have ended, since it could not fork
    upgraded(open_port(user, sandbox, 8001)["url"]).close()


def test_an_administrator_enters(user, sandbox, corral):
    """Only by saying so; the port ends with the role that it needs."""
    made = corral.admin.good("POST", "/sandbox/system/users", {"name": f"admin-{time.time_ns()}", "tier": "pro", "role": "admin"})
    admin = Client(corral.url, corral.key(made["id"], scopes=["read", "exec", "admin"])["key"])
    serve(user, sandbox, ECHO)
    assert admin.refused("POST", f"/sandbox/{sandbox}/ports", {"port": 8000})["code"] == "not_found"
    assert admin.refused("GET", f"/sandbox/{sandbox}/ports")["code"] == "not_found"
    port = admin.good("POST", f"/sandbox/{sandbox}/ports?admin_access=true", {"port": 8000}, status=201)
    other = admin.good("POST", f"/sandbox/{sandbox}/ports?admin_access=true", {"port": 8000}, status=201)
    assert len(user.good("GET", f"/sandbox/{sandbox}/ports")["items"]) == 2
    s = upgraded(port["url"])
    user.good("DELETE", f"/sandbox/{sandbox}/ports/{other['id']}", status=204)
    corral.admin.good("PATCH", f"/sandbox/system/users/{made['id']}", {"role": "user"})
    assert is_over(s, 5)
    assert get(port["url"]).status_code == 404


def test_from_the_command_line(user, sandbox, corral):
    serve(user, sandbox, PLAIN)
    key = user.session.headers["X-API-Key"]
    made = corral.cli("port", sandbox, "8000", "--lifetime", "10m", "--wait", "10s", key=key)
    assert made.returncode == 0 and get(made.stdout.strip()).text == "hello\n", made.stderr
    listed = corral.cli("port", "ls", sandbox, "-q", key=key).stdout.split()
    assert len(listed) == 1
    assert corral.cli("port", "rm", sandbox, listed[0], key=key).returncode == 0
    assert get(made.stdout.strip()).status_code == 404
    assert corral.cli("port", sandbox, "9", "--wait", "0s", key=key).returncode == 1
    assert corral.cli("port", sandbox, "x", key=key).returncode == 2


@pytest.mark.slow
def test_a_server_that_never_answers(user, sandbox):
    serve(user, sandbox, "sleep 1000", head="")
    begun = time.monotonic()
    answer = requests.get(open_port(user, sandbox)["url"], timeout=90)
    assert answer.status_code == 504 and answer.json()["code"] == "node_timeout" and 58 < time.monotonic() - begun < 70
