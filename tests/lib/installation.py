"""The fixtures of tests that need a whole installation; a conftest.py imports them by name."""
import uuid

import pytest
from corral import Corral, wait_until


@pytest.fixture(scope="session")
def corral():
    """One installation for all tests; each test has users of its own."""
    installation = Corral(CORRAL_RATE_PER_SECOND="100000", CORRAL_RATE_BURST="100000",
                          CORRAL_AUTH_FAILURES_BURST="100000", MAX_TOTAL_SANDBOXES="60", CORRAL_CPU_SECONDS="2",
                          CORRAL_REGISTRIES="docker.io,127.0.0.1:1,127.0.0.1:5000,198.51.100.7:5443")
    yield installation
    installation.reset()


def node_is_ready(corral):
    try:
        return any(n["state"] == "ready" for n in corral.admin.good("GET", "/sandbox/system/nodes")["items"])
    except (OSError, AssertionError):
        return False


def need_a_node(corral):
    """If the test before broke the installation, that is reported once, and repaired: later tests are
    judged by themselves."""
    try:
        wait_until("a node is ready", lambda: node_is_ready(corral), 40)
    except AssertionError:
        print(corral.logs())
        corral.mend()
        raise


@pytest.fixture
def user(corral, request):
    """A new user of tier pro, once a node is ready, whatever the test before did; the user's sandboxes are
    removed afterwards."""
    need_a_node(corral)
    name = request.node.name.replace("[", "-").replace("]", "")[:50]
    client = corral.user(f"{name}-{uuid.uuid4().hex[:8]}", tier="pro") # files may have tests of the same name
    yield client
    for sandbox in client.good("GET", "/sandbox?limit=200")["items"]:
        client.delete(sandbox["id"])


@pytest.fixture(scope="session")
def cluster():
    """Two nodes, and every limit at its default."""
    installation = Corral(nodes=2)
    yield installation
    installation.reset()
