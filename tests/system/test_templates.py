"""Templates: names for what a create says, in versions; whose they are, what goes before what, and their ready checks."""
import json

from corral import STAYS, wait_until

MIB = 1 << 20
SMALL = {"memory_bytes": 64 * MIB, "cpu_millis": 100, "storage_bytes": 64 * MIB}


def make(user, name="python", **said):
    return user.good("POST", "/sandbox/templates", {"name": name, **said}, status=201)


def change(user, name="python", **said):
    return user.good("PATCH", f"/sandbox/templates/{name}", said, status=200)


def checked(corral, user, template, **more):
    """A sandbox whose command has begun, and whose ready check goes on."""
    made = user.good("POST", "/sandbox", {"template": template, **more}, status=202, headers={"Prefer": "respond-async"})
    wait_until("its command has begun", lambda: b"unready 1" in b"".join(p.read_bytes() for p in (corral.home / "agent/records").glob(f"{made['id']}*")), 30)
    assert user.show(made["id"])["state"] == "starting"
    return made["id"]


def printed(user, sandbox, command):
    return user.good("POST", f"/sandbox/{sandbox['id']}/exec", {"command": ["sh", "-c", command]}, status=200)["stdout"].strip()


def test_a_sandbox_is_as_its_template_says_and_the_request_goes_before(corral, user):
    made = make(user, **SMALL, env={"A": "1", "B": "2"}, labels={"team": "x", "kind": "y"}, lifetime_seconds=1000)
    assert (made["ref"], made["version"], made["shared"], made["newest"], made["env_names"]) == ("python@1", 1, False, True, ["A", "B"])
    assert "env" not in made and "1" not in json.dumps(made["env_names"])
    plain = user.create(template="python")
    assert plain["template"] == "python@1"
    assert plain["limits"]["memory_bytes"] == 64 * MIB and plain["labels"] == {"team": "x", "kind": "y"}
    assert printed(user, plain, "echo $A$B") == "12"
    other = user.create(template="python@1", memory_bytes=80 * MIB, env={"B": "3", "C": "4"}, labels={"kind": "z"})
    assert other["limits"]["memory_bytes"] == 80 * MIB and other["limits"]["cpu_millis"] == 100
    assert other["labels"] == {"team": "x", "kind": "z"} and printed(user, other, "echo $A$B$C") == "134"
    assert {s["id"] for s in user.good("GET", "/sandbox?template=python")["items"]} == {plain["id"], other["id"]}
    assert user.good("GET", "/sandbox?template=python@2")["items"] == []


def test_a_sandbox_runs_once_its_ready_check_succeeds(corral, user):
    make(user, "service", **SMALL, env={"WHEN": "1"}, command=["sh", "-c", "sleep $WHEN; touch /workspace/up; " + STAYS],
         ready={"command": ["sh", "-c", "date +%s >>/workspace/tries; test -e /workspace/up"], "interval_ms": 200})
    made = user.create(template="service")
    assert made["state"] == "running" and 800 <= made["start_ms"]["ready"] < 20000
    assert int(printed(user, made, "wc -l </workspace/tries")) >= 2
    tries = user.good("GET", f"/sandbox/{made['id']}/processes")["items"]
    assert sorted({p["exit_code"] for p in tries if p["tag"] == "ready"}) == [0, 1]
    types = [e["type"] for e in user.good("GET", f"/sandbox/{made['id']}/events")["items"]]
    assert types.count("sandbox.started") == 1
    assert user.create(template="service", env={"WHEN": "0"})["state"] == "running"


def test_a_ready_check_that_fails_ends_the_start(corral, user):
    make(user, "never", **SMALL, ready={"command": ["sh", "-c", "exit 7"], "interval_ms": 100, "timeout_seconds": 2})
    problem = user.refused("POST", "/sandbox", {"template": "never"})
    assert (problem["status"], problem["code"]) == (502, "start_failed")
    ended = user.good("GET", "/sandbox?all=true&template=never")["items"][0]
    assert (ended["state"], ended["reason"], ended["started_at"]) == ("failed", "start_failed", None)
    assert ended["detail"] == "its ready check did not succeed within 2 s: the last try ended with 7"
    change(user, "never", ready={"command": ["sleep", "100"], "timeout_seconds": 1})
    user.refused("POST", "/sandbox", {"template": "never"})
    assert "the last try had not ended" in user.good("GET", "/sandbox?all=true&template=never@2")["items"][0]["detail"]
    change(user, "never", ready={"command": ["/no/such"], "timeout_seconds": 1})
    user.refused("POST", "/sandbox", {"template": "never"})
    assert "No such file or directory" in user.good("GET", "/sandbox?all=true&template=never@3")["items"][0]["detail"]


