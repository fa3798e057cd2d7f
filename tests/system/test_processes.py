"""Processes that outlive their requests: /sandbox/{id}/processes."""
import base64
import hashlib
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from corral import Client, wait_until


@pytest.fixture
def sandbox(user):
    return user.create()["id"]


def start(user, sandbox, *command, **more):
    return user.good("POST", f"/sandbox/{sandbox}/processes", {"command": list(command), **more}, status=201)


def shell(user, sandbox, script, **more):
    return start(user, sandbox, "sh", "-c", script, **more)


def show(user, sandbox, process):
    return user.good("GET", f"/sandbox/{sandbox}/processes/{process['pid']}", status=200)


def ended(user, sandbox, process, seconds=20):
    return wait_until("it has ended", lambda: (p := show(user, sandbox, process))["state"] == "exited" and p, seconds)


def run(user, sandbox, script):
    return user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["sh", "-c", script]}, status=200)["stdout"]


def act(user, sandbox, process, what, body=None, method="POST"):
    return user.call(method, f"/sandbox/{sandbox}/processes/{process['pid']}{what}", body)


def give(corral, user, sandbox, process, data, query=""):
    """Input, past the proxy of descriptions."""
    return requests.post(f"{corral.url}/sandbox/{sandbox}/processes/{process['pid']}/stdin{query}", data=data, timeout=60,
                         headers={"X-API-Key": user.session.headers["X-API-Key"]})


def test_one_from_start_to_end(user, sandbox):
    p = shell(user, sandbox, "echo out; echo error >&2; until [ -e go ]; do sleep 0.05; done; exit 7", tag="build 1")
    assert p["pid"] > 1 and p["state"] == "running" and p["tag"] == "build 1" and p["tty"] is None
    assert p["command"][:2] == ["sh", "-c"] and p["exit_code"] is None and p["signal"] is None and p["ended_at"] is None
    assert run(user, sandbox, f"kill -0 {p['pid']} && echo there") == "there\n"
    run(user, sandbox, "touch go")
    got = ended(user, sandbox, p)
    assert got["exit_code"] == 7 and got["signal"] is None and not got["timed_out"] and got["output_bytes"] == 10
    assert got["started_at"] <= got["ended_at"] and {**got, **{k: p[k] for k in ("started_at", "pid", "tag", "command")}} == got


def test_where_it_is(user, sandbox):
    answer = user.call("POST", f"/sandbox/{sandbox}/processes", {"command": ["sleep", "1000"]})
    assert answer.headers["location"] == f"/sandbox/{sandbox}/processes/{answer.json()['pid']}"
    assert user.good("GET", answer.headers["location"])["command"] == ["sleep", "1000"]


@pytest.mark.parametrize("command,code", [(["/no/such"], 127), (["/etc/passwd"], 126)])
def test_what_cannot_be_run(user, sandbox, command, code):
    got = ended(user, sandbox, start(user, sandbox, *command))
    assert got["exit_code"] == code


def test_environment_and_folder(user, sandbox):
    ended(user, sandbox, shell(user, sandbox, 'echo "$A $(pwd)" > /workspace/said', env={"A": "b"}, cwd="/tmp"))
    assert run(user, sandbox, "cat said") == "b /tmp\n"


def test_lists_in_pages(user, sandbox):
    assert user.good("GET", f"/sandbox/{sandbox}/processes") == {"items": [], "next_cursor": None}
    started = [start(user, sandbox, "sleep", str(1000 + i))["pid"] for i in range(5)]
    started.append(ended(user, sandbox, start(user, sandbox, "true"))["pid"])
    got, cursor = [], ""
    for _ in range(3):
        page = user.good("GET", f"/sandbox/{sandbox}/processes?limit=2{cursor}")
        got += page["items"]
        cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None and [p["pid"] for p in got] == started
    assert [p["state"] for p in got] == ["running"] * 5 + ["exited"]


