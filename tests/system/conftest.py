import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from checking_proxy import CheckingProxy, check  # noqa: E402
from corral import Client  # noqa: E402
from installation import corral, cluster, user  # noqa: E402, F401
from marks import mark  # noqa: E402

# Tests with installations of their own, or that mostly wait.
SLOW = {"test_a_flood", "test_base_image", "test_cleanup", "test_image_builds", "test_nodes", "test_http_attacks", "test_tls"}
# Tests beside which no other runs, and why.
ALONE = {
    "test_a_flood": "bounds how late others are answered while one floods; needs an installation that nobody asked yet",
    "test_http_attacks": "bounds how late others are answered, and the processor's time that attacks take",
    "test_logs_kept": "a log that is not read within its time is lost: 100 MB of them are, at once",
}


def pytest_collection_modifyitems(items):
    mark(items, SLOW, ALONE)


@pytest.fixture(scope="session", autouse=True)
def proxy(corral):
    """Every request of these tests goes through a proxy that knows only the server's description."""
    checking = CheckingProxy(corral.url)
    Client.via[corral.url] = (checking.url, check)
    yield checking
    del Client.via[corral.url]
    checking.stop()
