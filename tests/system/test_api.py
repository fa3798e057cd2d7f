"""What the REST interface promises apart from the life of a sandbox."""
import http.client
import json
import re
import socket
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from corral import Client, wait_until
from front import Answer

ADMIN_ROUTES = [("GET", "/sandbox/system/stats"), ("GET", "/sandbox/system/nodes"), ("GET", "/sandbox/system/users"),
                ("POST", "/sandbox/system/users"), ("GET", "/sandbox/system/tiers"), ("GET", "/sandbox/system/audit"),
                ("GET", "/metrics")]


def new_name(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def test_open_routes(corral):
    assert requests.get(corral.url + "/healthz", timeout=5).json() == {"status": "ok"}
    assert requests.get(corral.url + "/readyz", timeout=5).status_code == 200
    document = requests.get(corral.url + "/openapi.json", timeout=5).json()
    assert document["openapi"].startswith("3.1") and "/sandbox/{id}/stats" in document["paths"]


def test_who_may_do_what(corral, user):
    nobody = Client(corral.url, "crl_" + "0" * 48)
    for method, path in ADMIN_ROUTES:
        assert user.refused(method, path)["status"] == 403
        assert nobody.refused(method, path)["status"] == 401
    assert requests.get(corral.url + "/sandbox", timeout=5).status_code == 401
    bearer = requests.get(corral.url + "/sandbox", headers={"Authorization": f"Bearer {user.session.headers['X-API-Key']}"},
                          timeout=5)
    assert bearer.status_code == 200


def test_two_keys_that_differ_are_refused(corral, user):
    key = user.session.headers["X-API-Key"]
    for authorization, status in ((f"Bearer {key}", 200), (f"bearer  {key}", 200), ("Bearer crl_" + "0" * 48, 401), ("Basic YTpi", 401)):
        assert requests.get(corral.url + "/sandbox", headers={"X-API-Key": key, "Authorization": authorization}, timeout=5).status_code == status


def raw(corral, text):
    with socket.create_connection(("127.0.0.1", corral.port), 10) as s:
        s.sendall(text.encode())
        return Answer(s)


def test_ways_to_say_the_same(corral, user):
    """Blanks after a header's value, characters that are encoded without need, numbers that are integers."""
    key = user.session.headers["X-API-Key"]
    sandbox = user.create()["id"]
    assert user.good("GET", f"/sandbox/{sandbox.replace('_', '%5F')}")["id"] == sandbox
    body = '{"memory_bytes": 134217728.0, "lifetime_seconds": 6e2, "name": "' + "é" * 63 + '"}'
    made = [json.loads(raw(corral, f"POST /sandbox HTTP/1.1\r\nHost: h\r\nX-API-Key: {key} \t\r\nIdempotency-Key: once{blank}\r\n"
                           f"Content-Length: {len(body.encode())} \r\nConnection: close\r\n\r\n{body}").body) for blank in ("", " ")]
    assert made[0]["id"] == made[1]["id"] and made[0]["limits"]["memory_bytes"] == 134217728, made
    changed = user.session.patch(f"{corral.url}/sandbox/{sandbox}", data='{"lifetime_seconds": 9.0e2}', timeout=30)
    assert changed.status_code == 200, changed.text
    for number, pointer in (("9223372036854775808", "/memory_bytes"), ("1e400", "")):
        large = user.session.post(corral.url + "/sandbox", data='{"memory_bytes": ' + number + "}", timeout=30)
        assert large.status_code == 422 and large.json()["errors"][0]["pointer"] == pointer
    packed = user.session.post(corral.url + "/sandbox", data="{}", headers={"Content-Encoding": "gzip"}, timeout=30)
    assert (packed.status_code, packed.json()["code"]) == (415, "unsupported_media_type")


def test_scopes(corral, user):
    reader = Client(corral.url, corral.key(user.user_id, scopes=["read"])["key"])
    writer = Client(corral.url, corral.key(user.user_id, scopes=["write"])["key"])
    assert reader.call("GET", "/sandbox").status_code == 200
    assert reader.refused("POST", "/sandbox", {})["code"] == "forbidden"
    assert writer.refused("GET", "/sandbox")["code"] == "forbidden"
    narrow = Client(corral.url, corral.key(corral.admin.good("GET", "/sandbox/quota/usage")["user"]["id"],
                                           scopes=["read", "write"])["key"])
    assert narrow.refused("GET", "/sandbox/system/stats")["code"] == "forbidden"


def test_lists_show_ones_own_only(corral, user):
    other = corral.user(new_name("other"), tier="pro")
    sandbox = other.create()["id"]
    assert sandbox not in user.call("GET", "/sandbox?all=true").text
    assert sandbox not in user.call("GET", "/sandbox/events?limit=200").text
    assert user.good("GET", f"/sandbox?user={other.user_id}")["items"] == []
    assert [s["id"] for s in corral.admin.good("GET", f"/sandbox?user={other.user_id}")["items"]] == [sandbox]
    other.delete(sandbox)


def test_revoked_at_once(corral, user):
    key = corral.key(user.user_id, "short-lived")
    client = Client(corral.url, key["key"])
    assert client.call("GET", "/sandbox").status_code == 200
    corral.admin.good("DELETE", f"/sandbox/system/users/{user.user_id}/keys/{key['id']}")
    assert client.call("GET", "/sandbox").status_code == 401
    listed = corral.admin.good("GET", f"/sandbox/system/users/{user.user_id}/keys")["items"]
    assert next(k for k in listed if k["id"] == key["id"])["revoked_at"]
    assert key["key"] not in corral.sql("select string_agg(a::text, '') from audit a") + corral.sql(
        "select string_agg(k::text, '') from api_keys k")


@pytest.mark.parametrize("body,pointer", [
    ({"memory_bytes": "1G"}, "/memory_bytes"), ({"memory_bytes": 1}, "/memory_bytes"), ({"memory_bytes": 10 ** 17}, "/memory_bytes"),
    ({"colour": "red"}, "/colour"), ({"command": "ls"}, "/command"), ({"command": ["a", 1]}, "/command/1"), ({"command": ["x" * 1000] * 65}, "/command"),
    ({"env": {"1A": "x"}}, "/env/1A"), ({"labels": {"a/b": 1}}, "/labels/a~1b"), ({"image": "a b; rm -rf /"}, "/image"),
    ({"image": "../etc"}, "/image"), ({"network": "host"}, "/network"), ({"name": "a\u0007"}, "/name"), ({"pids": 0}, "/pids"),
    ({"lifetime_seconds": -1}, "/lifetime_seconds"), ({"labels": {f"k{i}": "" for i in range(1000)}}, "/labels"), ([], "")])
def test_a_body_that_does_not_validate(user, body, pointer):
    problem = user.refused("POST", "/sandbox", body)
    assert (problem["status"], problem["code"]) == (422, "invalid")
    assert problem["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("text", [b"{", b"[" * 100000, b'{"name":"a","name":"b"}', b'{"name":"\xff"}', b'{"name":"\\u0000"}',
                                  b"{} {}", b"nul"])
def test_bytes_that_are_no_json(user, text):
    answer = user.session.post(user.url + "/sandbox", data=text, headers={"Content-Type": "application/json"}, timeout=10)
    assert answer.status_code == 400 and answer.json()["code"] == "malformed_json"


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "colour=red", "state=flying", "all=1",
                                   "cursor=%00", "label=x"])
