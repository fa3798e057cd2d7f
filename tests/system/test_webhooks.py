"""Webhooks: what they are told, signed as Standard Webhooks say; retries, replays, and receivers that are slow or hostile."""
import base64
import json
import re
import socket
import threading
import time

import pytest
from corral import wait_until
from receiver import Receiver, verify

SOON = 15


def hook(user, receiver, *events, **more):
    return user.good("POST", "/sandbox/webhooks", {"url": getattr(receiver, "url", receiver), "events": list(events) or ["*"], **more}, status=201)


def deliveries(user, webhook, **query):
    more = "".join(f"&{k}={v}" for k, v in query.items())
    return user.good("GET", f"/sandbox/webhooks/{webhook['id']}/deliveries?limit=200{more}")["items"]


def ended(user, webhook, count=1, state="delivered", seconds=SOON):
    return wait_until(f"{count} are {state}", lambda: len(d := deliveries(user, webhook, state=state)) >= count and d, seconds)


@pytest.fixture
def receiver():
    with Receiver() as r:
        yield r


def test_events_arrive_signed(user, receiver):
    made = hook(user, receiver, "sandbox.*")
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made["secret"]) and len(base64.b64decode(made["secret"][6:])) == 32
    assert "secret" not in user.good("GET", f"/sandbox/webhooks/{made['id']}")
    sandbox = user.create()["id"]
    user.delete(sandbox)
    wait_until("the end arrives", lambda: "sandbox.stopped" in receiver.types(), SOON)
    events = user.good("GET", f"/sandbox/{sandbox}/events")["items"]
    wait_until("all are recorded", lambda: len(deliveries(user, made, state="delivered")) == len(events), SOON)
    got = receiver.take()
    assert sorted(r["headers"]["webhook-id"] for r in got) == [e["id"] for e in events]
    assert set(verify(made["secret"], got)) == {"ok"}
    assert set(verify("whsec_" + base64.b64encode(bytes(32)).decode(), got)) == {"No matching signature found"}
    for r in got:
        body = json.loads(r["body"])
        event = next(e for e in events if e["id"] == r["headers"]["webhook-id"])
        assert body == {"type": event["type"], "timestamp": event["at"], "data": event}
        assert r["headers"]["content-type"] == "application/json" and r["headers"]["user-agent"].startswith("Corral/")
        assert abs(int(r["headers"]["webhook-timestamp"]) - time.time()) < 60
    first = deliveries(user, made)[-1]
    assert first["id"] == events[0]["id"] and (first["state"], first["tries"], first["status"], first["problem"]) == ("delivered", 1, 204, None)


def test_filters_by_type_and_label(user, receiver):
    with Receiver() as ends, Receiver() as labelled:
        hook(user, ends, "sandbox.stopped", "violation.opened")
        hook(user, labelled, "sandbox.created", labels={"app": "web"})
        hook(user, receiver, "node.*", "system.*") # no user's
        for labels in ({"app": "web", "x": "y"}, {"app": "other"}, {}):
            user.delete(user.create(labels=labels)["id"])
        wait_until("three ends", lambda: len(ends.got) == 3, SOON)
        wait_until("one is labelled", lambda: labelled.got, SOON)
        assert ends.types() == ["sandbox.stopped"] * 3 and labelled.types() == ["sandbox.created"]
        assert not receiver.got


