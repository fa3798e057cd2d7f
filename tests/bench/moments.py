"""Every benchmark, with arguments by which it runs for a moment: tests check that it still works, not what it finds."""
import subprocess
from pathlib import Path

from corral import BUILD_ROOT

HERE = Path(__file__).parent
# The arguments for a moment. Benchmarks of DATABASE start what they need; those of INSTALLATION measure a
# running one.
DATABASE = {"admission": ["1"], "history.py": [BUILD_ROOT, "10", "1", "1"], "http.sh": ["1", "100"], "reads.sh": [BUILD_ROOT, "1", "1000"],
            "locks.sh": [BUILD_ROOT, "1000", "1"],
            "upkeep.sh": [BUILD_ROOT, "1000", "2"], "right_sizes.sh": [BUILD_ROOT, "40", "4"], "system_history.sh": [BUILD_ROOT, "1000", "2", "1"],
            "trend.sh": [BUILD_ROOT, "5"]}
INSTALLATION = {"bystander.py": ["1", "spin"], "copy_up.py": ["1"], "create.py": ["1", "2", "1"], "crowd.py": ["2", "10", "4", "4"], "flood.py": ["1"], "heavy_reads.py": ["1", "1000"], "inside.py": ["2", "4"],
                "overdue.py": ["2"], "storm.py": ["1", "30"], "watchers.py": ["20", "500", "2"], "sample.py": [BUILD_ROOT / "tests/bench_sample", "1", "1", "2"]}
WARM = {"warm.py": ["1", "2"]}  # of an installation with a warm pool


def run(name, arguments, environ):
    ran = subprocess.run([HERE / name, *arguments], env=environ, capture_output=True, text=True, timeout=240)
    assert ran.returncode == 0 and ran.stdout, f"{name}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
    print(ran.stdout)
