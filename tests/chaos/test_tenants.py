"""Tenants that cannot hurt each other: races for every quota, checked at each insert; resources of another
user do not exist."""
import json
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from corral import Client, wait_until

SMALL = {"memory_bytes": 8 << 20, "cpu_millis": 10, "storage_bytes": 4 << 20, "pids": 8}

# The database itself counts what is admitted, in the transaction of the insert.
WATCH = """
create table if not exists overshoot (at timestamptz default now(), what text, n bigint, most bigint);
create or replace function watch_overshoot() returns trigger language plpgsql as $$
declare
    k api_keys;
    t tiers;
    n bigint;
begin
    select tiers.* into t from tiers where name = new.tier;
    select * into k from api_keys where id = new.key_id;
    select count(*) into n from sandboxes where user_id = new.user_id and ended_at is null;
    if n > t.max_sandboxes then insert into overshoot values (default, 'user', n, t.max_sandboxes); end if;
    select count(*) into n from sandboxes where key_id = new.key_id and ended_at is null;
    if n > coalesce(k.max_sandboxes, t.max_key_sandboxes) then insert into overshoot values (default, 'key', n, k.max_sandboxes); end if;
    select count(*) into n from sandboxes where ended_at is null;
    if n > 60 then insert into overshoot values (default, 'system', n, 60); end if;
    return null;
end $$;
drop trigger if exists watch_overshoot on sandboxes;
create trigger watch_overshoot after insert on sandboxes for each row execute function watch_overshoot();
"""


@pytest.fixture
def watched(corral):
    corral.sql(WATCH)
    yield corral
    overshoot = corral.sql("select * from overshoot")
    corral.sql("drop trigger watch_overshoot on sandboxes; drop table overshoot")
    assert overshoot == ""


def end_all(clients):
    with ThreadPoolExecutor(8) as pool:
        for client in clients:
            list(pool.map(lambda s, c=client: c.delete(s["id"]), client.good("GET", "/sandbox?limit=200")["items"]))


@pytest.mark.parametrize("creates", [64, 512])
def test_races_for_user_key_and_system(watched, creates):
    users = [watched.user(f"race-{uuid.uuid4().hex[:8]}", tier="pro") for _ in range(8)]
    keys = [Client(watched.url, watched.key(u.user_id, max_sandboxes=n)["key"]) for u in users for n in (3, 9)]
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda i: keys[i % len(keys)].call("POST", "/sandbox", SMALL, headers={"Prefer": "respond-async"}),
                                range(creates)))
    codes = [a.status_code for a in answers]
    assert set(codes) <= {202, 429}, set(codes)
    refused = {a.json()["scope"] for a in answers if a.status_code == 429}
    live = int(watched.sql("select count(*) from sandboxes where ended_at is null"))
    assert codes.count(202) == live == 60 if creates == 512 else codes.count(202) == live <= 60
    assert creates == 64 or {"api_key", "system"} <= refused
    for user in users:
        usage = user.good("GET", "/sandbox/quota/usage")
        assert usage["used"]["sandboxes"] <= 10
    end_all(users)


def test_a_limit_that_is_lowered_stops_new_ones_only(corral):
    user = corral.user(f"lowered-{uuid.uuid4().hex[:8]}", tier="pro")
    made = [user.create(**SMALL)["id"] for _ in range(3)]
    corral.admin.good("PATCH", f"/sandbox/system/users/{user.user_id}", {"overrides": {"max_sandboxes": 1}})
    assert all(user.show(i)["state"] == "running" for i in made)
    problem = user.refused("POST", "/sandbox", SMALL)
    assert (problem["code"], problem["scope"], problem["limit"], problem["used"]) == ("quota_exceeded", "user", 1, 3)
    usage = user.good("GET", "/sandbox/quota/usage")
    assert usage["remaining"]["sandboxes"] == 0 and usage["limits"]["sandboxes"] == 1
    end_all([user])


# Of routes whose body has a text of a certain form or a value of several types; for the others, `least` makes one of the server's description.
BODIES = {"POST /sandbox/{id}/ticket": {"route": "terminal"}, "POST /sandbox/{id}/files/move": {"from": "/a", "to": "/b"},
          "POST /sandbox/{id}/processes/{pid}/signal": {"signal": 9}, "PATCH /sandbox/webhooks/{id}": {"enabled": False}}