def test_of_another_user_nothing_is_seen(corral, user, receiver):
    made = hook(user, receiver)
    other = corral.user(f"other-{made['id'][-8:].lower()}", tier="pro")
    assert other.good("GET", "/sandbox/webhooks")["items"] == []
    path = f"/sandbox/webhooks/{made['id']}"
    for method, more, body in (("GET", "", None), ("PATCH", "", {"enabled": False}), ("DELETE", "", None), ("POST", "/rotate", None),
                               ("GET", "/deliveries", None), ("POST", "/deliveries/replay", None),
                               ("POST", "/deliveries/evt_0000000000000000001/replay", None)):
        assert other.refused(method, path + more, body)["status"] == 404, (method, more)
    other.delete(other.create()["id"])
    user.delete(user.create()["id"])
    wait_until("the user's arrive", lambda: "sandbox.stopped" in receiver.types(), SOON)
    assert len({json.loads(r["body"])["data"]["sandbox_id"] for r in receiver.take()}) == 1
    # an administrator sees it, may end it, and does not get its secret
    assert [w["id"] for w in corral.admin.good("GET", f"/sandbox/webhooks?user={user.user_id}")["items"]] == [made["id"]]
    assert made["id"] not in [w["id"] for w in corral.admin.good("GET", "/sandbox/webhooks")["items"]]
    assert corral.admin.refused("POST", path + "/rotate")["status"] == 404
    corral.admin.good("DELETE", path)
    row = corral.admin.good("GET", f"/sandbox/system/audit?action=webhook.delete&target={made['id']}")["items"][0]
    assert row["before"]["url"].startswith(receiver.url[:-4]) and "secret" not in json.dumps(row)


def test_a_rotation(user, receiver):
    made = hook(user, receiver, "sandbox.created")
    fresh = user.good("POST", f"/sandbox/webhooks/{made['id']}/rotate")
    assert fresh["secret"] != made["secret"] and fresh["old_secret_until"]
    user.create()
    wait_until("it arrives", lambda: receiver.got, SOON)
    assert len(receiver.got[0]["headers"]["webhook-signature"].split(" ")) == 2
    assert verify(made["secret"], receiver.take()) == verify(fresh["secret"], receiver.take()) == ["ok"]


def test_what_is_refused(user):
    url = "https://example.com/hook"
    for body in ({"url": url}, {"url": url, "events": []}, {"url": url, "events": ["sandbox.none"]}, {"url": url, "events": ["sand*"]},
                 {"url": "ftp://example.com", "events": ["*"]}, {"url": "https://b\u00fccher.example/", "events": ["*"]}, {"url": "https://me:pw@example.com/", "events": ["*"]},
                 {"url": "https://" + "a" * 2048, "events": ["*"]}, {"url": url, "events": ["*"], "labels": {"a b": "c"}},
                 {"url": url, "events": ["*"], "secret": "whsec_x"}):
        assert user.refused("POST", "/sandbox/webhooks", body)["code"] == "invalid", body
    made = [hook(user, url) for _ in range(20)]
    assert user.refused("POST", "/sandbox/webhooks", {"url": url, "events": ["*"]})["code"] == "conflict"
    for w in made:
        user.good("DELETE", f"/sandbox/webhooks/{w['id']}")
    assert user.refused("DELETE", f"/sandbox/webhooks/{made[0]['id']}")["status"] == 404


