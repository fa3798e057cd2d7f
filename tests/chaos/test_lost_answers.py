"""PostgreSQL commits, and the controller never hears of it: the node still does what was committed, without
help."""
import json
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests
from corral import wait_until
from test_database import end_sessions
from test_two_controllers import COMPARED, container


class Swallowed:
    """A proxy in front of PostgreSQL's socket. Of the next statements that match, it swallows the answer,
    and then breaks the connection or leaves it open and silent; or holds it back until it is let go."""

    def __init__(self, corral):
        self.socket = corral.home / "postgres/.s.PGSQL.5432"
        self.behind = self.socket.with_name(".behind")
        self.corral, self.sought, self.silent, self.left, self.lock = corral, None, False, 0, threading.Lock()
        self.go_on = None # where an answer is held: set when it is let go

    def __enter__(self):
        self.socket.rename(self.behind)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.socket))
        self.socket.chmod(0o777)
        self.listener.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()
        self.reconnect()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.behind.rename(self.socket)
        self.reconnect()

    def reconnect(self):
        """Breaks every session, also the leader's."""
        epoch = self.corral.sql("select epoch from leadership")
        end_sessions(self.corral)
        wait_until("a controller leads again", lambda: self.corral.sql("select epoch from leadership") != epoch, 30)
        wait_until("a create would find a node",
                   lambda: requests.get(self.corral.url + "/readyz", timeout=10).status_code == 200, 30)

    def swallow(self, statement, silent=False, times=1):
        with self.lock:
            self.sought, self.silent, self.left = re.compile(statement), silent, times

    @contextmanager
    def held(self, statement):
        """Holds the answer of the next one back while the block runs."""
        self.swallow(statement, silent=True)
        self.go_on = threading.Event()
        yield
        self.go_on.set()
        self.go_on = None

    def takes(self, data):
        with self.lock:
            hit = self.left > 0 and self.sought.search(data)
            self.left -= bool(hit)
            return bool(hit)

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            database = socket.socket(socket.AF_UNIX)
            database.connect(str(self.behind))
            deaf = threading.Event()
            threading.Thread(target=self.ask, args=(client, database, deaf), daemon=True).start()
            threading.Thread(target=self.answer, args=(client, database, deaf), daemon=True).start()

    def ask(self, client, database, deaf):
        try:
            while data := client.recv(65536):
                if self.takes(data):
                    deaf.set()
                database.sendall(data)
        except OSError:
            pass
        self.end(database)

    def answer(self, client, database, deaf):
        try:
            while data := database.recv(65536):
                if deaf.is_set() and (go_on := self.go_on):
                    go_on.wait()
                    deaf.clear()
                if not deaf.is_set():
                    client.sendall(data)
                elif not self.silent:
                    break
        except OSError:
            pass
        if deaf.is_set() and not self.silent: # what was sent is carried out first: only then may PostgreSQL hear that the client is gone
            self.end(client)
            while database.recv(65536):
                pass
        self.end(client)

    @staticmethod
    def end(s):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


@pytest.fixture(scope="module")
def proxy(corral):
    with Swallowed(corral) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def untold(corral):
    """The change notifies nobody: it is found only by comparing the rows."""
    corral.sql("alter table sandboxes disable trigger sandbox_desired")
    yield
    corral.sql("alter table sandboxes enable trigger sandbox_desired")


def lose(proxy, user, statement, silent, method, path, body=None):
    proxy.swallow(statement, silent)
    answer = user.call(method, path, body, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable"), answer.text
    assert proxy.left == 0, "nothing was swallowed"


@pytest.mark.parametrize("silent", [False, True], ids=["broken", "silent"])
def test_what_was_committed_reaches_the_node(corral, user, proxy, silent):
    sandbox = user.create(memory_bytes=64 << 20)["id"]
    lose(proxy, user, b"set_desired_state", silent, "POST", f"/sandbox/{sandbox}/pause")
    wait_until("the sandbox is frozen", lambda: container(corral, sandbox, "{{.State.Paused}}") == "true", COMPARED)
    wait_until("the row says so", lambda: user.show(sandbox)["state"] == "paused", 10)
    user.good("POST", f"/sandbox/{sandbox}/resume")
    lose(proxy, user, b"patch_sandbox", silent, "PATCH", f"/sandbox/{sandbox}", {"memory_bytes": 96 << 20})
    wait_until("the new limit is set", lambda: container(corral, sandbox, "{{.HostConfig.Memory}}") == str(96 << 20), COMPARED)
    lose(proxy, user, b"set_desired_state", silent, "DELETE", f"/sandbox/{sandbox}")
    wait_until("the container is gone", lambda: container(corral, sandbox, "{{.Id}}") is None, COMPARED)
    wait_until("the row says so", lambda: user.show(sandbox)["state"] == "stopped", 10)


def test_rows_that_cannot_be_read_at_first(corral, user, proxy):
    """A row that must be read again is not forgotten because the first readings fail."""
    sandbox = user.create()["id"]
    who = json.dumps({"user_id": user.user_id})
    proxy.swallow(b"read_sandboxes", times=3)
    corral.sql(f"select outcome from set_desired_state('{sandbox}', null, 'gone', 'deleted', '{who}')")
    wait_until("the container is gone", lambda: container(corral, sandbox, "{{.Id}}") is None, COMPARED + 10)
    assert proxy.left == 0


def test_a_pause_that_is_overtaken_before_its_answer_comes(corral, user, proxy):
    """Answers come in no order: neither waits for what was told before it waited."""
    sandbox = user.create()["id"]
    at = f"/sandbox/{sandbox}"
    with ThreadPoolExecutor(1) as pool:
        with proxy.held(b"set_desired_state"):
            pause = pool.submit(user.call, "POST", f"{at}/pause", timeout=60)
            wait_until("it is committed", lambda: corral.sql(f"select desired from sandboxes where id = '{sandbox}'") == "paused")
            user.good("POST", f"{at}/resume")
        answer = pause.result(10)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict"), answer.text
        with proxy.held(b"set_desired_state"):
            pause = pool.submit(user.call, "POST", f"{at}/pause", timeout=60)
            wait_until("it is committed", lambda: corral.sql(f"select desired from sandboxes where id = '{sandbox}'") == "paused")
            assert user.good("POST", f"{at}/pause")["state"] == "paused" # the same again, and its answer comes first
        answer = pause.result(10)
        assert (answer.status_code, answer.json()["state"]) == (200, "paused"), answer.text
