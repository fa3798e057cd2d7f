"""An administrator enters another user's sandbox: only by saying so, on record before anything is done, and an event to its owner."""
import json
import threading
import time
import uuid

import pytest
import requests
from corral import Client, wait_until
from installation import need_a_node

SECRET = "s3cr3t-of-the-tenant"


@pytest.fixture
def sandbox(user):
    return user.create(command=["sh", "-c", "echo said; exec sleep 1000"])["id"]


@pytest.fixture
def admin(corral):
    """A second administrator, who may be removed."""
    made = corral.admin.good("POST", "/sandbox/system/users", {"name": f"admin-{uuid.uuid4().hex[:8]}", "tier": "pro", "role": "admin"})
    key = corral.key(made["id"], scopes=["read", "exec", "admin"])
    client = Client(corral.url, key["key"])
    client.user_id, client.key_id = made["id"], key["id"]
    yield client
    corral.admin.call("DELETE", f"/sandbox/system/users/{made['id']}")


def ask(corral, client, method, path, body=None, **more):
    """Past the proxy of descriptions, which knows only text."""
    return requests.request(method, corral.url + path, json=body, timeout=60, headers={"X-API-Key": client.session.headers["X-API-Key"]}, **more)


def entries(corral, target):
    rows = corral.admin.good("GET", f"/sandbox/system/audit?target={target}&action=sandbox.enter&limit=200")["items"]
    return rows[::-1] # oldest first


def events(user, sandbox):
    return [e for e in user.good("GET", f"/sandbox/{sandbox}/events?limit=200")["items"] if e["type"] == "sandbox.entered"]


def execute(client, sandbox, script, query="?admin_access=true"):
    return client.call("POST", f"/sandbox/{sandbox}/exec{query}", {"command": ["sh", "-c", script]})


def test_only_by_saying_so(corral, user, admin, sandbox):
    """Without it another's sandbox is not there, and nothing is recorded."""
    refused = execute(admin, sandbox, "true", "")
    assert refused.status_code == 404 and refused.json()["code"] == "not_found" and "admin_access" in refused.json()["detail"]
    assert execute(admin, sandbox, "true", "?admin_access=false").status_code == 404
    assert ask(corral, admin, "GET", f"/sandbox/{sandbox}/logs").status_code == 404
    assert entries(corral, sandbox) == [] and events(user, sandbox) == []
    done = execute(admin, sandbox, f"echo {SECRET}")
    assert done.status_code == 200 and done.json()["stdout"] == SECRET + "\n"
    row, = entries(corral, sandbox)
    assert (row["user"], row["key"], row["target"], row["result"]) == (admin.user_id, admin.key_id, sandbox, "ok")
    assert row["after"] == {"owner": user.user_id, "act": "sandboxExec"} and row["before"] is None
    assert row["request_id"] == done.headers["x-request-id"] and row["address"] == "127.0.0.1"
    event, = events(user, sandbox)
    assert event["data"] == {"act": "sandboxExec", "request_id": row["request_id"]} and event["sandbox_id"] == sandbox
    assert admin.user_id not in json.dumps(event)