QUERIES = {"/sandbox/{id}/files": "?path=/x", "/sandbox/{id}/files/watch": "?path=/x", "/sandbox/{id}/archive": "?path=/x", "/sandbox/{id}/stats/history": "?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z",
           "/sandbox/{id}/wait": "?timeout_ms=1"}
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
           "Sec-WebSocket-Protocol": "v5.channel.k8s.io"}


def operations(client):
    for path, methods in client.description().document["paths"].items():
        yield from ((method.upper(), path, operation) for method, operation in methods.items())


def least(schema):
    """A small value that a schema of the server's description takes, if it has no pattern."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"][0] if isinstance(schema.get("type"), list) else schema.get("type")
    if kind == "object":
        names = schema.get("required") or list(schema.get("properties", {}))[:1]
        return {name: least(schema["properties"][name]) for name in names}
    if kind == "array":
        return [least(schema["items"])]
    return {"string": "x" * max(1, schema.get("minLength", 1)), "integer": max(1, schema.get("minimum", 1)), "boolean": False}[kind]


def body_of(client, method, form):
    content = client.description().document["paths"][form][method.lower()].get("requestBody", {}).get("content", {})
    if f"{method} {form}" in BODIES or "application/json" not in content:
        return BODIES.get(f"{method} {form}")
    return least(content["application/json"]["schema"])


def answer_of(client, method, form, names):
    """Status and body of a request with these values for the path's parameters; parts that differ by chance
    are left out."""
    body = body_of(client, method, form)
    path = form + QUERIES.get(form, "")
    for name, value in names.items():
        path = path.replace("{%s}" % name, value)
    upgrades = path.split("?")[0].endswith(("/attach", "/terminal", "/stream"))
    answer = client.call(method, path, body, headers=UPGRADE if upgrades else {})
    problem = answer.json()
    problem.pop("request_id")
    return answer.status_code, json.dumps(problem)


INSIDE = {"exec", "processes", "files", "archive", "terminal", "ports", "ticket"} # logs are read, not worked in


def need(method, path):
    """The scope that a route about a sandbox needs, by the contract and not by the server's table."""
    return "exec" if INSIDE & set(path.split("/")) else "read" if method == "GET" else "write"


def granted(scopes):
    return {*scopes, "exec"} if "write" in scopes else set(scopes)


@pytest.mark.parametrize("scopes", [["read"], ["exec"], ["write"], ["read", "exec"], ["read", "write"], ["read", "write", "admin"]])
def test_another_tenants_is_as_if_it_were_not(corral, user, scopes):
    """Every route with an id or a name in it: those of another user, missing ones and nonsense get the same
    answer."""
    other = corral.user(f"other-{uuid.uuid4().hex[:8]}", tier="pro")
    sandbox = other.create(**SMALL)["id"]
    webhook = other.good("POST", "/sandbox/webhooks", {"url": "http://127.0.0.1:9/", "events": ["node.*"]})["id"]
    other.good("POST", "/sandbox/templates", {"name": "theirs"}, status=201)
    client = Client(corral.url, corral.key(user.user_id, scopes=scopes)["key"])
    tried = 0
    for method, path, _ in operations(client):
        if "{" not in path:
            continue
        mine = path.startswith(("/sandbox/{id}", "/sandbox/webhooks/{id}", "/sandbox/templates/{name}"))
        theirs = {"port_id": "prt_" + "0" * 26, "id": webhook if "webhooks" in path else sandbox if mine else other.user_id, "delivery": "evt_" + "0" * 18 + "1", "key": other.key_id, "name": "theirs" if "templates" in path else "node-1", "pid": "2"}
        missing = {"port_id": "prt_" + "0" * 26, "delivery": "evt_" + "0" * 18 + "1", "id": "whk_" + "0" * 26 if "webhooks" in path else "sbx_" + "0" * 26 if mine else "usr_" + "0" * 26, "key": "key_" + "0" * 26, "name": "nowhere", "pid": "2"}
        answers = [answer_of(client, method, path, names)
                   for names in (theirs, missing, {"port_id": "x", "delivery": "x", "id": "nonsense", "key": "%20", "name": "...", "pid": "2"})]
        allowed = (mine or path.startswith(("/sandbox/notifications/", "/sandbox/keys/"))) and need(method, path) in granted(scopes)
        assert len(set(answers)) == 1, (method, path, answers)
        assert answers[0][0] == (404 if allowed else 403), (method, path, answers)
        tried += 1
    assert tried >= 20
    assert other.show(sandbox)["state"] == "running"
    end_all([other])


