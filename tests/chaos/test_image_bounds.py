"""What an image brings along is on the sandbox's own disk, or the image is refused."""
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest
from corral import BUILD_ROOT
from hermits import SMALL


def docker(corral, *args, **more):
    return subprocess.run(["/usr/bin/docker", "-H", f"unix://{corral.home}/run/docker.sock", *args],
                          env={**corral.environ, "DOCKER_BUILDKIT": "0"}, check=True, capture_output=True, text=True, timeout=120,
                          **more).stdout


def image(corral, text):
    """The base image with these lines added."""
    context = Path(tempfile.mkdtemp(dir=corral.home))
    shutil.copy(BUILD_ROOT / "tests/hostile", context)
    (context / "Dockerfile").write_text(f"FROM corral-base:latest\nCOPY hostile /bin/hostile\n{text}\n")
    tag = f"bounds:{uuid.uuid4().hex[:12]}"
    docker(corral, "build", "-q", "-t", tag, str(context))
    return tag


def volumes(*paths):
    return "VOLUME [" + ", ".join(f'"{p}"' for p in paths) + "]"


def numbered(count):
    return volumes(*(f"/v{i}" for i in range(count)))


def users(text):
    """The base image with another /etc/passwd."""
    return f"USER 0\nRUN rm /etc/passwd && {text}"


NO_USERS = "its image's list of users or groups is no ordinary file of at most 1 MiB"

REFUSED = {
    "volumes": (numbered(40), {}, "its image declares 40 volumes; at most 32 can be on a sandbox's disk"),
    "one more": (numbered(33), {}, "its image declares 33 volumes; at most 32 can be on a sandbox's disk"),
    "relative": (volumes("data"), {}, "its image declares a volume whose path is not absolute"),
    "our own": (volumes("/.corral/link"), {}, "its image declares a volume in …, which is reserved"),
    "label": ("LABEL corral.pool=1", {}, "its image has a label that begins with corral., a prefix that is Corral's own"),
    "labels": (f"LABEL a={'x' * 17000}", {}, "its image has labels of 17001 bytes; at most 16384 are taken"),
    "environment": ("\n".join(f"ENV V{i}={'x' * 17000}" for i in range(4)), {},
                    "its image sets 6 variables of 68042 bytes; at most 1024 of 65536 bytes are taken"),
    "command": ("CMD [" + ", ".join(['"x"'] * 1025) + "]", {"use_image_command": True},
                "its image's own command has 1025 words of 2050 bytes; at most 1024 of 65000 are run"),
    "folder": (f"WORKDIR /{'x' * 200}/{'y' * 200}/{'z' * 200}\nCMD x", {"use_image_command": True},
               "its image's working folder has a path longer than 511 bytes"),
    "ports": ("EXPOSE 1-20001", {}, "its image exposes 20001 ports; at most 20000 are taken"),
    # Docker would read these files before it starts a container: at a pipe it hangs for ever, and so does
    # every later call for that container.
    "users in a pipe": (users("mkfifo /etc/passwd"), {}, NO_USERS),
    "users behind a link": (users("mkfifo /bin/pipe && ln -s ../bin/pipe /etc/passwd"), {}, NO_USERS),
    "users of a device": (users("ln -s /dev/ptmx /etc/passwd"), {}, NO_USERS),
    "users for ever": (users("yes x:x:1000:1000::/:/x | head -c 1100000 > /etc/passwd"), {}, NO_USERS),
    "groups in a pipe": ("USER 0\nRUN rm /etc/group && mkfifo /etc/group", {}, NO_USERS),
}


@pytest.mark.parametrize("what", REFUSED)
def test_past_a_bound(corral, user, what):
    text, body, sentence = REFUSED[what]
    before = docker(corral, "volume", "ls", "-q")
    problem = user.refused("POST", "/sandbox", {**SMALL, **body, "image": image(corral, text)})
    assert (problem["status"], problem["code"]) == (422, "image_unavailable"), problem
    ended = user.good("GET", "/sandbox?all=true")["items"][0]
    assert (ended["state"], ended["reason"]) == ("failed", "image_unavailable") and ended["detail"].startswith(sentence), ended
    assert docker(corral, "volume", "ls", "-q") == before, "Docker made a volume on the node's own disk"


def test_as_many_volumes_as_are_allowed(corral, user):
    """Each volume is on the sandbox's own disk, within its limit, and there once however it is written."""
    paths = [f"/v{i}" for i in range(29)] + ["/v0/", "/tmp/", "/v1/deep"]
    sandbox = user.create(**{**SMALL, "storage_bytes": 8 << 20}, image=image(corral, volumes(*paths)))
    assert sandbox["enforced"]["disk"] == "enforced"
    kinds = docker(corral, "inspect", "-f", "{{range .Mounts}}{{.Type}} {{end}}", sandbox["id"]).split()
    assert set(kinds) == {"bind"} and len(kinds) == 2 + 2 + 30, kinds
    filled = subprocess.run(["/usr/bin/docker", "-H", f"unix://{corral.home}/run/docker.sock", "exec", sandbox["id"], "sh", "-c",
                             "dd if=/dev/zero of=/v28/f bs=64k count=400; rm /v28/f; dd if=/dev/zero of=/v1/deep/f bs=64k count=400"],
                            capture_output=True, text=True)
    assert filled.stderr.count("No space left on device") == 2, filled.stderr


def test_users_may_be_elsewhere_or_nobody(corral, user):
    for text in ("mkdir /store && cp /etc/group /store/users && ln -s ../store/users /etc/passwd", "rm /etc/group"):
        assert user.create(**SMALL, image=image(corral, users(text)))["state"] == "running"


def test_an_image_may_have_more_than_it_is_used_for(corral, user):
    """The image's own command and working folder count only where they are used."""
    tag = image(corral, f"WORKDIR /{'x' * 200}/{'y' * 200}/{'z' * 200}\nCMD [" + ", ".join(['"x"'] * 1025) + "]")
    assert user.create(**SMALL, image=tag)["state"] == "running"
