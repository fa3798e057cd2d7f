"""Images as they are in the world: each runs as under plain Docker with the same user, or is refused in words."""
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
import uuid
from pathlib import Path

import pytest
from corral import BUILD_ROOT, wait_until

MIB = 1 << 20
SMALL = {"memory_bytes": 32 * MIB, "cpu_millis": 500, "storage_bytes": 8 * MIB, "pids": 32}
TELLS = '({}) >/tmp/.told 2>&1; echo "ended $?" >>/tmp/.told; mv /tmp/.told /tmp/told; exec tail -f /dev/null'


def docker(corral, *args, check=True, **more):
    return subprocess.run(["/usr/bin/docker", "-H", f"unix://{corral.home}/run/docker.sock", *args],
                          env={**corral.environ, "DOCKER_BUILDKIT": "0"}, check=check, capture_output=True, timeout=120, **more)


def named():
    return f"wild:{uuid.uuid4().hex[:12]}"


def build(corral, text, parent="corral-base:latest"):
    context = Path(tempfile.mkdtemp(dir=corral.home))
    shutil.copy(BUILD_ROOT / "tests/hostile", context)
    (context / "Dockerfile").write_text(f"FROM {parent}\n{text}\n")
    tag = named()
    docker(corral, "build", "-q", "-t", tag, str(context))
    return tag


def changed(corral, parent, *changes):
    """What no Dockerfile says: each change as docker commit takes it."""
    tag, made = named(), docker(corral, "create", "--network", "none", parent).stdout.decode().strip()
    docker(corral, "commit", *(x for change in changes for x in ("-c", change)), made, tag)
    docker(corral, "rm", made)
    return tag


def imported(corral, files, *changes):
    """An image of these files alone: name to bytes, or to None for a folder."""
    archive, tag = io.BytesIO(), named()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode, entry.type = 0o755, tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            entry.size = len(content or b"")
            tar.addfile(entry, io.BytesIO(content or b""))
    docker(corral, "import", *(x for change in changes for x in ("-c", change)), "-", tag, input=archive.getvalue())
    return tag


def edited(corral, tag, edit):
    """The image with its configuration as edit leaves it."""
    out, new = io.BytesIO(), named()
    with tarfile.open(fileobj=io.BytesIO(docker(corral, "save", tag).stdout)) as old, tarfile.open(fileobj=out, mode="w") as tar:
        manifest = json.load(old.extractfile("manifest.json"))
        for entry in old.getmembers():
            content = old.extractfile(entry).read() if entry.isfile() else b""
            if entry.name == manifest[0]["Config"]:
                config = json.loads(content)
                edit(config)
                content = json.dumps(config).encode()
            if entry.name == "manifest.json":
                manifest[0]["RepoTags"] = [new]
                content = json.dumps(manifest).encode()
            if entry.name != "repositories":
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    docker(corral, "load", input=out.getvalue())
    return new


def told(corral, container):
    text = wait_until("it has told", lambda: docker(corral, "exec", container, "cat", "/tmp/told", check=False).stdout, 20)
    return text.decode()


def under_docker(corral, tag, *command):
    """What plain Docker makes of it, with the same user and a root that is as writable as ours."""
    container = docker(corral, "run", "-d", "--network", "none", "--user", "1000:1000", tag, *command).stdout.decode().strip()
    try:
        return told(corral, container)
    finally:
        docker(corral, "rm", "-f", "-v", container)


def cmd(probe):
    return "CMD [\"sh\", \"-c\", " + '"' + TELLS.format(probe).replace('"', '\\"') + '"]'


