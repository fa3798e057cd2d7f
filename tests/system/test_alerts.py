"""Alerts: rules fire and are resolved on a real installation, told once, to administrators alone; silences, the client, the metrics."""
import json
import uuid

import pytest
from corral import Client, wait_until
from event_streams import add_events
from receiver import Receiver

ALERTS = "/sandbox/system/alerts"
SOON = 30
QUICK = {"interval_seconds": 1, "hold_seconds": 0, "clear_seconds": 0}


@pytest.fixture
def admin(corral):
    """Rules as they were, afterwards."""
    before = rules(corral.admin)
    yield corral.admin
    for name, rule in rules(corral.admin).items():
        if name not in before:
            corral.admin.good("DELETE", f"{ALERTS}/rules/{name}", status=204)
        else:
            keys = ("threshold", "clear", "hold_seconds", "clear_seconds", "window_seconds", "interval_seconds", "enabled", "severity")
            old = {k: before[name][k] for k in keys}
            if old != {k: rule[k] for k in keys}:
                corral.admin.good("PATCH", f"{ALERTS}/rules/{name}", old)


def rules(admin):
    return {r["name"]: r for r in admin.good("GET", f"{ALERTS}/rules")["items"]}


def change(admin, rule, **fields):
    return admin.good("PATCH", f"{ALERTS}/rules/{rule}", {**QUICK, **fields})


def alerts(admin, **query):
    return admin.good("GET", ALERTS + "?limit=200" + "".join(f"&{k}={v}" for k, v in query.items()))["items"]


def becomes(admin, state, rule, seconds=SOON, **fields):
    return wait_until(f"{rule} is {state}", lambda: [a for a in alerts(admin, rule=rule, state=state, all="true") if fields.items() <= a.items()], seconds)[0]


def told(admin, alert):
    items, page = [], {"next_cursor": ""}
    while page["next_cursor"] is not None:  # of other tests there may be thousands before
        after = f"&cursor={page['next_cursor']}" if page["next_cursor"] else ""
        page = admin.good("GET", f"/sandbox/events?limit=200&type=system.alert{after}")
        items += page["items"]
    return [e["type"].split("_")[1] for e in items if e["data"]["alert_id"] == alert["id"]]


def test_a_node_that_is_lost_and_back(corral, admin, user):
    """As its events, and to webhooks of administrators alone; one that passes before it has held is told to nobody."""
    change(admin, "node_lost", hold_seconds=1, clear_seconds=1)
    with Receiver() as receiver, Receiver() as tenant:
        webhook = admin.good("POST", "/sandbox/webhooks", {"url": receiver.url, "events": ["system.*", "node.*"]}, status=201)
        theirs = user.good("POST", "/sandbox/webhooks", {"url": tenant.url, "events": ["*", "system.*", "node.*", "system.alert_firing"]}, status=201)
        name = admin.good("GET", "/sandbox/system/nodes")["items"][0]["name"]
        corral.kill("agent")
        try:
            fired = becomes(admin, "firing", "node_lost", subject=name)
            assert fired["severity"] == "critical" and fired["subject_kind"] == "node" and fired["fired_at"] and fired["resolved_at"] is None
            assert fired["summary"].startswith(f"node {name} does not answer, since ") and fired["value"] == 1
            assert admin.good("GET", f"{ALERTS}/{fired['id']}")["id"] == fired["id"] and rules(admin)["node_lost"]["firing"] == 1
            wait_until("the metrics have it", lambda: 'corral_alerts{state="firing",severity="critical"} 1' in admin.call("GET", "/metrics").text, 20)
        finally:
            corral.restart("agent")
        resolved = becomes(admin, "resolved", "node_lost", id=fired["id"])
        assert resolved["resolved_at"] and not alerts(admin, rule="node_lost")
        assert told(admin, fired) == ["firing", "resolved"]
        wait_until("the webhook has both", lambda: {"system.alert_firing", "system.alert_resolved", "node.unreachable", "node.returned"} <= set(receiver.types()), SOON)
        body = next(json.loads(r["body"]) for r in receiver.got if "alert_firing" in r["body"])
        assert body["data"]["node"] == name and body["data"]["data"]["summary"] == fired["summary"]
        user.delete(user.create()["id"])
        wait_until("the tenant's webhook has its own", lambda: "sandbox.stopped" in tenant.types(), SOON)
        assert not [t for t in tenant.types() if t.startswith(("system.", "node."))]
        assert not user.good("GET", "/sandbox/events?limit=200&type=system.")["items"]
        admin.good("DELETE", f"/sandbox/webhooks/{webhook['id']}")
        user.good("DELETE", f"/sandbox/webhooks/{theirs['id']}")


