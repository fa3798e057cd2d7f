"""One node with more live sandboxes than once fitted into the memory for a report. A soak, it takes minutes:

    CORRAL_CROWD=300 tests/lib/run $PWD chaos test_crowd.py   (CORRAL_BUILD_ROOT names the build)"""
import os
from pathlib import Path

import pytest
from corral import Corral, wait_until
from hermits import SMALL

CROWD = int(os.environ.get("CORRAL_CROWD", "0")) # a report of 141 samples was the first that could not be read


@pytest.fixture(scope="module")
def keyrings():
    """Sets what deploy/sysctl.conf sets: the kernel's default allows 200 for all sandboxes together."""
    files = {Path("/proc/sys/kernel/keys", name): value for name, value in (("maxkeys", "1000000"), ("maxbytes", "25000000"))}
    before = {path: path.read_text() for path in files}
    for path, value in files.items():
        path.write_text(value)
    yield
    for path, value in before.items():
        path.write_text(value)


@pytest.fixture(scope="module")
def corral(keyrings):
    installation = Corral(CORRAL_RATE_PER_SECOND="100000", CORRAL_RATE_BURST="100000", MAX_TOTAL_SANDBOXES=str(CROWD),
                          CORRAL_CAPACITY_SANDBOXES=str(CROWD),
                          CORRAL_CAPACITY_MEMORY="64G", CORRAL_CAPACITY_CPU_MILLIS="1000000", CORRAL_CAPACITY_STORAGE="64G")
    yield installation
    installation.reset()


@pytest.mark.skipif(not CROWD, reason="a soak: CORRAL_CROWD says how many")
def test_a_crowd_keeps_its_link(corral):
    user = corral.user("crowd", tier="enterprise", overrides={"max_sandboxes": CROWD, "max_key_sandboxes": CROWD})
    made = [user.good("POST", "/sandbox", SMALL, status=202, headers={"Prefer": "respond-async"})["id"] for _ in range(CROWD)]
    for i in made:
        user.wait(i, "running", 30 + 4 * CROWD)
    handshakes = corral.metric("corral_node_handshakes_total")
    first = {i: user.stats(i)["sampled_at"] for i in made}
    for i in made:
        wait_until("each sandbox is sampled again", lambda i=i: user.stats(i)["sampled_at"] > first[i], 20)
    assert corral.metric("corral_node_handshakes_total") == handshakes, "its session was lost"
    assert corral.metric("corral_node_messages_bad_total") == 0
    assert {user.show(i)["state"] for i in made} == {"running"}
