"""A user's own keys: listed without their secrets, made with at most what the key that asks has, revoked; and none of anybody else's."""
import json
import time

import pytest
from corral import Client, wait_until

KEYS = "/sandbox/keys"


@pytest.fixture(scope="module")
def owner(corral):
    return corral.user(f"keys-{time.monotonic_ns()}", tier="pro")


def client_of(corral, made):
    return Client(corral.url, made["key"])


def test_made_listed_and_revoked(corral, owner):
    made = owner.good("POST", KEYS, {"name": "of my own"}, status=201)
    assert made["user"] == owner.user_id and made["key"].startswith("crl_") and sorted(made["scopes"]) == ["read", "write"]
    other = client_of(corral, made)
    listed = other.good("GET", KEYS)["items"]
    assert {k["id"] for k in listed} == {made["id"], owner.key_id} and all("key" not in k for k in listed)
    mine = next(k for k in listed if k["id"] == made["id"])
    assert made["key"].startswith(mine["prefix"]) and made["key"].endswith(mine["last_four"]) and mine["name"] == "of my own"
    owner.good("DELETE", f"{KEYS}/{made['id']}", status=204)
    assert other.refused("GET", KEYS)["code"] == "unauthenticated"
    rows = corral.admin.good("GET", f"/sandbox/system/audit?target={made['id']}")["items"]
    assert [r["action"] for r in rows] == ["key.revoke", "key.create"] and {r["user"] for r in rows} == {owner.user_id}


def test_no_more_than_the_key_that_asks_has(corral, owner):
    ends = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 3600))
    later = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 7200))
    narrow = client_of(corral, owner.good("POST", KEYS, {"name": "narrow", "scopes": ["write"], "max_sandboxes": 2, "expires_at": ends}, status=201))
    for more in ({"scopes": ["read"]}, {"scopes": ["write", "admin"]}, {"max_sandboxes": 3}, {"expires_at": later}):
        problem = narrow.refused("POST", KEYS, {"name": "more", **more})
        assert problem["code"] == "forbidden" and problem["detail"].startswith(next(iter(more))), problem
    for more in ({}, {"max_sandboxes": None, "expires_at": None}):  # what is not said is as its own
        same = narrow.good("POST", KEYS, {"name": "same", **more}, status=201)
        assert (same["scopes"], same["max_sandboxes"], same["expires_at"]) == (["write"], 2, ends)
    assert narrow.good("POST", KEYS, {"name": "less", "scopes": ["exec"], "max_sandboxes": 1}, status=201)["scopes"] == ["exec"]
    assert narrow.refused("DELETE", f"{KEYS}/{owner.key_id}")["code"] == "forbidden"  # it may read
    readers = client_of(corral, owner.good("POST", KEYS, {"name": "reads", "scopes": ["read"]}, status=201))
    assert readers.good("GET", KEYS)["items"] and readers.refused("POST", KEYS, {"name": "x"})["code"] == "forbidden"


def test_of_others_nothing(corral, owner):
    stranger = corral.user(f"keys-other-{time.monotonic_ns()}")
    assert [k["id"] for k in stranger.good("GET", KEYS)["items"]] == [stranger.key_id]
    assert stranger.refused("DELETE", f"{KEYS}/{owner.key_id}")["code"] == "not_found"
    assert owner.good("GET", KEYS)


def test_there_is_a_bound(corral):
    user = corral.user(f"keys-many-{time.monotonic_ns()}")
    corral.sql(f"insert into api_keys (id, user_id, name, prefix, last_four, sha256) select 'key_' || lpad(i::text, 26, '0') || '', '{user.user_id}', '', "
               f"'crl_bound' || i, 'abcd', sha256('x') from generate_series(100, 298) i")
    assert user.refused("POST", KEYS, {"name": "x"})["code"] == "conflict"


def test_repeated_it_is_made_once(owner):
    header = {"Idempotency-Key": f"own-{time.monotonic_ns()}"}
    first = owner.good("POST", KEYS, {"name": "once"}, status=201, headers=header)
    again = owner.good("POST", KEYS, {"name": "once"}, status=201, headers=header)
    assert again["id"] == first["id"] and "key" not in again


def test_by_the_command_line(corral, owner):
    key = owner.session.headers["X-API-Key"]

    def corral_key(*args):
        run = corral.cli("key", *args, key=key)
        assert run.returncode == 0, (args, run.stderr)
        return run.stdout

    made = json.loads(corral_key("add", "--name", "by hand", "--scope", "read", "--json"))
    assert made["scopes"] == ["read"] and made["id"] in corral_key("ls") and made["key"] not in corral_key("ls")
    assert corral_key("rm", made["id"]).strip() == made["id"]
    wait_until("it is revoked", lambda: next(k for k in json.loads(corral_key("ls", "--json"))["items"] if k["id"] == made["id"])["revoked_at"], 5)
    assert corral.cli("key", "rm", owner.user_id, key=key).returncode == 2


def test_the_audit_is_verified(corral, owner):
    """The whole chain, or the first row that was changed; only for administrators."""
    verify = "/sandbox/system/audit/verify"
    assert owner.refused("POST", verify)["code"] == "forbidden"
    seen = corral.admin.good("POST", verify)
    assert (seen["intact"], seen["complete"], seen["problem"], seen["row"], seen["next"]) == (True, True, None, None, None) and seen["checked"] > 3
    assert corral.admin.refused("POST", f"{verify}?after=1-x")["code"] == "invalid"
    row, was = corral.sql("select seq, target from audit order by seq desc offset 2 limit 1").strip().split("|")
    corral.sql(f"update audit set target = 'changed' where seq = {row}")
    try:
        bad = corral.admin.good("POST", verify)
        assert (bad["intact"], bad["complete"], bad["row"], bad["problem"]) == (False, False, int(row), "the row was changed")
    finally:
        corral.sql(f"update audit set target = '{was}' where seq = {row}")
    assert corral.admin.good("POST", verify)["intact"]