def test_a_query_that_does_not_validate(user, query):
    assert user.refused("GET", f"/sandbox?{query}")["code"] == "invalid"


def test_paths_and_methods(corral, user):
    assert user.refused("GET", "/nothing")["code"] == "not_found"
    assert user.refused("PUT", "/sandbox")["status"] == 405
    assert user.call("PUT", "/sandbox").headers["allow"] == "POST, GET, HEAD"
    answer = user.call("GET", "/sandbox", headers={"X-Request-Id": "mine.1"})
    assert answer.headers["x-request-id"] == "mine.1"
    odd = user.call("GET", "/sandbox", headers={"X-Request-Id": "no good"})
    assert re.fullmatch("req_[0-9a-f]+", odd.headers["x-request-id"])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert int(answer.headers["ratelimit-limit"]) > 0


def test_pages_stay_right_while_rows_come(corral, user):
    made = [user.create()["id"] for _ in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = user.good("GET", f"/sandbox?limit=2{'&cursor=' + cursor if cursor else ''}")
        seen += [s["id"] for s in page["items"]]
        cursor = page["next_cursor"]
        if len(seen) == 2:
            user.delete(made[4] if made[4] not in seen else made[0])
            made.append(user.create()["id"])
    assert len(seen) == len(set(seen)) and set(made[1:4]) <= set(seen)


def test_repeated_creates_are_one(corral, user):
    headers = {"Idempotency-Key": new_name("k")}
    body = {"name": "once"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: user.call("POST", "/sandbox", body, headers=headers), range(8)))
    done = [a for a in answers if a.status_code == 201]
    assert done and all(a.status_code in (201, 409) for a in answers)
    assert len({a.json()["id"] for a in done}) == 1
    assert user.call("POST", "/sandbox", body, headers=headers).json()["id"] == done[0].json()["id"]
    assert user.refused("POST", "/sandbox", {"name": "two"}, headers=headers)["code"] == "idempotency_mismatch"
    assert len(user.good("GET", "/sandbox")["items"]) == 1


