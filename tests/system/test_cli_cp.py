"""corral cp: into a sandbox and out of it, as docker cp has it, and a sandbox that means ill."""
import io
import os
import pty
import re
import signal
import subprocess
import tarfile
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from corral import wait_until
from test_cli_run import environ_of

MANIFEST = r"busybox find . -type f -exec busybox md5sum {} \; | busybox sort; busybox find . ! -type p -exec busybox stat -c '%n %a %F %N' {} \; | busybox sort"


@pytest.fixture
def cli(corral, user):
    def call(*args, code=0, **more):
        more = {"stdin": subprocess.DEVNULL, "timeout": 120, **more}
        if "input" in more:
            del more["stdin"]
        env = environ_of(corral, user.session.headers["X-API-Key"], **more.pop("env", {}))
        done = subprocess.run([corral.home / "bin/corral", *args], env=env, capture_output=True, **more)
        assert code is None or done.returncode == code, (args, done.returncode, done.stdout[:500], done.stderr)
        return done
    return call


@pytest.fixture
def shell(user):
    sandbox = user.create(name="web")["id"]

    def run(script):
        done = user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["sh", "-c", script]}, status=200)
        return done["stdout"]
    return run


def tree(at):
    (at / "a/b").mkdir(parents=True)
    (at / "a/one").write_text("one\n")
    (at / "a/b/large").write_bytes(os.urandom(3 << 20))
    (at / "a/one").chmod(0o750)
    (at / "link").symlink_to("a/one")
    (at / "away").symlink_to("/etc/passwd")
    (at / "empty").mkdir(mode=0o700)
    (at / ("n" * 180)).write_text("long\n")
    (at / "ümläut €").write_text("u\n")
    os.mkfifo(at / "fifo")


def manifest(at):
    return subprocess.run(["busybox", "sh", "-c", MANIFEST], cwd=at, capture_output=True, check=True).stdout.decode()


def test_a_folder_there_and_back(cli, shell, tmp_path):
    tree(tmp_path / "t")
    said = cli("cp", tmp_path / "t", "web:/workspace")
    assert said.stdout == b"" and said.stderr == b""
    (tmp_path / "t/fifo").unlink()
    assert shell(f"cd t && {MANIFEST}") == manifest(tmp_path / "t")
    said = cli("cp", "web:t", tmp_path / "new")
    assert said.stdout == b"" and said.stderr == b""
    assert manifest(tmp_path / "new") == manifest(tmp_path / "t")
    (tmp_path / "into").mkdir()
    cli("cp", "web:/workspace/t/", tmp_path / "into")
    assert manifest(tmp_path / "into/t") == manifest(tmp_path / "t")


def test_names_of_bytes(cli, shell, tmp_path):
    names = [b"\xff\xfe", b"x" * 120 + b"\xff", b"new\nline"]
    (tmp_path / "t").mkdir()
    for name in names:
        (tmp_path / "t" / os.fsdecode(name)).write_bytes(name)
    cli("cp", tmp_path / "t", "web:")
    cli("cp", "web:t", tmp_path / "u")
    assert sorted(os.listdir(os.fsencode(tmp_path / "u"))) == sorted(names)
    assert all((tmp_path / "u" / os.fsdecode(n)).read_bytes() == n for n in names)


def test_where_it_goes(cli, shell, tmp_path):
    """The rules of docker cp."""
    (tmp_path / "f").write_text("file\n")
    (tmp_path / "d/in").mkdir(parents=True)
    (tmp_path / "d/in/x").write_text("x\n")
    shell("mkdir there; echo old > old")
    cli("cp", tmp_path / "f", "web:/workspace/g")
    cli("cp", tmp_path / "f", "web:there")
    cli("cp", tmp_path / "f", "web:old")
    cli("cp", tmp_path / "d", "web:there")
    cli("cp", tmp_path / "d", "web:made")
    cli("cp", f"{tmp_path}/d/.", "web:there")
    assert shell("cat g there/f old there/d/in/x made/in/x there/in/x") == "file\n" * 3 + "x\n" * 3
    assert b"is no folder" in cli("cp", tmp_path / "f", "web:/workspace/none/", code=1).stderr
    assert b"is a file in the sandbox" in cli("cp", tmp_path / "d", "web:old", code=1).stderr
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("before\n")
    cli("cp", "web:g", out / "new")
    cli("cp", "web:g", out)
    cli("cp", "web:old", out / "old")
    cli("cp", "web:there", out)
    cli("cp", "web:there", out / "made")
    cli("cp", "web:there/.", out)
    for name in ("new", "g", "old", "there/f", "made/f", "f"):
        assert (out / name).read_text() == "file\n", name
    assert b"is no folder" in cli("cp", "web:g", f"{out}/none/", code=1).stderr
    assert b"is no folder" in cli("cp", "web:there", out / "old", code=1).stderr
    assert sorted(p.name for p in out.iterdir()) == ["d", "f", "g", "in", "made", "new", "old", "there"]


