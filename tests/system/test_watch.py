"""Changes of files as they happen: GET /sandbox/{id}/files/watch."""
import base64
import json
import socket
import threading
import time
import uuid
from urllib.parse import quote_from_bytes, urlsplit

import pytest
import requests
from corral import FOREVER, wait_until


class Watch:
    """One that is open. Asked without the proxy that checks descriptions, which reads answers whole."""

    def __init__(self, corral, user, sandbox, path="/workspace", recursive=False, query="", key=None):
        path = path if isinstance(path, bytes) else path.encode()
        key = {"X-API-Key": key or user.session.headers["X-API-Key"]} if key != "" else {}
        self.answer = requests.get(f"{corral.url}/sandbox/{sandbox}/files/watch?path={quote_from_bytes(path)}"
                                   f"{'&recursive=true' if recursive else ''}{query}", headers=key, stream=True, timeout=60)
        self.events, self.comments, self.over, self.broken = [], 0, False, None
        if self.answer.status_code == 200:
            assert self.answer.headers["Content-Type"] == "text/event-stream"
            self.thread = threading.Thread(target=self.read, daemon=True)
            self.thread.start()

    def read(self):
        name = None
        try:
            for line in self.answer.iter_lines(chunk_size=1):
                if line.startswith(b":"):
                    self.comments += 1
                elif line.startswith(b"event: "):
                    name = line[7:].decode()
                elif line.startswith(b"data: "):
                    event = json.loads(line[6:])
                    assert event["event"] == name
                    self.events.append(event)
        except Exception as e: # the test asks for it
            self.broken = e
        self.over = True

    def has(self, **what):
        return [e for e in list(self.events) if what.items() <= e.items()]

    def tells(self, seconds=20, **what):
        wait_until(f"{what} is told; {self.events[-20:]}", lambda: self.has(**what), seconds)
        return self.has(**what)[0]

    def close(self):
        if self.answer.raw and self.answer.raw._fp and not self.answer.raw.closed:
            self.answer.raw._fp.fp.raw._sock.shutdown(socket.SHUT_RDWR)
        self.answer.close()

    def problem(self):
        assert self.answer.headers["Content-Type"] == "application/problem+json", self.answer.text
        return self.answer.status_code, self.answer.json()["code"], self.answer.json()["detail"]


@pytest.fixture
def sandbox(user):
    return user.create(command=FOREVER)["id"]


@pytest.fixture
def shell(user, sandbox):
    def run(script):
        answer = user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["sh", "-ec", script], "cwd": "/workspace"}, status=200)
        assert answer["exit_code"] == 0, answer
        return answer["stdout"]
    return run


@pytest.fixture
def watch(corral, user, sandbox):
    opened = []

    def begin(*args, **more):
        opened.append(Watch(corral, user, sandbox, *args, **more))
        return opened[-1]
    yield begin
    for one in opened:
        one.close()


def test_what_happens_in_a_folder(shell, watch):
    shell("echo 1 >there; mkdir sub")
    w = watch()
    assert w.answer.status_code == 200
    shell("echo 2 >new; echo 3 >>there; ln -s there link")
    w.tells(event="created", path="/workspace/new", type="file")
    w.tells(event="modified", path="/workspace/there", type="file")
    w.tells(event="created", path="/workspace/link", type="symlink")
    shell("mv new newer; chmod 600 there; rm there; echo >sub/unseen; mkdir folder; rmdir folder")
    w.tells(event="moved", path="/workspace/newer", **{"from": "/workspace/new"})
    w.tells(event="attributes", path="/workspace/there")
    w.tells(event="deleted", path="/workspace/there", type=None)
    w.tells(event="deleted", path="/workspace/folder", type="directory")
    assert "unseen" not in str(w.events) and not w.has(event="overflow")


def test_new_folders_with_what_is_in_them_already(shell, watch):
    w = watch(recursive=True)
    shell("mkdir -p a/b/c && touch a/b/c/f; for i in 1 2 3 4 5 6 7 8 9; do mkdir -p x/$i/y && echo >x/$i/y/f; done")
    w.tells(event="created", path="/workspace/a/b/c/f", type="file")
    for i in range(1, 10):
        w.tells(event="created", path=f"/workspace/x/{i}/y/f")
    shell("echo more >>x/5/y/f; mv x z; echo >z/5/y/g")
    w.tells(event="modified", path="/workspace/x/5/y/f")
    w.tells(event="moved", path="/workspace/z", type="directory", **{"from": "/workspace/x"})
    w.tells(event="created", path="/workspace/z/5/y/g")
    assert not w.has(event="overflow")