def test_every_act_has_its_row(corral, user, admin, sandbox):
    """In order, none missing, none twice; never with arguments or contents."""
    inside, entry = f"/sandbox/{sandbox}", "admin_access=true"
    pid = user.good("POST", f"{inside}/processes", {"command": ["cat"], "tty": {"rows": 1, "columns": 1}, "stdin": True}, status=201)["pid"]
    started = ask(corral, admin, "POST", f"{inside}/processes?{entry}", {"command": ["sh", "-c", f"echo {SECRET}"], "env": {"A": SECRET}})
    steps = [("POST", f"{inside}/exec?{entry}", {"command": ["echo", SECRET], "stdin": SECRET}, 200, "sandboxExec"),
             ("GET", f"{inside}/processes?{entry}", None, 200, "processList"), ("GET", f"{inside}/processes/{pid}?{entry}", None, 200, "processShow"),
             ("POST", f"{inside}/ports?{entry}", {"port": 80}, 201, "portCreate"), ("GET", f"{inside}/ports?{entry}", None, 200, "portList"),
             ("POST", f"{inside}/processes/{pid}/stdin?{entry}", None, 204, "processInput"),
             ("POST", f"{inside}/processes/{pid}/signal?{entry}", {"signal": 18}, 204, "processSignal"),
             ("POST", f"{inside}/processes/{pid}/resize?{entry}", {"rows": 3, "columns": 4}, 204, "processResize"),
             ("PUT", f"{inside}/files?path=/workspace/{SECRET}&{entry}", {"body": SECRET}, 201, "fileWrite"),
             ("GET", f"{inside}/files?path=/workspace/{SECRET}&{entry}", None, 200, "fileRead"),
             ("HEAD", f"{inside}/files?path=/workspace/{SECRET}&{entry}", None, 200, "fileRead"),
             ("POST", f"{inside}/files/move?{entry}", {"from": f"/workspace/{SECRET}", "to": "/workspace/b"}, 204, "fileMove"),
             ("DELETE", f"{inside}/files?path=/workspace/b&{entry}", None, 204, "fileDelete"),
             ("GET", f"{inside}/archive?path=/workspace&{entry}", None, 200, "archiveRead"),
             ("GET", f"{inside}/logs?{entry}", None, 200, "sandboxLogs"),
             ("DELETE", f"{inside}/processes/{pid}?{entry}", None, 204, "processKill")]
    assert started.status_code == 201
    for method, path, body, status, _ in steps:
        answer = ask(corral, admin, method, path, body)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
    acts = ["processStart", *(step[-1] for step in steps)]
    rows = entries(corral, sandbox)
    assert [r["after"] for r in rows] == [{"owner": user.user_id, "act": act} for act in acts]
    assert [e["data"]["act"] for e in events(user, sandbox)] == acts
    assert SECRET not in json.dumps(rows) and SECRET not in corral.sql("select string_agg(e::text, '') from events e")
    assert SECRET not in corral.sql("select string_agg(a::text, '') from audit a")
    assert not [r for r in corral.sql("select * from audit_verify()").splitlines() if not r.startswith("|")]


def test_every_route_inside_has_the_parameter(user):
    """What needs exec may be entered; a new route must say how."""
    for path, methods in user.description().document["paths"].items():
        if not {"exec", "processes", "files", "logs", "terminal", "archive"} & set(path.split("/")):
            continue
        for method, operation in methods.items():
            assert "admin_access" in [p.get("name") for p in operation["parameters"]], (method, path)


def test_who_may_not(corral, user, admin, sandbox):
    """Nobody but an administrator learns anything by it, not even of what is theirs."""
    other = corral.user(f"other-{uuid.uuid4().hex[:8]}", tier="pro")
    for client in (other, user, Client(corral.url, corral.key(admin.user_id, scopes=["read", "exec"])["key"])):
        answers = []
        for target in (sandbox, "sbx_" + "0" * 26, "nonsense"):
            for call in (lambda t: execute(client, t, "true"), lambda t: ask(corral, client, "GET", f"/sandbox/{t}/logs?admin_access=true")):
                problem = call(target).json()
                problem.pop("request_id")
                answers.append(json.dumps(problem))
        assert len(set(answers)) == 1 and json.loads(answers[0])["code"] == "forbidden", answers
    lacks = Client(corral.url, corral.key(admin.user_id, scopes=["read", "admin"])["key"])
    assert "lacks the scope exec" in execute(lacks, sandbox, "true").json()["detail"]
    assert entries(corral, sandbox) == [] and events(user, sandbox) == []


def test_what_was_refused_is_recorded_too(corral, user, admin, sandbox):
    missing = "sbx_" + "0" * 26
    assert execute(admin, missing, "true").status_code == 404
    assert entries(corral, missing)[-1]["result"] == "not_found"
    user.good("POST", f"/sandbox/{sandbox}/pause")
    paused = execute(admin, sandbox, "true")
    assert paused.status_code == 409 and paused.json()["code"] == "wrong_state"
    user.delete(sandbox)
    assert execute(admin, sandbox, "true").status_code == 409
    assert ask(corral, admin, "GET", f"/sandbox/{sandbox}/logs?admin_access=true").text == "said\n"
    assert [r["result"] for r in entries(corral, sandbox)] == ["wrong_state", "wrong_state", "ok"]
    assert [e["data"]["act"] for e in events(user, sandbox)] == ["sandboxLogs"]


