import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from corral import BUILD_ROOT, TORN  # noqa: E402
from installation import corral, cluster, user  # noqa: E402, F401
from marks import mark  # noqa: E402

# Tests that take more than half a minute each.
SLOW = {"test_bad_records", "test_clock", "test_cluster", "test_crowd", "test_faults", "test_frozen_disk", "test_guard", "test_hanging",
        "test_hardening", "test_image_disk", "test_images", "test_lost_answers", "test_node_port", "test_outbox", "test_ready", "test_registry",
        "test_webhook_faults", "test_unhealthy_starts", "test_stolen_node", "test_stopped", "test_storm", "test_tenants", "test_two_controllers",
        "test_two_controllers_streams"}
# Tests beside which no other runs, and why.
ALONE = {
    "test_crowd": "raises the kernel's limits of keys, and starts hundreds of sandboxes",
    "test_frozen_disk": "freezes a filesystem, for which every sync of the machine waits",
    "test_guard": "ends within 2 s what would harm the node",
    "test_hanging": "Docker hangs for times that are compared",
    "test_hardening": "compares shares of the processors",
    "test_idle": "samples what idle sandboxes and busy ones use",
    "test_liar": "a node lies faster than two processors can follow",
    "test_node_port": "bounds how busy thousands of connections keep the controller",
    "test_pools": "uses up what the kernel has once for the whole machine",
    "test_storm": "starts as many sandboxes at once as the machine can",
}


def pytest_collection_modifyitems(items):
    mark(items, SLOW, ALONE)


@pytest.fixture(scope="session")
def hostile(corral):  # noqa: F811
    """Images with tests/chaos/hostile.c: one plain, one that declares a VOLUME."""
    for tag, more in (("hostile:plain", ""), ("hostile:volume", "VOLUME /data\n")):
        context = Path(tempfile.mkdtemp(dir=corral.home))
        shutil.copy(BUILD_ROOT / "tests/hostile", context)
        (context / "Dockerfile").write_text(f"FROM corral-base:latest\nCOPY hostile /bin/hostile\n{more}")
        subprocess.run(["/usr/bin/docker", "-H", f"unix://{corral.home}/run/docker.sock", "build", "-q", "-t", tag, context],
                       env={**corral.environ, "DOCKER_BUILDKIT": "0"}, check=True, capture_output=True, timeout=60)
    return "hostile:plain"


@pytest.fixture(autouse=True)
def whole_histories(request):
    """Whatever was done to the sandbox: each state has its one event, in order, and each end its reason."""
    yield
    if "corral" in request.fixturenames:
        assert request.getfixturevalue("corral").sql(TORN) == ""
