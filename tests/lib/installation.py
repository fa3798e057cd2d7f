"""The fixtures of tests that need a whole installation; a conftest.py imports them by name."""
import uuid

import pytest
from corral import Corral, free_port, wait_until


@pytest.fixture(scope="session")
def corral():
    """One installation for all tests; each test has users of its own."""
    installation = Corral(CORRAL_RATE_PER_SECOND="100000", CORRAL_RATE_BURST="100000",
                          CORRAL_AUTH_FAILURES_BURST="100000", CORRAL_METRICS_LISTEN_PORT=str(free_port()), DOCKERD_CLOSED_RUNTIME="runsc-closed", MAX_TOTAL_SANDBOXES="60", CORRAL_CPU_SECONDS="2", CORRAL_SYSTEM_SAMPLE_SECONDS="2", CORRAL_RECOMMENDATION_SECONDS="3",
                          CORRAL_WEBHOOK_ALLOW_PRIVATE="true",
                          CORRAL_REGISTRIES="docker.io,127.0.0.1:1,127.0.0.1:5000,198.51.100.7:5443")
    yield installation
    installation.reset()


def node_is_ready(corral):
    """In session, too: its row says "ready" for a lease after the controller lost it."""
    try:
        return corral.metric("corral_node_sessions") and any(n["state"] == "ready" for n in corral.admin.good("GET", "/sandbox/system/nodes")["items"])
    except (OSError, AssertionError, TypeError): # TypeError: an answer without metrics
        return False


def need_an_administrator(corral):
    try:
        answer = corral.admin.call("GET", "/sandbox/system/nodes")
    except OSError:
        return # the controller does not answer: need_a_node sees to that
    if answer.status_code in (401, 403):
        corral.restore_administrator()
        raise AssertionError(f"the test before took the administrator away: {answer.text}")


def need_a_node(corral):
    """If the test before broke the installation, that is reported once, and repaired: later tests are
    judged by themselves."""
    need_an_administrator(corral)
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
    wait_until("the database answers", lambda: client.call("GET", "/sandbox?limit=200").status_code == 200, 40) # a test may have stopped it
    for sandbox in client.good("GET", "/sandbox?limit=200")["items"]:
        client.delete(sandbox["id"])


@pytest.fixture(scope="session")
def cluster():
    """Two nodes, and every limit at its default. Each node may have a registry on its own loopback."""
    installation = Corral(nodes=2, CORRAL_REGISTRIES="docker.io,127.0.0.1:5000", CORRAL_SYSTEM_SAMPLE_SECONDS="1", CORRAL_RECOMMENDATION_SECONDS="2")
    yield installation
    installation.reset()
