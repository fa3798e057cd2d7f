import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from corral import TORN  # noqa: E402
from installation import corral, user  # noqa: E402, F401


@pytest.fixture(autouse=True)
def whole_histories(request):
    """Whatever was done to it: each state has its one event, in order, and each end its reason."""
    yield
    if "corral" in request.fixturenames:
        assert request.getfixturevalue("corral").sql(TORN) == ""
