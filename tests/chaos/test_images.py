"""Images as people build them: each runs as under plain Docker with the same user, or is refused with a
reason."""
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
import uuid
from datetime import datetime
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
    """An image with changes that no Dockerfile can make: each as docker commit takes it."""
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
    """The image with its configuration changed by edit."""
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
    text = wait_until("the command has ended", lambda: docker(corral, "exec", container, "cat", "/tmp/told", check=False).stdout, 20)
    return text.decode()


def under_docker(corral, tag, *command):
    """What plain Docker gives, with the same user and a root file system that is as writable as ours."""
    container = docker(corral, "run", "-d", "--network", "none", "--user", "1000:1000", tag, *command).stdout.decode().strip()
    try:
        return told(corral, container)
    finally:
        docker(corral, "rm", "-f", "-v", container)


def cmd(probe):
    return "CMD [\"sh\", \"-c\", " + '"' + TELLS.format(probe).replace('"', '\\"') + '"]'


# What is built, and what is compared: a Dockerfile on the base image, then changes as docker commit takes
# them.
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
    "an empty word": ('ENTRYPOINT ["env", "X="]', "echo ${X-none}; echo $#"),
    "a user of the largest number": ("USER 4294967294", "id -u"),
    "labels of any text": ("LABEL a=\"\u00fc \u202e\" b.c/d=\"x\\ny\" e=", "echo here"),
    "a link where a folder of the disk is expected": ("USER 0\nRUN rm -rf /tmp && mkdir -p -m 1777 /var/tmp && chmod 1777 /var/tmp && ln -s var/tmp /tmp\nUSER 1000", "touch /tmp/x; ls /var/tmp"),
    "what a later layer took away": ("USER 0\nRUN mkdir -p /data/old /data/new && touch /data/old/f /data/new/f /data/kept /data/gone\n"
                                     "RUN rm -r /data/old /data/gone && rm -r /data/new && mkdir /data/new && touch /data/new/g\nVOLUME /data",
                                     "find /data | sort"),
    "names of any bytes": ("USER 0\nRUN mkdir /data && cd /data && touch -- -rf 'a\"b' \"it's\" 'c\\d' \"$(printf 'e\\nf')\" \"$(printf '\\377\\376')\" '*' .wh"
                           " && mkdir \"$(printf 'g\\th')\" && touch \"$(printf 'g\\th')/i\"\nVOLUME /data", "cd /data; find . | sort | od -c"),
}


SEED = ("USER 0\nRUN mkdir -p /data/deep/er /data/sub && echo seed > /data/seed && echo deep > /data/deep/file && echo er > /data/deep/er/f"
        " && ln -s /etc/passwd /data/link && ln -s ../../../../etc/group /data/sub/up && ln -s nowhere /data/gone && mkfifo /data/pipe"
        " && echo app > /workspace/app && mkdir /workspace/ro && echo y > /workspace/ro/y && chmod 555 /workspace/ro"
        " && echo t > /tmp/t && touch -d '2020-02-02 02:02' /data/seed && touch '/data/a name' /data/.hidden"
        " && echo x > /data/tool && chmod 755 /data/tool\nUSER 1000\n")
LIST = "find /data /workspace /tmp -mindepth 1 ! -name .told | sort; stat -c '%n %a %s %Y' /data/seed /data/tool; stat -c '%n %a' /data/sub /workspace/ro; cat"
SAME.update({
    "files below a volume": (SEED + "VOLUME /data", LIST + " /data/seed /data/link /data/sub/up /workspace/app /tmp/t"),
    "files below volumes of volumes": (SEED + 'VOLUME ["/data", "/data/deep/er", "/data/sub/"]', LIST + " /data/deep/file /data/deep/er/f"),
    "files below a volume that is linked to": (SEED + "USER 0\nRUN ln -s data /linked\nUSER 1000\nVOLUME /linked",
                                               LIST + " /linked/seed /data/seed"),
    "files below a working folder": (SEED + "VOLUME /data\nWORKDIR /data/deep", "pwd; ls; cat file er/f"),
    "files and no volume": (SEED, LIST + " /data/seed"),
    "files of several names": ("USER 0\nRUN mkdir -p /data/s /data/t && echo x > /data/s/a && ln /data/s/a /data/b && ln /data/s/a /data/t/c"
                               " && ln /data/s/a /data/s/d && echo y > /data/t/e && ln /data/t/e /outside && chown -R 1000:1000 /data\nVOLUME /data",
                               "cd /data; stat -c '%n %h' */* b; echo more >> b; cat s/a t/c s/d b"),
    "modes of volumes": ("USER 0\nRUN mkdir -m 700 /own && mkdir -m 1777 /all && mkdir -m 755 /most && chown 1000:1000 /own /most /workspace"
                         " && chmod 750 /workspace\nVOLUME [\"/own\", \"/all\", \"/most\"]",
                         "stat -c '%n %a' /own /all /most /workspace /tmp"),
    "a deep tree": ("USER 0\nRUN mkdir /data && cd /data && for i in $(seq 300); do mkdir d && cd d; done; touch end\nVOLUME /data",
                    "find /data -name end | tr -d '\\n' | wc -c"),
})


