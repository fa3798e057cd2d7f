"""What makes an image large, and the variant of one layer: with an image that has all that is odd, built by a real Docker."""
import io
import json
import os
import subprocess
import tarfile
import threading
from urllib.parse import quote

import pytest
from corral import wait_until

KIB = 1024
# cap_net_raw, permitted and effective, as the kernel stores it (VFS_CAP_REVISION_2).
CAPABILITY = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
DOCKERFILE = r"""FROM corral-base:latest
USER 0
ADD odd.tar /
RUN mkdir -p /var/lib/apt/lists /opaque/sub && dd if=/dev/urandom of=/var/lib/apt/lists/list bs=1024 count=300 && \
    dd if=/dev/urandom of=/opaque/old bs=1024 count=100 && dd if=/dev/urandom of=/big bs=1024 count=900 && \
    truncate -s 4194304 /sparse && dd if=/dev/urandom of=/same1 bs=1024 count=64 && cp /same1 /same2
RUN rm -rf /opaque && mkdir /opaque && echo new >/opaque/new && rm /big /odd/first
RUN chown 7:8 /same1 && chmod 4755 /same1
ENV A="b \"c\" \$d" EMPTY=
LABEL some.label="x y"
EXPOSE 80 53/udp
VOLUME ["/data"]
HEALTHCHECK --interval=30s --retries=4 CMD true
STOPSIGNAL SIGINT
SHELL ["/bin/sh", "-c"]
WORKDIR /odd
USER 7:8
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["echo $A"]
"""


def odd_archive():
    """Hard links, names that are not UTF-8, capabilities, a time below the second."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape") as tar:
        def add(name, data=b"", **more):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), 1_600_000_000
            for key, value in more.items():
                setattr(member, key, value)
            tar.addfile(member, io.BytesIO(data))
        add("odd", type=tarfile.DIRTYPE, mode=0o1777)
        add("odd/first", os.urandom(200 * KIB), mode=0o755)
        add("odd/second", type=tarfile.LNKTYPE, linkname="odd/first")
        add("odd/third", type=tarfile.LNKTYPE, linkname="odd/first")
        add(os.fsdecode(b"odd/n\377\376"), b"bytes", uid=3, gid=4)
        add("odd/ping", b"#!/bin/true\n", mode=0o755, pax_headers={"SCHILY.xattr.security.capability": CAPABILITY})
        add("odd/link", type=tarfile.SYMTYPE, linkname="/no/where")
        add("odd/pipe", type=tarfile.FIFOTYPE, mode=0o600)
    return out.getvalue()


def docker(corral, *args, **more):
    run = subprocess.run(["/usr/bin/docker", "-H", f"unix://{corral.home}/run/docker.sock", *args], capture_output=True, check=False,
                         env={**os.environ, "DOCKER_BUILDKIT": "0"}, timeout=300, **more)
    assert run.returncode == 0, (args, run.stdout[-2000:], run.stderr[-2000:])
    return run.stdout


def build(corral, tmp, name, dockerfile, **files):
    folder = tmp / name.replace(":", "-")
    folder.mkdir()
    (folder / "Dockerfile").write_text(dockerfile)
    for file, data in files.items():
        (folder / file.replace("_", ".")).write_bytes(data)
    docker(corral, "build", "-q", "-t", name, str(folder))


@pytest.fixture(scope="module")
def fat(corral, tmp_path_factory):
    build(corral, tmp_path_factory.mktemp("fat"), "fat:1", DOCKERFILE, odd_tar=odd_archive())
    return "fat:1"


def path_of(image, act, **query):
    return f"/sandbox/system/images/{quote(image, safe='')}/{act}" + "".join(f"{'&' if i else '?'}{k}={v}" for i, (k, v) in enumerate(query.items()))


def analysis(corral, image, **query):
    answer = corral.admin.call("GET", path_of(image, "analysis", **query))
    assert answer.status_code == 200, answer.text
    return answer.json()


def files_of(corral, image):
    """What a container of the image has, by Docker's own export: independent of what is tested."""
    container = docker(corral, "create", image).decode().strip()
    try:
        raw = docker(corral, "export", container)
    finally:
        docker(corral, "rm", container)
    with tarfile.open(fileobj=io.BytesIO(raw), encoding="utf-8", errors="surrogateescape") as tar:
        inode = {}
        for m in tar.getmembers():
            inode[m.name] = inode.get(m.linkname, m.linkname) if m.islnk() else m.name
        first = {}
        for name in sorted(inode):
            first.setdefault(inode[name], name)
        seen = {}
        for m in tar.getmembers():
            real = tar.getmember(inode[m.name])
            data = tar.extractfile(real).read() if real.isfile() else b""
            seen[m.name] = (real.type, real.mode, real.uid, real.gid, int(real.mtime), real.linkname, data, first[inode[m.name]],
                            real.pax_headers.get("SCHILY.xattr.security.capability"))
    return {name: facts for name, facts in seen.items() if name.split("/")[0] not in ("dev", "proc", "sys", ".dockerenv") and
            name not in ("etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab", "etc")}