@pytest.mark.parametrize("prefer,status", [(["respond-async"], 202), (["wait=1, Respond-Async ; x=y"], 202), (["wait=1", "respond-async"], 202),
                                           (['foo="a, respond-async"'], 201), (["x-respond-async"], 201), (["respond-asynchronously"], 201)])
def test_preferences_are_a_list(corral, user, prefer, status):
    """RFC 7240: names in any case, on one line or several; a name within quotes does not count."""
    asks = http.client.HTTPConnection("127.0.0.1", corral.port, timeout=60)
    asks.putrequest("POST", "/sandbox")
    for name, value in [("X-API-Key", user.session.headers["X-API-Key"]), ("Content-Length", "0"), *(("Prefer", p) for p in prefer)]:
        asks.putheader(name, value)
    asks.endheaders()
    answer = asks.getresponse()
    assert answer.status == status
    user.delete(json.loads(answer.read())["id"])
    asks.close()


def test_a_coding_in_a_second_line_is_seen(corral, user):
    asks = http.client.HTTPConnection("127.0.0.1", corral.port, timeout=60)
    asks.putrequest("POST", "/sandbox")
    for name, value in [("X-API-Key", user.session.headers["X-API-Key"]), ("Content-Length", "2"), ("Content-Encoding", "identity"),
                        ("Content-Encoding", "gzip")]:
        asks.putheader(name, value)
    asks.endheaders(b"{}")
    assert asks.getresponse().status == 415
    asks.close()


def test_an_idempotency_key_is_text(corral, user):
    """Invalid bytes would all be the same key once they are stored."""
    users = "/sandbox/system/users"
    for client, path, body in ((user, "/sandbox", {}), (corral.admin, users, {"name": new_name("k"), "tier": "free"})):
        for key in ("\xff", "a\xc3", "x" * 256, "\u5317".encode().decode("latin1") * 256):
            problem = client.refused("POST", path, body, headers={"Idempotency-Key": key.encode("latin1")})
            assert (problem["status"], problem["code"]) == (422, "invalid") and problem["detail"].startswith("Idempotency-Key"), problem
    longest = {"Idempotency-Key": ("\u5317" * 255).encode()}
    ids = {user.good("POST", "/sandbox", {}, status=201, headers=longest)["id"] for _ in range(2)}
    assert len(ids) == 1 == len(user.good("GET", "/sandbox")["items"])


def test_a_repeated_create_is_the_first_whatever_changed_since(corral):
    user = corral.user(new_name("lowered"))
    headers = {"Idempotency-Key": "first"}
    body = {"memory_bytes": 200 << 20}
    first = user.call("POST", "/sandbox", body, headers=headers)
    assert first.status_code == 201
    corral.admin.good("PATCH", f"/sandbox/system/users/{user.user_id}", {"overrides": {"memory_bytes": 100 << 20}})
    again = user.call("POST", "/sandbox", body, headers=headers)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert again.headers["location"] == first.headers["location"] == f"/sandbox/{first.json()['id']}"
    other = {"memory_bytes": 201 << 20}
    assert user.refused("POST", "/sandbox", other, headers=headers)["code"] == "idempotency_mismatch"
    assert user.refused("POST", "/sandbox", body, headers={"Idempotency-Key": "new"})["code"] == "above_tier_limit"
    user.delete(first.json()["id"])