def test_docker_cp_has_the_same(corral, cli, user, tmp_path):
    """Out: what docker cp copies of the same folder; in: what corral cp copies of what docker cp put there."""
    tree(tmp_path / "t")
    (tmp_path / "t/fifo").unlink()
    sandbox = user.create()["id"]
    cli("cp", tmp_path / "t", f"{sandbox}:mine")
    corral.docker("cp", f"{sandbox}:/workspace/mine", str(tmp_path / "by-docker"))
    corral.docker("cp", str(tmp_path / "t"), f"{sandbox}:/workspace/theirs")
    for name in ("mine", "theirs"):
        cli("cp", f"{sandbox}:{name}", tmp_path / name, code=0 if name == "mine" else None)
    assert manifest(tmp_path / "by-docker") == manifest(tmp_path / "mine") == manifest(tmp_path / "t")
    assert "./a/b/large" in manifest(tmp_path / "theirs")


def test_modes_and_times(cli, shell, tmp_path):
    (tmp_path / "f").write_text("x")
    (tmp_path / "f").chmod(0o751)
    cli("cp", tmp_path / "f", "web:f")
    assert shell("stat -c '%a %u' f; touch -d '2001-02-03 04:05:06' f; chmod 4741 f") == "751 1000\n"
    cli("cp", "web:f", tmp_path / "g")
    st = (tmp_path / "g").stat()
    assert st.st_mode & 0o7777 == 0o741 and st.st_mtime == 981173106
    shell("mkdir d; cp f d; chmod 6711 d/f")
    cli("cp", "web:d", tmp_path / "d")
    assert (tmp_path / "d/f").stat().st_mode & 0o7777 == 0o711


def test_tar_on_the_standard_files(cli, shell, tmp_path):
    tree(tmp_path / "t")
    (tmp_path / "t/fifo").unlink()
    for option in ("", "-z", "--zstd"):
        tar = subprocess.run(["tar", "-c", *([option] if option else []), "-C", tmp_path / "t", "."], capture_output=True).stdout
        cli("cp", "-", "web:in", input=tar)
        back = cli("cp", "web:in", "-").stdout
        into = tmp_path / f"out{option}"
        into.mkdir()
        subprocess.run(["tar", "-xp", "-C", into], input=back, check=True)
        assert manifest(into) == manifest(tmp_path / "t")
    assert b"no tar archive" in cli("cp", "-", "web:in", input=b"text", code=1).stderr


def test_what_is_refused(cli, shell, tmp_path):
    (tmp_path / "f").write_text("x")
    assert cli("cp", "a", "b", code=2).stderr and cli("cp", "a:b", "c:d", code=2).stderr and cli("cp", "a:b", code=2).stderr
    assert b"there is nothing at this path" in cli("cp", "web:/none", tmp_path / "g", code=1).stderr
    assert b"cannot be found" in cli("cp", tmp_path / "none", "web:", code=1).stderr
    assert b"no sandbox has" in cli("cp", "nobody:f", tmp_path / "g", code=1).stderr
    cli("cp", tmp_path / "f", "web:", code=3, env={"CORRAL_URL": "http://127.0.0.1:1"})
    shell("mkdir ro; chmod 555 ro; mkfifo p")
    assert b"may not do this" in cli("cp", tmp_path / "f", "web:ro/f", code=1).stderr
    assert b"neither a regular file nor a folder" in cli("cp", "web:p", tmp_path / "g", code=1).stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f"]


def test_what_cannot_be_read_is_told(cli, shell, tmp_path):
    shell("mkdir -p t; echo x > t/good; echo y > t/secret; chmod 0 t/secret")
    said = cli("cp", "web:t", tmp_path / "t", code=1)
    assert b"is missing: 1 files" in said.stderr and os.listdir(tmp_path / "t") == ["good"]


def test_a_name_as_long_as_names_can_be(cli, shell, tmp_path):
    name = "n" * 255
    (tmp_path / name).write_text("long\n")
    cli("cp", tmp_path / name, "web:")
    assert shell(f"cat {name}") == "long\n"
    cli("cp", f"web:{name}", tmp_path / ("m" * 255))
    assert (tmp_path / ("m" * 255)).read_text() == "long\n" and len(os.listdir(tmp_path)) == 2


