"""Each benchmark that starts what it needs runs for a moment."""
import os

import pytest
from corral import BUILD_ROOT
from moments import DATABASE, HERE, INSTALLATION, WARM, run


def test_each_benchmark_is_run_here():
    found = {p.name for p in HERE.iterdir() if p.is_file() and os.access(p, os.X_OK)}
    assert found == DATABASE.keys() | INSTALLATION.keys() | WARM.keys()


@pytest.mark.parametrize("name", DATABASE)
def test_of_a_database(name):
    run(name, DATABASE[name], {**os.environ, "CORRAL_BUILD": str(BUILD_ROOT)})
