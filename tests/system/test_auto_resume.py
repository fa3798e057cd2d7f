"""auto_resume=true: a sandbox that is paused is resumed for what is to be done in it."""
import asyncio
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from corral import wait_until

CALLS = [("POST", "/exec", {"command": ["true"]}, 200), ("POST", "/processes", {"command": ["true"]}, 201), ("GET", "/processes", None, 200),
         ("PUT", "/files?path=/workspace/d&type=directory", None, 201), ("PUT", "/files?path=/workspace/f", b"bytes", 201),
         ("GET", "/files?path=/workspace/", None, 200), ("GET", "/archive?path=/workspace", None, 200),
         ("DELETE", "/files?path=/tmp/none", None, 404), ("POST", "/ports", {"port": 80}, 201)]


@pytest.fixture
def paused(user):
    made = user.create()["id"]
    user.good("POST", f"/sandbox/{made}/pause")
    return made


def ask(corral, key, sandbox, method, path, body=None, resumes="true"):
    """Past the proxy of descriptions, which knows only text."""
    answers = path + ("&" if "?" in path else "?") + f"auto_resume={resumes}"
    sent = {"data": body} if isinstance(body, bytes) else {"json": body}
    return requests.request(method, f"{corral.url}/sandbox/{sandbox}{answers}", timeout=60, headers={"X-API-Key": key}, **sent)


def key_of(user):
    return user.session.headers["X-API-Key"]


def state(user, sandbox):
    return user.good("GET", f"/sandbox/{sandbox}")["state"]


@pytest.mark.parametrize("method,path,body,status", CALLS, ids=[f"{c[0]} {c[1].split('?')[0]}" for c in CALLS])
def test_it_is_resumed_first(corral, user, paused, method, path, body, status):
    refused = ask(corral, key_of(user), paused, method, path, body, "false")
    assert (refused.status_code, refused.json()["code"], state(user, paused)) == (409, "wrong_state", "paused")
    answer = ask(corral, key_of(user), paused, method, path, body)
    assert answer.status_code == status, answer.text
    assert state(user, paused) == "running"
    types = [event["type"] for event in user.good("GET", f"/sandbox/{paused}/events")["items"]]
    assert types.count("sandbox.resumed") == 1
    again = ask(corral, key_of(user), paused, method, path, body) # of one that runs it changes nothing
    assert again.status_code < 500 and again.status_code != 409, again.text


def test_a_terminal(corral, user, paused):
    import websockets

    async def echo():
        async with websockets.connect(f"ws{corral.url[4:]}/sandbox/{paused}/terminal?command=cat&auto_resume=true", subprotocols=["v5.channel.k8s.io"],
                                      extra_headers={"X-API-Key": key_of(user)}) as ws:
            await ws.send(b"\x00x")
            return await ws.recv()

    assert asyncio.run(echo()) == b"\x01x"


def test_many_at_once(corral, user, paused):
    """One of them resumes it, and all are carried out."""
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: ask(corral, key_of(user), paused, "POST", "/exec", {"command": ["echo", "hi"]}), range(10)))
    assert [(a.status_code, a.json().get("stdout")) for a in answers] == [(200, "hi\n")] * 10, answers
    types = [event["type"] for event in user.good("GET", f"/sandbox/{paused}/events")["items"]]
    assert types.count("sandbox.resumed") == 1


def test_who_may(corral, user, paused):
    """A key that works inside may; nobody wakes another's, and a key that only reads does not either."""
    stranger = corral.user(f"stranger-{uuid.uuid4().hex[:8]}")
    assert ask(corral, key_of(stranger), paused, "POST", "/exec", {"command": ["true"]}).status_code == 404
    reader = corral.key(user.user_id, scopes=["read"])["key"]
    assert ask(corral, reader, paused, "POST", "/exec", {"command": ["true"]}).status_code == 403
    assert state(user, paused) == "paused"
    worker = corral.key(user.user_id, scopes=["exec"])["key"]
    assert ask(corral, worker, paused, "POST", "/exec", {"command": ["true"]}).status_code == 200


def test_a_key_that_ends_meanwhile(corral, user, paused):
    """What was asked for is answered at once, and not begun when the sandbox runs."""
    key = corral.key(user.user_id, scopes=["exec"])
    corral.kill("agent", signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(ask, corral, key["key"], paused, "POST", "/exec", {"command": ["touch", "/workspace/there"]})
            wait_until("it is resumed", lambda: corral.sql(f"select desired from sandboxes where id = '{paused}'") == "running")
            corral.admin.good("DELETE", f"/sandbox/system/users/{user.user_id}/keys/{key['id']}", status=204)
            assert answer.result(15).status_code == 401
    finally:
        corral.kill("agent", signal.SIGCONT)
    wait_until("it runs", lambda: state(user, paused) == "running", 30)
    assert user.good("POST", f"/sandbox/{paused}/exec", {"command": ["ls", "/workspace"]}, status=200)["stdout"] == ""


def test_an_administrators_entry(corral, user, paused):
    answer = ask(corral, key_of(corral.admin), paused, "POST", "/exec?admin_access=true", {"command": ["true"]})
    assert answer.status_code == 200, answer.text
    types = [event["type"] for event in user.good("GET", f"/sandbox/{paused}/events")["items"]]
    assert types.index("sandbox.entered") < types.index("sandbox.resumed")


def test_from_the_command_line(corral, user, paused, tmp_path):
    (tmp_path / "f").write_text("bytes")
    calls = [(("exec", paused, "echo", "hi"), "hi\n"), (("cp", tmp_path / "f", f"{paused}:f"), ""), (("exec", paused, "cat", "f"), "bytes")]
    for args, output in calls:
        refused = corral.cli(*args, key=key_of(user), stdin="")
        assert refused.returncode != 0 and "paused" in refused.stderr + refused.stdout, refused
        done = corral.cli(args[0], "--auto-resume", *args[1:], key=key_of(user), stdin="")
        assert (done.returncode, done.stdout) == (0, output), done
        assert state(user, paused) == "running"
        user.good("POST", f"/sandbox/{paused}/pause")


def test_one_that_ended(corral, user, paused):
    user.delete(paused)
    answer = ask(corral, key_of(user), paused, "POST", "/exec", {"command": ["true"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