def test_files_that_state_no_length(cli, shell, tmp_path):
    """Those that the kernel makes say 0; a pipe, as of <(command), has no path either."""
    cli("cp", "/proc/cpuinfo", "web:cpuinfo")
    assert "processor" in shell("cat cpuinfo")
    (tmp_path / "empty").touch()
    cli("cp", tmp_path / "empty", "web:empty")
    assert shell("cat empty; stat -c %s empty") == "0\n"
    end, into = os.pipe()
    os.write(into, b"piped\n")
    os.close(into)
    cli("cp", f"/dev/fd/{end}", "web:piped", pass_fds=[end])
    os.close(end)
    assert shell("cat piped") == "piped\n"


def test_a_progress_line_on_a_terminal(corral, user, shell, tmp_path):
    (tmp_path / "f").write_bytes(bytes(20 << 20))
    for options, shown in (([], True), (["-q"], False)):
        lead, follow = pty.openpty()
        run = subprocess.Popen([corral.home / "bin/corral", "cp", *options, tmp_path / "f", "web:f"], stderr=follow,
                               env=environ_of(corral, user.session.headers["X-API-Key"]))
        os.close(follow)
        said = b""
        try:
            while piece := os.read(lead, 4096):
                said += piece
        except OSError:
            pass
        assert run.wait(60) == 0
        assert bool(re.search(rb"\[#* *\] +\d+% .*MiB, .*iB/s", said)) == shown, said
        os.close(lead)


def test_a_signal_leaves_no_part_of_a_file(corral, user, shell, tmp_path):
    shell("truncate -s 900M f")
    run = subprocess.Popen([corral.home / "bin/corral", "cp", "web:f", tmp_path], env=environ_of(corral, user.session.headers["X-API-Key"]))
    wait_until("it is under way", lambda: any(path.stat().st_size for path in tmp_path.iterdir()))
    run.send_signal(signal.SIGINT)
    assert run.wait(10) == -signal.SIGINT and list(tmp_path.iterdir()) == []


def test_no_archive_on_a_terminal(corral, user, shell):
    lead, follow = pty.openpty()
    done = subprocess.run([corral.home / "bin/corral", "cp", "web:/workspace", "-"], stdout=follow, stderr=subprocess.PIPE,
                          env=environ_of(corral, user.session.headers["X-API-Key"]))
    assert done.returncode == 2 and b"is not written to a terminal" in done.stderr
    os.close(follow)
    os.close(lead)


# --- a server, or a sandbox, that means ill ---

L, H, D, F = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.REGTYPE


