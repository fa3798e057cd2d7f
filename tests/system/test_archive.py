"""Archives of a sandbox's files: GET, HEAD and PUT /sandbox/{id}/archive."""
import base64
import gzip
import io
import os
import socket
import subprocess
import tarfile
import threading
import time
from urllib.parse import quote_from_bytes, urlsplit

import pytest
import requests
from corral import wait_until

MIB = 1 << 20
TREE = """umask 022; mkdir -p t/a/b t/empty; echo one > t/a/one; head -c 300000 /dev/urandom > t/a/b/large; chmod 750 t/a; chmod 4751 t/a/one
ln -s a/one t/link; ln -s /etc/passwd t/away; ln -s . t/loop; n=$(printf 'n%.0s' $(seq 200)); mkdir t/$n; echo x > t/$n/$n; ln -s $n/$n t/long
: > "t/$(printf '\\377\\376')"; : > "t/$(printf 'a\\nb')"; mkfifo t/fifo; touch -d '2001-02-03 04:05:06' t/a/one t/a/b"""
MANIFEST = "cd t && busybox find . -type f -exec busybox md5sum {} \\; | busybox sort; busybox find . ! -type p -exec busybox stat -c '%n %a %F %N %Y' {} \\; | grep -v '^. ' | busybox sort"


class Archive:
    def __init__(self, corral, user, sandbox):
        self.url, self.session = f"{corral.url}/sandbox/{sandbox}/archive", requests.Session()
        self.session.headers.update(user.session.headers)
        self.user, self.sandbox, self.corral = user, sandbox, corral

    def ask(self, method, path, query="", **more):
        path = path if isinstance(path, bytes) else path.encode()
        return self.session.request(method, f"{self.url}?path={quote_from_bytes(path)}{query}", timeout=120, **more)

    def get(self, path, status=200):
        answer = self.ask("GET", path)
        assert answer.status_code == status, (answer.status_code, answer.text[:500])
        return answer.content

    def put(self, path, data, status=(201, 204), **more):
        answer = self.ask("PUT", path, data=data, **more)
        assert answer.status_code in status, (answer.status_code, answer.text)
        return answer

    def refused(self, method, path, status, code, detail="", **more):
        answer = self.ask(method, path, **more)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (answer.status_code, answer.text)
        assert detail in answer.json()["detail"], answer.text
        return answer

    def shell(self, script):
        done = self.user.good("POST", f"/sandbox/{self.sandbox}/exec", {"command": ["sh", "-c", script]}, status=200)
        return done["stdout"] if "stdout" in done else base64.b64decode(done["stdout_base64"]).decode(errors="replace")


@pytest.fixture
def sandbox(user):
    return user.create()["id"]


@pytest.fixture
def archive(corral, user, sandbox):
    return Archive(corral, user, sandbox)