def test_every_label_can_be_asked_for(user):
    name, value = "k" * 63, "z" * 255
    sandbox = user.create(labels={"b": "", name: value})
    for label in ("b:", f"{name}:{value}"):
        assert [s["id"] for s in user.good("GET", f"/sandbox?label={label}")["items"]] == [sandbox["id"]]
    user.delete(sandbox["id"])


def test_refusals_are_not_kept(corral):
    free = corral.user(new_name("refused"))
    made = [free.create()["id"] for _ in range(2)]
    headers = {"Idempotency-Key": "again"}
    assert free.refused("POST", "/sandbox", {}, headers=headers)["code"] == "quota_exceeded"
    free.delete(made[0])
    again = free.call("POST", "/sandbox", {}, headers=headers)
    assert again.status_code == 201
    for sandbox in (made[1], again.json()["id"]):
        free.delete(sandbox)


def test_repeated_administration(corral):
    admin, name = corral.admin, new_name("twice")
    headers = {"Idempotency-Key": new_name("u")}
    first = admin.call("POST", "/sandbox/system/users", {"name": name, "tier": "free"}, headers=headers)
    second = admin.call("POST", "/sandbox/system/users", {"name": name, "tier": "free"}, headers=headers)
    assert first.status_code == second.status_code == 201 and first.json() == second.json()
    assert admin.refused("POST", "/sandbox/system/users", {"name": name, "tier": "pro"}, headers=headers)["status"] == 409
    path = f"/sandbox/system/users/{first.json()['id']}/keys"
    keys = [admin.good("POST", path, {"name": "k"}, headers=headers) for _ in range(2)]
    assert keys[0]["id"] == keys[1]["id"] and "key" in keys[0] and "key" not in keys[1]
    assert len(admin.good("GET", path)["items"]) == 1


def test_changes_can_name_their_version(corral, user):
    sandbox = user.create()["id"]
    answer = user.call("GET", f"/sandbox/{sandbox}")
    tag = answer.headers["etag"]
    changed = user.call("PATCH", f"/sandbox/{sandbox}", {"name": "one"}, headers={"If-Match": tag})
    assert changed.status_code == 200 and changed.headers["etag"] != tag
    assert user.refused("PATCH", f"/sandbox/{sandbox}", {"name": "two"}, headers={"If-Match": tag})["status"] == 412
    assert user.call("PATCH", f"/sandbox/{sandbox}", {"name": "two"}, headers={"If-Match": "*"}).status_code == 200
    path = f"/sandbox/system/users/{user.user_id}"
    tag = corral.admin.call("GET", path).headers["etag"]
    assert corral.admin.call("PATCH", path, {"tier": "pro"}, headers={"If-Match": '"x"'}).status_code == 412
    assert corral.admin.call("PATCH", path, {"tier": "pro"}, headers={"If-Match": tag}).status_code == 200


def test_tiers_and_overrides(corral):
    admin, name = corral.admin, new_name("small")
    tier = admin.good("POST", "/sandbox/system/tiers", {"name": name, "memory_bytes": 64 << 20, "cpu_millis": 100, "pids": 32,
                                                      "nofile": 256, "storage_bytes": 32 << 20}, status=201)
    assert tier["max_sandboxes"] is None and tier["violations"] is None
    member = corral.user(new_name("member"), tier=name)
    usage = member.good("GET", "/sandbox/quota/usage")
    assert usage["limits"]["sandboxes"] == 5 and usage["limits"]["api_key_sandboxes"] == 3
    sandbox = member.create()
    assert sandbox["limits"] == {"memory_bytes": 64 << 20, "cpu_millis": 100, "cpu_shares": 512, "storage_bytes": 32 << 20,
                                 "pids": 32, "nofile": 256, "shm_bytes": 32 << 20}
    assert member.refused("POST", "/sandbox", {"memory_bytes": 65 << 20})["code"] == "above_tier_limit"
    admin.good("PATCH", f"/sandbox/system/users/{member.user_id}", {"overrides": {"memory_bytes": 128 << 20, "max_sandboxes": 1}})
    assert member.refused("POST", "/sandbox", {"memory_bytes": 65 << 20})["scope"] == "user"
    assert admin.refused("PATCH", f"/sandbox/system/users/{member.user_id}", {"overrides": {"memory": 1}})["errors"][0][
        "pointer"] == "/overrides/memory"
    assert admin.refused("DELETE", f"/sandbox/system/tiers/{name}")["code"] == "conflict"
    assert admin.refused("DELETE", f"/sandbox/system/users/{member.user_id}")["code"] == "conflict"
    path = f"/sandbox/system/tiers/{name}"
    levels = {"memory_warning": 80, "memory_clear": 70, "cpu_seconds": 300}
    assert admin.good("PATCH", path, {"violations": levels})["violations"] == levels
    assert admin.good("PATCH", path, {"pids": 33})["violations"] == levels
    assert admin.good("PATCH", path, {"violations": {"cpu_seconds": None}})["violations"] == {
        "memory_warning": 80, "memory_clear": 70}
    for wrong in ({"memory_clear": 80}, {"memory_warning": 70}, {"memory_critical": 79}, {"disk_clear": 9, "disk_warning": 9}):
        assert admin.refused("PATCH", path, {"violations": wrong})["code"] == "invalid"
    for wrong in ("cpu_critical", "memory"):
        assert admin.refused("PATCH", path, {"violations": {wrong: 90}})["errors"][0]["pointer"] == f"/violations/{wrong}"
    assert admin.refused("PATCH", path, {"violations": {"pids_warning": 101}})["code"] == "invalid"
    assert admin.good("PATCH", path, {"violations": None})["violations"] is None
    member.delete(sandbox["id"])
    admin.good("DELETE", f"/sandbox/system/users/{member.user_id}")
    assert member.call("GET", "/sandbox").status_code == 401