@pytest.mark.parametrize("what", SAME)
def test_as_under_docker(corral, user, what):
    text, probe = SAME[what]
    tag = build(corral, f"{text}\n{cmd(probe)}")
    sandbox = user.create(**SMALL, image=tag, use_image_command=True)
    assert told(corral, sandbox["id"]) == under_docker(corral, tag)


@pytest.mark.parametrize("text,status,words", [
    ("RUN echo x > /data", 502, "not a directory"), ("RUN ln -s data /data", 502, "too many links"),
    ("RUN ln -s /proc /data", 502, "cannot be mounted"), ("RUN ln -s / /data", 422, "what its image has in folders of its disk")])
def test_a_volume_where_none_can_be(corral, user, text, status, words):
    """Docker puts the cause at the end of its message: the detail shows it, however long the paths before
    it are."""
    tag = changed(corral, build(corral, f"USER 0\n{text}\nCMD true"), "VOLUME /data")
    problem = user.refused("POST", "/sandbox", {**SMALL, "image": tag})
    detail = user.good("GET", "/sandbox?all=true")["items"][-1]["detail"]
    assert problem["status"] == status and words in detail, (problem, detail)


def test_what_is_copied_is_its_own(corral, user):
    """The copied files belong to the sandbox's user and have no setuid or setgid bit; files that this user
    may not read are left out."""
    text = (SEED + "USER 0\nRUN chmod 6755 /data/tool && echo s > /data/secret && chmod 600 /data/secret && mkdir -m 700 /data/root"
            "\nVOLUME /data")
    sandbox = user.create(**SMALL, image=build(corral, text), command=["sh", "-c", TELLS.format(
        "find /data ! -user 1000; find /data -perm /7000; ls /data; rm -r /data/deep && echo new > /data/seed && cat /data/seed")])
    assert told(corral, sandbox["id"]).splitlines() == ["a name", "deep", "gone", "link", "pipe", "seed", "sub", "tool", "new", "ended 0"]
    pids = docker(corral, "exec", sandbox["id"], "sh", "-c", "cat /proc/[0-9]*/comm; cat /proc/self/mounts").stdout.decode()
    assert pids.count("corral-init") + pids.splitlines().count("init") == 1, "the copying process is gone"


def test_more_than_its_disk_holds(corral, user):
    """It is refused with a reason, and the node stays healthy; a hole in a file takes no space."""
    tag = build(corral, "USER 0\nRUN mkdir /data && dd if=/dev/zero of=/data/big bs=1M count=20\nVOLUME /data")
    problem = user.refused("POST", "/sandbox", {**SMALL, "image": tag})
    assert (problem["status"], problem["code"]) == (422, "image_unavailable"), problem
    detail = user.good("GET", "/sandbox?all=true")["items"][-1]["detail"]
    assert detail.startswith("what its image has in folders of its disk does not fit there"), detail
    sandbox = user.create(**{**SMALL, "storage_bytes": 32 * MIB}, image=tag)
    assert docker(corral, "exec", sandbox["id"], "stat", "-c", "%s", "/data/big").stdout == b"20971520\n"
    used = user.stats(sandbox["id"])["disk"]["used_bytes"]
    assert 20 * MIB <= used <= 22 * MIB, used


