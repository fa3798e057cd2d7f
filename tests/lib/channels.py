"""A WebSocket that carries a process (v5.channel.k8s.io), without threads: nothing is read but in calls of this file."""
import asyncio
import json

import websockets

STDIN, STDOUT, STDERR, STATUS, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"

LOOP = asyncio.new_event_loop()
THERE = []


class Channels:
    def __init__(self, client, path, protocol=V5, **more):
        """more: arguments of websockets.connect. A refusal is raised as websockets.InvalidStatusCode."""
        self.output, self.errors, self.status, self.texts = b"", b"", None, []
        self.ws = self.do(self.connect("ws" + client.url[4:] + path, client.session.headers["X-API-Key"], protocol, more))
        self.pid = int(self.ws.response_headers["X-Process-Id"])
        self.begin = int(self.ws.response_headers["X-Output-From"])
        THERE.append(self)

    async def connect(self, url, key, protocol, more):
        return await websockets.connect(url, subprotocols=[protocol] if protocol else None, extra_headers={"X-API-Key": key},
                                        ping_interval=None, max_size=None, close_timeout=5, **more)

    def do(self, what, seconds=20):
        return LOOP.run_until_complete(asyncio.wait_for(what, seconds))

    def say(self, channel, data=b"", seconds=20):
        self.do(self.ws.send(bytes([channel]) + data), seconds)

    def type(self, text):
        self.say(STDIN, text.encode())

    def resize(self, rows, columns):
        self.say(RESIZE, json.dumps({"Width": columns, "Height": rows}).encode())

    def end_input(self):
        self.say(CLOSE, bytes([STDIN]))

    def step(self, seconds=20):
        """Takes one message."""
        message = self.do(self.ws.recv(), seconds)
        assert isinstance(message, bytes), message
        channel, data = message[0], message[1:]
        if channel == STDOUT:
            self.output += data
        elif channel == STDERR:
            self.errors += data
        else:
            assert channel == STATUS and self.status is None, message
            self.status = json.loads(data)

    def until(self, text, seconds=20):
        """Reads until the output has this."""
        while text.encode() not in self.output:
            self.step(seconds)

    def echoes(self, text):
        """Types a line into a terminal where cat runs: its echo and what cat writes have come."""
        self.type(text + "\n")
        self.until(f"{text}\r\n{text}\r\n")

    def ended(self, seconds=20):
        """Reads to the close: its code."""
        try:
            while True:
                self.step(seconds)
        except websockets.ConnectionClosed:
            return self.ws.close_code

    @property
    def position(self):
        """After the last byte that came."""
        return self.begin + len(self.output) + len(self.errors)

    def cut(self):
        """The connection ends without a word."""
        self.ws.transport.abort()
        self.do(self.ws.wait_closed())

    def close(self):
        self.do(self.ws.close())


def cut_all():
    """For the end of a test."""
    while THERE:
        THERE.pop().cut()


def refusal(client, path, **more):
    """The status of an upgrade that is refused."""
    try:
        Channels(client, path, **more).close()
    except websockets.InvalidStatusCode as refused:
        return refused.status_code
    raise AssertionError(f"{path} was not refused")
