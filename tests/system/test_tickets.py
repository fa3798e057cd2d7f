"""Tickets: what a browser puts into a URL, since it cannot send a key with a WebSocket."""
import asyncio
import re
import time
import uuid

import pytest
import requests
import websockets
from channels import LOOP, V5
from corral import FOREVER

SOON = 2 # seconds, on a machine that is busy


@pytest.fixture
def sandbox(user):
    return user.create(command=FOREVER)["id"]


def ticket(client, sandbox, route, query="", **more):
    return client.good("POST", f"/sandbox/{sandbox}/ticket{query}", {"route": route}, status=201, **more)["ticket"]


def do(what, seconds=20):
    return LOOP.run_until_complete(asyncio.wait_for(what, seconds))


def connect(client, path, protocol=V5):
    """As a browser does: an origin, a subprotocol, and no header of ours. The WebSocket, or the status of the refusal."""
    async def run():
        return await websockets.connect("ws" + client.url[4:] + path, subprotocols=[protocol] if protocol else None,
                                        origin="https://elsewhere.example", ping_interval=None)
    try:
        return do(run())
    except websockets.InvalidStatusCode as refused:
        return refused.status_code


async def until_closed(ws):
    try:
        while True:
            await ws.recv()
    except websockets.ConnectionClosed:
        pass


def plain(client, path, **headers):
    return requests.get(client.url + path, headers=headers, timeout=20)


def test_a_terminal_works_without_a_header(user, sandbox):
    text = ticket(user, sandbox, "terminal")
    assert re.fullmatch("tkt_[0-9a-f]{64}", text)
    ws = connect(user, f"/sandbox/{sandbox}/terminal?ticket={text}&command=sh&command=-c&command=echo%20here")
    assert ws.subprotocol == V5
    got = b""
    while b"here" not in got:
        got += do(ws.recv())
    do(ws.close())
    # Once: whatever becomes of the first one.
    assert connect(user, f"/sandbox/{sandbox}/terminal?ticket={text}") == 401


@pytest.mark.parametrize("route", ["stats/stream", "logs", "files", "processes/{pid}/attach", "/terminal"])
def test_every_route_that_streams(user, sandbox, route):
    pid = user.good("POST", f"/sandbox/{sandbox}/processes", {"command": ["sh", "-c", "echo out; sleep 100"]}, status=201)["pid"]
    route = route.format(pid=pid)
    made = user.good("POST", f"/sandbox/{sandbox}/ticket", {"route": route}, status=201)
    assert made["route"] == route.lstrip("/")
    path = f"/sandbox/{sandbox}/{made['route']}?ticket={made['ticket']}"
    if route in ("logs", "files"):
        answer = plain(user, path + ("&path=/etc/passwd" if route == "files" else ""))
        assert answer.status_code == 200, answer.text
        assert plain(user, path).status_code == 401
        return
    ws = connect(user, path, protocol=None if route == "stats/stream" else V5)
    if route != "/terminal":
        assert do(ws.recv())
    do(ws.close())


def test_other_routes_take_none(user, sandbox):
    for route in ("exec", "stats", "pause", "ticket", "files/move", "events", "terminal/x", "processes", "processes/1", "../quota/usage", "a?b"):
        problem = user.refused("POST", f"/sandbox/{sandbox}/ticket", {"route": route})
        assert (problem["status"], problem["code"]) == (422, "invalid"), (route, problem)
        assert problem["errors"][0]["pointer"] == "/route", problem
    assert user.refused("POST", f"/sandbox/{sandbox}/ticket", {})["status"] == 422
    text = ticket(user, sandbox, "logs")
    # A route without the parameter knows no ticket.
    assert plain(user, f"/sandbox/{sandbox}?ticket={text}").status_code == 401
    assert plain(user, f"/sandbox/{sandbox}/stats?ticket={text}").status_code == 401
    assert plain(user, f"/sandbox/{sandbox}/logs?ticket={text}").status_code == 200


def test_it_is_for_one_sandbox_and_one_route(user, sandbox):
    other = user.create(command=FOREVER)["id"]
    for wrong in (f"/sandbox/{other}/terminal", f"/sandbox/{sandbox}/files", f"/sandbox/{sandbox}/processes/1/attach"):
        text = ticket(user, sandbox, "terminal")
        assert plain(user, f"{wrong}?ticket={text}&path=/etc/passwd").status_code == 401
        assert connect(user, f"/sandbox/{sandbox}/terminal?ticket={text}") == 401 # used up
    text = ticket(user, sandbox, "files")
    assert requests.put(f"{user.url}/sandbox/{sandbox}/files?path=/workspace/x&ticket={text}", data=b"x", timeout=20).status_code == 401
    assert requests.head(f"{user.url}/sandbox/{sandbox}/files?path=/etc/passwd&ticket={text}", timeout=20).status_code == 401


def test_it_is_no_key_and_stands_beside_none(user, sandbox):
    text = ticket(user, sandbox, "logs")
    assert plain(user, f"/sandbox/{sandbox}/logs", **{"X-API-Key": text}).status_code == 401
    key = user.session.headers["X-API-Key"]
    both = plain(user, f"/sandbox/{sandbox}/logs?ticket={text}", **{"X-API-Key": key})
    assert both.status_code == 401 and "in place of an API key" in both.json()["detail"]
    assert plain(user, f"/sandbox/{sandbox}/logs?ticket={text}&ticket={text}").status_code == 401
    assert plain(user, f"/sandbox/{sandbox}/logs?ticket={key}").status_code == 401
    assert plain(user, f"/sandbox/{sandbox}/logs?ticket={text}").status_code == 200


