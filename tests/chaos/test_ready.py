"""Ready means that a create works: after the controller was killed, without nodes, and with the first node."""
import time

import requests
from corral import wait_until
from hermits import SMALL

LEASE = 10


def readyz(corral):
    try:
        return requests.get(corral.url + "/readyz", timeout=2)
    except requests.RequestException:
        return None


def test_who_is_ready_takes_creates(corral, user):
    for _ in range(3):
        corral.kill("controller")
        corral.restart("controller")
        begin = time.monotonic()
        wait_until("the controller is ready", lambda: (a := readyz(corral)) is not None and a.status_code == 200, LEASE + 5)
        answer = user.call("POST", "/sandbox", SMALL)
        assert answer.status_code == 201, answer.text
        assert time.monotonic() - begin < LEASE + 5
        user.delete(answer.json()["id"])


def test_a_controller_that_hears_no_node_waits_a_lease(corral, user):
    corral.kill("agent")
    corral.kill("controller")
    try:
        corral.restart("controller")
        answers, begin = [], time.monotonic()
        while not answers or answers[-1].status_code != 200:
            assert time.monotonic() - begin < LEASE + 5, answers[-1].text
            answers += [a for a in [readyz(corral)] if a is not None]
        waiting = [a for a in answers if a.status_code != 200]
        assert waiting and {(a.status_code, a.json()["code"]) for a in waiting} == {(503, "no_capacity")}, waiting[0].text
        assert all(int(a.headers["retry-after"]) > 0 for a in waiting)
        # A create says what is missing, and all other requests are served.
        refused = user.call("POST", "/sandbox", SMALL)
        assert (refused.status_code, refused.json()["code"]) == (503, "no_capacity")
        assert user.good("GET", "/sandbox")["items"] == []
        wait_until("the controller says that no node is connected", lambda: corral.admin.good(
            "GET", "/sandbox/system/nodes/node-1")["state"] == "unreachable", 3)
    finally:
        corral.restart("agent")
    assert readyz(corral).status_code == 200
    assert user.create(**SMALL)["state"] == "running"


def test_a_node_without_the_image_of_all_that_name_none(corral, user):
    """The node reports it before a create fails, and takes sandboxes once the image is there again."""
    def node():
        return corral.admin.good("GET", "/sandbox/system/nodes/node-1")

    corral.docker("tag", "corral-base:latest", "kept:base")
    corral.docker("rmi", "corral-base:latest")
    try:
        ill = wait_until("the node reports it", lambda: (n := node())["state"] != "ready" and n, 90, 0.5)
        assert ill["state"] == "unhealthy" and "corral-base" in ill["reason"], ill
        assert user.refused("POST", "/sandbox", SMALL)["code"] == "no_capacity"
    finally:
        corral.docker("tag", "kept:base", "corral-base:latest")
        corral.docker("rmi", "kept:base")
    wait_until("the node is healthy", lambda: node()["state"] == "ready", 90, 0.5)
    assert user.create(**SMALL)["state"] == "running"
