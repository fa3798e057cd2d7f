"""The live stream of events: GET /sandbox/events and GET /sandbox/{id}/events as text/event-stream and as a WebSocket."""
import json
import subprocess
import uuid

import pytest
import requests
import websockets
from corral import FOREVER, Client, running, wait_until
from event_streams import EventSocket, EventStream, add_events


@pytest.fixture
def opened():
    made = []
    yield lambda *args, **more: made.append(EventStream(*args, **more)) or made[-1]
    for stream in made:
        stream.close()


@pytest.fixture
def other(corral):
    return corral.user(f"other-{uuid.uuid4().hex[:8]}")


def is_ready(corral):
    wait_until("it is ready", lambda: status(corral, "/readyz") == 200, 40)


def status(corral, path):
    try:
        return requests.get(corral.url + path, timeout=10).status_code
    except OSError:
        return None


def with_key(corral, user, **more):
    key = corral.key(user.user_id, **more)
    client = Client(corral.url, key["key"])
    client.user_id, client.key_id = user.user_id, key["id"]
    return client


def listed(client, after, path="/sandbox/events"):
    ids, page = [], {"next_cursor": after}
    while page["next_cursor"]:
        page = client.good("GET", f"{path}?limit=200&cursor={page['next_cursor']}")
        ids += [e["id"] for e in page["items"]]
    return ids


def test_tells_what_happens_as_it_happens(corral, user, other, opened):
    mine, theirs, all_of_them = opened(user), opened(other), opened(corral.admin)
    ws = EventSocket(user)
    sandbox = user.create(command=FOREVER)["id"]
    one = opened(user, f"/sandbox/{sandbox}/events", last=mine.begin)
    mine.tells("it runs", type="sandbox.started", sandbox_id=sandbox)
    user.delete(sandbox)
    end = mine.tells("it ends", type="sandbox.stopped", sandbox_id=sandbox)
    assert end["data"]["reason"] == "deleted"
    ids = listed(user, mine.begin)
    assert mine.ids == ids and mine.events == user.good("GET", f"/sandbox/events?limit=200&after={mine.begin}")["items"]
    assert ws.until(ids[-1]) == ids
    one.reaches(ids[-1])
    assert one.ids == ids == listed(user, mine.begin, f"/sandbox/{sandbox}/events")
    all_of_them.reaches(ids[-1])
    assert set(ids) <= set(all_of_them.ids) and all_of_them.ids == sorted(all_of_them.ids)
    assert theirs.ids == [] and "watching" in theirs.comments
    assert theirs.begin == opened(other).begin == theirs.last # no position tells that others did something
    assert other.refused("GET", f"/sandbox/{sandbox}/events")["status"] == 404
    assert opened(other, f"/sandbox/{sandbox}/events").status == 404
    ws.close()


def test_comes_back_where_it_was(corral, user, opened):
    """From the first position on, also before any event; by the header, by the query, and a WebSocket."""
    first = opened(user)
    ids = add_events(corral, user, 30)
    first.reaches(ids[-1])
    assert first.ids == ids
    for n in (0, 10, 30):
        begin, rest = ids[n - 1] if n else first.begin, ids[n:]
        streams = [opened(user, last=begin), opened(user, f"/sandbox/events?after={begin}"), opened(user, f"/sandbox/events?cursor={begin}"),
                   opened(user, f"/sandbox/events?after={ids[0]}", last=begin)]
        ws = EventSocket(user, **{"Last-Event-ID": begin})
        more = add_events(corral, user, 2)
        for stream in streams:
            assert stream.begin == begin
            stream.reaches(more[-1])
            assert stream.ids == rest + more
        assert ws.until(more[-1]) == rest + more
        ws.close()
        ids = ids + more
    stream = opened(user)
    more = add_events(corral, user, 1)
    stream.reaches(more[-1])
    assert stream.ids == more # from now on


