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
from slow import mark_slow  # noqa: E402

# Tests that take more than half a minute each.
SLOW = {"test_bad_records", "test_clock", "test_cluster", "test_crowd", "test_faults", "test_frozen_disk", "test_guard", "test_hanging",
        "test_hardening", "test_images", "test_lost_answers", "test_node_port", "test_outbox", "test_ready", "test_registry",
        "test_unhealthy_starts", "test_stolen_node", "test_stopped", "test_storm", "test_tenants", "test_two_controllers"}


def pytest_collection_modifyitems(items):
    mark_slow(items, SLOW)


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
