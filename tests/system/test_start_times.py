"""How long each step of a start took: in the sandbox, in the metrics, in what the client shows."""
import re
import time

import pytest
from corral import wait_until

CONTROLLER = {"admission", "dispatch"}
NODE = {"image", "turn", "volume", "create", "start", "init", "copy"}


def histogram(corral):
    """Of each step: the counts by upper bound, in order, and the sum."""
    text = corral.admin.call("GET", "/metrics").text
    steps = {}
    for step, bound, count in re.findall(r'^corral_sandbox_start_seconds_bucket\{step="(\w+)",le="([^"]+)"\} (\d+)$', text, re.M):
        steps.setdefault(step, []).append((float(bound), int(count)))
    sums = {step: float(value) for step, value in re.findall(r'^corral_sandbox_start_seconds_sum\{step="(\w+)"\} (\S+)$', text, re.M)}
    counts = {step: int(value) for step, value in re.findall(r'^corral_sandbox_start_seconds_count\{step="(\w+)"\} (\d+)$', text, re.M)}
    assert steps.keys() == sums.keys() == counts.keys() == CONTROLLER | NODE | {"command", "hand_out", "ready"}
    for step, buckets in steps.items():
        assert buckets == sorted(buckets) and buckets[-1] == (float("inf"), counts[step]), step
        assert [count for _, count in buckets] == sorted(count for _, count in buckets), step
    return {step: (counts[step], sums[step]) for step in steps}


@pytest.mark.parametrize("command", [None, ["sleep", "600"]])
def test_the_steps_make_up_the_whole(corral, user, command):
    before = histogram(corral)
    begin = time.monotonic()
    sandbox = user.create(**({"command": command} if command else {}))
    whole = (time.monotonic() - begin) * 1000
    steps = sandbox["start_ms"]
    assert steps.keys() == CONTROLLER | NODE | ({"command"} if command else set()), steps
    assert all(type(ms) is int and ms >= 0 for ms in steps.values())
    assert steps["create"] > 0 and steps["start"] > 0 and steps["volume"] + steps["init"] + steps["copy"] > 0
    assert whole / 2 <= sum(steps.values()) <= whole, (steps, whole)
    assert user.show(sandbox["id"])["start_ms"] == steps
    after = histogram(corral)
    for step in after:
        count, total = (now - then for now, then in zip(after[step], before[step]))
        assert count == (step in steps) and abs(total * 1000 - steps.get(step, 0)) < 0.01, step


def test_what_has_not_run_has_no_times(user):
    asked = user.good("POST", "/sandbox", {}, headers={"Prefer": "respond-async"})
    assert asked["start_ms"] == {}
    assert user.wait(asked["id"], "running")["start_ms"].keys() == CONTROLLER | NODE
    refused = user.refused("POST", "/sandbox", {"image": "corral-nothing:latest"})
    assert refused["code"] == "image_unavailable"
    failed = user.good("GET", "/sandbox?all=true&state=failed")["items"][0]
    assert failed["start_ms"] == {}


def test_a_pause_and_an_end_change_nothing(corral, user):
    sandbox = user.create(command=["true"])
    ended = user.wait(sandbox["id"], "stopped")
    assert ended["start_ms"].keys() == CONTROLLER | NODE | {"command"}
    other = user.create()
    before = histogram(corral)
    for verb in ("pause", "resume"):
        user.good("POST", f"/sandbox/{other['id']}/{verb}")
    assert user.show(other["id"])["start_ms"] == other["start_ms"] and histogram(corral) == before


def test_an_agent_that_restarts_invents_nothing(corral, user):
    sandbox = user.create()
    corral.kill("agent")
    corral.restart("agent")
    wait_until("the node is ready", lambda: corral.admin.good("GET", "/sandbox/system/nodes/node-1")["state"] == "ready", 30)
    for verb in ("pause", "resume"):
        user.good("POST", f"/sandbox/{sandbox['id']}/{verb}")
    assert user.show(sandbox["id"])["start_ms"] == sandbox["start_ms"]


def test_the_client_shows_them(corral, user):
    sandbox = user.create()
    key = user.session.headers["X-API-Key"]
    shown = corral.cli("show", sandbox["id"], key=key).stdout
    told = {step: int(ms) for step, ms in re.findall(r"^start_ms\.(\w+)\s+(\d+)\s*$", shown, re.M)}
    assert told == sandbox["start_ms"], shown


def test_the_queue_of_a_node(corral):
    """More starts at once than a node has turns: some wait, which is seen, and all run in the end."""
    burst = corral.user("burst", tier="enterprise")
    ids = [burst.good("POST", "/sandbox", {"memory_bytes": 64 << 20, "cpu_millis": 50, "storage_bytes": 64 << 20}, headers={"Prefer": "respond-async"})["id"]
           for _ in range(16)]
    seen = []

    def queue():
        queues = corral.admin.good("GET", "/sandbox/system/stats")["queues"]
        seen.append((queues["starts"], queues["starts_longest_ms"]))
        return seen[-1]

    wait_until("starts that wait are seen", lambda: all(queue()))
    wait_until("all have had their turn", lambda: queue() == (0, 0), 60)
    waited = [burst.wait(sandbox_id, "running", 60)["start_ms"]["turn"] for sandbox_id in ids]
    assert max(count for count, _ in seen) < 16 and max(longest for _, longest in seen) <= max(waited) + 1, (seen, waited)
    assert corral.metric('corral_node_starts_waiting{node="node-1"}') == corral.metric('corral_node_starts_wait_seconds{node="node-1"}') == 0
    for sandbox_id in ids:
        burst.delete(sandbox_id)
