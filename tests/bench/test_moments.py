"""Each benchmark of a running installation runs for a moment."""
import subprocess

import pytest
from corral import Corral
from moments import INSTALLATION, WARM, run


def installed(**env):
    corral = Corral(CORRAL_RATE_PER_SECOND="1000000", CORRAL_RATE_BURST="1000000", **env)
    corral.sql("update tiers set max_sandboxes = 200, max_key_sandboxes = 200")
    sourced = subprocess.run(["bash", "-c", f". {corral.home}/env && env -0"], env=corral.environ, check=True, capture_output=True, text=True)
    yield dict(line.split("=", 1) for line in sourced.stdout.split("\0") if line)
    corral.reset()


@pytest.fixture(scope="module")
def environ():
    yield from installed()


@pytest.fixture(scope="module")
def warm_environ():
    yield from installed(CORRAL_WARM_MIN="2", CORRAL_WARM_MAX="4")


@pytest.mark.parametrize("name", INSTALLATION)
def test_of_an_installation(name, environ):
    run(name, INSTALLATION[name], environ)


@pytest.mark.parametrize("name", WARM)
def test_of_the_warm_pool(name, warm_environ):
    run(name, WARM[name], warm_environ)