# What is built, and what of it is looked at: a Dockerfile on the base image, then changes as docker commit takes them.
SAME = {
    "a volume twice": ('VOLUME ["/data", "/data/", "/x/../data"]', "ls -d /data"),
    "a volume with dots": ('VOLUME ["/./tmp", "//srv//x/."]', "ls -d /srv/x /tmp; touch /tmp/x"),
    "a volume behind a link": ('USER 0\nRUN mkdir /srv && ln -s /srv /data\nVOLUME /data', "ls -d /data/ /srv"),
    "a volume of a volume": ('VOLUME ["/data", "/data/deep/er"]', "ls -d /data/deep/er"),
    "a working folder": ("WORKDIR /srv/app", "pwd"),
    "a working folder of none": ("WORKDIR /", "pwd"),
    "a working folder of root's alone": ("USER 0\nRUN mkdir -m 700 /root\nWORKDIR /root\nUSER 1000", "pwd; ls"),
    "a working folder in a volume": ("VOLUME /data\nWORKDIR /data/app", "pwd"),
    "a working folder behind a link": ("USER 0\nRUN mkdir /srv && ln -s /srv /app\nWORKDIR /app", "pwd -P"),
    "a user that there is not": ("USER 4711:4712", "id -u"),
    "a user by name": ("USER nobody", "id -u"),
    "variables": ("ENV A=b C='d e' EMPTY=", 'echo "$A,$C,${EMPTY-none}"'),
    "a PATH of its own": ("USER 0\nRUN mkdir /opt && ln -s ../bin/busybox /opt/echo\nENV PATH=/no:/opt:/bin", "echo $PATH"),
    "a stop signal and a health check": ("STOPSIGNAL SIGUSR1\nHEALTHCHECK CMD false", "echo here"),
    "an entrypoint": ('ENTRYPOINT ["env", "X=1"]', "echo $X"),
}


@pytest.mark.parametrize("what", SAME)
def test_as_under_docker(corral, user, what):
    text, probe = SAME[what]
    tag = build(corral, f"{text}\n{cmd(probe)}")
    sandbox = user.create(**SMALL, image=tag, use_image_command=True)
    assert told(corral, sandbox["id"]) == under_docker(corral, tag)


def test_a_working_folder_that_there_is_not(corral, user):
    """In its root, on its disk, and where the base image has none at all."""
    base = build(corral, cmd("pwd; touch x && ls"))
    for folder, probe in (("/nowhere/at/all", "pwd"), ("/workspace/a/b", "pwd; touch x && ls"), ("/tmp/a", "pwd; touch x && ls")):
        tag = changed(corral, build(corral, cmd(probe)), f"WORKDIR {folder}")
        sandbox = user.create(**SMALL, image=tag, use_image_command=True)
        told_of = told(corral, sandbox["id"])
        assert told_of.splitlines()[0] == folder and told_of.endswith("ended 0\n"), told_of
        user.delete(sandbox["id"])
    tag = changed(corral, base, "WORKDIR /bin/sh")
    assert user.refused("POST", "/sandbox", {**SMALL, "image": tag, "use_image_command": True})["code"] == "start_failed"
    assert "is not a directory" in user.good("GET", "/sandbox?all=true")["items"][-1]["detail"]


def test_home(corral, user):
    """Where it can be written to, whatever its image says and whoever has no line in its passwd; its user's word is the last."""
    for text in ("ENV HOME=/root", "USER 0\nRUN rm /etc/passwd\nENV HOME=", ""):
        tag = build(corral, text)
        sandbox = user.create(**SMALL, image=tag, command=["sh", "-c", TELLS.format("echo $HOME; touch $HOME/x")])
        assert told(corral, sandbox["id"]) == "/workspace\nended 0\n"
        user.delete(sandbox["id"])
    sandbox = user.create(**SMALL, image=build(corral, "ENV HOME=/root"), env={"HOME": "/tmp/me", "A": "b"},
                          command=["sh", "-c", TELLS.format("echo $HOME $A")])
    assert told(corral, sandbox["id"]) == "/tmp/me b\nended 0\n"


def ended(user, sandbox):
    return user.wait(sandbox["id"], "stopped")