def test_refused_keys_and_what_is_counted(corral, admin, user):
    for rule in ("refused_keys", "violation_rate", "egress_denied"):
        change(admin, rule, threshold=5, clear=1, window_seconds=4)
    stranger = Client(corral.url, "crl_" + "x" * 40)
    for _ in range(8):
        stranger.call("GET", "/sandbox")
    sandbox = user.create()["id"]
    add_events(corral, user, 6, sandbox=sandbox, kind="violation.opened")
    add_events(corral, user, 7, sandbox=sandbox, kind="sandbox.egress_denied")
    fired = [becomes(admin, "firing", rule) for rule in ("refused_keys", "violation_rate", "egress_denied")]
    assert fired[0]["value"] >= 5 and "requests without a valid key were refused within 4 s" in fired[0]["summary"]
    assert (fired[1]["subject_kind"], fired[1]["subject"]) == ("system", "") and fired[2]["subject"] == user.user_id
    for alert in fired:
        becomes(admin, "resolved", alert["rule"], id=alert["id"])
        assert told(admin, alert) == ["firing", "resolved"]
    user.delete(sandbox)


def test_certificates_and_the_database(corral, admin):
    """A certificate of a few days; sizes and growth past a bound."""
    node = admin.good("GET", "/sandbox/system/nodes")["items"][0]["name"]
    change(admin, "certificate_expiry", threshold=400)
    fired = becomes(admin, "firing", "certificate_expiry", subject=node)
    assert 300 < fired["value"] < 400 and fired["summary"].startswith(f"the certificate of node {node} ends at 20")
    change(admin, "certificate_expiry", threshold=4000)
    controller = becomes(admin, "firing", "certificate_expiry", subject="nodes")
    assert controller["subject_kind"] == "certificate"
    change(admin, "certificate_expiry", threshold=14)
    for alert in (fired, controller):
        becomes(admin, "resolved", "certificate_expiry", id=alert["id"])
    change(admin, "database_size", threshold=1000, clear=1000)
    assert becomes(admin, "firing", "database_size")["summary"].startswith("the database has ")
    wait_until("the first size is known", lambda: corral.sql("select count(*) from alert_sizes") != "0" or change(admin, "database_growth"), SOON, 1)
    assert "less than an hour" in wait_until("it says so", lambda: rules(admin)["database_growth"]["problem"], SOON)
    corral.sql("insert into alert_sizes values (now() - interval '2 hours', 1)")
    change(admin, "database_growth", threshold=1000, clear=1000)
    growth = becomes(admin, "firing", "database_growth")
    assert growth["severity"] == "info" and rules(admin)["database_growth"]["problem"] is None
    change(admin, "database_growth", enabled=False)
    assert becomes(admin, "resolved", "database_growth", id=growth["id"]) and told(admin, growth) == ["firing", "resolved"]
    change(admin, "database_size", threshold=10 ** 12, clear=None)
    becomes(admin, "resolved", "database_size")


def test_capacity_by_the_trend_of_real_samples(corral, admin):
    """Nothing is short within ten years, the most that is told; the rest of what it measures is in db_alerts.sh."""
    change(admin, "capacity_short", window_seconds=60, threshold=4000, clear=None)
    fired = becomes(admin, "firing", "capacity_short", seconds=120, subject="memory")
    assert fired["subject_kind"] == "resource" and fired["value"] >= 0 and fired["summary"].startswith("memory: all of it ")
    change(admin, "capacity_short", window_seconds=60, threshold=0, clear=None)
    becomes(admin, "resolved", "capacity_short", id=fired["id"])


def test_an_audit_that_was_changed(corral, admin):
    change(admin, "audit_broken", window_seconds=1)
    wait_until("it is verified", lambda: corral.sql("select known and not found from alert_audit") == "t", SOON)
    row = corral.sql("select seq, target from audit order by seq desc offset 3 limit 1").split("|")
    corral.sql(f"update audit set target = 'somebody else' where seq = {row[0]}")
    fired = becomes(admin, "firing", "audit_broken")
    assert fired["summary"] == f"the chain of the audit does not verify: row {row[0]} was changed" and fired["severity"] == "critical"
    corral.sql(f"update audit set target = '{row[1]}' where seq = {row[0]}")
    becomes(admin, "resolved", "audit_broken", id=fired["id"])