def made(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, link, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size, info.mode = kind, link, len(data), 0o6755
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def hostile():
    """Answers each GET of an archive with these bytes."""
    class Handler(BaseHTTPRequestHandler):
        body, short, kind, status = b"", 0, "directory", 200

        def do_HEAD(self):
            self.send_response(Handler.status)
            self.send_header("X-File-Type", Handler.kind)
            self.end_headers()

        def do_GET(self):
            self.do_HEAD_of(len(Handler.body) + Handler.short)
            self.wfile.write(Handler.body)

        def do_PUT(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def do_HEAD_of(self, length):
            self.send_response(Handler.status)
            self.send_header("X-File-Type", Handler.kind)
            self.send_header("Content-Length", str(length))
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Handler.url = f"http://127.0.0.1:{server.server_port}"
    yield Handler
    server.shutdown()


MISSING = "sbx_" + "0" * 26


def test_a_redirect_is_no_answer(cli, hostile, tmp_path):
    """Nothing was copied, whatever stands between the client and the server."""
    hostile.status, hostile.kind, hostile.body = 308, "", b"moved"
    (tmp_path / "f").write_text("f")
    for args in ((tmp_path / "f", f"{MISSING}:/workspace/f"), (f"{MISSING}:/workspace/f", tmp_path / "got"), (f"{MISSING}:/workspace", "-")):
        done = cli("cp", *args, code=1, env={"CORRAL_URL": hostile.url})
        assert done.stdout == b"" and b"308" in done.stderr, (args, done)
    assert not (tmp_path / "got").exists()


def test_names_of_dots(cli, shell, tmp_path):
    shell("mkdir -p /workspace/d/... /workspace/x && chmod 700 /workspace/d/... && echo f >/workspace/f")
    (tmp_path / "out/in").mkdir(parents=True)
    cli("cp", "web:/workspace/d", tmp_path / "out")
    assert (tmp_path / "out/d/...").stat().st_mode & 0o777 == 0o700 and (tmp_path / "out/d").stat().st_mode & 0o777 == 0o755
    cli("cp", "web:/workspace/x/..", tmp_path / "out/in") # a folder whose name is not known: what is in it
    assert (tmp_path / "out/in/f").exists() and sorted(os.listdir(tmp_path / "out")) == ["d", "in"]
    (tmp_path / "in/x").mkdir(parents=True)
    cli("cp", "..", "web:/workspace/x", cwd=tmp_path / "in/x")
    assert shell("ls /workspace/x") == "in\n"


def test_a_folder_that_may_not_be_written(cli, shell):
    """Its mode comes last, or a client that is not root could not fill it."""
    shell("mkdir /workspace/d && echo f >/workspace/d/f && chmod 555 /workspace/d")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chown(folder, 65534, 65534)
        cli("cp", "web:/workspace/d", f"{folder}/got", user=65534, group=65534, cwd="/", env={"HOME": folder})
        assert Path(folder, "got/f").read_text() == "f\n" and Path(folder, "got").stat().st_mode & 0o777 == 0o555


@pytest.mark.parametrize("members", [
    [("../evil", F, "", b"x")], [("/tmp/corral-cp-evil", F, "", b"x")], [("a/../../evil", F, "", b"x")], [("..", D, "", b"")],
    [("l", L, "..", b""), ("l/evil", F, "", b"x")], [("l", L, "..", b""), ("l/d", D, "", b""), ("l/d/evil", F, "", b"x")],
    [("l", L, "../evil", b""), ("h", H, "l", b""), ("h", F, "", b"x")], [("h", H, "../secret", b""), ("h", F, "", b"x")],
    [("h", H, "/etc/passwd", b"")], [("f", tarfile.FIFOTYPE, "", b"")], [("dev", tarfile.CHRTYPE, "", b"")],
    [("there/evil", F, "", b"x")], [("d", D, "", b""), ("d", L, "..", b""), ("d/evil", F, "", b"x")],
    [("\x1b[31m", L, "..", b""), ("\x1b[31m/evil", F, "", b"x")], [("\x1b[31mred\x1b]0;x\x07/../../evil", F, "", b"x")]], ids=range(15))
def test_nothing_gets_out_of_the_folder(cli, hostile, tmp_path, members):
    (tmp_path / "secret").write_text("s")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/there").symlink_to("..")
    hostile.body = made(members)
    said = cli("cp", f"{MISSING}:/x/.", tmp_path / "out", code=1, env={"CORRAL_URL": hostile.url})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "secret"] and (tmp_path / "secret").read_text() == "s"
    assert (tmp_path / "secret").stat().st_nlink == 1 and not os.path.exists("/tmp/corral-cp-evil")
    assert said.stderr.startswith(b"corral: ") and b"\x1b" not in said.stderr and b"\x07" not in said.stderr


def test_links_are_replaced_and_not_written_through(cli, hostile, tmp_path):
    (tmp_path / "secret").write_text("s")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/f").symlink_to("../secret")
    hostile.body = made([("f", F, "", b"x"), ("l", L, "../secret", b""), ("l", F, "", b"y")])
    cli("cp", f"{MISSING}:/x/.", tmp_path / "out", env={"CORRAL_URL": hostile.url})
    assert (tmp_path / "secret").read_text() == "s"
    assert (tmp_path / "out/f").read_text() == "x" and (tmp_path / "out/l").read_text() == "y"
    assert (tmp_path / "out/f").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("body,short,code", [(b"", 0, 1), (b"text" * 1000, 0, 1), (made([("f", F, "", bytes(5000))])[:3000], 0, 1),
                                             (made([("f", F, "", bytes(50000))])[:30000], 10, 3), (made([("f", F, "", b"x")]), 10, 3)],
                         ids=range(5))
def test_an_archive_that_is_none(cli, hostile, tmp_path, body, short, code):
    hostile.body, hostile.short = body, short
    said = cli("cp", f"{MISSING}:/x", tmp_path / "out", code=code, env={"CORRAL_URL": hostile.url})
    assert said.stderr


def test_a_file_that_breaks_off_replaces_nothing(cli, hostile, tmp_path):
    (tmp_path / "f").write_text("before")
    hostile.body, hostile.short, hostile.kind = b"half", 4, "file"
    cli("cp", f"{MISSING}:/x", tmp_path / "f", code=3, env={"CORRAL_URL": hostile.url})
    assert (tmp_path / "f").read_text() == "before" and os.listdir(tmp_path) == ["f"]
    hostile.short = 0
    cli("cp", f"{MISSING}:/x", tmp_path / "f", env={"CORRAL_URL": hostile.url})
    assert (tmp_path / "f").read_text() == "half"