def test_what_ends_a_sandbox_does_not_wait_for_its_ready_check(corral, user):
    make(user, "slow", **SMALL, ready={"command": ["false"], "timeout_seconds": 600})
    deleted = checked(corral, user, "slow")
    user.delete(deleted)
    assert (user.show(deleted)["state"], user.show(deleted)["reason"]) == ("stopped", "deleted")
    expired = user.good("POST", "/sandbox", {"template": "slow", "lifetime_seconds": 8}, status=202, headers={"Prefer": "respond-async"})
    exited = user.create(template="slow", command=["sh", "-c", "exit 3"])
    assert (exited["state"], exited["reason"], exited["exit_code"]) == ("stopped", "exited", 3)
    ended = user.wait(expired["id"], "stopped")
    assert ended["reason"] == "expired" and not corral.late(user)


def test_a_ready_check_outlives_its_agent(corral, user):
    make(user, "patient", **SMALL, ready={"command": ["test", "-e", "/workspace/go"], "interval_ms": 100, "timeout_seconds": 300})
    made = checked(corral, user, "patient")
    corral.kill("agent")
    corral.restart("agent")
    assert user.show(made)["state"] in ("starting", "lost")
    corral.tell(made)
    assert user.wait(made, "running", 30)["reason"] is None


def test_a_version_never_changes(corral, user):
    first = make(user, **SMALL, labels={"a": "1"}, command=["sh", "-c", STAYS])
    second = change(user, memory_bytes=80 * MIB, command=None)
    assert (second["ref"], second["labels"], "command" in second) == ("python@2", {"a": "1"}, False)
    assert change(user, memory_bytes=80 * MIB)["version"] == 2  # says what is there
    assert user.good("GET", "/sandbox/templates/python@1")["memory_bytes"] == first["memory_bytes"]
    assert user.refused("PATCH", "/sandbox/templates/python@1", {"pids": 5})["code"] == "invalid"
    assert [v["ref"] for v in user.good("GET", "/sandbox/templates/python/versions")["items"]] == ["python@2", "python@1"]
    assert user.create(template="python@1")["limits"]["memory_bytes"] == 64 * MIB
    held = user.call("GET", "/sandbox/templates/python")
    change(user, pids=50)
    assert user.refused("PATCH", "/sandbox/templates/python", {"pids": 60}, headers={"If-Match": held.headers["etag"]})["status"] == 412
    user.good("DELETE", "/sandbox/templates/python@3", status=204)
    assert user.good("GET", "/sandbox/templates/python")["version"] == 2
    user.good("DELETE", "/sandbox/templates/python", status=204)
    assert user.refused("POST", "/sandbox", {"template": "python"})["code"] == "not_found"
    assert make(user)["version"] == 4


def test_a_template_is_its_owners(corral, user):
    make(user, "own", **SMALL, env={"K": "v"})
    other = corral.user(f"{user.user_id[-8:]}-other", tier="pro")
    missing = other.refused("GET", "/sandbox/templates/nowhere")["detail"]
    for method, path, body in [("GET", "/sandbox/templates/own", None), ("GET", "/sandbox/templates/own@1", None), ("GET", "/sandbox/templates/own/versions", None),
                               ("PATCH", "/sandbox/templates/own", {"pids": 5}), ("DELETE", "/sandbox/templates/own", None), ("POST", "/sandbox", {"template": "own"})]:
        problem = other.refused(method, path, body)
        assert (problem["status"], problem["detail"]) == (404, missing), (method, path, problem)
    assert other.good("GET", "/sandbox/templates?shared=false")["items"] == []
    assert other.refused("POST", "/sandbox/templates", {"name": "x", "shared": True})["code"] == "forbidden"
    assert other.refused("PATCH", "/sandbox/templates/x?shared=true", {"pids": 5})["code"] == "forbidden"
    assert other.refused("DELETE", "/sandbox/templates/x?shared=true")["code"] == "forbidden"
    admin = corral.admin
    name = f"s-{user.user_id[-8:].lower()}"
    admin.good("POST", "/sandbox/templates", {"name": name, "shared": True, **SMALL, "env": {"K": "everybody"}}, status=201)
    assert printed(other, other.create(template=name), "echo $K") == "everybody"
    make(other, name, **SMALL, env={"K": "mine"})
    assert printed(other, other.create(template=name), "echo $K") == "mine"
    assert [t["shared"] for t in other.good("GET", "/sandbox/templates?limit=200")["items"] if t["name"] == name] == [False, True]
    assert {t["name"] for t in admin.good("GET", f"/sandbox/templates?shared=false&user={user.user_id}")["items"]} == {"own"}
    admin.good("DELETE", f"/sandbox/templates/{name}?shared=true", status=204)