def test_an_administrators_end_says_so(corral, user):
    sandbox = user.create()["id"]
    corral.admin.delete(sandbox)
    assert user.show(sandbox)["reason"] == "admin"
    assert user.refused("DELETE", f"/sandbox/{sandbox}?reason=admin")["status"] == 403


def test_audit(corral):
    before = corral.admin.good("GET", "/sandbox/system/audit?limit=1")["items"][0]["id"]
    member = corral.user(new_name("audited"))
    rows = corral.admin.good("GET", "/sandbox/system/audit?limit=10")["items"]
    new = [r for r in rows if r["id"] > before]
    assert [r["action"] for r in new] == ["key.create", "user.create"]
    assert new[1]["target"] == member.user_id and new[1]["address"] == "127.0.0.1" and new[1]["request_id"]


def test_the_audit_is_filtered(corral):
    member = corral.user(new_name("filtered"))
    rows = corral.admin.good("GET", "/sandbox/system/audit?limit=200")["items"]
    made = next(r for r in rows if r["action"] == "user.create" and r["target"] == member.user_id)

    def found(**filters):
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        return corral.admin.good("GET", f"/sandbox/system/audit?limit=200&{query}")["items"]

    assert found(target=member.user_id) == [r for r in rows if r["target"] == member.user_id] != []
    assert made in found(actor=made["user"]) and made in found(actor=made["key"]) and not found(actor=member.user_id)
    assert {r["action"] for r in found(action="user.create")} == {"user.create"}
    assert found(target=member.user_id, action="user.create", result="ok") == [made]
    assert not found(target=member.user_id, result="conflict")
    assert made in found(**{"from": made["at"]}) and made not in found(to=made["at"])
    assert corral.admin.refused("GET", f"/sandbox/system/audit?from={made['at']}&to=2020-01-01T00:00:00Z")["code"] == "invalid"
    shown = corral.cli("audit", "--target", member.user_id, "--action", "user.create", "--json").stdout
    assert made["hash"] in shown and "key.create" not in shown


def audit_of(corral, target):
    rows = corral.admin.good("GET", "/sandbox/system/audit?limit=200")["items"]
    return [r for r in reversed(rows) if r["target"] == target]


def test_what_anybody_does_to_a_sandbox_is_on_record(corral, user):
    sandbox = user.create(memory_bytes=64 << 20)["id"]
    user.good("PATCH", f"/sandbox/{sandbox}", {"memory_bytes": 32 << 20, "name": "small"}, headers={"X-Request-Id": "patch.1"})
    user.good("POST", f"/sandbox/{sandbox}/pause")
    user.good("POST", f"/sandbox/{sandbox}/resume")
    user.delete(sandbox)
    user.delete(sandbox)
    rows = audit_of(corral, sandbox)
    assert [r["action"] for r in rows] == [f"sandbox.{what}" for what in ("create", "patch", "pause", "resume", "delete")]
    assert {(r["user"], r["key"], r["address"], r["result"]) for r in rows} == {(user.user_id, user.key_id, "127.0.0.1", "ok")}
    patch = rows[1]
    assert patch["request_id"] == "patch.1"
    assert (patch["before"]["memory_bytes"], patch["before"]["name"]) == (64 << 20, "")
    assert (patch["after"]["memory_bytes"], patch["after"]["name"]) == (32 << 20, "small")
    assert rows[4]["after"]["reason"] == "deleted"