def test_another_architecture(corral, user):
    """As its image says it is refused; as its program is it says what Docker says."""
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(100) # a program of 64-bit ARM
    tag = imported(corral, {"app": elf}, 'CMD ["/app"]')
    assert docker(corral, "run", "--rm", "--network", "none", tag, check=False).returncode in (1, 126)
    after = ended(user, user.create(**SMALL, image=tag, use_image_command=True))
    assert (after["reason"], after["exit_code"]) == ("exited", 126) and "Exec format error" in after["detail"], after
    tag = edited(corral, tag, lambda config: config.update(architecture="arm64"))
    for body in ({}, {"use_image_command": True}):
        problem = user.refused("POST", "/sandbox", {**SMALL, **body, "image": tag})
        assert (problem["status"], problem["code"]) == (422, "image_unavailable"), problem
        gone = user.good("GET", "/sandbox?all=true")["items"][-1]
        assert gone["detail"].startswith("its image is for processors of arm64, and its host's is of "), gone


def test_a_file_that_is_no_program(corral, user):
    tag = imported(corral, {"app": b"echo here\n", "empty": b"", "lost": b"#!/no/such/shell\n", "d": None})
    for command, code, words in ((["/app"], 126, "Exec format error"), (["/empty"], 126, "Exec format error"),
                                 (["/lost"], 127, "No such file"), (["/nothing"], 127, "No such file"), (["/d"], 126, "Permission denied"),
                                 (["/app/x"], 127, "Not a directory"), (["nothing"], 127, "No such file")):
        after = ended(user, user.create(**SMALL, image=tag, command=command))
        assert after["exit_code"] == code and words in after["detail"], (command, after)


def test_scratch(corral, user):
    """Nothing but one static program, nor any folder that ours are mounted over."""
    program = (BUILD_ROOT / "tests/hostile").read_bytes()
    tag = imported(corral, {"app": program}, 'ENTRYPOINT ["/app"]')
    plain = docker(corral, "run", "--rm", "--network", "none", tag, check=False).returncode
    assert ended(user, user.create(**SMALL, image=tag, use_image_command=True))["exit_code"] == plain
    assert user.create(**SMALL, image=tag)["state"] == "running", "it idles"


def test_no_command_of_its_own(corral, user):
    tag = imported(corral, {"etc": None})
    problem = user.refused("POST", "/sandbox", {**SMALL, "image": tag, "use_image_command": True})
    assert (problem["status"], problem["code"]) == (422, "image_unavailable"), problem
    assert "no command of its own" in user.good("GET", "/sandbox?all=true")["items"][-1]["detail"]
    assert user.create(**SMALL, image=tag)["state"] == "running"


def test_all_words_are_run(corral, user):
    """An entrypoint and as many words as a request may have, and as many bytes."""
    first = ["sh", "-c", TELLS.format("echo $# ${#1} ${#2} ; eval echo \\${$#}"), "name"]
    tag = edited(corral, "corral-base:latest", lambda c: c["config"].update(Entrypoint=first + ["e" * 30000, "f" * 30000]))
    for words in (["w" * 32000, "v" * 32000, "last"], [f"w{i}" for i in range(1023)] + ["last"]):
        sandbox = user.create(**SMALL, image=tag, use_image_command=True, command=words)
        assert told(corral, sandbox["id"]) == f"{len(words) + 2} 30000 30000\nlast\nended 0\n"
        user.delete(sandbox["id"])
    problem = user.refused("POST", "/sandbox", {**SMALL, "image": tag, "use_image_command": True, "command": ["w" * 32767] * 2})
    assert (problem["status"], problem["errors"][0]["pointer"]) == (422, "/command"), problem
    tag = edited(corral, tag, lambda c: c["config"].update(Entrypoint=["e" * 30000] * 3))
    assert user.refused("POST", "/sandbox", {**SMALL, "image": tag, "use_image_command": True})["code"] == "image_unavailable"
    assert "at most 1024 of 65000 are run" in user.good("GET", "/sandbox?all=true")["items"][-1]["detail"]