def test_one_that_was_away_for_long(corral, user, other, opened):
    """More than is kept in memory, among those of others."""
    begin = opened(user)
    mine = add_events(corral, user, 2500)
    add_events(corral, other, 3000)
    mine += add_events(corral, user, 2500)
    streams = [opened(user, last=begin.begin) for _ in range(20)]
    narrow = opened(corral.admin, f"/sandbox/events?type=violation.&user={other.user_id}", last=begin.begin)
    last, = add_events(corral, user, 1)
    shown, = add_events(corral, other, 1, kind="violation.opened")
    for stream in (begin, *streams):
        stream.reaches(last, 60)
        assert stream.ids == mine + [last]
    narrow.reaches(shown)
    assert narrow.ids == [shown]


def test_filters(corral, user, other, opened):
    everything = opened(corral.admin, "/sandbox/events?type=sandbox.")
    by_name = corral.admin.good("GET", f"/sandbox/system/users/{user.user_id}")["name"]
    theirs = [opened(corral.admin, f"/sandbox/events?user={name}") for name in (user.user_id, by_name)]
    foreign = opened(user, f"/sandbox/events?user={other.user_id}")
    violations = opened(user, "/sandbox/events?type=violation.")
    made = add_events(corral, user, 1)
    opening = add_events(corral, user, 1, kind="violation.opened")
    add_events(corral, other, 1)
    end = add_events(corral, None, 1, kind="node.joined")
    own = add_events(corral, user, 1)
    for stream in theirs:
        stream.reaches(own[0])
        assert stream.ids == made + opening + own
    everything.reaches(own[0])
    assert not {opening[0], end[0]} & set(everything.ids) and made[0] in everything.ids
    violations.reaches(opening[0])
    assert foreign.ids == [] and violations.ids == opening
    items = corral.admin.good("GET", f"/sandbox/events?type=violation.&user={user.user_id}&after={made[0]}")["items"]
    assert [e["id"] for e in items] == opening
    assert user.good("GET", f"/sandbox/events?user={other.user_id}")["items"] == []


def test_positions_that_are_gone(corral, user, opened):
    assert opened(user, last="evt_1").problem() == (422, "invalid")
    assert opened(user, last="sbx_00000000000000000000000000").problem() == (422, "invalid")
    assert opened(user, last="evt_0999999999999999999").problem() == (410, "events_gone") # of another database
    for odd in (b"\xff\xfe", b"evt_" + b"9" * 19, b"x" * 5000, b'evt_"', b"evt_\xc3\xa9"):
        assert requests.get(corral.url + "/sandbox/events", timeout=10, headers={
            "X-API-Key": user.session.headers["X-API-Key"], "Accept": "text/event-stream", "Last-Event-ID": odd}).status_code == 422
    old, = add_events(corral, user, 1)
    between, last = add_events(corral, user, 2)
    # As upkeep removes what is past its term.
    corral.sql(f"update events set at = now() - interval '4000 days' where event_id(seq) in ('{old}', '{between}')")
    corral.sql("insert into upkeep_clock values ('test', 0, now()) on conflict (boot_id) do update set reached = excluded.reached")
    corral.sql("select upkeep_events(3650, 100, '')")
    assert opened(user, last=old).problem() == (410, "events_gone")
    assert opened(user, f"/sandbox/events?after={old}").problem() == (410, "events_gone")
    with pytest.raises(websockets.InvalidStatusCode) as refused:
        EventSocket(user, f"/sandbox/events?after={old}")
    assert refused.value.status_code == 410
    streams = [(opened(user, last=between), [last]), (opened(user, last=last), [])] # nothing after these is missing
    more = add_events(corral, user, 1)
    for stream, before in streams:
        stream.reaches(more[0])
        assert stream.ids == before + more