def test_of_another_user(corral, user, sandbox):
    stranger = corral.user(f"stranger-{uuid.uuid4().hex[:8]}")
    assert stranger.refused("POST", f"/sandbox/{sandbox}/ticket", {"route": "terminal"})["code"] == "not_found"
    assert user.refused("POST", "/sandbox/sbx_00000000000000000000000000/ticket", {"route": "terminal"})["code"] == "not_found"


def test_an_administrator_enters_with_one(corral, user, sandbox):
    """The entry is recorded when the ticket is used, as any entry."""
    text = ticket(corral.admin, sandbox, "terminal")
    assert connect(corral.admin, f"/sandbox/{sandbox}/terminal?ticket={text}") == 404
    text = ticket(corral.admin, sandbox, "terminal")
    ws = connect(corral.admin, f"/sandbox/{sandbox}/terminal?ticket={text}&admin_access=true")
    do(ws.close())
    assert user.good("GET", f"/sandbox/{sandbox}/events")["items"][-1]["type"] == "sandbox.entered"


def test_scopes(corral, user, sandbox):
    def client(*scopes):
        key = corral.key(user.user_id, name="scoped", scopes=list(scopes))
        other = type(user)(corral.url, key["key"])
        other.key_id = key["id"]
        return other
    assert client("read").refused("POST", f"/sandbox/{sandbox}/ticket", {"route": "logs"})["code"] == "forbidden"
    inside = client("exec")
    assert "read" in inside.refused("POST", f"/sandbox/{sandbox}/ticket", {"route": "logs"})["detail"]
    assert "read" in inside.refused("POST", f"/sandbox/{sandbox}/ticket", {"route": "stats/stream"})["detail"]
    do(connect(user, f"/sandbox/{sandbox}/terminal?ticket={ticket(inside, sandbox, 'terminal')}").close())
    # What the key lost between is lost for the ticket, too.
    text = ticket(inside, sandbox, "terminal")
    corral.admin.good("PATCH", f"/sandbox/system/users/{user.user_id}/keys/{inside.key_id}", {"scopes": ["read"]})
    assert connect(user, f"/sandbox/{sandbox}/terminal?ticket={text}") == 403


def test_it_ends_with_its_key(corral, user, sandbox):
    key = corral.key(user.user_id, name="short")
    short = type(user)(corral.url, key["key"])
    open_one = connect(user, f"/sandbox/{sandbox}/terminal?ticket={ticket(short, sandbox, 'terminal')}")
    figures = connect(user, f"/sandbox/{sandbox}/stats/stream?ticket={ticket(short, sandbox, 'stats/stream')}", protocol=None)
    unused = ticket(short, sandbox, "terminal")
    corral.admin.good("DELETE", f"/sandbox/system/users/{user.user_id}/keys/{key['id']}")
    for ws in (open_one, figures):
        do(until_closed(ws), SOON)
        assert ws.close_code == 1008, ws.close_code
    assert connect(user, f"/sandbox/{sandbox}/terminal?ticket={unused}") == 401


def test_it_ends_by_itself(user, sandbox):
    text = ticket(user, sandbox, "logs")
    made = user.good("POST", f"/sandbox/{sandbox}/ticket", {"route": "logs"}, status=201)
    assert made["expires_at"].endswith("Z")
    time.sleep(31) # nothing tells of its end but time
    assert plain(user, f"/sandbox/{sandbox}/logs?ticket={text}").status_code == 401


def test_bounds(corral, user, sandbox):
    for _ in range(64):
        ticket(user, sandbox, "logs")
    answer = user.call("POST", f"/sandbox/{sandbox}/ticket", {"route": "logs"})
    assert answer.status_code == 429 and answer.json()["code"] == "rate_limited" and answer.headers["Retry-After"]
    assert "64 tickets" in answer.json()["detail"]
    assert corral.sql(f"select count(*) from audit where action = 'ticket.create' and target = '{sandbox}'") == "64"


def test_it_is_on_record_and_nowhere_else(corral, user, sandbox):
    text = ticket(user, sandbox, "files")
    user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["sh", "-c", "mkdir d; cd d; for i in $(seq 300); do : >$i; done"]}, status=200)
    page = plain(user, f"/sandbox/{sandbox}/files?path=/workspace/d&limit=200&ticket={text}")
    assert page.status_code == 200 and page.json()["next_cursor"]
    assert text not in str(page.headers) and "cursor=" in page.headers["Link"]
    [row] = [r for r in corral.admin.good("GET", f"/sandbox/system/audit?target={sandbox}&action=ticket.create")["items"]]
    assert row["after"] == {"route": "files"} and row["user"] == user.user_id and row["result"] == "ok"
    assert text not in corral.logs() and text[4:20] not in corral.logs()
    assert corral.sql(f"select count(*) from audit where audit::text like '%{text[4:20]}%'") == "0"


def test_the_description_says_where_one_is_taken(user):
    document = user.description().document
    assert document["components"]["securitySchemes"]["ticket"]["in"] == "query"
    taken = {o["operationId"] for path in document["paths"].values() for o in path.values() if {"ticket": []} in o.get("security", [])}
    assert taken == {"sandboxTerminal", "processAttach", "statsStream", "sandboxLogs", "fileRead", "fileWatch"}