def test_a_repeated_create_makes_one_and_shows_its_secret_once(user):
    body = {"url": "https://example.com/hook", "events": ["sandbox.*"]}
    answers = [user.good("POST", "/sandbox/webhooks", body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert "secret" in answers[0] and "secret" not in answers[1] and answers[0]["id"] == answers[1]["id"]


def test_a_failure_is_tried_again_with_the_same_id(user, receiver):
    receiver.answer = lambda handler, before: 503 if before == 0 else 204
    made = hook(user, receiver, "sandbox.created")
    user.create()
    waiting = wait_until("it is to be tried again", lambda: (d := deliveries(user, made)) and d[0]["tries"] == 1 and d[0], SOON)
    assert waiting["state"] == "pending" and waiting["next_try_at"] and (waiting["status"], waiting["problem"]) == (503, "it answered 503")
    assert user.good("GET", f"/sandbox/webhooks/{made['id']}")["failing_since"]
    done = ended(user, made)[0]
    first, second = receiver.take()
    assert done["tries"] == 2 and done["problem"] is None
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"] and first["body"] == second["body"]
    assert int(second["headers"]["webhook-timestamp"]) >= int(first["headers"]["webhook-timestamp"]) + 4
    assert verify(made["secret"], [first, second]) == ["ok", "ok"]
    assert user.good("GET", f"/sandbox/webhooks/{made['id']}")["failing_since"] is None


def test_a_redirect_is_a_failure_and_retry_after_is_kept(user, receiver):
    with Receiver() as beyond:
        receiver.answer = lambda handler, before: (302, {"Location": beyond.url}) if before == 0 else (429, {"Retry-After": "600"})
        made = hook(user, receiver, "sandbox.created")
        user.create()
        one = wait_until("it failed", lambda: (d := deliveries(user, made)) and d[0]["tries"] and d[0], SOON)
        assert one["problem"] == "it answered 302; redirects are not followed"
        again = user.good("POST", f"/sandbox/webhooks/{made['id']}/deliveries/{one['id']}/replay")
        assert (again["state"], again["tries"]) == ("pending", 0)
        later = wait_until("it failed again", lambda: (d := deliveries(user, made)[0])["status"] == 429 and d, SOON)
        assert "next_try_at" in later and not beyond.got
        apart = time.mktime(time.strptime(later["next_try_at"][:19], "%Y-%m-%dT%H:%M:%S")) - time.mktime(
            time.strptime(later["last_try_at"][:19], "%Y-%m-%dT%H:%M:%S"))
        assert 598 <= apart <= 602


def test_gone_disables(corral, user, receiver):
    receiver.answer = 410
    made = hook(user, receiver, "sandbox.created")
    user.create()
    gone = wait_until("it is disabled", lambda: not (w := user.good("GET", f"/sandbox/webhooks/{made['id']}"))["enabled"] and w, SOON)
    assert "410" in gone["disabled_reason"]
    dead = ended(user, made, state="dead")[0]
    assert dead["status"] == 410 and dead["next_try_at"] is None
    assert user.refused("POST", f"/sandbox/webhooks/{made['id']}/deliveries/replay")["code"] == "wrong_state"
    events = [e for e in user.good("GET", "/sandbox/events?limit=200")["items"] if e["type"] == "webhook.disabled"]
    assert [e["data"]["webhook_id"] for e in events] == [made["id"]]
    user.create() # told to nobody
    receiver.answer = 204
    assert user.good("PATCH", f"/sandbox/webhooks/{made['id']}", {"enabled": True})["disabled_reason"] is None
    assert user.good("POST", f"/sandbox/webhooks/{made['id']}/deliveries/replay") == {"replayed": 1}
    ended(user, made)
    assert receiver.ids() == [dead["id"]] * 2 and len(deliveries(user, made)) == 1


def test_dead_after_the_last_try_and_replayed(corral, user, receiver):
    receiver.answer = 500
    made = hook(user, receiver, "sandbox.created")
    user.create()
    wait_until("it failed", lambda: (d := deliveries(user, made)) and d[0]["tries"] == 1, SOON)
    corral.sql(f"update webhook_deliveries set tries = 11, next_try_at = now() where webhook_id = '{made['id']}'")
    dead = ended(user, made, state="dead")[0]
    assert dead["tries"] == 12 and dead["problem"] == "it answered 500"
    receiver.answer = 200
    user.good("POST", f"/sandbox/webhooks/{made['id']}/deliveries/{dead['id']}/replay")
    assert ended(user, made)[0]["tries"] == 1


def test_a_410_of_an_old_url(user, receiver):
    """The URL is changed while a try is under way: that the old one is gone says nothing of the new one."""
    def change(handler, before):
        user.good("PATCH", f"/sandbox/webhooks/{made['id']}", {"url": receiver.url})
        return 410

    with Receiver(change) as old:
        made = hook(user, old, "sandbox.created")
        sandbox = user.create()["id"]
        assert ended(user, made)[0]["status"] == 204 and receiver.types() == ["sandbox.created"]
    assert user.good("GET", f"/sandbox/webhooks/{made['id']}")["enabled"]
    user.delete(sandbox)


def test_a_url_is_not_in_the_audit(corral, user, receiver):
    token = f"T0KEN{time.monotonic_ns()}"
    made = hook(user, f"{receiver.url}/{token}", "sandbox.created")
    user.good("PATCH", f"/sandbox/webhooks/{made['id']}", {"url": f"{receiver.url}?key={token}"})
    user.good("DELETE", f"/sandbox/webhooks/{made['id']}")
    rows = corral.admin.good("GET", f"/sandbox/system/audit?target={made['id']}")["items"]
    assert len(rows) == 3 and token not in json.dumps(rows)
    urls = [rows[0]["before"]["url"], rows[1]["before"]["url"], rows[1]["after"]["url"], rows[2]["after"]["url"]]
    assert urls[0] == urls[2] != urls[1] == urls[3] and all(u.startswith(receiver.url[:-4] + "… (sha256 ") for u in urls), urls
    assert token not in (corral.home / "log/controller.log").read_text()


def test_a_trace_goes_on(user, receiver):
    """To the receiver, with the flag that the client gave; without a client's trace there is none."""
    trace = f"{time.time_ns():032x}"
    made = hook(user, receiver, "sandbox.created", "sandbox.stopped")
    sandbox = user.good("POST", "/sandbox", {}, status=201, headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})["id"]
    wait_until("it is told", lambda: receiver.got, SOON)
    version, same, parent, flags = receiver.got[0]["headers"]["traceparent"].split("-")
    assert (version, same, flags) == ("00", trace, "01") and parent not in ("00f067aa0ba902b7", "0" * 16)
    user.delete(sandbox)
    ended(user, made, count=2)
    assert "traceparent" not in receiver.got[1]["headers"]


# --- receivers that do harm ---

def trickle(handler, before):
    """A byte a second, for as long as it is read."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        handler.wfile.write(b"x")
        time.sleep(1)


def endless_head(handler, before):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        handler.wfile.write(b"X-A: " + b"x" * 1000 + b"\r\n")


def endless_interim(handler, before):
    while True:
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def endless_line(handler, before):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: ")
    while True:
        handler.wfile.write(b"x" * 65536)


def reset(handler, before):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.connection.close()


def endless_extension(handler, before):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")
    while True:
        handler.wfile.write(b"x" * 65536)


def nonsense(handler, before):
    handler.wfile.write(b"\0\xff\x1b[31m" * 100)


def huge(handler, before):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
    for _ in range(1600):
        handler.wfile.write(b"\0\x1b[31m" + b"x" * 65530)


HOSTILE = {trickle: "it did not answer in time", endless_head: "the head of its answer is too long", endless_interim: "head",
           endless_line: "", endless_extension: "its answer is too long", reset: "", nonsense: "HTTP/0.9"}


def test_hostile_receivers_harm_nobody(corral, user):
    """Many of one user, each with a few events waiting; meanwhile another user's deliveries arrive at once."""
    other = corral.user(f"good-{time.monotonic_ns()}", tier="pro")
    receivers = [Receiver(answer) for answer in HOSTILE for _ in range(2)]
    with Receiver() as good, Receiver(huge) as large:
        hooks = [hook(user, r, "sandbox.*") for r in receivers]
        big = hook(user, large, "sandbox.created")
        fine = hook(other, good, "sandbox.*")
        user.delete(user.create()["id"])
        wait_until("the hostile ones are at work", lambda: all(r.got for r in receivers), 40)
        begin = time.monotonic()
        sandbox = other.create()["id"]
        created = time.monotonic()
        wait_until("the other's arrives", lambda: "sandbox.started" in good.types(), 4)
        print("arrived after", time.monotonic() - created, "of", time.monotonic() - begin)
        other.delete(sandbox)
        wait_until("its end, too", lambda: "sandbox.stopped" in good.types(), 4)
        assert corral.admin.call("GET", "/readyz").status_code == 200
        for w, r in zip(hooks, receivers):
            last = wait_until("each failed", lambda w=w: next((d for d in deliveries(user, w) if d["tries"]), None), 30)
            assert last["state"] == "pending" and HOSTILE[r.answer] in last["problem"], (r.answer, last)
        done = ended(user, big)[0] # its status came, and no more than its beginning was read
        assert done["status"] == 200 and len(done["response"]) <= 255 and "\x1b" not in done["response"]
        assert ended(other, fine, count=2)
        for client, w in [(user, w) for w in (*hooks, big)] + [(other, fine)]:
            client.good("DELETE", f"/sandbox/webhooks/{w['id']}")
    for r in receivers:
        r.stop()


def test_a_receiver_that_is_down_and_back(user):
    with Receiver() as first:
        port = first.port
        made = hook(user, first, "sandbox.*")
    user.delete(user.create()["id"])
    wait_until("its end is to be told", lambda: "sandbox.stopped" in [d["type"] for d in deliveries(user, made)], SOON)
    failed = [d for d in deliveries(user, made) if d["tries"]]
    assert failed and all("onnect" in d["problem"] and d["status"] is None for d in failed)
    count = len(deliveries(user, made))
    with Receiver(port=port) as back:
        ended(user, made, count=count, seconds=40)
        assert sorted(set(back.ids())) == sorted(d["id"] for d in deliveries(user, made))


def test_private_addresses_are_refused_by_default(cluster):
    """Whatever way they are written; checked at the connection, so that no name gets around it."""
    client = cluster.user(f"hooks-{time.monotonic_ns()}", tier="pro")
    with Receiver() as receiver:
        hooks = [hook(client, f"http://{host}:{receiver.port}/", "sandbox.created")
                 for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "[::1]", "169.254.169.254", "0.0.0.0")]
        sandbox = client.create()["id"]
        for w in hooks:
            one = wait_until("it is refused", lambda w=w: next((d for d in deliveries(client, w) if d["tries"]), None), SOON)
            assert (one["status"], one["problem"]) == (None, "its address is private or reserved, and such are not connected to"), w
        assert not receiver.got
    client.delete(sandbox)