def test_links_are_not_followed_below_the_path(shell, watch):
    shell("mkdir -p /tmp/elsewhere/in real; ln -s /tmp/elsewhere link; ln -s real by")
    w, by = watch(recursive=True), watch("/workspace/by", recursive=True)
    shell("echo >/tmp/elsewhere/in/unseen; echo >real/f")
    w.tells(event="created", path="/workspace/real/f")
    by.tells(event="created", path="/workspace/by/f") # but at the path itself
    assert "unseen" not in str(w.events)


def as_told(w, root):
    """What there is below the path, for one who knew of nothing and heard the events."""
    there = set()
    for e in list(w.events):
        path, source = e["path"], e.get("from")
        below = lambda of: {p for p in there if p == of or p.startswith(f"{of}/")} # noqa: E731
        if e["event"] == "moved":
            there -= below(path)
            taken = below(source)
            there = there - taken | {path + p[len(source):] for p in taken} | {path}
        elif e["event"] == "deleted":
            there -= below(path)
        elif e["event"] == "created":
            there.add(path)
    return {p[len(root) + 1:] for p in there}


@pytest.mark.parametrize("script", [
    "mkdir -p c/old; mv c tmp; mkdir -p c/new/x",
    "mkdir c; mv c tmp; mkdir -p y/sub/x; mv y c",
    "mkdir -p c/in e/out; mv c tmp; mv e c; mv tmp e",
    "mkdir -p b/c/d; mv b a; mkdir -p b/e; mv a/c b/f; mv b g; mkdir b; mv g b/h",
], ids=["made again", "another in its place", "two change places", "in and out"])
def test_folders_that_move_before_they_are_seen(shell, watch, script):
    """All of it happens while the watch's helper stands still: what it finds is the end, what it reads is the way there."""
    shell("mkdir w")
    w = watch("/workspace/w", recursive=True)
    shell("for p in /proc/[0-9]*; do [ \"$(cat $p/comm)\" != init ] || [ $p = /proc/1 ] || echo ${p#/proc/} >>/tmp/helpers; done;"
          f"kill -STOP $(cat /tmp/helpers); cd w; {script}; kill -CONT $(cat /tmp/helpers); echo >last")
    w.tells(event="created", path="/workspace/w/last")
    there = set(shell("cd w; find . -mindepth 1 | cut -c3-").split("\n")) - {""}
    wait_until(f"all is told; {w.events}", lambda: as_told(w, "/workspace/w") == there, 5)


def test_files_that_the_api_writes(corral, user, sandbox, shell, watch):
    w = watch()
    url = f"{corral.url}/sandbox/{sandbox}/files"
    put = lambda data: requests.put(f"{url}?path=/workspace/f", data=data, headers=user.session.headers, timeout=20).status_code  # noqa: E731
    assert put(b"1") == 201
    w.tells(event="created", path="/workspace/f")
    assert put(b"2") == 204
    w.tells(event="modified", path="/workspace/f")
    assert "corral-put" not in str(w.events)


def test_a_file_is_followed(shell, watch):
    shell("echo 1 >f")
    w = watch("/workspace/f")
    shell("echo 2 >>f")
    w.tells(event="modified", path="/workspace/f", type="file")
    shell("echo 3 >g; mv g f; chmod 600 f")
    w.tells(event="attributes", path="/workspace/f")
    assert not w.over
    shell("rm f")
    w.tells(event="end", reason="path_deleted", path="/workspace/f")
    wait_until("it is over", lambda: w.over)
    assert not w.broken


def test_names_that_are_no_text(shell, watch):
    shell(r"mkdir -p $(printf 'd\377')")
    w = watch(b"/workspace/d\xff", recursive=True)
    shell(r'''cd $(printf 'd\377'); echo >plain; mv plain "$(printf 'a\nb\tc')"; mkdir sub; echo >sub/$(printf '\303\244\001')''')
    encode = lambda name: base64.b64encode(b"/workspace/d\xff/" + name).decode()  # noqa: E731
    w.tells(event="created", path_base64=encode(b"plain"))
    w.tells(event="moved", from_base64=encode(b"plain"))
    w.tells(event="created", path_base64=encode("sub/ä\1".encode()))
    assert not any("path" in e for e in w.events)
    other = watch("/workspace")
    shell("""echo >$(printf 'ä\\001"\\\\')""")
    other.tells(event="created", path='/workspace/ä\1"\\')