@pytest.mark.parametrize("path", ["/sandbox?all=true&limit=200", "/sandbox/events?limit=200", "/sandbox/notifications?limit=200", "/sandbox/quota/usage", "/sandbox/recommendations", "/sandbox/templates"])
def test_lists_hold_nothing_of_another(corral, user, path):
    other = corral.user(f"other-{uuid.uuid4().hex[:8]}", tier="pro")
    before = user.call("GET", path).text
    theirs = other.create(**SMALL)["id"]
    other.delete(theirs)
    assert user.call("GET", path).text == before
    assert not {theirs, other.user_id, other.key_id} & set(user.call("GET", path).text.split('"'))


def test_a_key_that_is_revoked_in_a_flood(corral):
    user = corral.user(f"revoked-{uuid.uuid4().hex[:8]}", tier="pro")
    key = corral.key(user.user_id)
    answers, stop = [], threading.Event()

    def flood():
        client = Client(corral.url, key["key"])
        while not stop.is_set():
            begin = time.monotonic()
            answers.append((begin, client.call("GET", "/sandbox").status_code))

    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(flood)
        wait_until("the flood has begun", lambda: len(answers) > 100)
        corral.admin.good("DELETE", f"/sandbox/system/users/{user.user_id}/keys/{key['id']}")
        revoked = time.monotonic()
        wait_until("the flood went on", lambda: len(answers) > 400)
        stop.set()
    assert {code for _, code in answers} == {200, 401}
    assert not [code for begin, code in answers if begin > revoked and code != 401]


def test_what_a_key_began_in_a_flood_that_revoked_it(corral, user):
    """Commands that were let in just before the revocation, and whose streams began after it, end too."""
    sandbox = user.create(pids=200)["id"]
    key = corral.key(user.user_id, scopes=["exec"])
    stop, refused = threading.Event(), []

    def flood():
        client = Client(corral.url, key["key"])
        while not stop.is_set():
            command = ["sleep", "4321"] if random.random() < 0.05 else ["true"]
            answer = client.call("POST", f"/sandbox/{sandbox}/exec", {"command": command})
            if answer.status_code == 401:
                refused.append(time.monotonic())
                return
    running = lambda: user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["ps", "-o", "args"]})["stdout"].count("sleep 4321")  # noqa: E731
    with ThreadPoolExecutor(24) as pool:
        threads = [pool.submit(flood) for _ in range(24)]
        wait_until("commands run", lambda: running() > 3, 20)
        corral.admin.good("DELETE", f"/sandbox/system/users/{user.user_id}/keys/{key['id']}")
        revoked = time.monotonic()
        wait_until("all were refused", lambda: len(refused) == len(threads), 10)
        stop.set()
    assert max(refused) - revoked < 2
    wait_until("nothing runs on", lambda: running() == 0, 5)


def test_a_key_that_expires(corral, user):
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    client = Client(corral.url, corral.key(user.user_id, expires_at=soon)["key"])
    assert client.call("GET", "/sandbox").status_code == 200
    wait_until("the sandbox has expired", lambda: client.call("GET", "/sandbox").status_code == 401, 6)


def test_tampering_with_the_audit_is_found(corral):
    import subprocess
    verify = [corral.home / "bin/corral-controller", "audit", "verify"]
    environ = {**corral.environ, "CORRAL_DATABASE_URL": f"postgresql://corral@/corral?host={corral.home}/postgres"}
    good = subprocess.run(verify, env=environ, capture_output=True, text=True)
    assert good.returncode == 0 and "whole" in good.stdout
    last = int(corral.sql("select max(seq) from audit"))
    victim = random.randint(1, last - 1)
    old = corral.sql(f"select result from audit where seq = {victim}")
    corral.sql(f"update audit set result = 'nothing happened' where seq = {victim}")
    bad = subprocess.run(verify, env=environ, capture_output=True, text=True)
    corral.sql(f"update audit set result = '{old}' where seq = {victim}")
    assert bad.returncode == 1 and f"row {victim}" in bad.stderr
    assert subprocess.run(verify, env=environ, capture_output=True).returncode == 0
    # Old rows are removed, the rest can still be proved, and the removal is on record.
    old = int(corral.sql("select count(*) from audit")) - 2
    assert old > 0
    assert corral.sql("select audit_expire((select at from audit order by seq desc limit 1 offset 1), '{}')") == str(old)
    assert corral.sql("select count(*), min(after->>'removed') from audit") == f"3|{old}"
    assert subprocess.run(verify, env=environ, capture_output=True).returncode == 0