def test_what_makes_it_large(corral, fat):
    found = analysis(corral, fat)
    assert found["complete"] and found["why_incomplete"] is None
    assert found["image"] == "fat:1" and found["id"] == docker(corral, "image", "inspect", "-f", "{{.Id}}", fat).decode().strip()
    hidden = {item.get("path"): item for item in found["hidden"]["items"]}
    assert hidden["/big"]["bytes"] == 900 * KIB and hidden["/big"]["how"] == "deleted"
    assert hidden["/opaque/old"]["how"] == "deleted" and hidden["/same1"]["how"] == "replaced"
    assert "/odd/first" not in hidden  # its further names still have its bytes
    assert {"/var/lib/apt/lists"} == {item["path"] for item in found["caches"]["items"]}
    assert found["caches"]["bytes"] == 300 * KIB
    same = {tuple(sorted(item["paths"])): item["bytes"] for item in found["duplicates"]["items"]}
    assert same[("/same1", "/same2")] == 64 * KIB
    rights = {item["path"]: item for item in found["privileged"]["items"]}
    assert rights["/odd/ping"]["capabilities"] and rights["/same1"]["mode"] == "4755"
    large = [item.get("path") for item in found["large"]["items"]]
    assert large[0] == "/sparse"
    commands = [layer["command"] for layer in found["layers"]]
    assert "odd.tar" in commands[1] or "file:" in commands[1]
    assert "rm -rf /opaque" in commands[3] and found["layers"][3]["removes"] >= 3
    assert all(layer["digest"].startswith("sha256:") for layer in found["layers"])
    assert sum(layer["hidden_bytes"] for layer in found["layers"]) == found["hidden"]["bytes"]
    assert found["bytes"] == found["visible_bytes"] + found["hidden"]["bytes"]
    assert any("chown" in item["text"] or "owners" in item["text"] for item in found["advice"]["items"])


def test_the_suggested_build_builds(corral, tmp_path):
    """Of files of root alone: the builder of Docker 20.10 copies no others between stages under userns-remap."""
    fat = "plain:1"
    build(corral, tmp_path, fat, DOCKERFILE.replace("ADD odd.tar /\n", "RUN mkdir /odd && touch /odd/first /odd/second\n").replace("chown 7:8 /same1", "true"))
    found = analysis(corral, fat)
    build(corral, tmp_path, "suggested:1", found["dockerfile"])
    before, after = (json.loads(docker(corral, "image", "inspect", name))[0] for name in (fat, "suggested:1"))
    for key in ("Env", "User", "WorkingDir", "Entrypoint", "Cmd", "Volumes", "ExposedPorts", "Labels", "Healthcheck", "StopSignal", "Shell"):
        assert before["Config"].get(key) == after["Config"].get(key), key
    assert after["Size"] <= before["Size"] - found["saved_bytes"] + 64 * KIB