def test_a_create_by_a_template_is_repeated_by_its_body(corral, user):
    make(user, **SMALL)
    key = {"Idempotency-Key": "once"}
    first = user.good("POST", "/sandbox", {"template": "python"}, status=201, headers=key)
    change(user, memory_bytes=80 * MIB)
    assert user.good("POST", "/sandbox", {"template": "python"}, status=201, headers=key)["id"] == first["id"]
    user.good("DELETE", "/sandbox/templates/python", status=204)
    assert user.good("POST", "/sandbox", {"template": "python"}, status=201, headers=key)["id"] == first["id"]
    assert user.refused("POST", "/sandbox", {"template": "python", "pids": 9}, headers=key)["code"] in ("not_found", "idempotency_mismatch")
    assert user.show(first["id"])["template"] == "python@1"


def test_what_is_refused(corral, user):
    def pointers(body, path="/sandbox/templates", method="POST"):
        return [e["pointer"] for e in user.refused(method, path, body)["errors"]]
    assert pointers({"name": "a/b"}) == ["/name"] and pointers({}) == ["/name"]
    assert pointers({"name": "a", "ready": {"command": []}}) == ["/ready/command"]
    assert pointers({"name": "a", "ready": {"command": ["x", 5]}}) == ["/ready/command/1"]
    assert pointers({"name": "a", "ready": {}}) == ["/ready/command"]
    assert pointers({"name": "a", "template": "b"}) == ["/template"]
    assert pointers({"template": "a@0"}, "/sandbox") == ["/template"] and pointers({"ready": {"command": ["x"]}}, "/sandbox") == ["/ready"]
    assert user.refused("POST", "/sandbox/templates", {"name": "a", "image": "elsewhere.example/x"})["code"] == "registry_not_allowed"
    assert user.refused("POST", "/sandbox/templates", {"name": "a", "warm": 1})["code"] == "invalid"
    assert user.refused("POST", "/sandbox/templates", {"name": "a", "env": {f"V{i}": "x" * 1000 for i in range(200)}})["code"] == "invalid"
    make(user, "large", memory_bytes=1 << 40)
    assert user.refused("POST", "/sandbox", {"template": "large"})["code"] == "above_tier_limit"
    make(user, "many", **SMALL, env={f"V{i}": "" for i in range(1000)}, labels={f"l{i}": "x" for i in range(60)})
    assert user.refused("POST", "/sandbox", {"template": "many", "env": {f"W{i}": "" for i in range(30)}})["errors"][0]["pointer"] == "/env"
    assert user.refused("POST", "/sandbox", {"template": "many", "labels": {f"m{i}": "x" for i in range(5)}})["errors"][0]["pointer"] == "/labels"


def test_the_client_makes_and_uses_them(corral, user):
    key = user.session.headers["X-API-Key"]

    def cli(*args):
        run = corral.cli(*args, key=key)
        assert run.returncode == 0, (args, run.stdout, run.stderr)
        return run.stdout
    cli("template", "create", "web", "--memory", "64M", "--disk", "64M", "--env", "A=1", "--ready", "test $A = 1", "--ready-timeout", "20", "--", "sh", "-c", STAYS)
    shown = json.loads(cli("template", "show", "web", "--json"))
    assert shown["command"] == ["sh", "-c", STAYS] and shown["ready"] == {"command": ["sh", "-c", "test $A = 1"], "timeout_seconds": 20}
    made = cli("create", "--template", "web").strip()
    assert user.show(made)["template"] == "web@1" and made in cli("ls", "--template", "web")
    cli("template", "set", "web", "--clear", "command", "--clear", "ready", "--memory", "80M")
    assert json.loads(cli("template", "versions", "web", "--json"))["items"][0]["memory_bytes"] == 80 * MIB
    assert cli("run", "--rm", "--template", "web", "--", "sh", "-c", "echo $A") == "1\n"
    assert "web@2" in cli("template", "ls")
    cli("template", "rm", "web@1")
    cli("template", "rm", "web")
    assert corral.cli("template", "show", "web", key=key).returncode == 1