def test_refused_administration_is_on_record(corral, user):
    admin = corral.admin
    sandbox = user.create()["id"]
    assert admin.refused("DELETE", f"/sandbox/system/users/{user.user_id}")["code"] == "conflict"
    assert admin.refused("DELETE", "/sandbox/system/tiers/free")["code"] == "conflict"
    assert admin.refused("PATCH", "/sandbox/system/tiers/nowhere", {"pids": 5})["code"] == "not_found"
    name = new_name("taken")
    corral.user(name)
    assert admin.refused("POST", "/sandbox/system/users", {"name": name, "tier": "free"})["code"] == "conflict"
    assert audit_of(corral, user.user_id)[-1]["result"] == "conflict"
    assert (audit_of(corral, "free")[-1]["action"], audit_of(corral, "free")[-1]["result"]) == ("tier.delete", "conflict")
    last = audit_of(corral, "nowhere")[-1]
    assert (last["action"], last["result"], last["after"]) == ("tier.patch", "not_found", {"pids": 5})
    user.delete(sandbox)


def test_keys_can_be_changed(corral, user):
    path = f"/sandbox/system/users/{user.user_id}/keys"
    made = corral.key(user.user_id, "old", scopes=["read"])
    client = Client(corral.url, made["key"])
    assert client.refused("POST", "/sandbox", {})["code"] == "forbidden"
    shown = corral.admin.call("GET", f"{path}/{made['id']}")
    assert "key" not in shown.json() and shown.json()["name"] == "old"
    changed = corral.admin.call("PATCH", f"{path}/{made['id']}", {"name": "new", "scopes": ["read", "write"], "max_sandboxes": 1},
                                headers={"If-Match": shown.headers["etag"]})
    assert changed.status_code == 200 and changed.json()["scopes"] == ["read", "write"]
    assert corral.admin.refused("PATCH", f"{path}/{made['id']}", {"name": "x"}, headers={"If-Match": shown.headers["etag"]})[
        "status"] == 412
    sandbox = client.create()["id"]
    assert client.refused("POST", "/sandbox", {})["scope"] == "api_key"
    noticed = corral.admin.call("PATCH", f"{path}/{made['id']}", {"max_sandboxes": 0})
    assert "1 sandboxes live, and 0 may" in noticed.json()["notice"]
    assert noticed.headers["etag"] == corral.admin.call("GET", f"{path}/{made['id']}").headers["etag"]
    assert corral.admin.good("PATCH", f"{path}/{made['id']}", {"max_sandboxes": None})["max_sandboxes"] is None
    client.delete(sandbox)
    corral.admin.good("DELETE", f"{path}/{made['id']}")
    assert corral.admin.refused("PATCH", f"{path}/{made['id']}", {"expires_at": None})["code"] == "conflict"
    assert client.call("GET", "/sandbox").status_code == 401


def test_a_limit_below_what_lives_is_told(corral):
    name = new_name("narrow")
    corral.admin.good("POST", "/sandbox/system/tiers", {"name": name, "max_sandboxes": 5, "memory_bytes": 64 << 20})
    member = corral.user(new_name("member"), tier=name)
    made = [member.create()["id"] for _ in range(2)]
    tier = corral.admin.good("PATCH", f"/sandbox/system/tiers/{name}", {"max_sandboxes": 1, "memory_bytes": 32 << 20})
    assert "with more sandboxes than they may have: 1;" in tier["notice"] and "2 live sandboxes are larger" in tier["notice"]
    person = corral.admin.good("PATCH", f"/sandbox/system/users/{member.user_id}", {"overrides": {"max_sandboxes": 0}})
    assert "2 sandboxes live, and 0 may" in person["notice"]
    tier = corral.admin.good("PATCH", f"/sandbox/system/tiers/{name}", {"max_sandboxes": None})
    assert "than they may have: 1;" in tier["notice"], "by an override"
    assert member.refused("PATCH", f"/sandbox/{made[0]}", {"memory_bytes": 65 << 20})["code"] == "above_tier_limit"
    assert "notice" not in corral.admin.good("PATCH", f"/sandbox/system/users/{member.user_id}", {"overrides": {
        "max_sandboxes": 2, "memory_bytes": 64 << 20}})
    tier = corral.admin.good("PATCH", f"/sandbox/system/tiers/{name}", {"cpu_shares": 511})
    assert "2 live sandboxes are larger" in tier["notice"], "each limit counts, also their weight of 512"
    for sandbox in made:
        assert member.show(sandbox)["state"] == "running"
        member.delete(sandbox)


