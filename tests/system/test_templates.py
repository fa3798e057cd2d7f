"""Templates: names for what a create says, in versions; whose they are, what goes before what, and their ready checks."""
import json

from corral import STAYS, wait_until

MIB = 1 << 20
SMALL = {"memory_bytes": 64 * MIB, "cpu_millis": 100, "storage_bytes": 64 * MIB}


def make(user, name="python", **said):
    return user.good("POST", "/sandbox/templates", {"name": name, **said}, status=201)


def change(user, name="python", **said):
    return user.good("PATCH", f"/sandbox/templates/{name}", said, status=200)


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
    assert {p["tag"] for p in tries} == {"ready"} and sorted({p["exit_code"] for p in tries}) == [0, 1]
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
    assert "took longer than" in user.good("GET", "/sandbox?all=true&template=never@2")["items"][0]["detail"]
    change(user, "never", ready={"command": ["/no/such"], "timeout_seconds": 1})
    user.refused("POST", "/sandbox", {"template": "never"})
    assert "No such file or directory" in user.good("GET", "/sandbox?all=true&template=never@3")["items"][0]["detail"]


def test_what_ends_a_sandbox_does_not_wait_for_its_ready_check(corral, user):
    make(user, "slow", **SMALL, ready={"command": ["false"], "timeout_seconds": 600})
    deleted = user.good("POST", "/sandbox", {"template": "slow"}, status=202, headers={"Prefer": "respond-async"})
    user.wait(deleted["id"], "starting")
    user.delete(deleted["id"])
    assert (user.show(deleted["id"])["state"], user.show(deleted["id"])["reason"]) == ("stopped", "deleted")
    expired = user.good("POST", "/sandbox", {"template": "slow", "lifetime_seconds": 5}, status=202, headers={"Prefer": "respond-async"})
    exited = user.create(template="slow", command=["sh", "-c", "exit 3"])
    assert (exited["state"], exited["reason"], exited["exit_code"]) == ("stopped", "exited", 3)
    ended = user.wait(expired["id"], "stopped")
    assert ended["reason"] == "expired" and not corral.late(user)


def test_a_ready_check_outlives_its_agent(corral, user):
    make(user, "patient", **SMALL, ready={"command": ["test", "-e", "/workspace/go"], "interval_ms": 100, "timeout_seconds": 300})
    made = user.good("POST", "/sandbox", {"template": "patient"}, status=202, headers={"Prefer": "respond-async"})
    user.wait(made["id"], "starting")
    wait_until("its container runs", lambda: corral.docker("ps", "-q", "--filter", f"name={made['id']}"))
    wait_until("its command has begun", lambda: b"unready 1" in b"".join(p.read_bytes() for p in (corral.home / "agent/records").glob(f"{made['id']}*")))
    corral.kill("agent")
    corral.restart("agent")
    assert user.show(made["id"])["state"] in ("starting", "lost")
    corral.tell(made["id"])
    assert user.wait(made["id"], "running", 30)["reason"] is None
