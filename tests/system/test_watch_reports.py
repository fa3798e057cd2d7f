"""What people reported of programs that tell others what happens (event streams, exporters of metrics, senders of webhooks), tried here."""
import socket
import time

import pytest
import requests
from corral import wait_until
from receiver import Receiver

STREAM = {"Accept": "text/event-stream"}


def key_of(client):
    return {"X-API-Key": client.session.headers["X-API-Key"]}


@pytest.mark.parametrize("more", [{}, {"Last-Event-ID": ""}, {"Accept-Encoding": "gzip, br"}, {"Accept": "text/event-stream, */*;q=0.1"}])
def test_a_stream_of_events_passes_proxies(corral, user, more):
    """Not compressed, not kept, not collected by nginx (wildware-uk/agent-dashboard#7); an empty position, as polyfills send, is none
    (EventSource/eventsource#291)."""
    with requests.get(f"{corral.url}/sandbox/events", headers={**key_of(user), **STREAM, **more}, stream=True, timeout=10) as answer:
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no" and answer.headers["cache-control"] == "no-store"
        assert "content-encoding" not in answer.headers and "content-length" not in answer.headers


def test_head_of_a_stream_ends(corral, user):
    assert requests.head(f"{corral.url}/sandbox/events", headers={**key_of(user), **STREAM}, timeout=10).status_code in (200, 405, 406)


def test_metrics_are_text_whatever_clients_send(corral):
    """Bytes of a client that are no UTF-8 reach no label (prometheus/prometheus#4803, statsd_exporter#50); no mark of byte order, and the
    type that the text has, whatever is asked for (opentelemetry-dotnet#2487, prometheus#6284)."""
    host, port = corral.url.split("//")[1].split(":")
    for line in (b"GET /\xff\xfe HTTP/1.1", b"G\xffT / HTTP/1.1", b"GET /sandbox?x=\xff HTTP/1.1"):
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            raw.sendall(line + b"\r\nHost: \xff\r\nX-Request-Id: \xff\r\nConnection: close\r\n\r\n")
            raw.recv(4096)
    for accept in ("*/*", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8,text/plain;version=0.0.4;q=0.5"):
        answer = requests.get(f"{corral.url}/metrics", headers={"X-API-Key": corral.admin_key, "Accept": accept}, timeout=10)
        assert answer.status_code == 200 and answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.content.decode("utf-8").startswith("# HELP ") and answer.content.endswith(b"\n")
    head = requests.head(f"{corral.url}/metrics", headers={"X-API-Key": corral.admin_key}, timeout=10)
    assert head.status_code == 200 and not head.content


def chunked(handler, before):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")


def until_closed(handler, before):
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\nok")
    handler.close_connection = True


def with_interim(handler, before):
    handler.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("answer", [chunked, until_closed, with_interim, 299])
def test_each_kind_of_success_is_one(user, answer):
    """Of receivers behind gateways; a fragment of the URL is not sent, its query is, as it stands."""
    with Receiver(answer) as receiver:
        made = user.good("POST", "/sandbox/webhooks", {"url": f"{receiver.url}?a=%2F&b#fragment", "events": ["sandbox.created"]}, status=201)
        sandbox = user.create()["id"]
        delivered = wait_until("it is delivered", lambda: user.good("GET", f"/sandbox/webhooks/{made['id']}/deliveries?state=delivered")["items"], 15)
        assert delivered[0]["tries"] == 1 and receiver.got[0]["path"] == "/hook?a=%2F&b"
        user.good("DELETE", f"/sandbox/webhooks/{made['id']}")
        user.delete(sandbox)


def test_a_date_to_try_again(user):
    """Retry-After as a date (RFC 9110, 10.2.3), as gateways send it in maintenance."""
    def later(handler, before):
        return 503, {"Retry-After": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 600))}

    with Receiver(later) as receiver:
        made = user.good("POST", "/sandbox/webhooks", {"url": receiver.url, "events": ["sandbox.created"]}, status=201)
        sandbox = user.create()["id"]
        one = wait_until("it was tried", lambda: next((d for d in user.good("GET", f"/sandbox/webhooks/{made['id']}/deliveries")["items"] if d["tries"]), None), 15)
        assert one["status"] == 503 and one["state"] == "pending"
        waits = time.mktime(time.strptime(one["next_try_at"][:19], "%Y-%m-%dT%H:%M:%S")) - time.mktime(time.gmtime())
        assert 500 < waits < 700, waits
        user.good("DELETE", f"/sandbox/webhooks/{made['id']}")
        user.delete(sandbox)