def test_one_process_is_enough(corral, user):
    sandbox = user.create(**{**SMALL, "pids": 1}, image=build(corral, SEED + "VOLUME /data"))
    folder = json.loads(docker(corral, "inspect", "-f", "{{json .Mounts}}", sandbox["id"]).stdout)
    source = next(m["Source"] for m in folder if m["Destination"] == "/data")
    assert (Path(source) / "seed").read_text() == "seed\n"


def test_its_copying_ends_with_it(corral, user):
    """A lifetime does not wait for files that are copied at a tenth of a processor."""
    tag = build(corral, "USER 0\nRUN mkdir /data && for i in $(seq 20000); do : >/data/$i; done\nVOLUME /data")
    body = {**SMALL, "cpu_millis": 10, "storage_bytes": 256 * MIB, "image": tag, "lifetime_seconds": 4}
    problem = user.refused("POST", "/sandbox", body)
    gone = user.good("GET", "/sandbox?all=true")["items"][-1]
    assert gone["state"] == "failed" and "lifetime" in gone["detail"], (problem, gone)
    assert corral.late(user) == ""


def test_what_copies_slowly_holds_up_nobody(corral, user):
    """On a node that starts one sandbox at a time, and has learnt that starts may take long."""
    tag = build(corral, "USER 0\nRUN mkdir /data && for i in $(seq 20000); do : >/data/$i; done\nVOLUME /data")
    body, other = {**SMALL, "storage_bytes": 256 * MIB, "image": tag}, corral.user(f"other-{uuid.uuid4().hex[:8]}")
    corral.kill("agent")
    corral.restart("agent", CORRAL_STARTS_AT_ONCE="1")
    try:
        wait_until("the node is ready", lambda: user.call("POST", "/sandbox", {**body, "cpu_millis": 100}).status_code == 201, 120)
        slow = user.good("POST", "/sandbox", {**body, "cpu_millis": 10}, status=202, headers={"Prefer": "respond-async"})
        wait_until("the init is running", lambda: docker(corral, "inspect", "-f", "{{.State.Running}}", slow["id"],
                                                       check=False).stdout == b"true\n", 60)
        quick = other.create(**SMALL)
        waited = datetime.fromisoformat(quick["started_at"]) - datetime.fromisoformat(quick["created_at"])
        assert user.good("GET", f"/sandbox/{slow['id']}")["state"] == "starting" and waited.total_seconds() < 20, waited
        other.delete(quick["id"])
        user.delete(slow["id"])
    finally:
        corral.kill("agent")
        corral.restart("agent", CORRAL_STARTS_AT_ONCE="0")


def test_a_restart_amid_copying(corral, user):
    """The sandbox is started again, and not adopted with a part of its files."""
    tag = build(corral, "USER 0\nRUN mkdir /data && for i in $(seq 3000); do : >/data/$i; done\nVOLUME /data")
    sandbox = user.good("POST", "/sandbox", {**SMALL, "cpu_millis": 100, "storage_bytes": 128 * MIB, "image": tag},
                        status=202, headers={"Prefer": "respond-async"})
    wait_until("some of the files are copied", lambda: docker(corral, "exec", sandbox["id"], "test", "-e", "/data/1", check=False).returncode == 0, 60)
    corral.kill("agent")
    corral.restart("agent")
    user.wait(sandbox["id"], "running", 60)
    assert docker(corral, "exec", sandbox["id"], "sh", "-c", "ls /data | wc -l").stdout == b"3000\n"


def test_a_working_folder_that_there_is_not(corral, user):
    """A working folder in the root file system, on the disk, and of the base image, which sets none."""
    base = build(corral, cmd("pwd; touch x && ls"))
    for folder, probe in (("/nowhere/at/all", "pwd"), ("/workspace/a/b", "pwd; touch x && ls"), ("/tmp/a", "pwd; touch x && ls")):
        tag = changed(corral, build(corral, cmd(probe)), f"WORKDIR {folder}")
        sandbox = user.create(**SMALL, image=tag, use_image_command=True)
        told_of = told(corral, sandbox["id"])
        assert told_of.splitlines()[0] == folder and told_of.endswith("ended 0\n"), told_of
        user.delete(sandbox["id"])
    into = build(corral, "USER 0\nRUN mkdir -p /data/app && ln -s /data/app /app\nVOLUME /data\n" + cmd("pwd"))
    for tag, folder in ((base, "/bin/sh"), (into, "/app")): # the message shows no path of the node
        problem = user.refused("POST", "/sandbox", {**SMALL, "image": changed(corral, tag, f"WORKDIR {folder}"), "use_image_command": True})
        detail = user.good("GET", "/sandbox?all=true")["items"][-1]["detail"]
        assert problem["code"] == "image_unavailable" and "its image's working folder is a file, or a link" in detail, (problem, detail)