def test_the_last_hundred_that_ended(user, sandbox):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: ended(user, sandbox, start(user, sandbox, "true", tag=f"t{i}")), range(104)))
    kept = user.good("GET", f"/sandbox/{sandbox}/processes?limit=200")["items"]
    assert len(kept) == 100


def test_a_timeout_kills_all_descendants(user, sandbox):
    got = ended(user, sandbox, shell(user, sandbox, "setsid sleep 1001 & exec sleep 1002", timeout_ms=300))
    assert got["timed_out"] and got["signal"] == signal.SIGKILL
    assert "sleep 100" not in run(user, sandbox, "ps -o args | grep -v grep")


def test_kill(user, sandbox):
    p = shell(user, sandbox, "trap '' TERM; setsid sleep 1001 & (setsid sleep 1002 &); sleep 1003")
    wait_until("it runs", lambda: "sleep 1003" in run(user, sandbox, "ps -o args"))
    assert act(user, sandbox, p, "", method="DELETE").status_code == 204
    got = show(user, sandbox, p)
    assert got["state"] == "exited" and got["signal"] == signal.SIGKILL and not got["timed_out"]
    assert "sleep 100" not in run(user, sandbox, "ps -o args | grep -v grep")
    assert act(user, sandbox, p, "", method="DELETE").status_code == 204


@pytest.mark.parametrize("name,number", [("SIGTERM", 15), (15, 15), ("SIGUSR1", 10), (9, 9)])
def test_signals(user, sandbox, name, number):
    p = start(user, sandbox, "sleep", "1000")
    assert act(user, sandbox, p, "/signal", {"signal": name}).status_code == 204
    assert ended(user, sandbox, p)["signal"] == number
    assert act(user, sandbox, p, "/signal", {"signal": name}).json()["code"] == "wrong_state"


def test_the_signal_goes_to_the_group(user, sandbox):
    p = shell(user, sandbox, "sleep 1001 & sleep 1002 & wait")
    wait_until("they run", lambda: run(user, sandbox, "ps -o args | grep -c '^sleep 100'").strip() == "2")
    assert act(user, sandbox, p, "/signal", {"signal": "SIGTERM"}).status_code == 204
    ended(user, sandbox, p)
    wait_until("they are gone", lambda: "sleep 100" not in run(user, sandbox, "ps -o args | grep -v grep"))


def test_input(corral, user, sandbox):
    p = shell(user, sandbox, "cat > /workspace/got", stdin=True)
    parts = [b"one\n", bytes(range(256)) * 2000, b"three\n"]
    for part in parts:
        assert give(corral, user, sandbox, p, part).status_code == 204
    assert show(user, sandbox, p)["state"] == "running"
    assert give(corral, user, sandbox, p, b"", "?eof=true").status_code == 204
    ended(user, sandbox, p)
    given = base64.b64encode(b"".join(parts)).decode()
    assert run(user, sandbox, "base64 got | tr -d '\\n'") == given


def test_input_that_came_with_the_start(user, sandbox):
    """Also where it is more than is under way at once, and nobody waits for it to be taken."""
    text = bytes(range(256)) * 1500
    p = shell(user, sandbox, "until [ -e go ]; do sleep 0.05; done; md5sum > sum",
              stdin_base64=base64.b64encode(text).decode())
    assert show(user, sandbox, p)["state"] == "running"
    run(user, sandbox, "touch go")
    assert ended(user, sandbox, p)["exit_code"] == 0
    assert run(user, sandbox, "cut -d' ' -f1 sum").strip() == hashlib.md5(text).hexdigest()


def test_input_to_one_that_takes_none(corral, user, sandbox):
    assert give(corral, user, sandbox, start(user, sandbox, "sleep", "1000"), b"x").json()["code"] == "wrong_state"
    p = ended(user, sandbox, start(user, sandbox, "true", stdin=True))
    assert give(corral, user, sandbox, p, b"x").json()["code"] == "wrong_state"


