"""Terminals end with the key that opened them, and with what it needed; an administrator enters one as all that works inside."""
import time
import uuid

import pytest
from channels import Channels, cut_all, refusal
from corral import Client, wait_until

POLICY = 1008


@pytest.fixture
def sandbox(user):
    yield user.create()["id"]
    cut_all()


def terminal(client, sandbox, query=""):
    return Channels(client, f"/sandbox/{sandbox}/terminal{query}")


ENDS = {
    "revoked elsewhere": lambda key: f"update api_keys set revoked_at = now() where id = '{key}'",
    "expired elsewhere": lambda key: f"update api_keys set expires_at = now() + interval '1 second' where id = '{key}'",
    "without its scope": lambda key: f"update api_keys set scopes = '{{read}}' where id = '{key}'",
}


@pytest.mark.parametrize("how", ENDS)
def test_it_ends_with_its_key(corral, user, sandbox, how):
    """The process lives on."""
    key = corral.key(user.user_id, scopes=["read", "exec"])
    client, another = Client(corral.url, key["key"]), terminal(user, sandbox)
    opened = terminal(client, sandbox)
    attached = Channels(client, f"/sandbox/{sandbox}/processes/{another.pid}/attach")
    corral.sql(ENDS[how](key["id"]))
    begun = time.monotonic()
    assert (opened.ended(10), attached.ended(10)) == (POLICY, POLICY)
    assert time.monotonic() - begun < 3
    another.type("echo st''ill\n")
    another.until("still")
    assert user.good("GET", f"/sandbox/{sandbox}/processes/{opened.pid}")["state"] == "running"


def test_an_administrator_enters(corral, user, sandbox):
    made = corral.admin.good("POST", "/sandbox/system/users", {"name": f"admin-{uuid.uuid4().hex[:8]}", "tier": "pro", "role": "admin"})
    client = Client(corral.url, corral.key(made["id"], scopes=["exec", "admin"])["key"])
    assert refusal(client, f"/sandbox/{sandbox}/terminal") == 404
    assert refusal(user, f"/sandbox/{sandbox}/terminal?admin_access=true") == 403
    t = terminal(client, sandbox, "?admin_access=true&command=sh")
    t.type("echo in''side\n")
    t.until("inside")
    attached = Channels(client, f"/sandbox/{sandbox}/processes/{t.pid}/attach?admin_access=true")
    rows = corral.admin.good("GET", f"/sandbox/system/audit?target={sandbox}&action=sandbox.enter")["items"][::-1]
    assert [(r["user"], r["after"], r["result"]) for r in rows] == [
        (made["id"], {"owner": user.user_id, "act": act}, "ok") for act in ("sandboxTerminal", "processAttach")]
    events = [e for e in user.good("GET", f"/sandbox/{sandbox}/events?limit=200")["items"] if e["type"] == "sandbox.entered"]
    assert [e["data"]["act"] for e in events] == ["sandboxTerminal", "processAttach"]
    corral.admin.good("PATCH", f"/sandbox/system/users/{made['id']}", {"role": "user"})
    assert (t.ended(5), attached.ended(5)) == (POLICY, POLICY)
    wait_until("its user can go", lambda: corral.admin.call("DELETE", f"/sandbox/system/users/{made['id']}").status_code == 204, 5)
