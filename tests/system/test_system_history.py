"""The history of the system: what the leader samples is what happens, for administrators only; and how the command line shows it."""
import json
import subprocess
import time

import pytest
from corral import wait_until
from terminal import Terminal

PARTS = ["resources", "sandboxes", "nodes", "creates", "starts", "queues", "activity"]


def when(seconds_ago):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds_ago))


def asked(corral, since=600, **query):
    """since: so many seconds ago, or a time."""
    begin = since if isinstance(since, str) else when(since)
    words = "&".join(f"{name}={value}" for name, value in {"from": begin, "step": 1, **query}.items())
    return corral.admin.good("GET", f"/sandbox/system/stats/history?{words}")


def points(corral, **query):
    return [point for series in asked(corral, **query)["series"] for point in series["points"]]


def total(corral, **query):
    return sum(point["creates"] for point in points(corral, part="creates", **query))


def refused(corral, code, **query):
    return sum(point["refusals"].get(code, 0) for point in points(corral, part="creates", **query))


def started(corral, **query):
    return sum(point["starts"]["count"] for point in points(corral, part="starts", **query))


def settled(corral, what):
    """A count that does not change over two samples."""
    seen = [None, what()]

    def same():
        seen.append(what())
        return seen[-1] == seen[-2]
    time.sleep(2.1) # the time between two samples
    wait_until("nothing more is counted", same, 30, 2.1)
    return seen[-1]


def test_what_happens_is_counted_once(corral, user):
    node = {"by": "node", "name": "node-1"}
    since = {"since": when(60)} # a range that goes along would lose what earlier tests did
    counts = lambda: (total(corral, **since), total(corral, **node, **since), total(corral, by="tier", name="pro", **since), started(corral, **since), # noqa: E731
                      started(corral, **node, **since), refused(corral, "above_tier_limit", by="tier", name="pro", **since))
    before = settled(corral, counts)
    made = [user.create(memory_bytes=32 << 20)["id"] for _ in range(3)]
    assert user.refused("POST", "/sandbox", {"memory_bytes": 1 << 40})["code"] == "above_tier_limit"
    expected = tuple(count + (1 if i == 5 else 3) for i, count in enumerate(before))
    wait_until("all of it is counted", lambda: counts() == expected, 15)
    last = lambda **query: points(corral, **query)[-1] # noqa: E731
    wait_until("the gauges have them", lambda: last(part="sandboxes", **node)["sandboxes"]["running"]["max"] >= 3, 10)
    wait_until("so has their use", lambda: last(**node)["used"]["memory_bytes"]["max"] > 0, 10)
    resources, of_tier = last(**node), last(by="tier", name="pro")
    assert resources["capacity"]["memory_bytes"]["min"] >= resources["reserved"]["memory_bytes"]["max"] >= 3 * (32 << 20)
    assert "capacity" not in of_tier and of_tier["reserved"]["sandboxes"]["max"] >= 3
    assert last(part="nodes")["nodes"]["ready"]["max"] == 1
    starts = [p["starts"] for p in points(corral, part="starts") if p["starts"]["count"]]
    assert all(0 < s["p50_ms"] <= s["p95_ms"] <= s["p99_ms"] and s["avg_ms"] > 0 for s in starts), starts
    for sandbox in made:
        user.delete(sandbox)
    assert counts() == expected


def test_what_users_do(corral, user):
    user.delete(user.create()["id"])
    answer = asked(corral, part="activity", since=60)
    point, activity = answer["series"][0]["points"][-1]["activity"], answer["activity"]
    assert answer["step_seconds"] == 3600 and answer["from"].endswith(":00:00.000Z")
    assert min(point["creates"], point["ends"], point["active_users"], point["peak"]) >= 1
    assert activity["active_users"] >= 1 and activity["lifetimes"]["count"] >= 1 and activity["lifetimes"]["p50_seconds"] is not None
    assert any("corral-base" in image["image"] for image in activity["images"]) and activity["hours"]


def test_a_long_time_fits_and_nothing_is_invented(corral, user):
    for part in PARTS:
        answer = asked(corral, part=part, since=3 * 365 * 86400)
        assert answer["step_seconds"] % 3600 == 0 and sum(len(series["points"]) for series in answer["series"]) <= 1000, part
    assert points(corral, to=when(599)) == [] or len(points(corral, to=when(599))) <= 1
    assert asked(corral, **{"from": "2001-01-01T00:00:00Z", "to": "2001-01-02T00:00:00Z"})["series"] == []
    assert asked(corral, by="node", name="no-such-node")["series"] == []
    bad = lambda query: corral.admin.refused("GET", f"/sandbox/system/stats/history?{query}") # noqa: E731
    for query in ("part=x", "by=user", "step=0", "name=node-1", "by=node&part=activity", "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z"):
        assert bad(query)["code"] == "invalid", query


def test_only_administrators_may_ask(corral, user):
    assert user.refused("GET", "/sandbox/system/stats/history")["code"] == "forbidden"


# --- on the command line ---

def environ_of(corral, **more):
    return {**corral.environ, "CORRAL_URL": corral.url, "CORRAL_API_KEY": corral.admin.session.headers["X-API-Key"], "TERM": "xterm", **more}


def cli(corral, *args, **env):
    return subprocess.run([corral.home / "bin/corral", "system", "history", *args], env=environ_of(corral, **env), capture_output=True,
                          text=True, timeout=60, stdin=subprocess.DEVNULL)


def on_terminal(corral, *args, **env):
    terminal = Terminal([corral.home / "bin/corral", "system", "history", *args], environ_of(corral, **env), columns=120)
    assert terminal.ended() == 0
    return terminal.output.decode()


@pytest.mark.parametrize("part", PARTS)
def test_a_table_charts_and_json(corral, user, part):
    user.delete(user.create()["id"])
    wait_until("it is sampled", lambda: points(corral, part="sandboxes", since=10), 10)
    table = cli(corral, "--part", part, "--from", "10m", "--step", "1m")
    assert table.returncode == 0 and "FIGURE" in table.stdout and table.stdout.isascii(), table
    assert "nothing is known" not in table.stdout
    charts = on_terminal(corral, "--part", part, "--from", "10m", "--step", "1m")
    assert "\u2026" in charts and "a point" in charts and ("\u2588" in charts or "nothing but zeros" in charts), charts
    assert json.loads(cli(corral, "--part", part, "--from", "10m", "--json").stdout)["part"] == part


def test_plain_without_colours_and_errors(corral, user):
    assert "FIGURE" in on_terminal(corral, "--from", "10m", NO_COLOR="1")
    assert "nothing is known of that time" in cli(corral, "--from", "2001-01-01T00:00:00Z", "--to", "2001-01-02T00:00:00Z").stdout
    for args in (["--from", "yesterday"], ["--step", "0"], ["--to", "2026-13-01T00:00:00Z"]):
        assert cli(corral, *args).returncode == 2, args
    assert cli(corral, "--part", "x").returncode == 1
    assert "node-1" in cli(corral, "--by", "node", "--from", "10m").stdout