def test_input_waits_for_a_process_that_does_not_read(corral, user, sandbox):
    p = start(user, sandbox, "sleep", "1000", stdin=True)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(give, corral, user, sandbox, p, b"x" * 1000000)
        wait_until("the pipe is full", lambda: int(run(user, sandbox, "cat /proc/%d/stat | wc -c" % p["pid"])) and not waiting.done())
        act(user, sandbox, p, "", method="DELETE")
        answer = waiting.result(20)
    assert answer.status_code == 409 and answer.json()["code"] == "wrong_state"


def test_a_client_that_hangs_up_in_the_middle_of_its_input(corral, user, sandbox):
    """What was sent arrived; the process goes on, and takes the next input."""
    p = shell(user, sandbox, "cat > got", stdin=True)
    url = urlsplit(corral.url)
    with socket.create_connection((url.hostname, url.port)) as client:
        client.sendall(b"POST /sandbox/%s/processes/%d/stdin HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\nContent-Length: 100\r\n\r\nhalf"
                       % (sandbox.encode(), p["pid"], user.session.headers["X-API-Key"].encode()))
        wait_until("it is there", lambda: run(user, sandbox, "cat got") == "half")
    assert give(corral, user, sandbox, p, b" whole", "?eof=true").status_code == 204
    ended(user, sandbox, p)
    assert run(user, sandbox, "cat got") == "half whole"


def test_a_terminal(corral, user, sandbox):
    p = shell(user, sandbox, "stty size > before; read line; stty size > after; tty", tty={"rows": 40, "columns": 100})
    assert p["tty"] == {"rows": 40, "columns": 100}
    wait_until("it runs", lambda: run(user, sandbox, "cat before 2>&1") == "40 100\n")
    assert act(user, sandbox, p, "/resize", {"rows": 10, "columns": 20}).status_code == 204
    wait_until("it is resized", lambda: show(user, sandbox, p)["tty"] == {"rows": 10, "columns": 20})
    assert give(corral, user, sandbox, p, b"\n").status_code == 204
    assert ended(user, sandbox, p)["exit_code"] == 0
    assert run(user, sandbox, "cat after") == "10 20\n"
    assert act(user, sandbox, start(user, sandbox, "sleep", "100"), "/resize", {"rows": 1, "columns": 1}).json()["code"] == "wrong_state"


def test_too_many(user):
    sandbox = user.create(pids=256)["id"]
    answers = [user.call("POST", f"/sandbox/{sandbox}/processes", {"command": ["sleep", "1000"]}) for _ in range(129)]
    assert [a.status_code for a in answers] == [201] * 128 + [409]
    assert answers[-1].json()["code"] == "process_limit"
    assert user.call("POST", f"/sandbox/{sandbox}/exec", {"command": ["true"]}).json()["code"] == "process_limit"


def test_past_the_limit_of_pids(user):
    """The kernel refuses; the answer says so, and the sandbox can be worked in again."""
    sandbox = user.create(pids=16)["id"]
    answers = [user.call("POST", f"/sandbox/{sandbox}/processes", {"command": ["sleep", "1000"]}) for _ in range(20)]
    refused = [a.json()["code"] for a in answers if a.status_code != 201]
    assert refused and set(refused) == {"process_limit"}
    pid = next(a.json()["pid"] for a in answers if a.status_code == 201)
    assert user.call("DELETE", f"/sandbox/{sandbox}/processes/{pid}").status_code == 204
    assert user.call("POST", f"/sandbox/{sandbox}/processes", {"command": ["true"]}).status_code == 201


@pytest.mark.parametrize("pid", ["0", "1", "999999", "4294967298", "-1", "x", "2147483648", "01"])
def test_what_is_not_there(user, sandbox, pid):
    path = f"/sandbox/{sandbox}/processes/{pid}"
    for method, more, body in [("GET", "", None), ("DELETE", "", None), ("POST", "/signal", {"signal": 15}), ("POST", "/stdin", None),
                               ("POST", "/resize", {"rows": 1, "columns": 1})]:
        assert user.refused(method, path + more, body)["code"] == "not_found", (method, more)
    assert user.show(sandbox)["state"] == "running"