def test_a_tier_that_sets_nothing_falls_back(corral):
    name = new_name("bare")
    corral.admin.good("POST", "/sandbox/system/tiers", {"name": name})
    member = corral.user(new_name("member"), tier=name)
    usage = member.good("GET", "/sandbox/quota/usage")["per_sandbox"]
    assert usage == {"memory_bytes": 512 << 20, "cpu_millis": 1000, "storage_bytes": 1 << 30, "lifetime_seconds": 86400,
                     "pids": 256, "nofile": 4096}
    for field, most in (("memory_bytes", 512 << 20), ("cpu_millis", 1000), ("pids", 256), ("lifetime_seconds", 86400)):
        assert member.refused("POST", "/sandbox", {field: most + 1})["code"] == "above_tier_limit"
    sandbox = member.create(memory_bytes=8 << 20, storage_bytes=4 << 20)
    assert (sandbox["limits"]["pids"], sandbox["limits"]["nofile"], sandbox["limits"]["cpu_millis"]) == (256, 4096, 1000)
    assert member.refused("PATCH", f"/sandbox/{sandbox['id']}", {"cpu_millis": 1001})["code"] == "above_tier_limit"
    member.delete(sandbox["id"])


def test_pages_name_the_next(corral, user):
    made = [user.create()["id"] for _ in range(3)]
    answer = user.call("GET", "/sandbox?limit=2&all=true")
    assert answer.links["next"]["url"] == f"/sandbox?limit=2&all=true&cursor={answer.json()['next_cursor']}"
    last = user.call("GET", answer.links["next"]["url"])
    assert [s["id"] for s in last.json()["items"]] == made[2:] and "link" not in last.headers
    tiers = corral.admin.call("GET", "/sandbox/system/tiers?limit=1")
    assert len(tiers.json()["items"]) == 1
    assert corral.admin.good("GET", tiers.links["next"]["url"])["items"][0]["name"] > tiers.json()["items"][0]["name"]


def test_upkeep_of_an_installation(corral):
    """Rows past their term are removed within a round, and the metrics count them."""
    def overdue(step, kind="overdue_seconds"):
        text = corral.admin.call("GET", "/metrics").text
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f'corral_upkeep_{kind}{{step="{step}"}}'))
    corral.sql("insert into events values (nextval('event_seq'), 'old', now() - interval '91 days')")
    wait_until("it goes", lambda: overdue("events", "removed_total") >= 1, 90)
    assert corral.sql("select count(*) from events where type = 'old'") == "0"
    assert overdue("partitions") == overdue("events") == 0
    assert int(corral.sql("select count(*) from table_days('sample_rows')")) >= 9


def test_metrics(corral):
    text = corral.admin.call("GET", "/metrics").text
    assert re.search(r'^corral_nodes\{state="ready"\} 1$', text, re.M)
    assert re.search(r"^process_resident_memory_bytes [0-9.e+]+$", text, re.M)
    names = re.findall(r"^# TYPE (\w+)", text, re.M)
    assert len(names) == len(set(names)) and all(re.search(rf"^{n}[ {{_]", text, re.M) for n in names)


@pytest.mark.parametrize("path", ["/sandbox", "/sandbox/sbx_x", "/healthz", "/nothing", "/openapi.json", "/sandbox/system/nodes"])
def test_every_answer_tells_of_a_rate(corral, user, path):
    """The installation of these tests allows 100,000 a second: the test only checks that the bucket is
    reported."""
    answer = user.call("GET", path)
    assert 0 <= int(answer.headers["ratelimit-remaining"]) <= int(answer.headers["ratelimit-limit"])
    assert int(answer.headers["ratelimit-reset"]) >= 0


