"""PostgreSQL's clock is set while sandboxes live: none ends earlier or later for that, and all times that
are shown stay true."""
import re
import time
from datetime import datetime

import pytest
from corral import Client, wait_until
from hermits import SMALL, pid_of, runs
from test_faults import WallClock, ready


@pytest.fixture(scope="module", autouse=True)
def patience():
    """PostgreSQL measures the idleness of sessions by its own clock: a clock that is set ahead may end the
    leader's session, once."""
    Client.patience = 20
    yield
    Client.patience = 0


@pytest.fixture(scope="module")
def database_clock(corral):
    """Sets the clock of PostgreSQL alone."""
    clock = WallClock(corral)
    corral.postgres("stop")
    corral.restart("postgres", **clock.env())
    ready(corral)
    yield clock
    corral.postgres("stop")
    clock.jump(0)
    corral.restart("postgres")
    ready(corral)


def at(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def jump(corral, clock, seconds):
    """Waits until the controller has seen the step and the rows have followed."""
    steps = corral.metric("corral_clock_steps_total")
    events = corral.sql("select count(*) from events where type = 'system.clock_stepped'")
    clock.jump(seconds)
    wait_until("the step is in an event", lambda: corral.metric("corral_clock_steps_total") > steps, 10)
    wait_until("the step is in an event", lambda: corral.sql("select count(*) from events where type = 'system.clock_stepped'") > events, 10)


def in_state(user, sandbox, verb, state):
    """Waits for a change that is refused while the node has not come back from a change of the leader."""
    wait_until(verb, lambda: user.call("POST", f"/sandbox/{sandbox}/{verb}").status_code in (200, 202), 20)
    wait_until(state, lambda: user.show(sandbox)["state"] == state, 20)


def deleted(user, sandbox):
    wait_until("the sandbox may be deleted", lambda: user.call("DELETE", f"/sandbox/{sandbox}").status_code in (202, 204), 20)
    return user.wait(sandbox, "stopped", 20)


def as_before(corral, clock):
    clock.jump(0)
    wait_until("all is as before", lambda: abs(corral.metric("corral_clock_offset_seconds")) < 2, 20)
    ready(corral)


@pytest.mark.parametrize("seconds", [600, -600])
def test_a_pause_after_the_clock_was_set(corral, user, database_clock, seconds):
    """Sandboxes are changed at once, before the controller has seen the step, and deleted after it has."""
    as_before(corral, database_clock)
    mine = [user.create(lifetime_seconds=300, **SMALL)["id"] for _ in range(2)]
    pids = [pid_of(corral, i) for i in mine]
    database_clock.jump(seconds)
    for sandbox in mine:
        in_state(user, sandbox, "pause", "paused")
        in_state(user, sandbox, "resume", "running")
    wait_until("the step is seen", lambda: abs(corral.metric("corral_clock_offset_seconds") - seconds) < 2, 10)

    def right(sandbox):
        remains = at(user.show(sandbox)["expires_at"]) - (time.time() + seconds)
        return 240 < remains < 301
    for sandbox, pid in zip(mine, pids):
        wait_until("the row has followed", lambda s=sandbox: right(s), 10)
        assert user.show(sandbox)["state"] == "running" and runs(pid)
        detail = deleted(user, sandbox)["detail"]
        assert 0 < float(re.search(r"had lived for (\S+) s", detail)[1]) < 60, detail


@pytest.mark.parametrize("seconds", [600, -600])
def test_an_end_after_the_clock_was_set(corral, user, database_clock, seconds):
    as_before(corral, database_clock)
    begin = time.monotonic()
    sandbox = user.create(lifetime_seconds=8, **SMALL)["id"]
    pid = pid_of(corral, sandbox)
    jump(corral, database_clock, seconds)
    wait_until("it ends", lambda: not runs(pid), 15, 0.02)
    assert 7 <= time.monotonic() - begin <= 12
    ended = user.wait(sandbox, "stopped", 10)
    assert ended["reason"] == "expired" and re.fullmatch(r"its lifetime of 8 s ended at \S+", ended["detail"]), ended["detail"]
    assert abs(at(ended["ended_at"]) - at(ended["expires_at"])) < 2
    assert corral.late(user) == ""


def test_all_times_are_told_by_one_clock(corral, user, database_clock):
    """Times that a user compares with each other: of a sample, of an event, when the sandbox was created
    and when it expires."""
    jump(corral, database_clock, 86400)
    ready(corral)
    sandbox = user.create(lifetime_seconds=120, **SMALL)
    sampled = at(user.stats(sandbox["id"])["sampled_at"])
    assert at(sandbox["created_at"]) - 1 <= sampled <= at(sandbox["expires_at"])
    events = user.good("GET", f"/sandbox/{sandbox['id']}/events")["items"]
    assert all(at(e["at"]) <= sampled + 5 for e in events) and abs(sampled - time.time() - 86400) < 10


@pytest.mark.parametrize("seconds", [600, -600])
def test_it_is_set_while_no_controller_runs(corral, user, database_clock, seconds):
    as_before(corral, database_clock)
    sandbox = user.create(lifetime_seconds=300, **SMALL)["id"]
    pid = pid_of(corral, sandbox)
    corral.kill("controller")
    database_clock.jump(seconds)
    corral.restart("controller")
    ready(corral)
    wait_until("it runs", lambda: user.show(sandbox)["state"] == "running", 15)
    assert 200 < at(user.show(sandbox)["expires_at"]) - (time.time() + seconds) < 301
    in_state(user, sandbox, "pause", "paused")
    assert runs(pid)
    in_state(user, sandbox, "resume", "running")
    deleted(user, sandbox)
