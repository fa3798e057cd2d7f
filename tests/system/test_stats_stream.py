"""Figures of a sandbox once a second, on a WebSocket."""
import asyncio
import json
import time

import pytest
import websockets
from corral import Client, wait_until


class Figures:
    def __init__(self, client, sandbox):
        self.loop = asyncio.new_event_loop()
        self.ws = self.do(self.connect(f"ws{client.url[4:]}/sandbox/{sandbox}/stats/stream", client.session.headers["X-API-Key"]))

    async def connect(self, url, key):
        return await websockets.connect(url, ping_interval=None, extra_headers={"X-API-Key": key})

    def do(self, what):
        return self.loop.run_until_complete(asyncio.wait_for(what, 20))

    def next(self):
        return json.loads(self.do(self.ws.recv()))

    def code(self):
        try:
            while True:
                self.next()
        except websockets.ConnectionClosed:
            return self.ws.close_code


def refusal(client, sandbox):
    with pytest.raises(websockets.InvalidStatusCode) as refused:
        Figures(client, sandbox)
    return refused.value.status_code


def test_once_a_second(user):
    sandbox = user.create()["id"]
    user.stats(sandbox)
    figures, begin = Figures(user, sandbox), time.monotonic()
    got = [figures.next() for _ in range(4)]
    assert 2.5 < time.monotonic() - begin < 8
    assert all(one.keys() == user.stats(sandbox).keys() for one in got)
    assert got[0]["sampled_at"] < got[-1]["sampled_at"]
    user.delete(sandbox)
    assert figures.code() == 1000


def test_who_may(corral, user):
    sandbox = user.create()["id"]
    user.stats(sandbox)
    assert refusal(corral.user(f"other-{sandbox[-8:].lower()}"), sandbox) == 404
    assert refusal(Client(corral.url, corral.key(user.user_id, scopes=["exec"])["key"]), sandbox) == 403
    assert user.call("GET", f"/sandbox/{sandbox}/stats/stream").status_code == 400
    key = corral.key(user.user_id, scopes=["read"])
    figures, admins = Figures(Client(corral.url, key["key"]), sandbox), Figures(corral.admin, sandbox)
    figures.next()
    corral.admin.good("DELETE", f"/sandbox/system/users/{user.user_id}/keys/{key['id']}")
    assert figures.code() == 1008
    admins.next()
    user.delete(sandbox)
    assert admins.code() == 1000
    assert refusal(user, sandbox) == 409


def test_an_administrator_that_is_none_any_more(corral, user):
    sandbox = user.create()["id"]
    user.stats(sandbox)
    admin = corral.user(f"admin-{sandbox[-8:].lower()}", role="admin").user_id
    figures = Figures(Client(corral.url, corral.key(admin, scopes=["read", "admin"])["key"]), sandbox)
    figures.next()
    corral.admin.good("PATCH", f"/sandbox/system/users/{admin}", {"role": "user"})
    assert figures.code() == 1008


def test_a_client_that_is_gone_is_forgotten(corral, user):
    sandbox = user.create()["id"]
    before = corral.metric("corral_websocket_connections")
    figures = Figures(user, sandbox)
    assert corral.metric("corral_websocket_connections") == before + 1
    figures.ws.transport.abort()
    figures.do(figures.ws.wait_closed())
    wait_until("it is forgotten", lambda: corral.metric("corral_websocket_connections") == before)
