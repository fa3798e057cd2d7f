"""Files of a sandbox: GET, HEAD, PUT and DELETE /sandbox/{id}/files, and POST …/files/move."""
import base64
import contextlib
import hashlib
import os
import socket
import threading
from pathlib import Path
from urllib.parse import quote_from_bytes, urlsplit

import pytest
import requests
import urllib3
from corral import wait_until

MIB = 1 << 20


@pytest.fixture
def sandbox(user):
    return user.create()["id"]


class Files:
    """The files of one sandbox. Bodies of bytes go past the proxy that checks descriptions, which knows only text."""

    def __init__(self, corral, user, sandbox):
        self.url, self.session = f"{corral.url}/sandbox/{sandbox}/files", requests.Session()
        self.session.headers.update(user.session.headers)
        self.user, self.sandbox, self.corral = user, sandbox, corral

    def ask(self, method, path, query="", **more):
        path = path if isinstance(path, bytes) else path.encode()
        return self.session.request(method, f"{self.url}?path={quote_from_bytes(path)}{query}", timeout=120, **more)

    def put(self, path, data=b"", query="", status=(201, 204), **more):
        answer = self.ask("PUT", path, query, data=data, **more)
        assert answer.status_code in status, (path, answer.status_code, answer.text)
        return answer

    def get(self, path, query="", status=200, **more):
        answer = self.ask("GET", path, query, **more)
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return answer.content

    def list(self, path, query=""):
        return self.ask("GET", path, query).json()

    def names(self, path, query=""):
        """Of all pages."""
        names, cursor = [], ""
        while cursor is not None:
            page = self.list(path, query + (f"&cursor={cursor}" if cursor else ""))
            names += [e["name"] for e in page["items"]]
            cursor = page["next_cursor"]
        return names

    def refused(self, method, path, status, code, query="", **more):
        answer = self.ask(method, path, query, **more)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (method, path, answer.status_code, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        return answer

    def move(self, source, target):
        return self.session.post(self.url + "/move", json={"from": source, "to": target}, timeout=60)

    def shell(self, script):
        return self.user.good("POST", f"/sandbox/{self.sandbox}/exec", {"command": ["sh", "-c", script]}, status=200)["stdout"]


    def helpers(self):
        """How many of the init's helpers run."""
        return int(self.shell("cat /proc/[0-9]*/comm | grep -c '^init$'")) - 1


@pytest.fixture
def files(corral, user, sandbox):
    return Files(corral, user, sandbox)


@pytest.mark.parametrize("data", [b"", b"text\n", bytes(range(256)) * 1000, os.urandom(3 * MIB + 1)],
                         ids=["empty", "text", "binary", "large"])
def test_there_and_back(files, data):
    assert files.put("/workspace/f", data).status_code == 201
    assert files.get("/workspace/f") == data
    assert files.put("/workspace/f", data + b"!").status_code == 204
    assert files.get("/workspace/f") == data + b"!"
    assert files.shell("stat -c '%u %g %a' f; ls -A") == "1000 1000 644\nf\n"


def test_what_is_said_of_a_file(files):
    files.put("/workspace/a/b/f", b"0123456789", "&mode=4750")
    for method, length in (("HEAD", b""), ("GET", b"0123456789")):
        answer = files.ask(method, "/workspace/a/b/f")
        assert answer.status_code == 200 and answer.content == length and answer.headers["content-length"] == "10"
        assert answer.headers["x-file-mode"] == "0750" and answer.headers["x-file-type"] == "file"
        assert answer.headers["content-type"] == "application/octet-stream" and "GMT" in answer.headers["last-modified"]
    answer = files.ask("HEAD", "/workspace/a")
    assert answer.status_code == 200 and answer.headers["x-file-type"] == "directory"
    assert files.ask("HEAD", "/workspace/none").status_code == 404


@pytest.mark.parametrize("asked,status,part,said", [
    ("bytes=2-4", 206, b"234", "bytes 2-4/10"), ("bytes=8-", 206, b"89", "bytes 8-9/10"), ("bytes=-3", 206, b"789", "bytes 7-9/10"),
    ("bytes=5-99", 206, b"56789", "bytes 5-9/10"), ("bytes=0-99", 200, b"0123456789", None), ("bytes=4-2", 200, b"0123456789", None),
    ("bytes=0-1,4-5", 200, b"0123456789", None), ("lines=1-2", 200, b"0123456789", None), ("bytes=10-", 416, None, "bytes */10"),
    ("bytes=-0", 416, None, "bytes */10")])
def test_a_part(files, asked, status, part, said):
    files.put("/workspace/f", b"0123456789")
    answer = files.ask("GET", "/workspace/f", headers={"Range": asked})
    assert answer.status_code == status and (part is None or answer.content == part), answer.text
    if asked != "bytes=0-99":
        assert answer.headers.get("content-range") == said


def pattern(size):
    """Bytes in pieces, without all of them in memory."""
    piece = os.urandom(MIB)
    for _ in range(size // MIB):
        yield piece


def memory(corral, name):
    """Bytes of its own of a daemon."""
    status = Path(f"/proc/{corral.pid(name)}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) << 10


def move_much(files):
    sent, got = hashlib.sha256(), hashlib.sha256()

    def body():
        for piece in pattern(100 * MIB):
            sent.update(piece)
            yield piece

    files.put("/workspace/large", body())
    answer = files.ask("GET", "/workspace/large", stream=True)
    for piece in answer.iter_content(MIB):
        got.update(piece)
    assert answer.headers["content-length"] == str(100 * MIB) and got.digest() == sent.digest()


@pytest.mark.parametrize("length", [1, 5000, 40000, 300000])
def test_a_request_that_follows_in_the_same_packet(corral, files, length):
    """The server reads more of a body than it needs: what is behind it is the next request."""
    bytes_, url = os.urandom(length), urlsplit(corral.url)
    head = lambda method, more: (f"{method} /sandbox/{files.sandbox}/files?path=/workspace/f HTTP/1.1\r\nHost: x\r\n"  # noqa: E731
                                 f"X-API-Key: {files.session.headers['X-API-Key']}\r\n{more}\r\n").encode()
    with socket.create_connection((url.hostname, url.port), 20) as s:
        s.sendall(head("PUT", f"Content-Length: {length}\r\n") + bytes_ + head("GET", "Connection: close\r\n"))
        got = b"".join(iter(lambda: s.recv(65536), b""))
    assert got.startswith(b"HTTP/1.1 201 ") and b"HTTP/1.1 200 " in got and got.endswith(b"\r\n\r\n" + bytes_)


def test_much_in_and_out_at_flat_memory(corral, files):
    now = lambda: {name: memory(corral, name) for name in ("controller", "agent")} # noqa: E731
    move_much(files)
    before, tries = {"controller": 0, "agent": 0}, 0
    while any(now()[name] - bytes_ > 16 * MIB for name, bytes_ in before.items()) and tries < 6: # the sanitizer keeps what was freed, up to 256 MiB
        before, tries = now(), tries + 1
        move_much(files)
    before = now()
    most = dict(before)
    done = threading.Event()

    def watch():
        while not done.wait(0.05):
            for name in most:
                most[name] = max(most[name], memory(corral, name))

    watcher = threading.Thread(target=watch)
    watcher.start()
    move_much(files)
    done.set()
    watcher.join()
    for name, bytes_ in before.items():
        assert most[name] - bytes_ < 96 * MIB, (name, bytes_, most[name])


def test_a_client_that_reads_slowly(corral, files):
    """Its file waits; nothing of it gathers in between."""
    files.put("/workspace/f", pattern(32 * MIB))
    before = memory(corral, "controller")
    answer = files.ask("GET", "/workspace/f", stream=True)
    first = answer.raw.read(1000)
    assert len(first) == 1000 and files.get("/workspace/f", headers={"Range": "bytes=0-9"}, status=206) == first[:10]
    assert memory(corral, "controller") - before < 8 * MIB and files.helpers() == 1
    answer.close()
    wait_until("nobody reads it", lambda: files.helpers() == 0, 10)


def test_a_file_that_changes_while_it_is_read(files):
    """Its length is what it was at first; one that becomes shorter breaks the connection."""
    files.put("/workspace/f", pattern(32 * MIB))
    answer = files.ask("GET", "/workspace/f", stream=True)
    answer.raw.read(1000)
    files.shell("yes | head -c 1000000 >> f")
    assert 1000 + len(answer.raw.read()) == 32 * MIB
    answer = files.ask("GET", "/workspace/f", stream=True)
    got = len(answer.raw.read(1000))
    files.shell("truncate -s 1M f")
    with contextlib.suppress(OSError, urllib3.exceptions.HTTPError):
        while piece := answer.raw.read(MIB):
            got += len(piece)
    assert got < int(answer.headers["content-length"])
    assert len(files.get("/workspace/f")) == MIB


def test_a_sparse_file(files):
    files.shell("truncate -s 20M s; printf end >> s")
    got = files.get("/workspace/s")
    assert len(got) == 20 * MIB + 3 and got.strip(b"\0") == b"end"


def test_what_the_kernel_makes(files):
    assert b"MemTotal" in files.get("/proc/meminfo")


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a b+c%&=?#", "grüße".encode(), b"line\nline", b"n" * 255], ids=repr)
def test_names_of_any_bytes(files, name):
    path = b"/workspace/d/" + name
    files.put(path, b"x")
    assert files.get(path) == b"x"
    [entry] = files.list("/workspace/d")["items"]
    got = base64.b64decode(entry["name_base64"]) if "name_base64" in entry else entry["name"].encode()
    assert got == name and (entry["type"], entry["size"], entry["mode"]) == ("file", 1, "0644")
    assert files.ask("DELETE", path).status_code == 204
    assert files.list("/workspace/d")["items"] == []


def test_links_are_followed(files):
    files.shell("echo passwords > real; ln -s real link; ln -s nowhere dangling; ln -s loop loop; mkdir d; ln -s d folder")
    assert files.get("/workspace/link") == b"passwords\n"
    files.put("/workspace/link", b"new")
    files.put("/workspace/folder/x", b"in d")
    assert files.shell("cat real; echo; readlink link; cat d/x") == "new\nreal\nin d"
    files.refused("GET", "/workspace/dangling", 404, "file_not_found")
    files.refused("GET", "/workspace/loop", 409, "file_conflict")
    entries = {e["name"]: e for e in files.list("/workspace")["items"]}
    assert entries["link"]["type"] == "symlink" and entries["link"]["target"] == "real"
    assert files.ask("DELETE", "/workspace/link").status_code == 204
    assert files.shell("cat real") == "new"


def test_what_is_no_file_holds_nobody_up(files):
    files.shell("mkfifo fifo")
    for path in ("/workspace/fifo", "/dev/null", "/dev/zero", "/dev/tty"):
        files.refused("GET", path, 409, "file_conflict")
        files.refused("PUT", path, 409, "file_conflict", data=b"x")
    assert files.ask("HEAD", "/workspace/fifo").status_code == 409
    [entry] = files.list("/workspace")["items"]
    assert entry["type"] == "fifo"


def test_refusals(files):
    files.put("/workspace/f", b"x")
    files.put("/workspace/d/x", b"x")
    files.refused("GET", "/workspace/none", 404, "file_not_found")
    files.refused("GET", "/workspace/f/x", 404, "file_not_found")
    files.refused("DELETE", "/workspace/none", 404, "file_not_found")
    files.refused("PUT", "/workspace/d", 409, "file_conflict", data=b"x")
    files.refused("PUT", "/workspace/f/x", 409, "file_conflict", data=b"x")
    files.refused("DELETE", "/workspace/d", 409, "file_conflict")
    files.refused("PUT", "/etc/x", 403, "permission_denied", data=b"x")
    files.refused("PUT", "/etc/x", 403, "permission_denied", data=b"x" * 5 * MIB)
    files.refused("PUT", "/new", 403, "permission_denied", "&type=directory")
    files.refused("DELETE", "/etc/passwd", 403, "permission_denied")
    files.refused("PUT", "/workspace/" + "n" * 256, 422, "invalid", data=b"x")
    files.refused("GET", "workspace/f", 422, "invalid")
    files.refused("GET", "/workspace", 422, "invalid", "&cursor=x")
    files.refused("PUT", "/workspace/f", 422, "invalid", "&mode=999", data=b"x")
    files.refused("PUT", "/workspace/f", 422, "invalid", "&type=fifo", data=b"x")
    assert files.session.get(files.url).status_code == 422
    assert files.session.get(files.url + "?path=/workspace/%00").status_code == 422
    assert files.get("/workspace/f") == b"x"


def test_a_full_disk(corral, user):
    """The file that was there stays as it was, and nothing else is there."""
    files = Files(corral, user, user.create(storage_bytes=64 * MIB)["id"])
    files.put("/workspace/f", b"old")
    files.refused("PUT", "/workspace/f", 507, "no_space", data=pattern(100 * MIB))
    files.refused("PUT", "/workspace/new/g", 507, "no_space", data=pattern(100 * MIB))
    assert files.get("/workspace/f") == b"old" and files.names("/workspace") in (["f"], ["f", "lost+found"], ["lost+found", "f"])
    files.put("/workspace/g", pattern(8 * MIB))


def test_a_cut_upload_leaves_nothing(corral, files):
    files.put("/workspace/f", b"old")
    url = urlsplit(files.url)
    for name in ("f", "new/g"):
        with socket.create_connection((url.hostname, url.port)) as client:
            client.sendall(f"PUT {url.path}?path=/workspace/{name} HTTP/1.1\r\nHost: x\r\nContent-Length: {20 * MIB}\r\n"
                           f"X-API-Key: {files.session.headers['X-API-Key']}\r\n\r\n".encode() + b"x" * 10 * MIB)
            wait_until("it is written", lambda: files.helpers() == 1, 10)
        wait_until("its helper is gone", lambda: files.helpers() == 0, 10)
    assert files.get("/workspace/f") == b"old" and files.names("/workspace") == ["f"]


def test_a_large_folder_in_pages(files):
    files.shell("mkdir d; cd d; seq 1 10000 | xargs touch")
    page = files.list("/workspace/d")
    assert len(page["items"]) == 50 and page["next_cursor"]
    assert sorted(files.names("/workspace/d", "&limit=200"), key=int) == [str(i) for i in range(1, 10001)]
    assert files.ask("DELETE", "/workspace/d", "&recursive=true").status_code == 204
    assert files.names("/workspace") == []


def test_a_tree_to_its_depth(files):
    for path in ("a/b/c/d", "a/x", "e/f"):
        files.put(f"/workspace/{path}")
    assert sorted(files.names("/workspace")) == ["a", "e"]
    assert sorted(files.names("/workspace", "&depth=2&limit=1")) == ["a", "a/b", "a/x", "e", "e/f"]
    assert sorted(files.names("/workspace", "&depth=16&limit=2")) == ["a", "a/b", "a/b/c", "a/b/c/d", "a/x", "e", "e/f"]


def test_a_thousand_levels(files):
    path = "/workspace/" + "d/" * 1000 + "f"
    files.put(path, b"deep")
    assert files.get(path) == b"deep"
    assert files.ask("DELETE", "/workspace/d", "&recursive=true").status_code == 204
    assert files.names("/workspace") == []


def test_folders(files):
    assert files.put("/workspace/a/b", query="&type=directory").status_code == 201
    assert files.put("/workspace/a/b", query="&type=directory").status_code == 204
    assert files.put("/workspace/p", query="&type=directory&mode=0700").status_code == 201
    assert files.shell("stat -c %a a a/b p") == "755\n755\n700\n"
    files.put("/workspace/f")
    files.refused("PUT", "/workspace/f", 409, "file_conflict", "&type=directory")
    assert files.ask("DELETE", "/workspace/p").status_code == 204


def test_moving(files):
    files.put("/workspace/f", b"one", "&mode=0600")
    assert files.move("/workspace/f", "/workspace/new/g").status_code == 204
    assert files.move("/workspace/new/g", "/tmp/h").status_code == 204 # another mount
    assert files.get("/tmp/h") == b"one" and files.shell("stat -c %a /tmp/h; ls new") == "600\n"
    assert files.move("/tmp/h", "/etc/h").json()["code"] == "permission_denied"
    assert files.move("/tmp/none", "/tmp/x").json()["code"] == "file_not_found"
    assert files.move("/tmp/h", "/workspace/new").json()["code"] == "file_conflict"
    assert files.move("h", "/workspace/new").status_code == 422
    assert files.move("/tmp/\0", "/workspace/new").status_code == 400
    assert files.get("/tmp/h") == b"one"


def test_helpers_are_no_processes_of_the_user(files):
    """They stand in no list, and push none out of it: 100 that ended are kept."""
    for i in range(120):
        files.put(f"/workspace/{i}", b"x")
    assert files.shell("echo fine") == "fine\n"
    assert len(files.names("/workspace", "&limit=200")) == 120


def test_it_is_its_owners_alone(corral, user, files):
    files.put("/workspace/f", b"x")
    for other in (corral.user("other-files", "pro"), corral.admin):
        theirs = Files(corral, other, files.sandbox)
        for method in ("GET", "PUT", "DELETE"):
            theirs.refused(method, "/workspace/f", 404, "not_found")
        assert theirs.ask("HEAD", "/workspace/f").status_code == 404
        assert theirs.move("/workspace/f", "/workspace/g").status_code == 404
    assert files.get("/workspace/f") == b"x"


def test_a_key_needs_its_scope(corral, user, files):
    reader = requests.get(f"{files.url}?path=/workspace", timeout=10,
                          headers={"X-API-Key": corral.key(user.user_id, "reader", scopes=["read"])["key"]})
    assert reader.status_code == 403 and reader.json()["code"] == "forbidden"


def test_only_while_it_runs(user, files):
    files.put("/workspace/f", b"x")
    user.good("POST", f"/sandbox/{files.sandbox}/pause")
    files.refused("GET", "/workspace/f", 409, "wrong_state")
    user.good("POST", f"/sandbox/{files.sandbox}/resume")
    assert files.get("/workspace/f") == b"x"
    user.delete(files.sandbox)
    files.refused("GET", "/workspace/f", 409, "wrong_state")


@pytest.mark.parametrize("what", ["agent", "controller"])
def test_a_daemon_dies_under_an_upload(corral, files, what):
    """Its client learns of it, and the file is as it was."""
    files.put("/workspace/f", b"old")
    begun, result = threading.Event(), []

    def body():
        for i, piece in enumerate(pattern(64 * MIB)):
            if i == 8:
                begun.set()
                wait_until("it is dead", lambda: not process.exists(), 20)
            yield piece

    def upload():
        try:
            result.append(files.ask("PUT", "/workspace/f", data=body()).status_code)
        except requests.ConnectionError:
            result.append(None)

    process = Path(f"/proc/{corral.pid(what)}")
    thread = threading.Thread(target=upload)
    thread.start()
    assert begun.wait(20)
    corral.kill(what)
    thread.join(60)
    corral.restart(what)
    assert result in ([504], [None])
    wait_until("it works again", lambda: files.ask("GET", "/workspace/f").status_code == 200, 30, 0.2)
    assert files.get("/workspace/f") == b"old" and files.names("/workspace") == ["f"]


def test_described(user, sandbox):
    """Answers that are JSON fit the description."""
    assert user.good("GET", f"/sandbox/{sandbox}/files?path=/")["items"]
    assert user.refused("GET", f"/sandbox/{sandbox}/files?path=/none")["code"] == "file_not_found"
    assert user.call("DELETE", f"/sandbox/{sandbox}/files?path=/none").status_code == 404
