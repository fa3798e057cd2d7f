"""What is done inside sandboxes goes into the table activity: who, when, which program and path, and nothing else of it."""
import json
import uuid

import pytest
from channels import Channels, cut_all
from corral import FOREVER, wait_until

SECRET = "never-to-be-stored"


@pytest.fixture
def sandbox(user):
    yield user.create(command=FOREVER)["id"]
    cut_all()


def acts(corral, sandbox):
    rows = corral.sql(f"select json_agg(to_jsonb(a) order by at, id) from activity a where sandbox_id = '{sandbox}'")
    return json.loads(rows) if rows else []


def recorded(corral, sandbox, count):
    """The acts, once there are so many; within a second and the time that a busy machine takes."""
    return wait_until(f"{count} acts", lambda: len(rows := acts(corral, sandbox)) >= count and rows, 5)


def test_each_act_is_one_row(corral, user, sandbox):
    at = f"/sandbox/{sandbox}"
    request = f"r-{uuid.uuid4().hex}"
    user.good("POST", f"{at}/exec", {"command": ["echo", SECRET], "env": {"TOKEN": SECRET}, "stdin": SECRET}, headers={"X-Request-Id": request})
    user.good("POST", f"{at}/processes", {"command": ["sleep", "100"], "env": {"TOKEN": SECRET}, "tag": "a"}, status=201)
    user.good("PUT", f"{at}/files?path=/workspace/a", data=SECRET.encode(), status=201)
    user.good("GET", f"{at}/files?path=/workspace", status=200)
    user.good("POST", f"{at}/files/move", {"from": "/workspace/a", "to": "/workspace/b"}, status=204)
    user.good("DELETE", f"{at}/files?path=/workspace/b", status=204)
    terminal = Channels(user, f"{at}/terminal?command=cat&command={SECRET}")
    Channels(user, f"{at}/processes/{terminal.pid}/attach")
    rows = recorded(corral, sandbox, 8)
    assert sorted(((r["act"], r["program"], r["path"], r["path_to"]) for r in rows), key=str) == sorted([
        ("sandboxExec", "echo", None, None), ("processStart", "sleep", None, None),
        ("fileWrite", None, "/workspace/a", None), ("fileRead", None, "/workspace", None),
        ("fileMove", None, "/workspace/a", "/workspace/b"), ("fileDelete", None, "/workspace/b", None),
        ("sandboxTerminal", "cat", None, None), ("processAttach", None, None, None)], key=str)
    assert {(r["user_id"], r["key_id"], r["entered"]) for r in rows} == {(user.user_id, user.key_id, False)}
    assert [r["request_id"] for r in rows if r["act"] == "sandboxExec"] == [request]
    assert SECRET not in json.dumps(rows)
    # Not in the chain.
    assert [r["action"] for r in corral.admin.good("GET", f"/sandbox/system/audit?target={sandbox}")["items"]] == ["sandbox.create"]


def test_what_is_refused_is_no_act(corral, user, sandbox):
    user.refused("POST", f"/sandbox/{sandbox}/exec", {"command": []})
    user.refused("GET", f"/sandbox/{sandbox}/files")
    user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["true"]})
    assert [r["act"] for r in recorded(corral, sandbox, 1)] == ["sandboxExec"]


def test_a_path_of_any_bytes(corral, user, sandbox):
    for name in ("%ff%5cx%22", "%c3%a4%22%0a"): # past the proxy, which takes text for a path
        user.session.get(f"{corral.url}/sandbox/{sandbox}/files?path=/workspace/{name}", timeout=20)
    rows = recorded(corral, sandbox, 2)
    assert sorted(r["path"] for r in rows) == ["/workspace/\\xff\\x\"", "/workspace/ä\"\n"], rows


def test_an_administrator(corral, user, sandbox):
    corral.admin.good("POST", f"/sandbox/{sandbox}/exec?admin_access=true", {"command": ["id"]})
    [row] = recorded(corral, sandbox, 1)
    assert row["entered"] and row["program"] == "id" and row["user_id"] != user.user_id


def test_a_burst_is_recorded_in_batches(corral, user, sandbox):
    was = corral.metric("corral_activity_dropped_total")
    for _ in range(100):
        user.good("GET", f"/sandbox/{sandbox}/files?path=/workspace", status=200)
    assert len(recorded(corral, sandbox, 100)) == 100
    assert corral.metric("corral_activity_dropped_total") == was
    assert corral.metric("corral_activity_stored_total") >= 100
    assert corral.metric("corral_activity_waiting") == 0


def test_what_waits_outlives_an_orderly_stop(corral, user, sandbox):
    pid = corral.pid("controller")
    user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["true"]})
    corral.kill("controller", 15)
    wait_until("it ended", lambda: gone(pid), 20)
    corral.restart("controller")
    assert [r["act"] for r in recorded(corral, sandbox, 1)] == ["sandboxExec"]


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_its_days_go(corral):
    corral.sql("select make_partition((now() at time zone 'UTC')::date - 40, 'activity')")
    assert corral.sql("select next_detach(30, 'activity')").startswith("alter table activity detach partition activity_")
    wait_until("the old day is gone", lambda: corral.sql("select count(*) from table_days('activity') where day < now() - interval '39 days'") == "0", 90)
    assert int(corral.sql("select count(*) from table_days('activity') where attached")) >= 9
