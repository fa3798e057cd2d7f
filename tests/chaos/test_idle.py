"""Sandboxes that are idle, and those that only look idle."""
import signal
import time

import pytest
from channels import Channels, cut_all
from corral import FOREVER, wait_until

# 2 ms of CPU now and then; 30 ms of CPU again and again.
DOZES = "while :; do sleep 1; done"
WORKS = "while :; do i=0; while [ $i -lt 15000 ]; do i=$((i+1)); done; sleep 0.2; done"


IDLE = "it did no work for 2 s"


def test_idle_ends_and_work_does_not(user):
    idle = [user.create(idle_timeout_seconds=2, **more)["id"]
            for more in ({}, {"command": FOREVER}, {"command": ["sh", "-c", DOZES]})]
    works = user.create(idle_timeout_seconds=2, command=["sh", "-c", WORKS])["id"]
    for sandbox_id in idle:
        ended = user.wait(sandbox_id, "stopped", 15)
        assert ended["reason"] == "idle" and ended["detail"].startswith(IDLE), ended
    wait_until("the busy one ran for much longer", lambda: user.stats(works)["health"]["uptime_seconds"] >= 6, 10)
    assert user.show(works)["state"] == "running"


def test_a_terminal_that_is_worked_in(user):
    """Bytes are work; an open terminal is none."""
    still, used = (user.create(idle_timeout_seconds=3)["id"] for _ in range(2))
    t, u = (Channels(user, f"/sandbox/{sandbox_id}/terminal?command=cat") for sandbox_id in (still, used))
    begin = time.monotonic()
    while time.monotonic() - begin < 8:
        u.type("x\n")
        u.step()
        time.sleep(0.5)
    assert user.show(still)["reason"] == "idle" and user.show(used)["state"] == "running"
    assert t.ended() == 1000 and t.status["reason"] == "idle"
    cut_all()
    assert user.wait(used, "stopped", 15)["reason"] == "idle"


@pytest.fixture
def pausing(corral):
    """The agent pauses an idle sandbox."""
    def restart(**env):
        corral.kill("agent", signal.SIGTERM)
        corral.environ.update(env)
        corral.restart("agent")
    restart(CORRAL_IDLE_ACTION="pause")
    yield
    restart(CORRAL_IDLE_ACTION="stop")


def test_idle_pauses_where_that_is_configured(corral, user, pausing):
    sandbox_id = user.create(idle_timeout_seconds=2, lifetime_seconds=600)["id"]
    paused = user.wait(sandbox_id, "paused", 15)
    assert paused["reason"] is None and paused["detail"].startswith(IDLE), paused
    event = user.good("GET", f"/sandbox/{sandbox_id}/events")["items"][-1]
    assert event["type"] == "sandbox.paused" and event["data"]["detail"].startswith(IDLE), event

    # An extension does not resume it. The create and the deletion reach the node after the extension, so the
    # node has it by then.
    longer = user.good("PATCH", f"/sandbox/{sandbox_id}", {"lifetime_seconds": 900})
    assert longer["state"] == "paused" and longer["expires_at"] > paused["expires_at"]
    user.delete(user.create()["id"])
    assert corral.is_frozen(sandbox_id) and user.show(sandbox_id)["state"] == "paused"

    user.good("POST", f"/sandbox/{sandbox_id}/resume")
    wait_until("its processes run", lambda: not corral.is_frozen(sandbox_id))
    assert user.wait(sandbox_id, "running")["detail"] is None
    assert not user.stats(sandbox_id)["violations"]
    user.wait(sandbox_id, "paused", 15) # the idle time started from zero

    user.good("POST", f"/sandbox/{sandbox_id}/resume")
    user.wait(sandbox_id, "running")
    corral.kill("controller")
    wait_until("the node paused it by itself", lambda: corral.is_frozen(sandbox_id), 15)
    corral.restart("controller")
    user.wait(sandbox_id, "paused", 20)
    user.good("POST", f"/sandbox/{sandbox_id}/resume")
    user.wait(sandbox_id, "running")
