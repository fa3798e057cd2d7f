"""A second controller on the same database: it serves what needs no lead, and forgets a key when the first is told to."""
import os
import subprocess

import pytest
import requests
from corral import Client, free_port, wait_until


@pytest.fixture(scope="module")
def second(corral, tmp_path_factory):
    port, folder = free_port(), tmp_path_factory.mktemp("second")
    environ = {**corral.environ, "CORRAL_DATABASE_URL": f"postgresql://corral@/corral?host={corral.home}/postgres",
               "CORRAL_PKI_DIR": str(corral.home / "pki"), "CORRAL_LISTEN_PORT": str(port), "CORRAL_NODE_URL": f"ipc://{folder}/nodes",
               "PATH": os.environ["PATH"]}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([corral.home / "bin/corral-controller", "serve"], env=environ, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log)
    url = f"http://127.0.0.1:{port}"

    def answers():
        assert process.poll() is None, (folder / "log").read_text()
        try:
            return requests.get(url + "/healthz", timeout=2).status_code == 200
        except OSError:
            return False

    wait_until("the second controller answers", answers)
    yield url
    process.terminate()
    assert process.wait(20) == 0
    assert "Sanitizer" not in (folder / "log").read_text()


def key_of(user):
    return user.session.headers["X-API-Key"]


def test_it_is_not_ready_and_says_so(corral, second):
    answer = requests.get(second + "/readyz", timeout=5)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "not_leading", "1")


def test_it_reads_and_does_not_create(corral, second, user):
    follower = Client(second, key_of(user))
    sandbox = user.create()["id"]
    assert wait_until("it is connected", lambda: follower.call("GET", "/sandbox").status_code == 200)
    assert follower.show(sandbox)["state"] == "running"
    assert follower.refused("POST", "/sandbox", {})["code"] == "not_leading"
    user.delete(sandbox)
    assert follower.show(sandbox)["state"] == "stopped"


def test_a_key_is_revoked_on_every_controller(corral, second, user):
    key = corral.key(user.user_id)
    clients = [Client(url, key["key"]) for url in (corral.url, second)]
    for client in clients:
        wait_until("it is known", lambda c=client: c.call("GET", "/sandbox").status_code == 200)
    corral.admin.good("DELETE", f"/sandbox/system/users/{user.user_id}/keys/{key['id']}")
    assert clients[0].call("GET", "/sandbox").status_code == 401
    wait_until("the second has heard", lambda: clients[1].call("GET", "/sandbox").status_code == 401, 1, 0.005)


def test_a_limit_holds_on_every_controller(corral, second, user):
    clients = [Client(url, key_of(user)) for url in (corral.url, second)]
    for client in clients:
        wait_until("it is known", lambda c=client: c.call("GET", "/sandbox").status_code == 200)
    corral.admin.good("PATCH", f"/sandbox/system/users/{user.user_id}", {"overrides": {"max_sandboxes": 7}})
    for client in clients:
        assert client.good("GET", "/sandbox/quota/usage")["limits"]["sandboxes"] == 7