def test_a_node_that_is_cordoned_gets_nothing(corral, user):
    node = "/sandbox/system/nodes/node-1"
    corral.admin.good("POST", node + "/cordon")
    try:
        assert corral.admin.good("GET", node)["state"] == "cordoned"
        assert user.refused("POST", "/sandbox", {})["code"] == "no_capacity"
    finally:
        corral.admin.good("POST", node + "/uncordon")
    assert user.create()["state"] == "running"


def test_a_history_of_years_fits(user):
    sandbox = user.create()["id"]
    path = f"/sandbox/{sandbox}/stats/history?from=2026-11-01T00:00:00Z&to=2026-11-08T00:00:00Z&step="
    assert user.good("GET", path + "1")["step_seconds"] == 605  # a week at 1,000 points
    assert user.good("GET", path + "3600")["step_seconds"] == 3600
    assert user.good("GET", path.replace("from=2026", "from=1970") + "1")["step_seconds"] > 10 ** 6


def test_history_has_what_was_measured(corral, user):
    sandbox = user.create()["id"]
    user.stats(sandbox)
    now = time.time()
    when = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t)) for t in (now - 60, now + 60)]
    history = user.good("GET", f"/sandbox/{sandbox}/stats/history?from={when[0]}&to={when[1]}&step=10")
    assert history["step_seconds"] == 10
    assert user.refused("GET", f"/sandbox/{sandbox}/stats/history?from=yesterday&to=now")["code"] == "invalid"


def test_history_of_hours_that_are_packed(corral, user):
    """Samples of three hours of yesterday, packed by upkeep: the route has each of them, and coarse points have their extremes."""
    sandbox = user.create()["id"]
    corral.sql(f"""select make_partition((now() at time zone 'UTC')::date - day, 'sample_rows') from generate_series(0, 2) day;
        insert into sample_rows select '{sandbox}', packing_until() - interval '1 day' + i * interval '10 s', 1000 + i, 1, 1, i, 1, 5, 1, i, i, 3, 9
            from generate_series(0, 1079) i;
        insert into sandbox_told (sandbox_id, unpacked) values ('{sandbox}', packing_until() - interval '1 day')
            on conflict (sandbox_id) do update set unpacked = excluded.unpacked""")
    begin, end = corral.sql("select rfc3339(packing_until() - interval '1 day'), rfc3339(packing_until() - interval '20 hours')").split("|")
    path = f"/sandbox/{sandbox}/stats/history?from={begin}&to={end}&step="
    as_rows = [user.good("GET", path + step) for step in ("60", "3600")]
    wait_until("upkeep has packed them", lambda: corral.sql("select upkeep_packing(7, 20000, '')") and corral.sql(
        f"select coalesce(sum(points), 0) from sample_blocks where sandbox_id = '{sandbox}'") == "1080", 90)
    assert [user.good("GET", path + step) for step in ("60", "3600")] == as_rows
    assert [len(h["points"]) for h in as_rows] == [180, 3]
    assert as_rows[1]["points"][1]["memory"] == {"min": 1360, "avg": 1540, "max": 1719}
    assert as_rows[1]["points"][2]["network"] == {"rx_bytes": 1079, "tx_bytes": 1079}
    other = corral.user("history-other", "pro")
    assert other.refused("GET", path + "60")["code"] == "not_found"


def test_a_keys_use_is_noted(corral, user):
    user.call("GET", "/sandbox")
    wait_until("the key's use is recorded", lambda: corral.admin.good("GET", f"/sandbox/system/users/{user.user_id}/keys")["items"][0][
        "last_used_at"], 25, 0.5)


def test_audit_export(corral):
    run = subprocess.run([corral.home / "bin/corral-controller", "audit", "export"], capture_output=True, text=True, check=True,
                         env={**corral.environ, "CORRAL_DATABASE_URL": f"postgresql://corral@/corral?host={corral.home}/postgres"})
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert [r["id"] for r in rows] == list(range(rows[0]["id"], rows[0]["id"] + len(rows)))
    assert {"actor", "before", "after", "hash", "result"} - {"actor"} <= rows[0].keys()