def test_what_cannot_be_watched(user, sandbox, shell, watch):
    shell("mkfifo pipe; ln -s nowhere broken; echo >file; mkdir -p closed/in; chmod 0 closed")
    for path, status, code in (("/workspace/none", 404, "file_not_found"), ("/workspace/broken", 404, "file_not_found"),
                               ("/workspace/file/x", 404, "file_not_found"), ("/workspace/pipe", 409, "file_conflict"),
                               ("/dev/null", 409, "file_conflict"), ("/workspace/closed", 403, "permission_denied"),
                               ("relative", 422, "invalid"), ("/workspace/" + "x" * 256, 422, "invalid")):
        assert watch(path).problem()[:2] == (status, code), path
    assert user.refused("GET", f"/sandbox/{sandbox}/files/watch")["status"] == 422
    assert user.refused("GET", f"/sandbox/{sandbox}/files/watch?path=/&recursive=maybe")["status"] == 422
    w = watch(recursive=True) # a folder that may not be read is left out
    shell("echo >seen")
    w.tells(event="created", path="/workspace/seen")
    everything = watch("/", recursive=True) # and so is what the kernel makes
    assert everything.answer.status_code == 200
    shell("echo >/tmp/anywhere")
    everything.tells(event="created", path="/tmp/anywhere")


def test_more_folders_than_may_be_watched(shell, watch):
    shell("mkdir many other; cd many; seq 1 8300 | xargs mkdir")
    status, code, detail = watch(recursive=True).problem()
    assert (status, code) == (422, "invalid") and ("8192" in detail or "inotify" in detail) and "at most" in detail
    assert watch("/workspace/many").answer.status_code == 200
    w = watch("/workspace/other", recursive=True)
    shell("mv many other/; echo >other/end") # later it is told, and the watch goes on
    event = w.tells(event="overflow", reason="not_watched", seconds=60)
    assert event["path"].startswith("/workspace/other/many/")
    w.tells(event="created", path="/workspace/other/end")
    assert not w.over


def test_instances_of_inotify_run_out(shell, watch, sandbox, user):
    """Each watch takes one of the sandbox's share, as its own programs do."""
    share = int(shell("cat /proc/sys/user/max_inotify_instances"))
    opened = [watch() for _ in range(min(share + 1, 65))]
    problem = opened[-1].problem()
    assert problem[:2] in ((422, "invalid"), (429, "too_many_streams")), problem
    assert problem[0] == 429 or ("inotify" in problem[2] and str(share) in problem[2])
    for one in opened:
        one.close()
    wait_until("their helpers are gone", lambda: watch().answer.status_code == 200, 20)


def read_until(s, word, again=lambda: None, got=b""):
    """Reads on until this word comes; what was read last. Comments come also where nothing else does. again: each few seconds."""
    end, due = time.monotonic() + 90, 0
    s.settimeout(3)
    while word not in got:
        assert time.monotonic() < end, (word, got[-1000:])
        if time.monotonic() >= due:
            again()
            due = time.monotonic() + 3
        try:
            piece = s.recv(1 << 20)
        except TimeoutError:
            continue
        assert piece, ("the connection is over", got[-1000:])
        got = got[-1000:] + piece
    return got


def test_a_client_that_does_not_read(corral, user, sandbox, shell):
    """What it does not take waits in bounds, and is told as lost; nobody else is harmed."""
    url = urlsplit(corral.url)
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect((url.hostname, url.port))
        s.sendall(f"GET /sandbox/{sandbox}/files/watch?path=/workspace&recursive=true HTTP/1.1\r\nHost: x\r\n"
                  f"X-API-Key: {user.session.headers['X-API-Key']}\r\n\r\n".encode())
        s.settimeout(60)
        assert s.recv(100).startswith(b"HTTP/1.1 200")
        shell("mkdir storm; cd storm; for i in 1 2 3; do seq 1 10000 | sed s/^/$i./ | xargs touch; find . -type f -exec rm {} +; done; mkdir later")
        read_until(s, b'"changes_lost"')
        # In a folder that was made while changes were lost. More may be lost while the client takes what waits: again, then.
        read_until(s, b"/workspace/storm/later/f", lambda: shell("rm -f storm/later/f; echo >storm/later/f"))
    assert shell("echo well") == "well\n"


def test_a_storm_harms_nobody(corral, user, sandbox, shell, watch):
    w, other = watch(recursive=True), user.create(command=FOREVER)["id"]
    storm = threading.Thread(target=shell, args=("i=0; while [ $i -lt 100 ]; do seq 1 500 | sed s/^/$i./ | xargs touch; rm -f $i.*; i=$((i+1)); done; echo >end",))
    storm.start()
    took = []
    while storm.is_alive():
        begin = time.monotonic()
        user.good("POST", f"/sandbox/{other}/exec", {"command": ["true"]}, status=200)
        took.append(time.monotonic() - begin)
    storm.join()
    wait_until("what changes after the storm is told", lambda: (
        shell("rm -f last; echo >last"), w.has(event="created", path="/workspace/last"))[1], 120, 3)
    assert max(took) < 10, took


