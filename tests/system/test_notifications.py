"""What a user is notified of, with real sandboxes: each once, in plain words, seen by nobody else."""
import uuid

import pytest
from corral import FOREVER, wait_until
from event_streams import add_events


@pytest.fixture
def owner(corral):
    return corral.user(f"owner-{uuid.uuid4().hex[:8]}")


def told(client, **fields):
    items = client.good("GET", "/sandbox/notifications?limit=200")["items"]
    return [n for n in items if fields.items() <= n.items()]


def test_ends(corral, owner):
    kept = owner.create(name="kept", command=FOREVER)["id"]
    failed = owner.create(name="job", command=["sh", "-c", "exit 7"])["id"]
    owner.wait(failed, "stopped")
    end, = told(owner, kind="end")
    assert end["sandbox_id"] == failed and end["message"] == "job ended: its command ended with exit code 7" and end["level"] == "warning"
    assert end["data"]["reason"] == "exited" and end["data"]["exit_code"] == 7 and end["closed_at"] and end["read_at"] is None
    owner.delete(kept)
    owner.wait(kept, "stopped")
    assert told(owner, kind="end") == [end]
    other = corral.user(f"other-{uuid.uuid4().hex[:8]}")
    assert told(other) == [] and end not in told(corral.admin)
    path = f"/sandbox/notifications/{end['id']}/read"
    assert other.refused("POST", path)["code"] == corral.admin.refused("POST", path)["code"] == "not_found"
    assert owner.refused("POST", "/sandbox/notifications/ntf_1/read")["code"] == "not_found"
    for _ in range(2):
        owner.good("POST", path, status=204)
    assert told(owner, kind="end")[0]["read_at"] and owner.good("GET", "/sandbox/notifications?unread=true")["items"] == []
    reader = type(owner)(corral.url, corral.key(owner.user_id, scopes=["read"])["key"])
    assert told(reader) and reader.refused("POST", path)["code"] == "forbidden"
    assert owner.refused("GET", "/sandbox/notifications?cursor=x")["code"] == "invalid"


def test_an_end_that_comes(corral, owner):
    """A tenth of the lifetime ahead; again after an extension."""
    sandbox = owner.create(command=FOREVER, lifetime_seconds=120)["id"]
    owner.wait(sandbox, "running")
    for n in (1, 2):
        # As one that has lived for long: nearer than a tenth.
        corral.sql(f"update sandboxes set created_at = now() - interval '1 hour' where id = '{sandbox}'")
        found = wait_until("it is told", lambda: [x for x in told(owner, kind="expiry", closed_at=None) if x["data"]["expires_at"] ==
                                                  owner.show(sandbox)["expires_at"]], 20)
        assert len(told(owner, kind="expiry")) == n and found[0]["message"].startswith(f"{sandbox} ends at ")
        owner.good("PATCH", f"/sandbox/{sandbox}", {"lifetime_seconds": 120 + n})
    owner.delete(sandbox)
    owner.wait(sandbox, "stopped")
    assert told(owner, kind="expiry", closed_at=None) == []


def test_a_quota_and_the_client(corral, owner):
    corral.admin.good("PATCH", f"/sandbox/system/users/{owner.user_id}", {"overrides": {"max_sandboxes": 1, "max_key_sandboxes": 1}})
    sandbox = owner.create(command=FOREVER)["id"]
    wait_until("it is told", lambda: any(n["data"]["resource"] == "sandboxes" for n in told(owner, kind="quota", closed_at=None)), 20)
    add_events(corral, owner, 1, sandbox=sandbox, kind="violation.opened")
    key = owner.session.headers["X-API-Key"]
    shown = corral.cli("notifications", "--unread", key=key)
    assert shown.returncode == 0 and "you have 1 of the 1 sandboxes that you may have" in shown.stdout, shown
    first = told(owner)[0]["id"]
    assert corral.cli("notifications", "read", first, key=key).returncode == 0
    assert first not in corral.cli("notifications", "--unread", "-q", key=key).stdout.split()
    assert corral.cli("notifications", "read", "--all", key=key).returncode == 0
    assert owner.good("GET", "/sandbox/notifications?unread=true")["items"] == []
    assert corral.cli("notifications", "read", key=key).returncode == 2
    owner.delete(sandbox)
    wait_until("all are closed", lambda: not told(owner, closed_at=None), 20)
