"""Commands in a sandbox: POST /sandbox/{id}/exec."""
import base64
import http.client
import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from corral import IN_RUNTIME, Client, wait_until

MIB = 1 << 20


@pytest.fixture
def sandbox(user):
    return user.create()["id"]


def run(user, sandbox, *command, **more):
    return user.good("POST", f"/sandbox/{sandbox}/exec", {"command": list(command), **more}, status=200)


def shell(user, sandbox, script, **more):
    return run(user, sandbox, "sh", "-c", script, **more)


def processes(user, sandbox):
    return shell(user, sandbox, "ps -o comm,args | tail -n +2")["stdout"]


def test_the_object_says_by_which_way_commands_run(user, sandbox):
    way = "docker" if IN_RUNTIME.get("runtime") == "runsc-closed" else "init"
    assert user.good("GET", f"/sandbox/{sandbox}", status=200)["exec"] == way
    assert [s["exec"] for s in user.good("GET", "/sandbox", status=200)["items"]] == [way]


def test_output_and_exit_code(user, sandbox):
    got = shell(user, sandbox, "echo out; echo err >&2; exit 3")
    assert (got["exit_code"], got["signal"], got["stdout"], got["stderr"]) == (3, None, "out\n", "err\n")
    assert got["truncated"] is False and got["timed_out"] is False and 0 <= got["duration_ms"] < 30000


@pytest.mark.parametrize("command,code,says", [
    (["/no/such"], 127, "cannot run /no/such: No such file or directory"),
    (["nope", "x"], 127, "cannot run nope: No such file or directory"),
    (["/etc/passwd"], 126, "cannot run /etc/passwd: Permission denied"),
    (["/workspace/crlf"], 127, "cannot run /workspace/crlf: No such file or directory (the interpreter in its first line, or its loader)"),
])
def test_what_cannot_be_run(user, sandbox, command, code, says):
    shell(user, sandbox, r"printf '#!/bin/sh\r\necho hi\r\n' >crlf; chmod +x crlf")
    got = run(user, sandbox, *command)
    assert (got["exit_code"], got["stdout"], got["stderr"]) == (code, "", f"corral: {says}\n")


def test_a_signal(user, sandbox):
    got = shell(user, sandbox, "kill -TERM $$")
    assert got["exit_code"] is None and got["signal"] == signal.SIGTERM


def test_environment_and_folder(user, sandbox):
    got = shell(user, sandbox, 'echo "$A|$HOME|$(pwd)|$(id -u)"', env={"A": "b c"}, cwd="/tmp")
    assert got["stdout"] == "b c|/workspace|/tmp|1000\n"
    assert shell(user, sandbox, "pwd")["stdout"] == "/workspace\n"
    got = shell(user, sandbox, "true", cwd="/no/such")
    assert (got["exit_code"], got["stderr"]) == (126, "corral: cannot enter /no/such: No such file or directory\n")


