"""While somebody watches a sandbox, its history has a sample each second; of others one each ten, and of it again when nobody watches."""
from datetime import datetime, timezone

from corral import wait_until
from test_stats_stream import Figures


def stored(corral, sandbox):
    """When its samples were taken, in seconds."""
    return [int(at) / 1000 for at in corral.sql(
        f"select (extract(epoch from at) * 1000)::bigint from history_points('{sandbox}', now() - interval '1 hour', now(), 1) order by at").split()]


def gaps(times):
    return [b - a for a, b in zip(times, times[1:])]


def dense(corral, sandbox, since, count=5):
    """The first `count` samples after a moment, where one follows the other after a second."""
    times = [at for at in stored(corral, sandbox) if at >= since][-count:]
    return len(times) == count and all(gap < 2.5 for gap in gaps(times)) and times


def sparse(corral, sandbox, since):
    times = [at for at in stored(corral, sandbox) if at >= since]
    return len(times) >= 2 and all(gap > 9 for gap in gaps(times)[-1:]) and times


def now(corral):
    return float(corral.sql("select extract(epoch from clock_timestamp())"))


def iso(at):
    return datetime.fromtimestamp(at, timezone.utc).isoformat()


def test_what_is_watched(corral, user):
    streamed, polled, other = (user.create()["id"] for _ in range(3))
    for sandbox in (streamed, polled, other):
        user.stats(sandbox)
    begin = now(corral)
    figures = Figures(user, streamed)

    def asked(*rest):
        user.stats(polled)
        return all(dense(corral, sandbox, begin) for sandbox in (streamed, polled)) and sparse(corral, other, begin + 6)
    wait_until("a sample each second of two, one each ten seconds of the third", asked, 40, 1)
    user.stats(other) # once is no watching
    assert corral.metric("corral_sandboxes_dense") >= 2 and corral.metric("corral_sandboxes_watched") >= 2
    points = user.good("GET", f"/sandbox/{streamed}/stats/history", params={"from": iso(begin), "to": iso(begin + 600), "step": 1})
    assert points["step_seconds"] == 1 and len(points["points"]) > 4
    figures.do(figures.ws.close())
    figures.loop.close()
    ended = now(corral) + 8 # questions count for five seconds, and the node is told with the next second
    for sandbox in (streamed, polled):
        times = wait_until("one each ten seconds again", lambda sandbox=sandbox: sparse(corral, sandbox, ended), 45, 0.5)
        assert min(gaps(times)) > 9, times
    times = [at for at in stored(corral, other) if at >= begin + 6]
    assert min(gaps(times)) > 9, times
