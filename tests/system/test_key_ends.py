"""What goes on in a key's name ends with the key: revoked, expired, without the scope, its user removed, no matter who changed it."""
import json
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
from corral import Client, wait_until

AT_ONCE = 2  # seconds, on a machine that is busy
BIG = 256 << 20


class Stream:
    """One request that goes on; reads what comes until the server ends it."""

    def __init__(self, corral, key, head, body=b"", reads=True):
        url = urlsplit(corral.url)
        self.got, self.ended_at = b"", None
        self.socket = socket.create_connection((url.hostname, url.port), timeout=60)
        self.socket.sendall(head.replace("\n", "\r\n").format(key=key).encode() + b"\r\n\r\n" + body)
        self.thread = threading.Thread(target=self.read, daemon=True)
        if reads:
            self.thread.start()

    def read(self):
        try:
            while not self.is_answered() and (some := self.socket.recv(65536)):
                self.got = (self.got + some)[-200000:]
        except OSError:
            pass
        self.ended_at = time.monotonic()

    def is_answered(self):
        """Whether a whole refusal is there."""
        return b"HTTP/1.1 40" in self.got and self.got.endswith(b"}")

    def problem(self):
        return json.loads(self.got.split(b"\r\n\r\n", 1)[1])

    def ends(self, seconds=30):
        self.thread.join(seconds)
        assert self.ended_at, f"it goes on: {self.got[-200:]}"
        return self.ended_at

    def is_open(self):
        return self.ended_at is None

    def close(self):
        self.socket.close()


@pytest.fixture
def opened():
    made = []
    yield made
    for stream in made:
        stream.close()


@pytest.fixture
def sandbox(user):
    made = user.create(command=["sh", "-c", "while :; do echo line; sleep 0.05; done"], memory_bytes=128 << 20)["id"]
    user.good("POST", f"/sandbox/{made}/exec", {"command": ["sh", "-c", f"head -c {BIG} /dev/zero > /workspace/big"]}, status=200)
    return made


def run(user, sandbox, script):
    return user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["sh", "-c", script]}, status=200)["stdout"]


def open_exec(corral, key, sandbox, opened, user):
    body = b'{"command": ["sh", "-c", "setsid sleep 4321 & exec sleep 4321"]}'
    opened.append(Stream(corral, key, f"POST /sandbox/{sandbox}/exec HTTP/1.1\nHost: h\nX-API-Key: {{key}}\nContent-Length: {len(body)}", body))
    wait_until("it runs", lambda: run(user, sandbox, "ps -o args | grep -c '^sleep 4321'") == "2\n", 20)
    return opened[-1]


def open_logs(corral, key, sandbox, opened, user):
    opened.append(Stream(corral, key, f"GET /sandbox/{sandbox}/logs?follow=true HTTP/1.1\nHost: h\nX-API-Key: {{key}}"))
    wait_until("it follows", lambda: b"line" in opened[-1].got, 20)
    return opened[-1]


def open_read(corral, key, sandbox, opened, user):
    """Of a file that is larger than what waits anywhere, by a client that does not read on."""
    stream = Stream(corral, key, f"GET /sandbox/{sandbox}/files?path=/workspace/big HTTP/1.1\nHost: h\nX-API-Key: {{key}}", reads=False)
    opened.append(stream)
    stream.socket.recv(1000)
    return stream


def helpers(user, sandbox):
    """Processes of its init, which reads and writes files in one each."""
    return int(run(user, sandbox, "ps -o args | grep -c '^/.corral/init'"))


def open_write(corral, key, sandbox, opened, user):
    before = helpers(user, sandbox)
    opened.append(Stream(corral, key, f"PUT /sandbox/{sandbox}/files?path=/workspace/new HTTP/1.1\nHost: h\nX-API-Key: {{key}}\n"
                         "Content-Length: 1000000", b"x" * 1000))
    wait_until("it is written", lambda: helpers(user, sandbox) == before + 1, 20)
    return opened[-1]


def open_input(corral, key, sandbox, opened, user):
    pid = user.good("POST", f"/sandbox/{sandbox}/processes", {"command": ["cat"], "stdin": True}, status=201)["pid"]
    opened.append(Stream(corral, key, f"POST /sandbox/{sandbox}/processes/{pid}/stdin HTTP/1.1\nHost: h\nX-API-Key: {{key}}\n"
                         "Content-Length: 1000000", b"x" * 1000))
    wait_until("its input comes", lambda: user.good("GET", f"/sandbox/{sandbox}/processes/{pid}")["output_bytes"] == 1000, 20)
    return opened[-1]


KINDS = {"exec": open_exec, "logs": open_logs, "read": open_read, "write": open_write, "input": open_input}


def sql_as_another_controller(corral, text):
    """A session of its own, as another controller's: this one hears of it by the database's notice alone."""
    assert corral.sql(text) != "not_found"


def path_of(user, key):
    return f"/sandbox/system/users/{user.user_id}/keys/{key['id']}"


WHO = '{"user_id": "usr_elsewhere"}'
REVOKED = "select outcome from revoke_key('{user}', '{key}', '{{\"user_id\": \"usr_elsewhere\"}}')"
REVOKES = {
    "by the API": lambda corral, user, key: corral.admin.good("DELETE", path_of(user, key)),
    "elsewhere": lambda corral, user, key: sql_as_another_controller(corral, REVOKED.format(user=user.user_id, key=key["id"])),
    "expiry elsewhere": lambda corral, user, key: sql_as_another_controller(
        corral, f"update api_keys set expires_at = now() where id = '{key['id']}' returning 1"),
    "its user": lambda corral, user, key: sql_as_another_controller(
        corral, f"update users set deleted_at = now() where id = '{user.user_id}' returning 1"),
}


