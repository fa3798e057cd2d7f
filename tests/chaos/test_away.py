"""While PostgreSQL is away, work inside running sandboxes goes on; when another controller leads, it ends
there and is taken up here."""
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from channels import Channels, cut_all, refusal
from corral import UNTIL_TOLD, Client, wait_until

AWAY = 10  # seconds, at least


@pytest.fixture
def sandbox(corral, user):
    yield user.create(lifetime_seconds=600)["id"]
    cut_all()


def execute(user, sandbox, script, **more):
    return user.call("POST", f"/sandbox/{sandbox}/exec", {"command": ["sh", "-c", script], **more})


@pytest.fixture
def away(corral):
    """PostgreSQL is killed when this is called; it is there again after the test in any case."""
    yield lambda: go_away(corral)
    come_back(corral)


def go_away(corral):
    corral.postgres("stop")
    wait_until("the controller has noticed", lambda: corral.admin.call("GET", "/readyz").status_code == 503, 10)


def come_back(corral):
    corral.restart("postgres")
    wait_until("the controller is ready", lambda: corral.admin.call("GET", "/readyz").status_code == 200, 40)


def terminal(user, sandbox):
    t = Channels(user, f"/sandbox/{sandbox}/terminal?command=cat")
    t.echoes("first")
    return t


def echo_for(t, seconds, name):
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        number += 1
        t.echoes(f"{name}-{number}")
        time.sleep(0.2)  # the pace of the typing


def test_a_terminal_goes_on(corral, user, sandbox, away):
    t = terminal(user, sandbox)
    away()
    echo_for(t, AWAY, "away")
    come_back(corral)
    wait_until("the node is in session again", lambda: user.call("GET", f"/sandbox/{sandbox}/stats").status_code == 200, 30)
    echo_for(t, 3, "back")
    other = terminal(user, sandbox)
    t.echoes("both")
    assert execute(user, sandbox, "echo it works").json()["stdout"] == "it works\n"
    other.close()
    t.close()


def test_what_runs_at_its_beginning_ends_as_ever(corral, user, sandbox, away):
    """Of a command that is under way, and of a log that is followed, nothing is lost."""
    logs = user.create(command=["sh", "-c", "echo first;" + UNTIL_TOLD + "echo last"])["id"]
    with ThreadPoolExecutor() as pool:
        command = pool.submit(execute, user, sandbox, "touch begun;" + UNTIL_TOLD + "echo done; exit 7")
        wait_until("the command runs", lambda: "begun" in corral.docker("exec", sandbox, "ls", "/workspace"))
        followed = requests.get(f"{corral.url}/sandbox/{logs}/logs?follow=true", headers=dict(user.session.headers), timeout=60, stream=True)
        away()
        corral.tell(sandbox)
        corral.tell(logs)
        answer = command.result(20).json()
        assert (answer["exit_code"], answer["stdout"]) == (7, "done\n")
        assert followed.content == b"first\nlast\n"


def refused(answer):
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "database_unavailable"), answer.text
    assert int(answer.headers["retry-after"]) > 0
    return problem


def test_a_known_key_works_and_changes_nothing(corral, user, sandbox, away):
    path, unknown = f"/sandbox/{sandbox}", Client(corral.url, corral.key(user.user_id)["key"])
    paused = user.create()["id"]
    user.good("POST", f"/sandbox/{paused}/pause")
    assert execute(user, sandbox, "true").status_code == 200
    away()
    assert execute(user, sandbox, "echo out; exit 3").json()["exit_code"] == 3
    assert user.call("PUT", f"{path}/files?path=/workspace/a", data=b"bytes").status_code == 201
    assert user.call("GET", f"{path}/files?path=/workspace/a").content == b"bytes"
    assert user.call("GET", f"{path}/archive?path=/workspace/a").status_code == 200
    pid = user.good("POST", f"{path}/processes", {"command": ["cat"], "stdin": True}, status=201)["pid"]
    assert user.good("GET", f"{path}/processes")["items"][-1]["pid"] == pid
    assert user.call("POST", f"{path}/processes/{pid}/signal", {"signal": "SIGTERM"}).status_code == 204
    assert user.call("DELETE", f"{path}/processes/{pid}").status_code == 204
    assert user.call("GET", f"{path}/logs").status_code == 200
    terminal(user, sandbox).echoes("typed")
    for method, at, body in (("POST", "/sandbox", {}), ("GET", path, None), ("PATCH", path, {"name": "n"}), ("DELETE", path, None),
                             ("POST", f"{path}/pause", None), ("POST", f"{path}/ticket", {"route": "terminal"}),
                             ("POST", f"{path}/ports", {"port": 80}), ("GET", "/sandbox/quota/usage", None),
                             ("POST", f"/sandbox/{paused}/exec?auto_resume=true", {"command": ["true"]})):
        refused(user.call(method, at, body))
    assert execute(user, paused, "true").json()["code"] == "wrong_state"
    refused(execute(unknown, sandbox, "true"))
    refused(corral.admin.call("POST", f"{path}/exec?admin_access=true", {"command": ["true"]}))
    assert refusal(unknown, f"{path}/terminal") == 503
    wrong = Client(corral.url, user.session.headers["X-API-Key"][:-1] + "?")
    assert execute(wrong, sandbox, "true").status_code == 401
    refused(execute(user, f"sbx_{'0' * 26}", "true"))
    come_back(corral)
    acts = "select count(*) from activity where sandbox_id = '{}' and act = 'sandboxExec'".format(sandbox)
    wait_until("what was done is on record", lambda: int(corral.sql(acts)) == 2, 20)


def test_a_port_that_was_used_works(user, sandbox, away):
    assert user.call("PUT", f"/sandbox/{sandbox}/files?path=/workspace/page", data=b"a page").status_code == 201
    user.good("POST", f"/sandbox/{sandbox}/processes", {"command": ["httpd", "-f", "-p", "8080", "-h", "/workspace"]}, status=201)
    port = user.good("POST", f"/sandbox/{sandbox}/ports", {"port": 8080, "wait_ms": 10000}, status=201)
    assert requests.get(port["url"] + "page", timeout=20).content == b"a page"
    away()
    assert requests.get(port["url"] + "page", timeout=20).content == b"a page"


def revoke(user, key):
    return f"select outcome from revoke_key('{user.user_id}', '{key['id']}', '{{\"user_id\": \"usr_elsewhere\"}}')"


def test_a_key_that_is_revoked_before_the_controller_hears(corral, user, sandbox, away):
    """It is revoked by another while the database is away for this controller alone: no notice ever comes."""
    key = corral.key(user.user_id)
    client = Client(corral.url, key["key"])
    revoked, stays = terminal(client, sandbox), terminal(user, sandbox)
    away()
    revoked.echoes("still")
    corral.kill("controller", signal.SIGSTOP)
    try:
        corral.restart("postgres")
        corral.sql(revoke(user, key))
    finally:
        corral.kill("controller", signal.SIGCONT)
    assert revoked.ended() == 1008
    come_back(corral)
    stays.echoes("goes on")
    assert execute(client, sandbox, "true").status_code == 401


def test_a_key_that_is_revoked_before_it_goes(corral, user, sandbox, away):
    key = corral.key(user.user_id)
    client = Client(corral.url, key["key"])
    t = terminal(client, sandbox)
    corral.admin.good("DELETE", f"/sandbox/system/users/{user.user_id}/keys/{key['id']}")
    corral.postgres("stop")
    assert t.ended() == 1008
    assert execute(client, sandbox, "true").status_code in (401, 503)
    away()
    refused(execute(client, sandbox, "true"))