def test_the_variant_is_the_same_and_smaller(corral, fat):
    answer = corral.admin.call("POST", path_of(fat, "optimize"))
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert (made["variant"], made["image"]) == ("fat:1-flat", "fat:1")
    before, after = (json.loads(docker(corral, "image", "inspect", name))[0] for name in (fat, "fat:1-flat"))
    assert made["id"] == before["Id"] and made["variant_id"] == after["Id"]
    assert before["Config"] == after["Config"] and len(after["RootFS"]["Layers"]) == 1
    assert after["Size"] == before["Size"] - made["saved_bytes"]
    assert made["saved_bytes"] > 1000 * KIB
    old, new = files_of(corral, fat), files_of(corral, "fat:1-flat")
    assert old.keys() == new.keys()
    assert {name for name in old if old[name] != new[name]} == set()
    assert old["odd/ping"][-1] and old["odd/second"][-2] == old["odd/third"][-2]
    assert analysis(corral, "fat:1-flat")["tree_sha256"] == analysis(corral, fat)["tree_sha256"] == made["tree_sha256"]
    assert docker(corral, "run", "--rm", "--network=none", "fat:1-flat").decode() == 'b "c" $d\n'
    again = corral.admin.call("POST", path_of(fat, "optimize"))
    assert again.status_code == 200 and again.json()["variant_id"] == made["variant_id"]
    rows = corral.admin.call("GET", "/sandbox/system/audit?action=image.optimize").json()["items"]
    assert rows and rows[0]["target"] == "fat:1"


def test_the_name_of_another_image_is_left_alone(corral, fat):
    docker(corral, "tag", "corral-base:latest", "fat:2-flat")
    docker(corral, "tag", fat, "fat:2")
    answer = corral.admin.call("POST", path_of("fat:2", "optimize"))
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict"), answer.text
    ids = [docker(corral, "image", "inspect", "-f", "{{.Id}}", name) for name in ("fat:2-flat", "corral-base:latest")]
    assert ids[0] == ids[1]


def test_refusals(corral, user, fat):
    assert corral.admin.call("GET", path_of("no-such:1", "analysis")).status_code == 404
    assert corral.admin.call("GET", path_of("NOT A NAME", "analysis")).status_code == 404
    assert corral.admin.call("GET", path_of(fat, "analysis", node="no-such-node")).status_code == 404
    assert user.call("GET", path_of(fat, "analysis")).status_code == 403
    assert user.call("POST", path_of(fat, "optimize")).status_code == 403


def test_many_ask_at_once(corral, tmp_path):
    """One reading serves all who ask; who does not wait is told that it goes on."""
    build(corral, tmp_path, "many:1", "FROM corral-base:latest\nUSER 0\nRUN dd if=/dev/urandom of=/x bs=1024 count=20000\n")
    first = corral.admin.call("GET", path_of("many:1", "analysis", timeout_ms=0))
    assert first.status_code in (200, 202), first.text
    if first.status_code == 202:
        assert first.json()["state"] == "running"
    found = []
    threads = [threading.Thread(target=lambda: found.append(analysis(corral, "many:1"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6 and len({item["tree_sha256"] for item in found}) == 1


def test_client(corral, fat):
    shown = corral.cli("image", "analysis", fat).stdout
    for words in ("in all layers", "HIDDEN", "apt's package lists", "A smaller build", "FROM fat:1 AS full"):
        assert words in shown, shown
    assert json.loads(corral.cli("image", "analysis", fat, "--json").stdout)["image"] == fat
    assert corral.cli("image", "analysis", fat, "--dockerfile").stdout.startswith("# Leaves out")
    assert "fat:1-flat" in corral.cli("image", "optimize", fat).stdout


def test_a_full_disk(corral, fat):
    """Where too little would stay free, nothing is begun, and nothing is left behind."""
    docker(corral, "tag", fat, "fat:3")
    before = sorted(docker(corral, "images", "-a", "-q").split())
    try:
        restart_agent(corral, "1000T")
        for method, act in (("GET", "analysis"), ("POST", "optimize")):
            answer = corral.admin.call(method, path_of("fat:3", act))
            assert (answer.status_code, answer.json()["code"]) == (507, "no_space"), answer.text
        assert sorted(docker(corral, "images", "-a", "-q").split()) == before
    finally:
        restart_agent(corral, "1M")


def restart_agent(corral, free):
    sessions = corral.metric("corral_node_handshakes_total")
    corral.kill("agent")
    corral.restart("agent", CORRAL_IMAGE_FREE_BYTES=free)
    wait_until("the agent has a session", lambda: corral.metric("corral_node_handshakes_total") > sessions, 40)
