"""corral run and corral exec: what they print, how they exit, and what they leave behind."""
import json
import re
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from corral import running, wait_until

NOTE = re.compile(r"^corral: sandbox (sbx_\w{26})$", re.M)


def environ_of(corral, key, **more):
    return {**corral.environ, "CORRAL_URL": corral.url, "CORRAL_API_KEY": key, **more}


@pytest.fixture
def cli(corral, user):
    def call(*args, **more):
        more = {"stdin": subprocess.DEVNULL, "text": True, "timeout": 60, **more}
        if "input" in more:
            del more["stdin"]
        env = environ_of(corral, user.session.headers["X-API-Key"], **more.pop("env", {}))
        return subprocess.run([corral.home / "bin/corral", *args], env=env, capture_output=True, **more)
    return call


def live(user):
    return [s["id"] for s in user.good("GET", "/sandbox")["items"]]


CODES = [(["true"], 0), (["sh", "-c", "exit 3"], 3), (["/etc/passwd"], 126), (["/no/such"], 127),
         (["sh", "-c", "kill -TERM $$"], 128 + signal.SIGTERM), (["sh", "-c", "kill -KILL $$"], 128 + signal.SIGKILL)]


def test_exec_exits_as_its_command(cli, user):
    sandbox = user.create(name="web")["id"]
    for command, code in CODES:
        assert cli("exec", sandbox, *command).returncode == code, command
        assert cli("exec", "web", "--", *command).returncode == code, command
    for args in (["exec", "web"], ["exec", "web", "--"], ["exec"], ["exec", "--no-such", "web", "true"], ["exec", "nobody", "true"],
                 ["exec", "sbx_" + "0" * 26, "true"]):
        refused = cli(*args)
        assert (refused.returncode, refused.stdout) == (125, "") and refused.stderr, args
    assert cli("exec", "web", "true", env={"CORRAL_URL": "http://127.0.0.1:1"}).returncode == 125


def test_exec_connects_the_standard_files(cli, user, tmp_path):
    sandbox = user.create()["id"]
    got = cli("exec", sandbox, "sh", "-c", "echo out; echo err >&2")
    assert (got.stdout, got.stderr) == ("out\n", "err\n")
    assert cli("exec", "-e", "A=b c", "-w", "/tmp", sandbox, "sh", "-c", 'echo "$A|$PWD"').stdout == "b c|/tmp\n"
    assert cli("exec", sandbox, "cat", input="piped \u00e9\n").stdout == "piped \u00e9\n"
    raw = bytes(range(256)) * 100
    assert cli("exec", sandbox, "cat", input=raw, text=False).stdout == raw
    (tmp_path / "file").write_bytes(raw)
    with open(tmp_path / "file", "rb") as file:
        assert cli("exec", sandbox, "cat", stdin=file, text=False).stdout == raw
    as_json = json.loads(cli("exec", "--json", sandbox, "sh", "-c", "echo x; exit 4").stdout)
    assert (as_json["stdout"], as_json["exit_code"]) == ("x\n", 4)


def test_an_end_that_is_not_told_is_no_success(cli):
    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "46")
            self.end_headers()
            self.wfile.write(b'{"exit_code": null, "signal": null, "x": "y"}\n')
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        got = cli("exec", "sbx_" + "0" * 26, "true", env={"CORRAL_URL": f"http://127.0.0.1:{server.server_port}"})
        server.shutdown()
    assert got.returncode == 125 and got.stderr, got


def test_time_that_is_up_is_said(cli, user):
    sandbox = user.create()["id"]
    late = cli("exec", "--timeout", "1s", sandbox, "sleep", "100")
    assert late.returncode == 128 + signal.SIGKILL and "killed after 1s" in late.stderr


def test_run_exits_as_its_command_and_ends_the_sandbox(cli, user):
    for command, code in CODES[1:5]:
        assert cli("run", "--rm", "-q", "--", *command).returncode == code, command
    got = cli("run", "--rm", "-e", "A=1", "corral-base:latest", "--", "sh", "-c", "echo $A; echo err >&2")
    assert got.stdout == "1\n" and NOTE.search(got.stderr) and got.stderr.endswith("err\n")
    assert live(user) == []
    quiet = cli("run", "--rm", "--quiet", "--image", "corral-base:latest", "--", "echo", "hi")
    assert (quiet.stdout, quiet.stderr) == ("hi\n", "")


def test_run_without_rm_leaves_the_sandbox(cli, user):
    got = cli("run", "--name", "kept", "--", "sh", "-c", "echo hi >file")
    sandbox = NOTE.search(got.stderr)[1]
    assert got.returncode == 0 and live(user) == [sandbox]
    assert cli("exec", "kept", "cat", "file").stdout == "hi\n"


@pytest.mark.parametrize("args", [["echo", "hi"], ["a", "b", "--", "true"], [], ["--"], ["--no-such", "--", "true"],
                                  ["--image", "a", "b", "--", "true"], ["-it", "--", "true"], ["-t", "--json", "--", "true"], ["--memory", "100G", "--", "true"],
                                  ["198.51.100.9/x", "--", "true"]])
def test_run_that_is_refused(cli, user, args):
    refused = cli("run", *args)
    assert (refused.returncode, refused.stdout) == (125, "") and "corral" in refused.stderr
    assert live(user) == []


def test_an_image_that_cannot_be_had(cli, user):
    refused = cli("run", "-q", "127.0.0.1:1/none", "--", "true")
    assert refused.returncode == 125 and "image_unavailable" in refused.stderr, refused.stderr
    assert live(user) == []


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_sandbox(corral, user, sent):
    env = environ_of(corral, user.session.headers["X-API-Key"])
    with running([corral.home / "bin/corral", "run", "--", "sleep", "1000"], env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        sandbox = NOTE.search(run.stderr.readline())[1]
        wait_until("it runs", lambda: "sleep" in user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["ps", "-o", "comm"]})["stdout"]
                   if user.show(sandbox)["state"] == "running" else None, 20)
        run.send_signal(sent)
        assert run.wait(30) == 128 + sent
    assert user.show(sandbox)["reason"] == "deleted" and live(user) == []


def test_a_signal_before_it_runs_ends_the_sandbox(corral, user):
    env = environ_of(corral, user.session.headers["X-API-Key"])
    with running([corral.home / "bin/corral", "run", "--", "sleep", "1000"], env=env, stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as run:
        sandbox = NOTE.search(run.stderr.readline())[1]
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 128 + signal.SIGTERM
    wait_until("it has ended", lambda: user.show(sandbox)["state"] in ("stopped", "failed"), 20)


def test_a_signal_ends_a_command_that_exec_runs(corral, user):
    sandbox = user.create()["id"]

    def processes():
        return user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["ps", "-o", "args"]})["stdout"]

    env = environ_of(corral, user.session.headers["X-API-Key"])
    with running([corral.home / "bin/corral", "exec", sandbox, "sleep", "1000"], env=env, stdin=subprocess.DEVNULL) as run:
        wait_until("it runs", lambda: "sleep 1000" in processes(), 20)
        run.send_signal(signal.SIGINT)
        assert run.wait(30) == -signal.SIGINT
    wait_until("it has ended", lambda: "sleep 1000" not in processes(), 10)
    assert live(user) == [sandbox]


def test_a_sandbox_that_ends_meanwhile_says_why(cli, user):
    got = cli("run", "--lifetime", "3s", "--", "sleep", "100")
    assert got.returncode in (125, 137) and "expired" in got.stderr, got