@pytest.mark.parametrize("how", REVOKES)
def test_a_key_that_is_revoked_ends_all_that_goes_on(corral, user, sandbox, opened, how):
    key = corral.key(user.user_id, scopes=["read", "exec"])
    streams = {kind: begin(corral, key["key"], sandbox, opened, user) for kind, begin in KINDS.items()}
    another = corral.key(user.user_id, scopes=["read"])["key"]
    bystander = None if how == "its user" else open_logs(corral, another, sandbox, opened, user)
    try:
        assert all(s.is_open() for s in streams.values()), {k: s.got for k, s in streams.items()}
        REVOKES[how](corral, user, key)
        revoked = time.monotonic()
        late = {kind: s.ends() - revoked for kind, s in streams.items() if kind != "read"}
        assert max(late.values()) < AT_ONCE, late
        streams["read"].read() # what was on its way, and then the end
        for kind in ("exec", "write", "input"):
            assert streams[kind].got.startswith(b"HTTP/1.1 401 "), (kind, streams[kind].got)
            assert streams[kind].problem()["code"] == "unauthenticated" and "key" in streams[kind].problem()["detail"]
        assert not streams["logs"].got.endswith(b"0\r\n\r\n") # it breaks: a client must not take it for the end of the logs
        assert Client(corral.url, key["key"]).call("GET", "/sandbox").status_code == 401
    finally:
        if how == "its user":
            corral.sql(f"update users set deleted_at = null where id = '{user.user_id}'")
    assert bystander is None or bystander.is_open()
    assert wait_until("its commands are killed", lambda: run(user, sandbox, "ps -o args | grep -c '^sleep 4321' || true") == "0\n", 10)
    assert run(user, sandbox, "ls /workspace") == "big\n" # nothing of the upload


@pytest.mark.parametrize("moved", ["", "sooner", "never"])
def test_a_key_that_expires(corral, user, sandbox, opened, moved):
    """Its end may be moved while a stream is open."""
    first = 3600 if moved == "sooner" else 5
    at = lambda seconds: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))  # noqa: E731
    key = corral.key(user.user_id, scopes=["read", "exec"], expires_at=at(first))
    stream, follow = open_exec(corral, key["key"], sandbox, opened, user), open_logs(corral, key["key"], sandbox, opened, user)
    if moved:
        patched = corral.admin.good("PATCH", path_of(user, key), {"expires_at": at(3) if moved == "sooner" else None})
    expires = patched["expires_at"] if moved == "sooner" else key["expires_at"]
    over = lambda: corral.sql(f"select now() - '{expires}' > interval '0'") == "t"  # noqa: E731
    wait_until("its first end has come", over, 10, 0.02)
    came = time.monotonic()
    if moved == "never":
        wait_until("time has passed", lambda: time.monotonic() > came + 2, 5)
        assert stream.is_open() and follow.is_open()
        return
    assert -0.5 < stream.ends() - came < 1.5 and -0.5 < follow.ends() - came < 1.5
    assert stream.problem()["code"] == "unauthenticated" and "expired" in stream.problem()["detail"]


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("left,ends", [("read", "exec"), ("exec", "logs")])
def test_a_scope_that_is_taken_ends_what_needed_it(corral, user, sandbox, opened, left, ends, elsewhere):
    key = corral.key(user.user_id, scopes=["read", "exec"])
    streams = {kind: KINDS[kind](corral, key["key"], sandbox, opened, user) for kind in ("exec", "logs")}
    if elsewhere:
        sql_as_another_controller(corral, "select outcome from patch_key('%s', '%s', '{\"scopes\": [\"%s\"]}', '%s')" % (
            user.user_id, key["id"], left, WHO))
    else:
        corral.admin.good("PATCH", path_of(user, key), {"scopes": [left]})
    taken = time.monotonic()
    assert streams[ends].ends() - taken < AT_ONCE
    if ends == "exec":
        assert streams["exec"].problem()["code"] == "forbidden" and "scope" in streams["exec"].problem()["detail"]
    stays = streams["logs" if ends == "exec" else "exec"]
    corral.admin.good("PATCH", path_of(user, key), {"name": "another"}) # and what it still may goes on
    wait_until("time has passed", lambda: time.monotonic() > taken + 1.5, 5)
    assert stays.is_open()


def test_write_that_becomes_exec_goes_on(corral, user, sandbox, opened):
    key = corral.key(user.user_id, scopes=["read", "write"])
    stream = open_exec(corral, key["key"], sandbox, opened, user)
    corral.admin.good("PATCH", path_of(user, key), {"scopes": ["exec"]})
    changed = time.monotonic()
    wait_until("time has passed", lambda: time.monotonic() > changed + 1.5, 5)
    assert stream.is_open()


@pytest.mark.slow
def test_a_notice_that_is_lost(corral, user, sandbox, opened):
    """Without it the end is found by reading the keys that have streams again."""
    key = corral.key(user.user_id, scopes=["read", "exec"])
    stream = open_exec(corral, key["key"], sandbox, opened, user)
    corral.sql("alter table api_keys disable trigger api_keys_changed")
    try:
        sql_as_another_controller(corral, REVOKED.format(user=user.user_id, key=key["id"]))
        stream.ends(45) # at some moment within 30 s
        assert stream.problem()["code"] == "unauthenticated"
    finally:
        corral.sql("alter table api_keys enable trigger api_keys_changed")
