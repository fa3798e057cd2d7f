"""Every benchmark runs for a moment: the test checks that it still works, not what it finds."""
import os
import subprocess
from pathlib import Path

import pytest
from corral import BUILD_ROOT, Corral

HERE = Path(__file__).parent
# The arguments for a moment. Benchmarks of DATABASE start what they need; those of INSTALLATION measure a
# running one.
DATABASE = {"admission": ["1"], "history.py": [BUILD_ROOT, "10", "1", "1"], "http.sh": ["1", "100"], "reads.sh": [BUILD_ROOT, "1", "1000"],
            "locks.sh": [BUILD_ROOT, "1000", "1"],
            "upkeep.sh": [BUILD_ROOT, "1000", "2"], "right_sizes.sh": [BUILD_ROOT, "40", "4"], "system_history.sh": [BUILD_ROOT, "1000", "2", "1"],
            "trend.sh": [BUILD_ROOT, "5"]}
INSTALLATION = {"bystander.py": ["1", "spin"], "copy_up.py": ["1"], "create.py": ["1", "2", "1"], "crowd.py": ["2", "10", "4", "4"], "flood.py": ["1"], "heavy_reads.py": ["1", "1000"], "inside.py": ["2", "4"],
                "overdue.py": ["2"], "soak.py": ["0.4", "3", "8"], "storm.py": ["1", "30"], "watchers.py": ["20", "500", "2"], "sample.py": [BUILD_ROOT / "tests/bench_sample", "1", "1", "2"]}
WARM = {"warm.py": ["1", "2"]}  # of an installation with a warm pool


def installed(**env):
    corral = Corral(CORRAL_RATE_PER_SECOND="1000000", CORRAL_RATE_BURST="1000000", **env)
    corral.sql("update tiers set max_sandboxes = 200, max_key_sandboxes = 200")
    sourced = subprocess.run(["bash", "-c", f". {corral.home}/env && env -0"], env=corral.environ, check=True, capture_output=True, text=True)
    yield dict(line.split("=", 1) for line in sourced.stdout.split("\0") if line)
    corral.reset()


@pytest.fixture(scope="module")
def environ():
    subprocess.run(["ninja", "-C", BUILD_ROOT, "tests/bench_sample", "tests/hostile"], check=True, capture_output=True)
    yield from installed()


@pytest.fixture(scope="module")
def warm_environ():
    yield from installed(CORRAL_WARM_MIN="2", CORRAL_WARM_MAX="4")


def run(name, arguments, environ):
    ran = subprocess.run([HERE / name, *arguments], env=environ, capture_output=True, text=True, timeout=240)
    assert ran.returncode == 0 and ran.stdout, f"{name}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
    print(ran.stdout)


def test_each_benchmark_is_run_here():
    found = {p.name for p in HERE.iterdir() if p.is_file() and os.access(p, os.X_OK)}
    assert found == DATABASE.keys() | INSTALLATION.keys() | WARM.keys()


@pytest.mark.parametrize("name", DATABASE)
def test_of_a_database(name):
    run(name, DATABASE[name], {**os.environ, "CORRAL_BUILD": str(BUILD_ROOT)})


@pytest.mark.parametrize("name", INSTALLATION)
def test_of_an_installation(name, environ):
    run(name, INSTALLATION[name], environ)


@pytest.mark.parametrize("name", WARM)
def test_of_the_warm_pool(name, warm_environ):
    run(name, WARM[name], warm_environ)
