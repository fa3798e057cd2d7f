"""Live streams of events, as Server-Sent Events and as a WebSocket."""
import asyncio
import json
import socket
import threading
from urllib.parse import urlsplit

import websockets
from corral import wait_until


class EventStream:
    """One that is open, read by a thread. It parses as a browser does: an event is what came before an empty line."""

    def __init__(self, client, path="/sandbox/events", last=None, source=None, **headers):
        self.key = client.session.headers["X-API-Key"]
        url = urlsplit(client.url)
        lines = [f"GET {path} HTTP/1.1", f"Host: {url.netloc}", f"X-API-Key: {self.key}", "Accept: text/event-stream"]
        lines += [f"Last-Event-ID: {last}"] if last else []
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.events, self.ids, self.comments, self.last, self.whole = [], [], [], last, None
        self.socket = socket.create_connection((url.hostname, url.port), timeout=60, source_address=source)
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while (line := self.file.readline().strip()):
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        if self.status == 200:
            assert self.headers["content-type"] == "text/event-stream" and self.headers["transfer-encoding"] == "chunked"
            self.last = self.begin = self.headers["x-events-after"]
            self.thread = threading.Thread(target=self.read, daemon=True)
            self.thread.start()

    def pieces(self):
        while True:
            size = int(self.file.readline() or b"-1", 16)
            if size < 0:
                return
            piece = self.file.read(size)
            self.file.readline()
            if not size:
                self.whole = True # it ended in good order
                return
            yield piece

    def read(self):
        left = b""
        try:
            for piece in self.pieces():
                left += piece
                *blocks, left = left.split(b"\n\n")
                for block in blocks:
                    self.take(block.decode().split("\n"))
        except (OSError, ValueError):
            pass
        self.whole = bool(self.whole)

    def take(self, lines):
        data = None
        for line in lines:
            name, _, value = line.partition(": ")
            if name == "id":
                self.last = value
            elif name == "data":
                data = value
            else:
                assert line.startswith(": "), lines
                self.comments.append(line[2:])
        if data is not None:
            event = json.loads(data)
            assert event["id"] == self.last
            self.events.append(event)
            self.ids.append(event["id"])

    def problem(self):
        return self.status, json.loads(self.file.read(int(self.headers["content-length"])))["code"]

    def tells(self, what, seconds=20, **fields):
        """Waits for an event that has these fields."""
        found = []
        wait_until(f"{what}: {fields}; {self.events[-5:]}",
                   lambda: found.extend(e for e in list(self.events) if fields.items() <= e.items()) or found, seconds)
        return found[0]

    def reaches(self, event_id, seconds=30):
        wait_until(f"{event_id} comes; {self.ids[-3:]}", lambda: event_id in self.ids[-50:], seconds)

    def ends(self, seconds=20):
        wait_until(f"it ends; {self.events[-3:]}", lambda: self.whole is not None, seconds)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class EventSocket:
    """The same as a WebSocket, read only in calls of this class."""

    def __init__(self, client, path="/sandbox/events", **headers):
        self.loop = asyncio.new_event_loop()
        self.ws = self.do(self.connect("ws" + client.url[4:] + path, {"X-API-Key": client.session.headers["X-API-Key"], **headers}))
        self.begin = self.ws.response_headers["X-Events-After"]

    async def connect(self, url, headers):
        return await websockets.connect(url, ping_interval=None, extra_headers=headers)

    def do(self, what):
        return self.loop.run_until_complete(asyncio.wait_for(what, 20))

    def next(self):
        message = self.do(self.ws.recv())
        assert isinstance(message, str)
        return json.loads(message)

    def until(self, event_id):
        """The ids up to this one."""
        ids = [self.next()["id"]]
        while ids[-1] != event_id:
            ids.append(self.next()["id"])
        return ids

    def code(self):
        try:
            while True:
                self.next()
        except websockets.ConnectionClosed:
            return self.ws.close_code

    def close(self):
        self.do(self.ws.close())


def add_events(corral, user, count, sandbox=None, kind="sandbox.extended"):
    """Commits events as the controller does, a transaction for them all. Returns their ids."""
    sandbox = f"'{sandbox}'" if sandbox else "null"
    whose = f"'{user.user_id}'" if user else "null"
    ids = corral.sql(f"select event_id(add_event('{kind}', {whose}, {sandbox}, null, jsonb_build_object('n', n))) from generate_series(1, {count}) n")
    return ids.split("\n")
