"""Recommendations on the system, found in what really happens on real nodes: skewed nodes, what is reserved and not used, cold starts."""
import pytest
from corral import wait_until

RECOMMENDATIONS = "/sandbox/system/recommendations"
SOON = 40


def found(admin, **query):
    return admin.good("GET", RECOMMENDATIONS + "?limit=200" + "".join(f"&{k}={v}" for k, v in query.items()))["items"]


def of(admin, rule, subject):
    return next((r for r in found(admin) if (r["rule"], r["subject"]) == (rule, subject)), None)


def appears(corral, rule, subject, **fields):
    return wait_until(f"{rule} of {subject}", lambda: (r := of(corral.admin, rule, subject)) and fields.items() <= r.items() and r, SOON)


def goes(corral, rule, subject):
    wait_until(f"{rule} of {subject} is gone", lambda: of(corral.admin, rule, subject) is None, SOON)


def told(corral, recommendation):
    items, page = [], {"next_cursor": ""}
    while page["next_cursor"] is not None: # of other tests there may be hundreds before
        after = f"&cursor={page['next_cursor']}" if page["next_cursor"] else ""
        page = corral.admin.good("GET", f"/sandbox/events?limit=200&type=system.recommendation{after}")
        items += page["items"]
    return [(e["type"].split("_")[1], e["data"]["state"]) for e in items if e["data"]["recommendation_id"] == recommendation["id"]]


def forget_the_hour(corral):
    """What the history of the last hour has: as if the state that comes had been there for an hour."""
    corral.sql("delete from system_samples")


def marked(corral, node, act):
    corral.admin.good("POST", f"{RECOMMENDATIONS.replace('recommendations', 'nodes')}/{node}/{act}")