def test_metrics(corral, user, receiver):
    before = corral.metric('corral_webhook_tries_total{outcome="delivered"}')
    made = hook(user, receiver, "sandbox.created")
    user.create()
    ended(user, made)
    assert corral.metric('corral_webhook_tries_total{outcome="delivered"}') >= before + 1
    assert corral.metric("corral_webhook_oldest_seconds") >= 0


def test_by_the_command_line(corral, user, receiver):
    key = user.session.headers["X-API-Key"]

    def corral_webhook(*args):
        run = corral.cli("webhook", *args, key=key)
        assert run.returncode == 0, (args, run.stderr)
        return run.stdout

    made = json.loads(corral_webhook("create", receiver.url, "--event", "sandbox.created", "--label", "app=web", "--json"))
    assert made["secret"].startswith("whsec_") and made["labels"] == {"app": "web"}
    assert receiver.url in corral_webhook("ls") and "secret:" not in corral_webhook("show", made["id"])
    assert "false" in corral_webhook("set", made["id"], "--disable")
    assert json.loads(corral_webhook("set", made["id"], "--enable", "--event", "*", "--json"))["events"] == ["*"]
    user.create(labels={"app": "web"})
    ended(user, made)
    listed = corral_webhook("deliveries", made["id"], "--state", "delivered", "-q").split()
    assert listed and set(listed) <= set(receiver.ids())
    assert listed[-1] in corral_webhook("replay", made["id"], listed[-1])
    assert "0" in corral_webhook("replay", made["id"])
    assert json.loads(corral_webhook("rotate", made["id"], "--json"))["secret"] != made["secret"]
    assert corral_webhook("rm", made["id"]).strip() == made["id"]
    assert corral.cli("webhook", "create", receiver.url, "--event", "sand", key=key).returncode == 1
