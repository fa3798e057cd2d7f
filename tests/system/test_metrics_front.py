"""The listener of metrics: what it serves and to whom, its bounds, TLS, and a port that somebody else has."""
import json
import re
import socket
import ssl

import pytest
import requests
from corral import free_port, wait_until
from front import Answer, Front, ends
from test_tls import make_certificate


def get(s, path):
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    answer = Answer(s)
    return answer.status, answer.body.decode()


def connect(port, timeout=10):
    return socket.create_connection(("127.0.0.1", port), timeout)


def test_it_serves_little_and_few():
    port = free_port()
    front = Front(CORRAL_METRICS_LISTEN_PORT=str(port), CORRAL_METRICS_OPEN="true")
    try:
        with connect(port) as s:
            status, text = get(s, "/metrics")
            assert status == 200 and re.search("^corral_metrics_connections 1$", text, re.M)
            assert get(s, "/healthz") == (200, '{"status":"ok"}')
            assert get(s, "/readyz")[0] == 503
            for path in ("/", "/sandbox", "/openapi.json", "/sandbox/system/stats"):
                status, text = get(s, path)
                assert (status, json.loads(text)["code"]) == (404, "not_found"), path
            s.sendall(b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            assert Answer(s).status == 405
        crowd = [connect(port) for _ in range(100)]
        with connect(port) as s:  # it takes the place of the oldest, who said nothing
            text = get(s, "/metrics")[1]
            assert int(re.search(r"^corral_metrics_connections (\d+)$", text, re.M)[1]) <= 64
        assert ends(crowd[0])
        assert front.healthy()
        for s in crowd:
            s.close()
    finally:
        front.stop()


def test_it_asks_for_the_key_of_an_administrator(corral, user):
    url = f"http://127.0.0.1:{corral.environ['CORRAL_METRICS_LISTEN_PORT']}/metrics"

    def status(key):
        return requests.get(url, headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=10).status_code
    admin = corral.admin.good("POST", "/sandbox/system/users", {"name": "scraper", "tier": "free", "role": "admin"}, status=201)
    key = corral.key(admin["id"], scopes=["admin"])
    assert [status(None), status(user.session.headers["X-API-Key"]), status(key["key"])] == [401, 403, 200]
    corral.admin.good("DELETE", f"/sandbox/system/users/{admin['id']}/keys/{key['id']}")
    assert status(key["key"]) == 401


def test_it_has_the_certificate_of_rest(tmp_path):
    port = free_port()
    front = Front(tls=make_certificate(tmp_path, "metrics"), CORRAL_METRICS_LISTEN_ADDRESS="0.0.0.0", CORRAL_METRICS_LISTEN_PORT=str(port))
    try:
        context = ssl.create_default_context(cafile=str(tmp_path / "tls.crt"))
        with context.wrap_socket(connect(port), server_hostname="localhost") as s:
            assert get(s, "/metrics")[0] == 401
        front.reload()
        wait_until("it is read again", lambda: "configuration reloaded" in front.text())
        with context.wrap_socket(connect(port), server_hostname="localhost") as s:
            assert get(s, "/healthz")[0] == 200
    finally:
        front.stop()


@pytest.mark.parametrize("env,sentence", [
    ({"CORRAL_METRICS_LISTEN_ADDRESS": "0.0.0.0", "CORRAL_METRICS_LISTEN_PORT": "9"}, "is not loopback"),
    ({"CORRAL_METRICS_LISTEN_PORT": "3001", "CORRAL_PORTS_LISTEN_PORT": "3001"}, "port of another listener")])
def test_what_is_no_configuration(env, sentence):
    with pytest.raises(AssertionError, match=sentence):
        Front(**env).stop()


def test_somebody_else_has_the_port():
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = free_port()
        other.bind(("127.0.0.1", port))
        other.listen()
        front = Front(CORRAL_METRICS_LISTEN_PORT=str(port))
    try:
        wait_until("it is logged", lambda: "the listener of metrics does not stand" in front.text())

        def served():
            try:
                with connect(port) as s:
                    return get(s, "/metrics")[0] == 401
            except ConnectionRefusedError:
                return False
        wait_until("it listens", served, 10)
    finally:
        front.stop()