def test_ones_own_is_no_entry(corral, admin):
    writer = Client(corral.url, corral.key(admin.user_id, scopes=["read", "write", "admin"])["key"])
    own = writer.create()["id"]
    assert execute(writer, own, "true").status_code == 200
    assert entries(corral, own) == [] and events(writer, own) == []
    writer.delete(own)


def test_no_act_without_its_record(corral, user, admin, sandbox):
    """Where it cannot be written, nothing is done."""
    corral.sql("alter table audit add constraint no_entry check (action <> 'sandbox.enter') not valid")
    try:
        assert execute(admin, sandbox, "touch /workspace/done").status_code >= 400
    finally:
        corral.sql("alter table audit drop constraint no_entry")
    assert execute(user, sandbox, "ls /workspace", "").json()["stdout"] == ""
    assert entries(corral, sandbox) == [] and events(user, sandbox) == []
    assert execute(admin, sandbox, "touch /workspace/done").status_code == 200


@pytest.mark.parametrize("how,status", [("role", 403), ("scope", 403), ("user", 401)])
def test_what_goes_on_ends_with_the_administrator(corral, user, admin, sandbox, how, status):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ask(corral, admin, "POST", f"/sandbox/{sandbox}/exec?admin_access=true",
                                                                {"command": ["sleep", "4321"]})))
    thread.start()
    wait_until("it runs", lambda: "sleep 4321" in execute(user, sandbox, "ps -o args", "").json()["stdout"], 20)
    path = f"/sandbox/system/users/{admin.user_id}"
    if how == "role":
        corral.admin.good("PATCH", path, {"role": "user"})
    elif how == "scope":
        corral.admin.good("PATCH", f"{path}/keys/{admin.key_id}", {"scopes": ["read", "exec"]})
    else:
        corral.admin.good("DELETE", path)
    begun = time.monotonic()
    thread.join(30)
    assert answers and answers[0].status_code == status and time.monotonic() - begun < 2, answers
    wait_until("it is killed", lambda: "sleep 4321" not in execute(user, sandbox, "ps -o args", "").json()["stdout"], 10)


def test_by_the_command_line(corral, user, admin, sandbox):
    key = admin.session.headers["X-API-Key"]
    assert corral.cli("exec", sandbox, "echo", "in", key=key).returncode == 125
    done = corral.cli("exec", "--admin-access", sandbox, "echo", "in", key=key)
    assert (done.returncode, done.stdout) == (0, "in\n"), done.stderr
    assert corral.cli("logs", "--admin-access", sandbox, key=key).stdout == "said\n"
    assert [r["after"]["act"] for r in entries(corral, sandbox)] == ["processStart", "processAttach", "sandboxLogs"]


@pytest.mark.parametrize("how", ["user", "key", "role"])
def test_an_administrator_whom_a_test_removed_is_back_for_the_next_one(corral, admin, how):
    """Of the tests themselves: all of them ask as this administrator."""
    second = Client(corral.url, corral.key(admin.user_id, scopes=["read", "write", "admin"])["key"])
    first, key = corral.sql(f"select user_id, id from api_keys where sha256 = sha256('{corral.admin_key}')").split("|")
    path = f"/sandbox/system/users/{first}"
    if how == "role":
        second.good("PATCH", path, {"role": "user"})
    else:
        second.good("DELETE", path if how == "user" else f"{path}/keys/{key}")
    with pytest.raises(AssertionError, match="took the administrator away"):
        need_a_node(corral)
    wait_until("it is an administrator again", lambda: corral.admin.call("GET", "/sandbox/system/nodes").status_code == 200, 5)
    need_a_node(corral)
