"""The live stream of events while its controller is killed, and while the lead passes to another one: what a client reads, coming
back with its last id, is exactly what was committed, in order."""
import os
import signal
import threading
import time

import pytest
import requests
from corral import Client, wait_until
from event_streams import EventStream, add_events
from test_two_controllers_streams import second  # noqa: F401


class Writer:
    """Commits events all the time, as others do."""

    def __init__(self, corral, user):
        self.ids, self.stopped = [], threading.Event()
        self.thread = threading.Thread(target=self.run, args=(corral, user))
        self.thread.start()

    def run(self, corral, user):
        while not self.stopped.is_set():
            self.ids += add_events(corral, user, 20)
            time.sleep(0.02)

    def stop(self):
        self.stopped.set()
        self.thread.join(30)
        return self.ids


class Reader:
    """A client that comes back with the id of the last event it has, to any controller that takes it."""

    def __init__(self, clients, last):
        self.clients, self.ids, self.last, self.times = clients, [], last, 0
        self.stream = None

    def read(self):
        """Comes back where its stream is over."""
        if self.stream and self.stream.whole is None:
            return
        self.take()
        for client in self.clients:
            try:
                stream = EventStream(client, last=self.last)
            except (OSError, ValueError, IndexError):
                continue
            if stream.status == 200:
                self.stream, self.times = stream, self.times + 1
                return
            assert stream.status in (503, 429), stream.problem()
            stream.close()

    def take(self):
        if self.stream:
            self.stream.close()
            self.stream.thread.join(20)
            self.ids += self.stream.ids
            self.last = self.stream.last
            self.stream = None

    def reaches(self, event_id, seconds=60):
        wait_until(f"{event_id} is read", lambda: self.read() or event_id in self.ids or (self.stream and event_id in self.stream.ids), seconds)


def begin_of(client):
    stream = EventStream(client)
    stream.close()
    return stream.begin


def is_ready(url):
    try:
        return requests.get(url + "/readyz", timeout=5).status_code == 200
    except OSError:
        return False


@pytest.mark.parametrize("signo", [signal.SIGKILL, signal.SIGTERM])
def test_its_controller_is_killed(corral, user, signo):
    begin = begin_of(user)
    readers, writer = [Reader([user], begin) for _ in range(5)], Writer(corral, user)
    try:
        for _ in range(2):
            mark = len(writer.ids) + 100
            wait_until("events come", lambda: len(writer.ids) > mark, 30)
            for reader in readers:
                reader.reaches(writer.ids[mark], 30)
            corral.kill("controller", signo)
            for reader in readers:
                wait_until("its stream is over", lambda: reader.stream.whole is not None, 20)
            corral.restart("controller")
            wait_until("it is ready", lambda: is_ready(corral.url), 40)
    finally:
        ids = writer.stop()
    for reader in readers:
        reader.reaches(ids[-1])
        reader.take()
        assert reader.ids == ids and reader.times >= 3
        assert signo == signal.SIGKILL or reader.last == ids[-1]


def test_the_lead_passes_to_another(corral, user, second):  # noqa: F811
    """The first controller stands still, and then goes on without the lead: streams at it go on, and miss nothing either."""
    there = Client(second.url, user.session.headers["X-API-Key"])
    begin = begin_of(there)
    stays, reader, writer = EventStream(there, last=begin), Reader([user, there], begin), Writer(corral, user)
    try:
        wait_until("events come", lambda: len(writer.ids) > 100, 30)
        reader.reaches(writer.ids[50])
        os.kill(second.process.pid, signal.SIGSTOP)
        try:
            corral.sql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = 20011 and objid = 1")
            wait_until("the first controller leads", lambda: is_ready(corral.url), 40)
            reader.stream.close() # it hears nothing any more
            reader.reaches(writer.ids[-1])
        finally:
            os.kill(second.process.pid, signal.SIGCONT)
        mark = len(writer.ids)
        wait_until("more come", lambda: len(writer.ids) > mark + 100, 30)
    finally:
        ids = writer.stop()
    reader.reaches(ids[-1])
    reader.take()
    assert reader.ids == ids
    stays.reaches(ids[-1], 60)
    assert stays.ids == ids
    stays.close()