def test_it_is_its_owners_alone(corral, user, sandbox):
    p, other = start(user, sandbox, "sleep", "1000"), corral.user("other-processes", "pro")
    for client in (other, corral.admin):
        for method, path, body in [("GET", "", None), ("POST", "", {"command": ["true"]}), ("GET", f"/{p['pid']}", None),
                                   ("DELETE", f"/{p['pid']}", None), ("POST", f"/{p['pid']}/signal", {"signal": 9}),
                                   ("POST", f"/{p['pid']}/stdin", None), ("POST", f"/{p['pid']}/resize", {"rows": 1, "columns": 1})]:
            assert client.refused(method, f"/sandbox/{sandbox}/processes{path}", body)["code"] == "not_found", (method, path)
    assert show(user, sandbox, p)["state"] == "running"


@pytest.mark.parametrize("body,pointer", [({}, "/command"), ({"command": ["a"], "tty": {"rows": 1}}, "/tty/columns"),
                                          ({"command": ["a"], "tty": {"rows": None, "columns": 1}}, "/tty/rows"),
                                          ({"command": ["a"], "tty": {"rows": 0, "columns": 1}}, "/tty/rows"),
                                          ({"command": ["a"], "tty": {"rows": 1, "columns": 70000}}, "/tty/columns"),
                                          ({"command": ["a"], "stdin": "text"}, "/stdin"), ({"command": ["a"], "tag": ""}, "/tag"),
                                          ({"command": ["a"], "stdin": True, "stdin_base64": ""}, "/stdin_base64")])
def test_starts_that_do_not_validate(user, sandbox, body, pointer):
    answer = user.call("POST", f"/sandbox/{sandbox}/processes", body)
    assert answer.status_code == 422 and [e["pointer"] for e in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("number", [0, 65, -1, "TERM", "SIGNONE", 1.5, None])
def test_signals_that_do_not_validate(user, sandbox, number):
    p = start(user, sandbox, "sleep", "1000")
    answer = act(user, sandbox, p, "/signal", {"signal": number})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/signal"


def test_pause_and_end(user, sandbox):
    p = start(user, sandbox, "sleep", "1000")
    user.good("POST", f"/sandbox/{sandbox}/pause")
    assert user.refused("GET", f"/sandbox/{sandbox}/processes")["code"] == "wrong_state"
    user.good("POST", f"/sandbox/{sandbox}/resume")
    assert show(user, sandbox, p)["state"] == "running"
    user.delete(sandbox)
    assert user.refused("GET", f"/sandbox/{sandbox}/processes/{p['pid']}")["code"] == "wrong_state"


@pytest.mark.parametrize("what,signo", [("agent", signal.SIGTERM), ("agent", signal.SIGKILL), ("controller", signal.SIGKILL)])
def test_they_outlive_the_daemons(corral, user, sandbox, what, signo):
    """They live on, are told of as before, and end as they should."""
    p = shell(user, sandbox, "until [ -e go ]; do sleep 0.05; done; exit 5", tag="kept", stdin=True)
    process = Path(f"/proc/{corral.pid(what)}")
    corral.kill(what, signo)
    wait_until("it is gone", lambda: not process.exists(), 20)
    corral.restart(what)
    path = f"/sandbox/{sandbox}/processes/{p['pid']}"
    got = wait_until("it answers again", lambda: (a := user.call("GET", path)).status_code == 200 and a.json(), 30, 0.2)
    assert {**got, "output_bytes": 0} == {**p, "output_bytes": 0}
    run(user, sandbox, "touch go")
    assert ended(user, sandbox, p)["exit_code"] == 5


def test_keys(corral, user, sandbox):
    """A key that may only read states sees nothing of the inside."""
    reader = corral.key(user.user_id, "reader", scopes=["read"])
    client = Client(corral.url, reader["key"])
    assert client.refused("GET", f"/sandbox/{sandbox}/processes")["code"] == "forbidden"
    assert client.refused("POST", f"/sandbox/{sandbox}/processes", {"command": ["true"]})["code"] == "forbidden"
