"""deploy/images: what Debian's packages alone can build is built, and does what it is for; of the rest, the Dockerfile is read."""
import os
import re
import subprocess
from pathlib import Path

import pytest

IMAGES = Path(__file__).resolve().parents[2] / "deploy/images"
MB = 1_000_000

# What each has to do, what it says then, and its largest size; None: it has sanitizers here.
DOES = {
    "debian": (["bash", "-c", "printf 'b\\na\\n' | sort | grep -c a && ls /bin/sed /usr/bin/find"], "1\n/bin/sed\n/usr/bin/find\n", 40 * MB),
    "python": (["python3", "-c", "import ssl, json, sqlite3; print(json.dumps([1]))"], "[1]\n", 80 * MB),
    "node": (["node", "-e", "console.log(JSON.stringify([1]))"], "[1]\n", 160 * MB),
    "agent": (["--help"], "usage", None),
    "controller": (["--help"], "usage", None),
}


def docker(corral, *args):
    return subprocess.run(["/usr/bin/docker", "-H", f"unix://{corral.home}/run/docker.sock", *args], capture_output=True, text=True, timeout=300)


def test_all_are_tried():
    listed = subprocess.run([IMAGES / "build", "--list"], capture_output=True, text=True, check=True).stdout.split()
    assert set(listed) == {"base", *DOES}


@pytest.mark.parametrize("name", DOES)
def test_it_is_built_and_works(corral, name):
    command, says, most = DOES[name]
    env = {**os.environ, "DOCKER_HOST": f"unix://{corral.home}/run/docker.sock", "CORRAL_BUILD": os.environ["CORRAL_BUILD_ROOT"]}
    made = subprocess.run([IMAGES / "build", name, f"built-{name}:1"], env=env, capture_output=True, text=True, timeout=500)
    assert made.returncode == 0, made.stderr[-2000:]
    ran = docker(corral, "run", "--rm", "--network=none", f"built-{name}:1", *command)
    said = ran.stdout + ran.stderr if most is None else ran.stdout
    assert ran.returncode == 0 and (says == said if most else says in said.lower()), ran
    size = int(docker(corral, "image", "inspect", "-f", "{{.Size}}", f"built-{name}:1").stdout)
    assert most is None or size < most, size
    docker(corral, "rmi", "-f", f"built-{name}:1")


def test_dockerfiles_are_well_formed():
    """Also of those that need a registry: instructions, stages, and that a stage is named before it is copied from."""
    for path in IMAGES.glob("*/Dockerfile"):
        stages, lines = [], re.sub(r"\\\n", " ", path.read_text()).splitlines()
        for line in (line for line in lines if line.strip() and not line.startswith("#")):
            word, _, rest = line.partition(" ")
            assert word in ("FROM", "COPY", "RUN", "ENV", "WORKDIR", "USER", "EXPOSE", "ENTRYPOINT", "CMD"), (path, line)
            assert word == "FROM" or stages, (path, line)
            if word == "FROM":
                stages.append(rest.rpartition(" AS ")[2])
            source = re.match(r"--from=(\S+)", rest)
            assert word != "COPY" or not source or source[1] in stages[:-1], (path, line)
        assert "USER" in path.read_text() or path.parent.name == "agent"