@pytest.mark.parametrize("size", [0, 1, 65536, 300000])
def test_input(user, sandbox, size):
    text = ("0123456789abcde\n" * (size // 16 + 1))[:size]
    assert run(user, sandbox, "cat", stdin=text)["stdout"] == text


def test_bytes_that_are_no_text(user, sandbox):
    raw = bytes(range(256)) * 10
    got = run(user, sandbox, "cat", stdin_base64=base64.b64encode(raw).decode())
    assert base64.b64decode(got["stdout_base64"]) == raw and "stdout" not in got
    assert shell(user, sandbox, r"printf 'a\0b'")["stdout"] == "a\0b"


@pytest.mark.parametrize("size", [60000, 70000, MIB, MIB + 1, 5 * MIB])
def test_much_output(user, sandbox, size):
    """All of it up to the bound; what comes after is thrown away, and the command is not held up."""
    got = shell(user, sandbox, f"yes | head -c {size}; echo end >&2")
    assert len(got["stdout"]) == min(size, MIB) and set(got["stdout"]) == {"y", "\n"}
    assert got["truncated"] == (size > MIB) and got["stderr"] == "end\n" and got["exit_code"] == 0


def test_a_character_that_the_bound_cuts(user, sandbox):
    got = shell(user, sandbox, "printf x; yes ää | tr -d '\\n' | head -c 1048579")
    assert got["truncated"] and set(got["stdout"]) == {"x", "ä"} and len(got["stdout"].encode()) == MIB - 1


def test_a_timeout_kills_all_descendants(user, sandbox):
    script = "sleep 1001 & setsid sleep 1002 & (setsid sleep 1003 &) ; exec sleep 1004"
    got = shell(user, sandbox, script, timeout_ms=500)
    assert got["timed_out"] and got["signal"] == signal.SIGKILL
    assert "sleep 100" not in processes(user, sandbox)


def test_children_in_the_background_live_on(user, sandbox):
    got = shell(user, sandbox, "sleep 1001 & echo begun")
    assert got["stdout"] == "begun\n" and got["exit_code"] == 0 and got["duration_ms"] < 20000
    assert "sleep 1001" in processes(user, sandbox)


def test_a_client_that_hangs_up_ends_its_command(corral, user, sandbox):
    url = urlsplit(corral.url)
    body = b'{"command": ["sh", "-c", "setsid sleep 1001 & sleep 1002"]}'
    with socket.create_connection((url.hostname, url.port)) as client:
        client.sendall(b"POST /sandbox/%s/exec HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n%s" % (sandbox.encode(), user.session.headers["X-API-Key"].encode(), len(body), body))
        wait_until("it runs", lambda: "sleep 1001" in processes(user, sandbox), 20)
    wait_until("nothing of it is left", lambda: "sleep 100" not in processes(user, sandbox), 10)


def test_many_at_once(user, sandbox):
    with ThreadPoolExecutor(20) as pool:
        got = list(pool.map(lambda i: shell(user, sandbox, f"echo {i}; exit {i}"), range(40)))
    assert [(g["stdout"], g["exit_code"]) for g in got] == [(f"{i}\n", i) for i in range(40)]


def plain(corral, user, sandbox, *command):
    """The answer, asked without the proxy that checks descriptions, which would answer by itself; None where the
    connection was lost."""
    try:
        return requests.post(f"{corral.url}/sandbox/{sandbox}/exec", json={"command": list(command)}, timeout=60,
                             headers={"X-API-Key": user.session.headers["X-API-Key"]})
    except requests.ConnectionError:
        return None


def test_too_many_at_once(corral, user):
    """64 a sandbox; the next is refused, and told so."""
    sandbox = user.create(pids=200)["id"]
    with ThreadPoolExecutor(66) as pool:
        answers = [a.result() for a in [pool.submit(plain, corral, user, sandbox, "sleep", "20") for _ in range(66)]]
    assert sorted(a.status_code for a in answers) == [200] * 64 + [429] * 2
    assert {a.json()["code"] for a in answers if a.status_code == 429} == {"too_many_streams"}
    assert shell(user, sandbox, "echo again")["stdout"] == "again\n"


def test_what_finds_no_memory_is_told_so(corral, user):
    """Outputs of commands hold all that the streams of a key may: others are refused, wait for nothing and leave nothing."""
    sandboxes = [user.create()["id"] for _ in range(2)]
    url, key = f"{corral.url}/sandbox/{sandboxes[0]}", {"X-API-Key": user.session.headers["X-API-Key"]}
    script = f"head -c {MIB} /dev/zero; head -c {MIB} /dev/zero >&2; sleep 600"
    def hold(sandbox):
        connection = http.client.HTTPConnection(*corral.url.removeprefix("http://").split(":"))
        connection.request("POST", f"/sandbox/{sandbox}/exec", json.dumps({"command": ["sh", "-c", script]}),
                           {**key, "Content-Type": "application/json"})
        return connection
    def put():
        return requests.put(f"{url}/files?path=/workspace/f", data=b"x", headers=key, timeout=5)
    holding = [hold(sandbox) for sandbox in sandboxes * 16]
    try:
        wait_until("all is held", lambda: put().status_code == 429, 90)
        assert put().json()["code"] == "too_many_streams"
        running = requests.post(f"{url}/processes", json={"command": ["sleep", "60"], "stdin": True}, headers=key, timeout=20).json()["pid"]
        fed = requests.post(f"{url}/processes/{running}/stdin", data=b"x", headers=key, timeout=20)
        assert (fed.status_code, fed.json()["code"]) == (429, "too_many_streams")
        input = base64.b64encode(bytes(300000)).decode()
        started = requests.post(f"{url}/processes", json={"command": ["sleep", "1000"], "stdin_base64": input, "tag": "it"}, headers=key, timeout=20)
        assert (started.status_code, started.json()["code"]) == (429, "too_many_streams")
    finally:
        for connection in holding:
            connection.close()
    wait_until("it is free again", lambda: put().status_code in (201, 204), 20)
    wait_until("what was started has ended", lambda: all(p["state"] == "exited" for p in user.good("GET", f"/sandbox/{sandboxes[0]}/processes")["items"]
                                                         if p["tag"] == "it"), 10)


def test_it_is_its_owners_alone(corral, user, sandbox):
    """What is another's is not there, for administrators neither."""
    other, path, body = corral.user("other", "pro"), f"/sandbox/{sandbox}/exec", {"command": ["echo", "hi"]}
    assert other.call("POST", path, body).status_code == 404
    assert corral.admin.call("POST", path, body).status_code == 404
    assert user.call("POST", "/sandbox/sbx_00000000000000000000000000/exec", body).status_code == 404


def test_only_while_it_runs(user, sandbox):
    path, body = f"/sandbox/{sandbox}/exec", {"command": ["true"]}
    user.good("POST", f"/sandbox/{sandbox}/pause")
    assert user.call("POST", path, body).json()["code"] == "wrong_state"
    user.good("POST", f"/sandbox/{sandbox}/resume")
    assert user.good("POST", path, body)["exit_code"] == 0
    user.delete(sandbox)
    assert user.call("POST", path, body).json()["code"] == "wrong_state"


@pytest.mark.parametrize("body,pointer", [({}, "/command"), ({"command": []}, "/command"), ({"command": ["a"], "cwd": "b"}, "/cwd"),
                                          ({"command": ["a"], "stdin_base64": "x"}, "/stdin_base64"),
                                          ({"command": ["a"], "timeout_ms": 0}, "/timeout_ms"),
                                          ({"command": ["a"], "env": {"1": "b"}}, "/env/1"), ({"command": ["a"], "b": 1}, "/b")])
def test_bodies_that_do_not_validate(user, sandbox, body, pointer):
    answer = user.call("POST", f"/sandbox/{sandbox}/exec", body)
    assert answer.status_code == 422 and [e["pointer"] for e in answer.json()["errors"]] == [pointer]


def test_the_sandbox_ends_meanwhile(user, sandbox):
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(user.call, "POST", f"/sandbox/{sandbox}/exec", {"command": ["sleep", "1000"]})
        wait_until("it runs", lambda: "sleep 1000" in processes(user, sandbox), 20)
        user.delete(sandbox)
        answer = waiting.result(20)
    assert answer.status_code == 409 and answer.json()["code"] == "wrong_state" and "deleted" in answer.json()["detail"], answer.text


def test_a_revoked_key_ends_its_command(corral, user, sandbox):
    made = corral.key(user.user_id, "short")
    client = Client(corral.url, made["key"])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.call, "POST", f"/sandbox/{sandbox}/exec", {"command": ["sleep", "1000"]})
        wait_until("it runs", lambda: "sleep 1000" in processes(user, sandbox), 20)
        corral.admin.good("DELETE", f"/sandbox/system/users/{user.user_id}/keys/{made['id']}")
        answer = waiting.result(20)
    assert answer.status_code == 401
    wait_until("it is killed", lambda: "sleep 1000" not in processes(user, sandbox), 10)


@pytest.mark.parametrize("what", ["agent", "controller"])
def test_a_daemon_dies_under_a_command(corral, user, sandbox, what):
    """Its caller hears of it, and of the command nothing is left."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(plain, corral, user, sandbox, "sh", "-c", "setsid sleep 1001 & sleep 1002")
        wait_until("it runs", lambda: "sleep 1001" in processes(user, sandbox), 20)
        process = Path(f"/proc/{corral.pid(what)}")
        corral.kill(what)
        wait_until("it is gone", lambda: not process.exists(), 20)
        corral.restart(what)
        answer = waiting.result(30)
        assert answer is None or answer.status_code == 504
    wait_until("it works again", lambda: again(user, sandbox), 30, 0.2)
    wait_until("nothing of it is left", lambda: "sleep 100" not in processes(user, sandbox), 15)


@pytest.mark.parametrize("what,signo", [("agent", signal.SIGTERM), ("agent", signal.SIGKILL), ("controller", signal.SIGTERM),
                                        ("controller", signal.SIGKILL)])
def test_after_a_restart(corral, user, sandbox, what, signo):
    """Sandboxes live on, and can be worked in again."""
    assert shell(user, sandbox, "echo before")["stdout"] == "before\n"
    process = Path(f"/proc/{corral.pid(what)}")
    corral.kill(what, signo)
    wait_until("it is gone", lambda: not process.exists(), 20)
    corral.restart(what)
    answer = wait_until("it works again", lambda: again(user, sandbox), 30, 0.2)
    assert answer["stdout"] == "after\n"


def again(user, sandbox):
    answer = user.call("POST", f"/sandbox/{sandbox}/exec", {"command": ["echo", "after"]})
    return answer.json() if answer.status_code == 200 else None


def test_input_that_nobody_reads_harms_nobody(user):
    """A program that ends before it has read its input breaks the init's pipe, now and then; the sandbox's own command lives on."""
    sandbox = user.create(command=["sh", "-c", "exec tail -f /dev/null"])["id"]
    for _ in range(120):
        answer = user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["echo", "x"], "stdin": "unread"}, status=200)
        assert answer["exit_code"] == 0, answer
    assert user.show(sandbox)["state"] == "running"