def test_nodes_that_are_skewed(cluster):
    """A node that takes all since the other one is cordoned: first that is advised against, then the skew that is left of it."""
    user = cluster.user("skewed", tier="enterprise")
    cpu = min(n["capacity"]["cpu_millis"] for n in cluster.admin.good("GET", "/sandbox/system/nodes")["items"])
    marked(cluster, "node-2", "cordon")
    made = []
    try:
        for _ in range(-(-cpu * 6 // 10 // 2000)):
            made.append(user.create(cpu_millis=2000, memory_bytes=32 << 20)["id"])
        forget_the_hour(cluster)
        idle = appears(cluster, "node_idle", "node-2")
        assert idle["kind"] == "balance" and idle["state"] == "open" and idle["state_by"] is None and "Uncordon" in idle["sentence"]
        marked(cluster, "node-2", "uncordon")
        goes(cluster, "node_idle", "node-2")
        assert told(cluster, idle) == [("opened", "open"), ("closed", "open")]
        skewed = appears(cluster, "node_skewed", "node-1")
        assert skewed["evidence"]["resource"] == "cpu" and skewed["evidence"]["share"] >= 0.5 and skewed["evidence"]["share_of_others"] < 0.1
        assert skewed["evidence"]["sandboxes"] == len(made) and 0 < skewed["effect"]["share"] < skewed["evidence"]["share"]
        assert wait_until("it is found again", lambda: of(cluster.admin, "node_skewed", "node-1")["updated_at"] > skewed["updated_at"], SOON)
        assert of(cluster.admin, "node_skewed", "node-1")["id"] == skewed["id"]
        assert 'corral_recommendations{kind="balance"}' in cluster.admin.call("GET", "/metrics").text
    finally:
        marked(cluster, "node-2", "uncordon")
        for sandbox in made:
            user.delete(sandbox)
    forget_the_hour(cluster)
    goes(cluster, "node_skewed", "node-1")
    assert told(cluster, skewed) == [("opened", "open"), ("closed", "open")]


@pytest.fixture
def reserved(corral, user):
    """A recommendation by a sandbox that reserves memory and uses next to none."""
    memory = corral.admin.good("GET", "/sandbox/system/stats")["capacity"]["memory_bytes"]
    for _ in range(max(1, -(-memory // 16 >> 30))):
        user.create(memory_bytes=1 << 30, cpu_millis=100)
    corral.sql("delete from system_samples where kind = 'tier'")
    yield appears(corral, "memory_unused", "pro")


def test_what_administrators_say_to_one(corral, reserved):
    """Each change has its event and its audit row; dismissed ones stay so; a controller that is killed changes nothing of it."""
    admin, path = corral.admin, f"{RECOMMENDATIONS}/{reserved['id']}"
    assert reserved["kind"] == "allocation" and reserved["subject_kind"] == "tier" and reserved["evidence"]["share_used"] < 0.25 and reserved["effect"]["frees"] > 0
    assert admin.good("GET", path)["id"] == reserved["id"] and reserved["id"] in {r["id"] for r in found(admin, kind="allocation", state="open")}
    dismissed = admin.good("PATCH", path, {"state": "dismissed"})
    assert dismissed["state"] == "dismissed" and dismissed["state_by"] and dismissed["state_at"] > reserved["state_at"]
    admin.good("PATCH", path, {"state": "dismissed"})
    assert reserved["id"] in {r["id"] for r in found(admin, state="dismissed")} and reserved["id"] not in {r["id"] for r in found(admin, state="open")}
    corral.kill("controller")
    corral.restart("controller")
    wait_until("it looks again", lambda: of_path(admin, path)["updated_at"] > dismissed["updated_at"], 60)
    assert of_path(admin, path)["state"] == "dismissed"
    for state in ("open", "applied"):
        assert admin.good("PATCH", path, {"state": state})["state"] == state
    assert told(corral, reserved)[-3:] == [("changed", "dismissed"), ("changed", "open"), ("changed", "applied")]
    audit = admin.good("GET", f"/sandbox/system/audit?action=recommendation.patch&target={reserved['id']}&limit=3")["items"]
    assert [row["after"]["state"] for row in audit] == ["applied", "open", "dismissed"]
    for body, code in (({"state": "closed"}, "invalid"), ({}, "invalid"), ({"state": "open", "other": 1}, "invalid")):
        assert admin.refused("PATCH", path, body)["code"] == code
    assert admin.refused("PATCH", f"{RECOMMENDATIONS}/rec_1", {"state": "open"})["code"] == "not_found"
    assert admin.refused("GET", f"{RECOMMENDATIONS}?kind=other")["code"] == "invalid"
    assert admin.refused("GET", f"{RECOMMENDATIONS}?cursor=x")["code"] == "invalid"


def of_path(admin, path):
    try:
        answer = admin.call("GET", path)
    except OSError:
        return {"updated_at": ""}
    return answer.json() if answer.status_code == 200 else {"updated_at": ""}


def test_the_command_line_and_who_may(corral, user, reserved):
    listed = corral.cli("system", "recommendations", "--kind", "allocation")
    assert listed.returncode == 0 and reserved["id"] in listed.stdout
    shown = corral.cli("system", "recommendations", reserved["id"])
    assert "share_used" in shown.stdout
    for verb, state in (("dismiss", "dismissed"), ("apply", "applied"), ("open", "open")):
        assert corral.cli("system", "recommendations", verb, reserved["id"]).returncode == 0
        assert of(corral.admin, "memory_unused", "pro")["state"] == state
    for method, path, body in (("GET", RECOMMENDATIONS, None), ("GET", f"{RECOMMENDATIONS}/{reserved['id']}", None), ("PATCH", f"{RECOMMENDATIONS}/{reserved['id']}", {"state": "open"})):
        assert user.refused(method, path, body)["code"] == "forbidden"


def test_cold_starts_of_an_image(corral, user):
    """Sandboxes whose disk no member of the warm pool has: all are started cold. How fast that is depends on the machine: it is set."""
    for n in range(21):
        user.delete(user.create(storage_bytes=(64 + n) << 20, memory_bytes=32 << 20, cpu_millis=100)["id"])
    image = corral.sql("select image from sandboxes order by created_at desc limit 1")
    cold, warm = map(int, corral.sql(f"select count(*) filter (where not warm), count(*) filter (where warm) from sandboxes where image = '{image}' and start_ms is not null").split("|"))
    if cold <= warm:
        corral.sql(f"update sandboxes set created_at = created_at - interval '2 days', started_at = started_at - interval '2 days' where warm and image = '{image}' and ended_at is not null")
    corral.sql(f"update sandboxes set start_ms = start_ms || '{{\"start\": 3000}}' where not warm and image = '{image}' and start_ms is not null")
    advice = appears(corral, "image_warm", image)
    assert advice["kind"] == "startup" and advice["evidence"]["cold"] >= 20 and advice["effect"]["seconds_a_day"] > 1