def test_who_may(corral, user, opened):
    assert opened(with_key(corral, user, scopes=["exec"])).problem() == (403, "forbidden")
    assert requests.get(corral.url + "/sandbox/events", headers={"Accept": "text/event-stream"}, timeout=10).status_code == 401
    key = with_key(corral, user, scopes=["read"])
    stream, ws = opened(key), EventSocket(key)
    corral.admin.good("DELETE", f"/sandbox/system/users/{user.user_id}/keys/{key.key_id}")
    stream.ends()
    assert stream.whole and ws.code() == 1008
    name = f"admin-{uuid.uuid4().hex[:8]}"
    admin = with_key(corral, corral.user(name, role="admin"), scopes=["read", "admin"])
    all_of_them = opened(admin)
    corral.admin.good("PATCH", f"/sandbox/system/users/{admin.user_id}", {"role": "user"})
    all_of_them.ends()
    assert opened(admin).status == 200 # of its own sandboxes


def test_a_list_is_still_a_list(user, opened):
    assert user.call("GET", "/sandbox/events").headers["content-type"] == "application/json"
    for accept, kind in (("text/event-stream;q=0, application/json", "application/json"), ("Text/Event-Stream", "text/event-stream"),
                         ("application/json, text/event-stream;q=0.5", "application/json"), ("*/*", "application/json")):
        asked = requests.get(user.url + "/sandbox/events", headers={"X-API-Key": user.session.headers["X-API-Key"], "Accept": accept}, timeout=10, stream=True)
        assert asked.headers["content-type"] == kind, accept
        asked.close()
    head = requests.head(user.url + "/sandbox/events", headers={"X-API-Key": user.session.headers["X-API-Key"], "Accept": "text/event-stream"},
                         timeout=10)
    assert head.status_code == 200 and head.headers["content-type"] == "text/event-stream"


def test_corral_events_follow(corral, user):
    """It comes back by itself: what was committed meanwhile is shown, once."""
    key = user.session.headers["X-API-Key"]
    environ = {**corral.environ, "CORRAL_URL": corral.url, "CORRAL_API_KEY": key}
    before, = add_events(corral, user, 1)
    with running([corral.home / "bin/corral", "events", "--follow", "--json", "--after", before], env=environ, text=True,
                 stdout=subprocess.PIPE, stderr=subprocess.PIPE) as follows:
        ids = add_events(corral, user, 1)
        assert json.loads(follows.stdout.readline())["id"] == ids[0]
        corral.kill("controller")
        assert "trying to come back" in follows.stderr.readline()
        ids += add_events(corral, user, 2)
        corral.restart("controller")
        ids += add_events(corral, user, 1)
        assert [json.loads(follows.stdout.readline())["id"] for _ in ids[1:]] == ids[1:]
        follows.kill()
    is_ready(corral)
    listed = corral.cli("events", "--type", "sandbox.ext", "--after", before, "-q", key=key)
    assert listed.returncode == 0 and listed.stdout.split() == ids, listed
    gone = corral.cli("events", "-f", "--after", "evt_0999999999999999999", key=key)
    assert gone.returncode == 1 and "410" in gone.stderr, gone
    assert corral.cli("events", "-f", "--filter", "type=x", key=key).returncode == 2


def test_goes_on_while_the_database_is_away(corral, user, opened):
    stream, ws = opened(user), EventSocket(user)
    ids = add_events(corral, user, 1)
    stream.reaches(ids[0])
    corral.postgres("stop")
    wait_until("it is noticed", lambda: status(corral, "/readyz") == 503, 20)
    corral.restart("postgres")
    is_ready(corral)
    ids += add_events(corral, user, 3)
    stream.reaches(ids[-1])
    assert stream.ids == ids and stream.whole is None
    assert ws.until(ids[-1]) == ids
    ws.close()


def test_a_controller_that_stops_and_comes_back(corral, user, opened):
    stream, ws = opened(user), EventSocket(user)
    ids = add_events(corral, user, 2)
    stream.reaches(ids[-1])
    corral.kill("controller", 15)
    stream.ends()
    assert stream.whole and stream.comments[-1] == "the controller stops" and ws.code() == 1012
    ids += add_events(corral, user, 3)
    corral.restart("controller")
    is_ready(corral)
    later = opened(user, last=stream.last)
    ids += add_events(corral, user, 1)
    later.reaches(ids[-1])
    assert stream.ids + later.ids == ids
