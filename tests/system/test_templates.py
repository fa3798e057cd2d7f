"""Templates: names for what a create says, in versions; whose they are, what goes before what, and their ready checks."""
import json

from corral import wait_until

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
