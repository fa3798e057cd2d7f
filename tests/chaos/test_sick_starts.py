"""A host whose own disk fails every start: it says so after the third, and the others get the work until it is well."""
from contextlib import contextmanager

from corral import wait_until
from hermits import SMALL


@contextmanager
def no_records(hosts, node):
    """Nothing can be written to the folder of a host's records: it is not there."""
    folder = hosts.home / f"agent-{node}/records"
    away = folder.rename(folder.with_name("records.away"))
    try:
        yield
    finally:
        away.rename(folder)


def state(hosts, node):
    return hosts.admin.good("GET", f"/sandbox/system/nodes/{node}")


def test_a_host_that_fails_every_start_takes_no_more(hosts):
    user = hosts.user("starts", tier="enterprise")
    hosts.admin.good("POST", "/sandbox/system/nodes/node-2/cordon") # so that all of them meet the one that fails
    with no_records(hosts, 1):
        for _ in range(3):
            assert user.refused("POST", "/sandbox", SMALL)["code"] == "start_failed"
        sick = wait_until("it says so", lambda: (n := state(hosts, "node-1"))["state"] in ("sick", "unhealthy") and n, 10)
        assert "its last 3 starts failed" in sick["reason"], sick
        hosts.admin.good("POST", "/sandbox/system/nodes/node-2/uncordon")
        made = [user.create(**SMALL) for _ in range(3)]
        assert {s["node"] for s in made} == {"node-2"}
    wait_until("it is tried again", lambda: state(hosts, "node-1")["state"] == "ready", 40)
    hosts.admin.good("POST", "/sandbox/system/nodes/node-2/cordon")
    well = user.create(**SMALL)
    assert well["node"] == "node-1"
    hosts.admin.good("POST", "/sandbox/system/nodes/node-2/uncordon")
    for sandbox in made + [well]:
        user.delete(sandbox["id"])


def test_what_an_image_is_to_blame_for_does_not_count(hosts):
    user = hosts.user("blames", tier="enterprise")
    for _ in range(4):
        assert user.refused("POST", "/sandbox", {"image": "corral-no-such-image", **SMALL})["status"] in (422, 502)
    assert {state(hosts, f"node-{i}")["state"] for i in (1, 2)} == {"ready"}