def test_a_paused_one_waits(user, sandbox, shell, watch):
    w = watch()
    user.good("POST", f"/sandbox/{sandbox}/pause", status=200)
    assert watch().problem()[:2] == (409, "wrong_state")
    comments = w.comments
    wait_until("its connection is kept open", lambda: w.comments > comments, 20)
    user.good("POST", f"/sandbox/{sandbox}/resume", status=200)
    shell("echo >after")
    w.tells(event="created", path="/workspace/after")
    assert not w.over
    user.good("POST", f"/sandbox/{sandbox}/pause", status=200)
    assert watch(query="&auto_resume=true").answer.status_code == 200


@pytest.mark.parametrize("script,reason", [("rm -r d", "path_deleted"), ("mv d e", "path_moved"), ("rm -r d; mkdir d", None)])
def test_its_path_goes(shell, watch, script, reason):
    shell("mkdir d; echo >d/f")
    w = watch("/workspace/d/", recursive=True)
    shell(script)
    wait_until("it is over", lambda: w.over)
    assert w.events[-1]["event"] == "end" and not w.broken, w.events
    assert w.events[-1]["reason"] == (reason or w.events[-1]["reason"]) and w.events[-1]["path"] == "/workspace/d"
    if script.startswith("rm"):
        assert w.has(event="deleted", path="/workspace/d/f")


def test_its_sandbox_goes(user, sandbox, watch):
    w = watch()
    user.delete(sandbox)
    wait_until("it is over", lambda: w.over)
    assert w.events[-1]["event"] == "end" and w.events[-1]["reason"] == "sandbox_ended", w.events
    assert w.events[-1]["sandbox_reason"] == "deleted" and not w.broken
    assert watch().problem()[:2] == (409, "wrong_state")


def test_its_key_goes(corral, user, sandbox, watch):
    key = corral.key(user.user_id, scopes=["exec"])
    w = watch(key=key["key"])
    assert w.answer.status_code == 200
    corral.admin.good("DELETE", f"/sandbox/system/users/{user.user_id}/keys/{key['id']}")
    wait_until("it is over", lambda: w.over)
    assert w.events[-1]["reason"] == "unauthenticated", w.events


def test_helpers_leave_with_their_clients(shell, watch):
    helpers = lambda: int(shell("cat /proc/[0-9]*/comm | grep -c '^init$'")) - 1  # noqa: E731
    opened = [watch() for _ in range(5)]
    assert helpers() == 5
    for one in opened:
        one.close()
    wait_until("they are gone", lambda: helpers() == 0, 20)


def test_a_ticket(user, sandbox, shell, watch):
    text = user.good("POST", f"/sandbox/{sandbox}/ticket", {"route": "files/watch"}, status=201)["ticket"]
    w = watch(query=f"&ticket={text}", key="")
    assert w.answer.status_code == 200
    shell("echo >f")
    w.tells(event="created", path="/workspace/f")
    assert watch(query=f"&ticket={text}", key="").answer.status_code == 401


def test_it_counts_as_a_stream(corral, user, sandbox, watch):
    """64 of a sandbox, of all kinds."""
    url, others = urlsplit(corral.url), []
    for _ in range(63):
        others.append(socket.create_connection((url.hostname, url.port), 20))
        others[-1].sendall(f"GET /sandbox/{sandbox}/logs?follow=true HTTP/1.1\r\nHost: x\r\n"
                           f"X-API-Key: {user.session.headers['X-API-Key']}\r\n\r\n".encode())
    assert {s.recv(12) for s in others} == {b"HTTP/1.1 200"}
    one = watch()
    assert one.answer.status_code == 200
    assert watch().problem()[:2] == (429, "too_many_streams")
    one.close()
    wait_until("there is room again", lambda: watch().answer.status_code == 200, 20)
    for s in others:
        s.close()


def test_of_another_user(corral, user, sandbox, watch):
    stranger = corral.user(f"stranger-{uuid.uuid4().hex[:8]}")
    key = stranger.session.headers["X-API-Key"]
    assert watch(key=key).problem()[:2] == (404, "not_found")
    assert watch(key=corral.admin_key).problem()[:2] == (404, "not_found")
    w = watch(key=corral.admin_key, query="&admin_access=true")
    assert w.answer.status_code == 200
    assert user.good("GET", f"/sandbox/{sandbox}/events")["items"][-1]["type"] == "sandbox.entered"


def test_head(corral, user, sandbox):
    url = f"{corral.url}/sandbox/{sandbox}/files/watch?path=/workspace"
    answer = requests.head(url, headers=user.session.headers, timeout=20)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/event-stream"
    assert requests.head(url + "/none", headers=user.session.headers, timeout=20).status_code == 404


def test_an_agent_that_restarts(corral, user, sandbox, shell, watch):
    w = watch()
    corral.kill("agent")
    corral.restart("agent")
    wait_until("it is over", lambda: w.over, 30)
    assert w.events[-1]["event"] == "end" and w.events[-1]["reason"] == "node_timeout", w.events
    wait_until("another one works", lambda: (again := watch()).answer.status_code == 200 and again, 30)