def test_a_user_far_from_their_own_past(corral, admin, user):
    corral.sql(f"insert into alert_baselines values ('{user.user_id}', 'creates', 0.1, 0.1, 100)")
    change(admin, "user_unusual", threshold=1, clear=1)
    made = [user.create()["id"] for _ in range(4)]
    fired = becomes(admin, "firing", "user_unusual", subject=user.user_id)
    assert f"user {user.name if hasattr(user, 'name') else ''}" in fired["summary"] and "sandboxes within an hour; usual are 0.1" in fired["summary"]
    change(admin, "user_unusual", threshold=1000, clear=None)
    becomes(admin, "resolved", "user_unusual", id=fired["id"])
    for sandbox in made:
        user.delete(sandbox)


def test_silences_and_the_client(corral, admin):
    """A rule of an administrator's own, silenced, then told; changed and removed. All of it is audited."""
    name = f"mine-{uuid.uuid4().hex[:6]}"
    key = admin.session.headers["X-API-Key"]
    admin.good("POST", f"{ALERTS}/rules/database_size/silence", {"duration_seconds": 1})
    assert corral.cli("alert", "add", name, "database_size", "--threshold", "1", "--interval", "1s", "--severity", "info", key=key).returncode == 0
    silenced = admin.good("POST", f"{ALERTS}/rules/{name}/silence", {"duration_seconds": 600, "comment": "known"})
    assert silenced["silence"]["comment"] == "known" and silenced["silence"]["by"] == "admin" and silenced["silence"]["whole_rule"]
    first = becomes(admin, "firing", name)
    change(admin, name, threshold=10 ** 12)
    becomes(admin, "resolved", name, id=first["id"]) # before or under the silence
    change(admin, name, threshold=1)
    fired = becomes(admin, "firing", name)
    assert fired["silence"] and told(admin, fired) == []
    listed = corral.cli("alert", "ls", "--rule", name, key=key).stdout
    assert fired["id"] in listed and "the database has" in listed
    assert corral.cli("alert", "silence", fired["id"], "--for", "2h", "--comment", "later", key=key).returncode == 0
    assert corral.cli("alert", "unsilence", name, key=key).returncode == 0
    assert json.loads(corral.cli("alert", "show", fired["id"], "--json", key=key).stdout)["silence"]["comment"] == "later"
    assert told(admin, fired) == []
    admin.good("DELETE", f"{ALERTS}/{fired['id']}/silence", status=204)
    wait_until("it is told", lambda: told(admin, fired) == ["firing"], SOON)
    assert corral.cli("alert", "set", name, "--disable", key=key).returncode == 0 and corral.cli("alert", "set", name, key=key).returncode == 2
    assert told(admin, fired) == ["firing", "resolved"] and not alerts(admin, rule=name)
    assert name in corral.cli("alert", "rules", key=key).stdout
    assert corral.cli("alert", "rm", name, key=key).returncode == 0
    assert admin.refused("GET", f"{ALERTS}/rules/{name}")["status"] == 404
    assert admin.refused("POST", f"{ALERTS}/{fired['id']}/silence", {"duration_seconds": 60})["code"] == "wrong_state"
    acts = [row["action"] for row in admin.good("GET", f"/sandbox/system/audit?target={name}&limit=200")["items"]]
    assert {"alert_rule.create", "alert_rule.patch", "alert_rule.delete", "alert.silence", "alert.unsilence"} <= set(acts)


def test_refusals(corral, admin, user):
    for method, path, body in (("GET", "", None), ("GET", "/rules", None), ("PATCH", "/rules/node_lost", {"threshold": 1}), ("POST", "", {"name": "x", "kind": "node_lost", "threshold": 1})):
        assert user.refused(method, ALERTS + path, body)["status"] == 403
    for body in ({"name": "x", "kind": "unknown", "threshold": 1}, {"name": "X", "kind": "node_lost", "threshold": 1}, {"name": "x", "kind": "node_lost"},
                 {"name": "x", "kind": "node_lost", "threshold": 1, "clear": 2}, {"name": "x", "kind": "certificate_expiry", "threshold": 2, "clear": 1},
                 {"name": "x", "kind": "node_lost", "threshold": -1}, {"name": "x", "kind": "node_lost", "threshold": 1, "interval_seconds": 0}):
        assert admin.refused("POST", ALERTS, body)["code"] == "invalid", body
    assert admin.refused("POST", ALERTS, {"name": "node_lost", "kind": "node_lost", "threshold": 1})["code"] == "conflict"
    assert admin.refused("GET", f"{ALERTS}?cursor=x")["code"] == "invalid" and admin.refused("GET", f"{ALERTS}?state=x")["code"] == "invalid"
    assert admin.refused("GET", f"{ALERTS}/alr_1")["status"] == 404