def test_a_working_folder_that_is_not_absolute(corral, user):
    """No tool builds such an image, and anybody can: it harms no node, and has no effect at all where the
    folder is not used."""
    tag = edited(corral, build(corral, cmd("pwd")), lambda config: config["config"].update(WorkingDir="app"))
    sandbox = user.create(**SMALL, image=tag)
    assert docker(corral, "exec", sandbox["id"], "pwd").stdout == b"/workspace\n"
    problem = user.refused("POST", "/sandbox", {**SMALL, "image": tag, "use_image_command": True})
    assert (problem["status"], problem["code"]) == (422, "image_unavailable"), problem
    user.delete(sandbox["id"])


def test_home(corral, user):
    """HOME is writable, whatever the image says and also for a user without a line in its passwd; what the
    request sets wins."""
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
    """An image that says another processor is refused; a program of another processor fails with Docker's
    message."""
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(100) # a program of 64-bit ARM
    tag = imported(corral, {"app": elf}, 'CMD ["/app"]')
    assert docker(corral, "run", "--rm", "--network", "none", tag, check=False).returncode in (1, 126)
    after = ended(user, user.create(**SMALL, image=tag, use_image_command=True))
    assert (after["reason"], after["exit_code"]) == ("exited", 126) and "Exec format error" in after["detail"], after
    for named, words in (("arm64", ", and its node's is of "), ("386", ", and sandboxes have no system calls of 32 bits")):
        other = edited(corral, tag, lambda config, named=named: config.update(architecture=named))
        for body in ({}, {"use_image_command": True}):
            problem = user.refused("POST", "/sandbox", {**SMALL, **body, "image": other})
            assert (problem["status"], problem["code"]) == (422, "image_unavailable"), problem
            gone = user.good("GET", "/sandbox?all=true")["items"][-1]
            assert gone["detail"].startswith(f"its image is for processors of {named}{words}"), gone


def test_a_file_that_is_no_program(corral, user):
    tag = imported(corral, {"app": b"echo here\n", "empty": b"", "lost": b"#!/no/such/shell\n", "d": None})
    for command, code, words in ((["/app"], 126, "Exec format error"), (["/empty"], 126, "Exec format error"),
                                 (["/lost"], 127, "No such file"), (["/nothing"], 127, "No such file"), (["/d"], 126, "Permission denied"),
                                 (["/app/x"], 127, "Not a directory"), (["nothing"], 127, "No such file")):
        after = ended(user, user.create(**SMALL, image=tag, command=command))
        assert after["exit_code"] == code and words in after["detail"], (command, after)


def test_scratch(corral, user):
    """An image of one static program alone, without any of the folders that Corral mounts over."""
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
    """An entrypoint together with as many words, and as many bytes, as a request may have."""
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


def test_shared_memory_is_half_of_its_memory(corral, user):
    """/dev/shm has at most 64 MiB; a program that fills it gets an error, and lives."""
    for memory, size in ((32 * MIB, 16 * MIB), (256 * MIB, 64 * MIB)):
        sandbox = user.create(**{**SMALL, "memory_bytes": memory}, command=["sh", "-c", TELLS.format(
            "dd if=/dev/zero of=/dev/shm/x bs=1M count=100 2>&1 | grep -o 'No space left'; stat -c %s /dev/shm/x; rm /dev/shm/x")])
        assert told(corral, sandbox["id"]) == f"No space left\n{size}\nended 0\n"
        assert user.show(sandbox["id"])["state"] == "running"
        user.delete(sandbox["id"])
