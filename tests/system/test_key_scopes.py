"""Which scope of an API key opens which route about a sandbox, asked route by route of a sandbox that runs."""
import pytest
import requests
from corral import Client

# What works inside, in an order in which each step finds what the one before left: method, path, body, status.
WORK = [("POST", "/exec", {"command": ["true"]}, 200), ("POST", "/ports", {"port": 80}, 201), ("GET", "/ports", None, 200), ("POST", "/processes", {"command": ["true"]}, 201), ("GET", "/processes", None, 200),
        ("GET", "/processes/{pid}", None, 200), ("POST", "/processes/{pid}/stdin", None, 204), ("POST", "/processes/{pid}/signal", {"signal": 18}, 204),
        ("POST", "/processes/{pid}/resize", {"rows": 10, "columns": 20}, 204), ("PUT", "/files?path=/workspace/a", None, 201),
        ("GET", "/files?path=/workspace/a", None, 200), ("HEAD", "/files?path=/workspace/a", None, 200), ("HEAD", "/files/watch?path=/workspace/a", None, 200),
        ("POST", "/files/move", {"from": "/workspace/a", "to": "/workspace/b"}, 204), ("DELETE", "/files?path=/workspace/b", None, 204),
        ("GET", "/archive?path=/workspace", None, 200), ("HEAD", "/archive?path=/workspace", None, 200),
        ("DELETE", "/processes/{pid}", None, 204)]
READS = [("GET", path, None, 200) for path in ("", "/logs", "/stats", "/events", "/recommendations", "/wait?state=running",
                                               "/stats/history?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z")]
WRITES = [("PATCH", "", {"name": "changed"}, 200), ("POST", "/pause", None, 200), ("POST", "/resume", None, 200), ("DELETE", "", None, 204)]
NEEDS = {"exec": WORK, "read": READS, "write": WRITES}


@pytest.fixture
def sandbox(user):
    made = user.create()["id"]
    user.stats(made)
    return made


def ask(corral, key, sandbox, pid, method, path, body):
    """Past the proxy of descriptions, which knows only text."""
    return requests.request(method, f"{corral.url}/sandbox/{sandbox}{path.replace('{pid}', str(pid))}", json=body, timeout=60,
                            headers={"X-API-Key": key})


@pytest.mark.parametrize("scopes,granted", [(["read"], {"read"}), (["exec"], {"exec"}), (["write"], {"exec", "write"}), (["admin"], set()),
                                            (["read", "exec"], {"read", "exec"}), (None, {"read", "exec", "write"})])
def test_each_route_takes_its_own_scope(corral, user, sandbox, scopes, granted):
    """A key that is made without scopes, as every key was before there was exec, works inside."""
    made = corral.key(user.user_id, **({"scopes": scopes} if scopes else {}))
    assert set(made["scopes"]) == set(scopes or ["read", "write"])
    pid = user.good("POST", f"/sandbox/{sandbox}/processes", {"command": ["sleep", "1000"], "tty": {"rows": 1, "columns": 1}, "stdin": True})["pid"]
    for needed, steps in NEEDS.items():
        for method, path, body, status in steps:
            answer = ask(corral, made["key"], sandbox, pid, method, path, body)
            assert answer.status_code == (status if needed in granted else 403), (method, path, answer.status_code, answer.text)
            if needed not in granted and method != "HEAD":
                problem = answer.json()
                assert problem["code"] == "forbidden" and f"lacks the scope {needed}" in problem["detail"], (method, path, problem)
                assert "administrator" in problem["detail"]


def test_every_route_inside_needs_exec(corral, user, sandbox):
    """Also those that this file does not know: all but what is read of a sandbox, and what changes it."""
    reader = corral.key(user.user_id, scopes=["read"])["key"]
    known = {("GET", "/stats/stream")} | {(method, path.split("?")[0]) for steps in (READS, WRITES) for method, path, _, _ in steps}
    inside = [(method.upper(), path[len("/sandbox/{id}"):]) for path, methods in user.description().document["paths"].items()
              if path.startswith("/sandbox/{id}") for method in methods]
    inside = [(method, path) for method, path in inside if (method, path) not in known]
    assert {(method, path.split("?")[0]) for method, path, _, _ in WORK} - {("HEAD", "/files"), ("HEAD", "/files/watch"), ("HEAD", "/archive")} <= set(inside)
    for method, path in inside:
        answer = ask(corral, reader, sandbox, 2, method, path, None)
        assert answer.status_code == 403 and "lacks the scope exec" in answer.json()["detail"], (method, path, answer.text)


def test_a_scope_that_is_given_and_taken(corral, user, sandbox):
    made = corral.key(user.user_id, scopes=["read"])
    client, path = Client(corral.url, made["key"]), f"/sandbox/system/users/{user.user_id}/keys/{made['id']}"
    work = lambda: client.call("POST", f"/sandbox/{sandbox}/exec", {"command": ["true"]}).status_code  # noqa: E731
    assert work() == 403
    assert corral.admin.good("PATCH", path, {"scopes": ["read", "exec"]})["scopes"] == ["read", "exec"]
    assert work() == 200
    corral.admin.good("PATCH", path, {"scopes": ["read"]})
    assert work() == 403


def test_by_the_command_line(corral, user, sandbox):
    made = corral.cli("key", "add", user.user_id, "--name", "inside", "--scope", "exec", "--json")
    assert made.returncode == 0 and '"exec"' in made.stdout, made.stderr
    assert corral.cli("key", "add", user.user_id, "--name", "x", "--scope", "root").returncode != 0