def made(*members):
    """A tar of (name, type, link, data, mode)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, link, data, mode in ((*m, *(tarfile.REGTYPE, "", b"", 0o644)[len(m) - 1:]) for m in members):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size, info.mode = kind, link, len(data), mode
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def of_tree(tree, *options):
    return subprocess.run(["tar", "-c", *options, "-C", tree, "."], check=True, capture_output=True).stdout


def test_a_tree_goes_out_as_it_is(archive, tmp_path):
    archive.shell(TREE)
    answer = archive.ask("GET", "/workspace/t")
    assert answer.headers["content-type"] == "application/x-tar" and answer.headers["x-file-type"] == "directory"
    assert answer.headers["transfer-encoding"] == "chunked"
    (tmp_path / "t").mkdir()
    done = subprocess.run(["tar", "-xp", "-C", tmp_path / "t"], input=answer.content, capture_output=True)
    assert done.returncode == 0 and done.stderr == b"", done.stderr
    there = subprocess.run(["busybox", "sh", "-c", MANIFEST], cwd=tmp_path, capture_output=True, env={**os.environ, "LC_ALL": "C"}).stdout.decode(errors="replace")
    assert there == archive.shell(MANIFEST)
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        assert {(m.uid, m.gid) for m in tar} == {(1000, 1000)} and "fifo" not in tar.getnames()


def test_a_tree_comes_back(archive):
    archive.shell(TREE + "; chmod 751 t/a/one")
    before = archive.shell(MANIFEST)
    tar = archive.get("/workspace/t")
    archive.shell("chmod -R u+w t; rm -r t")
    assert archive.put("/workspace/new/t", tar).status_code == 201
    archive.shell("mv new/t t")
    assert archive.shell(MANIFEST) == before
    assert archive.put("/workspace/t", tar).status_code == 204
    assert archive.shell(MANIFEST) == before
    assert archive.shell("find t ! -user 1000") == ""


def test_a_folder_that_nobody_may_read(archive):
    """What is named twice has the mode that was said last, also where the first one keeps its owner out; so has one that was there."""
    folder = lambda name, mode: (name, tarfile.DIRTYPE, "", b"", mode)
    tar = made(folder("a", 0), ("a/f", tarfile.REGTYPE, "", b"x", 0o644), folder("a", 0o755), folder("b", 0o755), folder("b", 0))
    assert archive.put("/workspace/t", tar).status_code == 201
    assert archive.shell("stat -c %a t/a t/b; cat t/a/f") == "755\n0\nx"
    tar = made(folder("b", 0o750), ("b/f", tarfile.REGTYPE, "", b"y", 0o644))
    assert archive.put("/workspace/t", tar).status_code == 204
    assert archive.shell("stat -c %a t/b; cat t/b/f") == "750\ny"


@pytest.mark.parametrize("option", ["--format=gnu", "--format=pax", "--format=ustar", "-z", "--zstd"])
def test_what_tar_makes_is_unpacked(archive, tmp_path, option):
    for name in ("a/b/c", "a/d", "e"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(os.urandom(50000))
    (tmp_path / "l").symlink_to("a/d")
    os.link(tmp_path / "e", tmp_path / "hard")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "e").chmod(0o6755)
    if option != "--format=ustar":
        (tmp_path / ("n" * 250)).write_bytes(b"long")
        (tmp_path / os.fsdecode(b"\xff\xfe")).write_bytes(b"bytes")
    archive.put("/workspace/in", of_tree(tmp_path, option, "--owner=0"))
    (tmp_path / "fifo").unlink()
    sums = "busybox find . -type f -exec busybox md5sum {} \\; | busybox sort"
    mine = subprocess.run(["busybox", "sh", "-c", sums], cwd=tmp_path, capture_output=True).stdout.decode(errors="replace")
    assert archive.shell(f"cd in && {sums}") == mine
    assert archive.shell("cd in && stat -c '%u %a' e && readlink l && [ e -ef hard ] && [ ! -e fifo ] && echo good") == "1000 755\na/d\ngood\n"


def test_a_file_is_an_archive_of_one(archive):
    archive.shell("echo text > f; ln -s f l")
    for path, name in (("/workspace/f", "f"), ("/workspace/l", "l")):
        with tarfile.open(fileobj=io.BytesIO(archive.get(path))) as tar:
            assert tar.getnames() == [name] and tar.extractfile(name).read() == b"text\n"
    head = archive.ask("HEAD", "/workspace/f")
    assert head.status_code == 200 and head.headers["x-file-type"] == "file" and head.headers["content-type"] == "application/x-tar"
    assert archive.ask("HEAD", "/workspace/none").status_code == 404


def test_what_is_not_packed(archive):
    archive.shell("mkfifo p")
    archive.refused("GET", "/workspace/none", 404, "file_not_found")
    archive.refused("GET", "/workspace/p", 409, "file_conflict")
    archive.refused("GET", "relative", 422, "invalid")
    archive.shell("mkdir -p closed/in; chmod 0 closed")
    archive.refused("GET", "/workspace/closed/in", 403, "permission_denied")
    archive.shell("chmod 700 closed")


def test_what_cannot_be_read_is_told(archive):
    archive.shell("mkdir -p t/closed; echo x > t/secret; echo y > t/good; chmod 0 t/secret t/closed")
    tar = archive.get("/workspace/t")
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        assert sorted(opened.getnames()) == [".", "good"]
    assert tar[-512:] == b"could not be read: 2\n".ljust(512, b"\0") and tar[-1536:-512] == bytes(1024)


def test_the_whole_of_it_without_what_the_kernel_makes(archive):
    with tarfile.open(fileobj=io.BytesIO(archive.get("/"))) as tar:
        names = tar.getnames()
    assert "proc" in names and "sys" in names and not [n for n in names if n.startswith(("proc/", "sys/"))]
    assert "bin/busybox" in names or "bin/sh" in names


def test_a_thousand_levels(archive):
    archive.shell("mkdir t; cd t; i=0; while [ $i -lt 1000 ]; do mkdir dddddddddd; cd dddddddddd; i=$((i+1)); done; echo deep > f")
    tar = archive.get("/workspace/t")
    archive.put("/workspace/u", tar)
    assert archive.get("/workspace/u").count(b"ustar") == tar.count(b"ustar")
    assert archive.shell("cd u; i=0; while [ $i -lt 1000 ]; do cd dddddddddd; i=$((i+1)); done; cat f") == "deep\n"


def test_a_file_that_changes_meanwhile(archive):
    """Its size is that of its header: more is cut off, less is filled up with zeros."""
    for change, after in (("truncate -s 1000 t/a", b"\0"), ("head -c 1000000 /dev/zero >> t/a", b"x")):
        archive.shell("rm -rf t; mkdir t; head -c 20000000 /dev/zero | tr '\\0' x > t/a")
        answer = archive.ask("GET", "/workspace/t", stream=True)
        got = answer.raw.read(4096)
        archive.shell(change)
        got += answer.raw.read()
        if not got.endswith(bytes(1024)):
            raise AssertionError("no end")
        with tarfile.open(fileobj=io.BytesIO(got)) as tar:
            data = tar.extractfile("a").read()
        assert len(data) == 20000000 and data[-1:] == after


def test_sparse_files_are_bytes(archive):
    archive.shell("mkdir t; truncate -s 10M t/s; echo end >> t/s")
    with tarfile.open(fileobj=io.BytesIO(archive.get("/workspace/t"))) as tar:
        assert tar.extractfile("s").read() == bytes(10 * MIB) + b"end\n"


L, H, D = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
X = (tarfile.REGTYPE, "", b"x")


@pytest.mark.parametrize("members,said", [
    ([("/tmp/evil", *X)], "member 1 of the archive: its path is absolute"),
    ([("good", *X), ("../evil", *X)], "member 2 of the archive: its path is absolute or has a \"..\""),
    ([("a/../../evil", *X)], "member 1"),
    ([("l", L, "/workspace"), ("l/evil", *X)], "member 2 of the archive: its path leads through a symbolic link"),
    ([("l", L, ".."), ("l/d/", D)], "member 2 of the archive: its path leads through"),
    ([("there/evil", *X)], "member 1 of the archive: its path leads through"),
    ([("h", H, "/etc/passwd")], "member 1"),
    ([("h", H, "../secret")], "member 1"),
    ([("h", H, "there/secret")], "member 1 of the archive: its path leads through"),
    ([("h", H, "none")], "member 1 of the archive: it is a hard link to what is not in the folder"),
], ids=lambda v: v if isinstance(v, str) else v[-1][0])
def test_no_member_leaves_the_folder(archive, members, said):
    archive.shell("echo s > secret; mkdir out; ln -s .. out/there")
    archive.refused("PUT", "/workspace/out", 422, "invalid", said, data=made(*members))
    assert archive.shell("ls /workspace /tmp; cat secret; stat -c %h secret") == "/tmp:\n\n/workspace:\nout\nsecret\ns\n1\n"


def test_links_are_replaced_and_not_written_through(archive):
    archive.shell("echo s > secret; mkdir out; ln -s ../secret out/f; mkfifo out/p")
    archive.put("/workspace/out", made(("f", *X), ("p", *X), ("dev", tarfile.CHRTYPE), ("fifo", tarfile.FIFOTYPE), ("link", L, "/etc/shadow")))
    assert archive.shell("cat secret out/f out/p; ls out; readlink out/link") == "s\nxxf\nlink\np\n/etc/shadow\n"


@pytest.mark.parametrize("bytes_,said", [
    (b"", "no tar archive"), (b"text", "no tar archive"), (os.urandom(2000), "no tar archive"), (gzip.compress(b"text"), "no tar archive"),
    (made(("f", tarfile.REGTYPE, "", bytes(5000)))[:3000], "member 1 of the archive: the archive ends early"),
    (gzip.compress(made(("f", tarfile.REGTYPE, "", os.urandom(5000))))[:3000], "ends early"),
    (b"\x1f\x8b" + os.urandom(2000), "cannot be decompressed"), (b"\x28\xb5\x2f\xfd" + b"\xff" * 2000, ""),
    (made(("f", *X)).replace(b"ustar", b"usTar"), "no tar archive"),
    (made(("f", b"S")), "of a kind that cannot be unpacked")], ids=range(10))
def test_what_is_no_archive(archive, bytes_, said):
    archive.refused("PUT", "/workspace/out", 422, "invalid", said, data=bytes_)


def test_where_none_is_unpacked(archive):
    archive.shell("echo x > f; mkfifo p; mkdir -p d/f; mkdir ro; chmod 555 ro")
    for path, status, code in (("/workspace/f", 409, "file_conflict"), ("/workspace/p", 409, "file_conflict"), ("/proc/x", 404, "file_not_found"),
                               ("/etc/x", 403, "permission_denied"), ("/workspace/ro/x", 403, "permission_denied"),
                               ("/workspace/d", 409, "file_conflict"), ("relative", 422, "invalid")):
        answer = archive.ask("PUT", path, data=made(("f", *X)))
        assert answer.status_code in (status, 403) and answer.json()["code"] in (code, "permission_denied"), (path, answer.text)


def test_a_bomb_meets_the_disk(corral, user):
    sandbox = user.create(storage_bytes=64 * MIB)["id"]
    archive = Archive(corral, user, sandbox)
    limit = user.show(sandbox)["limits"]["storage_bytes"]
    info = tarfile.TarInfo("bomb")
    info.size = 1 << 40

    def bomb():
        packer = gzip.GzipFile(fileobj=(out := io.BytesIO()), mode="wb", compresslevel=1)
        packer.write(info.tobuf())
        sent = 0
        while sent < limit + 64 * MIB:
            packer.write(bytes(MIB))
            sent += MIB
            if out.tell():
                yield out.getvalue() # an empty piece would end the body
            out.seek(0)
            out.truncate()

    answer = archive.ask("PUT", "/workspace/out", data=bomb())
    assert (answer.status_code, answer.json()["code"]) == (507, "no_space"), answer.text
    assert archive.shell("ls -A out") == ""


def test_a_cut_upload_keeps_what_was_whole(archive):
    tar = made(("a", tarfile.REGTYPE, "", b"a" * 5000), ("b", tarfile.REGTYPE, "", os.urandom(4 * MIB)))
    at = urlsplit(archive.url)
    with socket.create_connection((at.hostname, at.port)) as s:
        key = archive.session.headers["X-API-Key"]
        s.sendall(f"PUT {at.path}?path=/workspace/out HTTP/1.1\r\nHost: h\r\nX-API-Key: {key}\r\nContent-Length: {len(tar)}\r\n\r\n".encode())
        s.sendall(tar[:MIB])
        wait_until("the first file", lambda: archive.shell("ls out 2>/dev/null || true") == "a\n", 10)
    wait_until("the end of the helper", lambda: archive.shell("cat /proc/[0-9]*/comm | grep -c '^init$'") == "1\n", 10)
    assert archive.shell("ls -A out; wc -c < out/a") == "a\n5000\n"


def test_much_in_and_out(archive, tmp_path):
    (tmp_path / "big").write_bytes(os.urandom(MIB) * 64)
    tar = of_tree(tmp_path)
    archive.put("/workspace/in", tar)
    with tarfile.open(fileobj=io.BytesIO(archive.get("/workspace/in"))) as got:
        assert got.extractfile("big").read() == (tmp_path / "big").read_bytes()


def test_a_reader_that_leaves_ends_the_helper(archive):
    archive.shell("head -c 30000000 /dev/zero > f")
    answer = archive.ask("GET", "/workspace", stream=True)
    answer.raw.read(100)
    answer.close()
    wait_until("the end of the helper", lambda: archive.shell("cat /proc/[0-9]*/comm | grep -c '^init$'") == "1\n", 10)
