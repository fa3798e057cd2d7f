"""corral shell and corral exec -it, in a terminal of their own; and corral ps."""
import hashlib
import json
import os
import signal
import subprocess

import pytest
from corral import wait_until
from terminal import Terminal

NOBODY = "sbx_" + "0" * 26


@pytest.fixture
def sandbox(user):
    return user.create(name="web")["id"]


@pytest.fixture
def environ(corral, user):
    return {**corral.environ, "CORRAL_URL": corral.url, "CORRAL_API_KEY": user.session.headers["X-API-Key"]}


@pytest.fixture
def terminal(corral, environ):
    """Begins corral in a terminal."""
    there = []

    def begin(*args, env=None, **more):
        t = Terminal([corral.home / "bin/corral", *args], {**environ, **(env or {})}, **more)
        there.append(t)
        return t
    yield begin
    for t in there:
        t.close()


def processes(user, sandbox):
    return user.good("GET", f"/sandbox/{sandbox}/processes")["items"]


def run(user, sandbox, script):
    return user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["sh", "-c", script]}, status=200)["stdout"]


def prompt(t):
    """The shell is there."""
    t.type("echo re''ady\r")
    t.until("ready\r\n")


# --- from start to end ---

def test_a_shell(terminal, sandbox):
    t = terminal("shell", "web", rows=30, columns=100)
    prompt(t)
    assert t.is_raw()
    t.type("echo $((6*7)) $(tty) $(stty size) $TERM\r")
    t.until("42 /dev/pts/0 30 100 xterm-256color\r\n")
    t.size(50, 120)
    t.type("stty size\r")
    t.until("50 120\r\n")
    t.type("exit 7\r")
    assert t.ended() == 7


def test_a_command(terminal, sandbox):
    t = terminal("shell", sandbox, "--", "sh", "-c", "echo \"$0 $1\"; exit 3", "a b", "c&d")
    assert t.ended() == 3 and b"a b c&d\r\n" in t.output
    assert terminal("shell", sandbox, "sh", "-c", "kill -KILL $$").ended() == 128 + signal.SIGKILL
    assert terminal("shell", sandbox, "true").ended() == 0


def test_control_keys_go_inside(terminal, user, sandbox):
    t = terminal("shell", "web")
    prompt(t)
    t.type("sleep 1000\r")
    wait_until("it sleeps", lambda: "sleep 1000" in run(user, sandbox, "ps -o args"))
    t.type("\x03")
    t.type("echo after=$?\r")
    t.until("after=130")
    t.type("sleep 1000\r")
    wait_until("it sleeps", lambda: "sleep 1000" in run(user, sandbox, "ps -o args"))
    t.type("\x1a")
    t.type("jobs; echo do''ne; kill %1\r")
    assert "sleep 1000" in t.until("done")
    t.type("\x1c\x04")
    t.type("\x04")
    t.ended()


def test_much_output_and_much_input(terminal, user, sandbox):
    t = terminal("shell", sandbox, "--", "sh", "-c", "stty -opost -echo -icanon; echo begin; head -c 300000 | sha256sum; seq 200000")
    t.until("begin\n")
    piece = b"0123456789\n" * 100
    sent = 0
    while sent < 300000:
        some = piece[:300000 - sent]
        t.type(some)
        sent += len(some)
    digest = hashlib.sha256((piece * 273)[:300000]).hexdigest()
    t.until(digest, 40)
    assert t.ended(60) == 0
    assert t.output.endswith(b"".join(b"%d\n" % i for i in range(1, 200001)))


# --- who is refused ---

def test_no_terminal(corral, environ, sandbox):
    for args, code in ((["shell", sandbox], 2), (["exec", "-it", sandbox, "true"], 125)):
        got = subprocess.run([corral.home / "bin/corral", *args], env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        assert got.returncode == code and "not a TTY" in got.stderr and "corral exec" in got.stderr, got


@pytest.mark.parametrize("args,env,code,says", [
    (["shell", "nobody"], {}, 1, "nobody"),
    (["shell", NOBODY], {}, 1, "not_found"),
    (["shell", "--pid", "99999", "web"], {}, 1, "not_found"),
    (["shell", "web"], {"CORRAL_API_KEY": "crl_wrong"}, 1, "unauthenticated"),
    (["shell", NOBODY], {"CORRAL_API_KEY": "crl_wrong"}, 1, "unauthenticated"),
    (["shell", NOBODY], {"CORRAL_URL": "http://127.0.0.1:1"}, 3, "does not answer"),
    (["shell", "--escape", "ab", "web"], {}, 2, "escape"),
    (["shell", "--pid", "1", "web", "--", "sh"], {}, 2, "pid"),
    (["exec", "-it", NOBODY, "true"], {}, 125, "not_found"),
    (["exec", "-it", "web", "/no/such"], {}, 127, ""),
])
def test_who_is_refused(terminal, sandbox, args, env, code, says):
    t = terminal(*args, env=env)
    assert t.ended() == code and says.encode() in t.output, t.output


def test_an_administrator(corral, terminal, user, sandbox):
    admin = {"CORRAL_API_KEY": corral.admin_key}
    assert terminal("shell", sandbox, "true", env=admin).ended() == 1
    assert terminal("shell", "--admin-access", sandbox, "--", "sh", "-c", "exit 5", env=admin).ended() == 5
    assert terminal("exec", "-it", "--admin-access", sandbox, "sh", "-c", "exit 6", env=admin).ended() == 6
    t = terminal("exec", "-t", "--admin-access", sandbox, "sleep", "1000", env=admin)
    wait_until("it runs", lambda: any(p["state"] == "running" for p in processes(user, sandbox)), 20)
    t.signal(signal.SIGTERM)
    assert t.ended() == 128 + signal.SIGTERM
    listed = json.loads(corral.cli("ps", "--admin-access", "--json", sandbox).stdout)["items"]
    assert [(p["exit_code"], p["signal"]) for p in listed] == [(5, None), (6, None), (None, 9)]


# --- the escape key ---

def test_the_escape_key(terminal, user, sandbox):
    t = terminal("shell", "web")
    prompt(t)
    t.type("echo a~. ~~\r")
    t.until(r"a~\. ~~\r\n")
    t.type("~~; echo $?\r")
    t.until("126\r\n") # a folder
    t.type("\r~?")
    t.until("leaves")
    t.type("\r~.")
    assert t.ended() == 0
    [shell] = processes(user, sandbox)
    assert shell["state"] == "running" and f"--pid {shell['pid']}".encode() in t.output
    again = terminal("shell", "--pid", str(shell["pid"]), "web", rows=44, columns=111)
    again.until(r"a~\. ~~\r\n") # what was printed before
    again.type("stty size\r")
    again.until("44 111\r\n")
    again.type("exit 5\r")
    assert again.ended() == 5


def test_a_process_without_a_terminal(terminal, user, sandbox):
    pid = user.good("POST", f"/sandbox/{sandbox}/processes", {"command": ["sleep", "1000"]})["pid"]
    t = terminal("shell", "--pid", str(pid), "web")
    assert t.ended() == 1 and b"has no terminal" in t.output


def test_no_escape_key(terminal, sandbox):
    t = terminal("shell", "--escape", "none", sandbox, "--", "cat")
    t.type("~.\r")
    t.until(r"~\.\r\n~\.\r\n")
    t.type("\x04")
    assert t.ended() == 0
    t = terminal("shell", "--escape", "%", sandbox, "--", "cat")
    t.type("%.")
    assert t.ended() == 0


# --- signals ---

@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_from_outside(terminal, user, sandbox, signo):
    t = terminal("shell", sandbox)
    prompt(t)
    assert t.is_raw()
    t.signal(signo)
    assert t.ended() == 128 + signo
    assert processes(user, sandbox)[0]["state"] == "running" # it may be come back to


def test_stop_and_go_on(terminal, environ, corral, sandbox):
    """The client is a job of a shell of this machine."""
    t = Terminal(["bash", "--norc", "-i"], {**environ, "PS1": "outer> ", "PATH": os.environ["PATH"]})
    try:
        t.type("set +o emacs; echo be''gin\r")
        t.until("begin\r\n")
        t.type(f"{corral.home}/bin/corral shell web\r")
        prompt(t)
        wait_until("it is raw", t.is_raw)
        for how in ("\r~\x1a", signal.SIGTSTP):
            if isinstance(how, str):
                t.type(how)
            else:
                pid = int(subprocess.run(["pgrep", "-P", str(t.process.pid)], capture_output=True, text=True).stdout)
                os.kill(pid, how)
            t.until("Stopped")
            wait_until("it is as before", t.is_as_before)
            t.type("echo ou''ter\r")
            t.until("outer\r\n")
            t.size(33, 99)
            t.type("fg\r")
            wait_until("it is raw again", t.is_raw)
            t.type("stty size\r")
            t.until("33 99\r\n")
        t.type("exit 4\r")
        t.until("outer> ")
        t.type("echo code=$?; exit\r")
        t.until("code=4")
        assert t.ended() == 0
    finally:
        t.close()


# --- the connection ends ---

SCRIPT = "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); sleep 0.03; done; read x; echo got $x; exit 6"


@pytest.mark.parametrize("what,signo,verb", [("controller", signal.SIGTERM, "shell"), ("controller", signal.SIGKILL, "shell"),
                                             ("controller", signal.SIGTERM, "exec"), ("agent", signal.SIGTERM, "shell")])
def test_a_restart(corral, terminal, sandbox, what, signo, verb):
    t = terminal(verb, *(["-it"] if verb == "exec" else []), sandbox, "--", "sh", "-c", SCRIPT)
    t.until("line 20\r\n")
    t.output = b""
    pid = corral.pid(what)
    corral.kill(what, signo)
    wait_until("it has ended", lambda: not os.path.exists(f"/proc/{pid}") or open(f"/proc/{pid}/stat").read().split()[2] == "Z")
    corral.restart(what)
    t.until("coming back")
    t.until("connected again", 40)
    t.until("line 299\r\n", 30)
    t.type("kept\r")
    assert t.ended() == 6 and b"got kept" in t.output


def test_nothing_is_lost_and_nothing_comes_twice(corral, terminal, sandbox):
    with open(corral.home / "errors", "wb") as errors:
        t = terminal("shell", sandbox, "--", "sh", "-c", SCRIPT, stderr=errors)
        while b"line 50\r\n" not in t.output:
            t.step(1)
        corral.kill("controller")
        corral.restart("controller")
        while b"line 299\r\n" not in t.output:
            t.step(1)
        t.type("x\r")
        assert t.ended() == 6
    assert t.output == b"".join(b"line %d\r\n" % i for i in range(300)) + b"x\r\ngot x\r\n"
    assert "connected again" in (corral.home / "errors").read_text()


def test_giving_up(corral, terminal, user, sandbox):
    t = terminal("shell", sandbox)
    prompt(t)
    corral.kill("controller")
    try:
        t.until("coming back")
        t.type("\x03")
        assert t.ended() == 3
    finally:
        corral.restart("controller")


def test_the_sandbox_ends(terminal, user, sandbox):
    t = terminal("shell", sandbox)
    prompt(t)
    user.delete(sandbox)
    assert t.ended() == 1 and b"the sandbox has ended" in t.output


def test_a_revoked_key(corral, terminal, user, sandbox):
    key = corral.key(user.user_id, "short")
    t = terminal("shell", sandbox, env={"CORRAL_API_KEY": key["key"]})
    prompt(t)
    corral.admin.good("DELETE", f"/sandbox/system/users/{user.user_id}/keys/{key['id']}")
    assert t.ended() == 1 and b"API key" in t.output


# --- exec ---

def test_exec_in_a_terminal(terminal, user, sandbox):
    t = terminal("exec", "-it", "-e", "A=b c", "-w", "/tmp", "web", "sh", "-c", 'echo "$A|$PWD|$TERM|$(stty size)"; read x; echo "<$x>"; exit 9', rows=20, columns=70)
    t.until(r"b c\|/tmp\|xterm-256color\|20 70\r\n")
    t.type("typed\r")
    t.until("<typed>\r\n")
    assert t.ended() == 9


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("flags", ["-it", "-t"])
def test_a_signal_kills_what_exec_runs(terminal, user, sandbox, signo, flags):
    t = terminal("exec", flags, sandbox, "sh", "-c", "(setsid sleep 1000 &); echo be''gin; sleep 1000")
    t.until("begin")
    t.signal(signo)
    assert t.ended() == 128 + signo
    assert processes(user, sandbox)[0]["state"] == "exited"
    assert run(user, sandbox, "ps -o args | grep -c '^sleep 1000' || true").strip() == "0"


def test_exec_with_a_terminal_but_no_input(corral, environ, sandbox):
    got = subprocess.run([corral.home / "bin/corral", "exec", "-t", sandbox, "sh", "-c", "tty; stty size; exit 4"], env=environ,
                         stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    assert (got.returncode, got.stdout, got.stderr) == (4, b"/dev/pts/0\r\n24 80\r\n", b"")


def test_a_time_limit(terminal, sandbox):
    t = terminal("exec", "-it", "--timeout", "1s", sandbox, "sleep", "1000")
    assert t.ended() == 128 + signal.SIGKILL and b"killed after 1s" in t.output


# --- ps ---

def test_ps(corral, user, sandbox):
    def ps(*args):
        return corral.cli("ps", *args, key=user.session.headers["X-API-Key"])
    user.good("POST", f"/sandbox/{sandbox}/processes", {"command": ["sh", "-c", "exit 3"], "tag": "short"})
    user.good("POST", f"/sandbox/{sandbox}/processes", {"command": ["sleep", "1000"], "tty": {"rows": 10, "columns": 20}})
    wait_until("one has ended", lambda: processes(user, sandbox)[0]["state"] == "exited")
    pids = [str(p["pid"]) for p in processes(user, sandbox)]
    assert ps("-q", "web").stdout.split() == pids
    head, ended, live = ps("web").stdout.splitlines()
    assert head.split() == ["PID", "STATE", "TTY", "STARTED", "EXIT", "SIGNAL", "TAG", "COMMAND"]
    assert ended.split()[:3] == [pids[0], "exited", "-"] and "short" in ended and "3" in ended and "sh -c exit 3" in " ".join(ended.split())
    assert live.split()[:3] == [pids[1], "running", "20x10"] and live.endswith("sleep 1000")
    assert [p["pid"] for p in json.loads(ps("-o", "json", "web").stdout)["items"]] == [int(p) for p in pids]
    assert ps("-q", "--filter", "state=running", "web").stdout.split() == pids[1:]
    assert ps("nobody").returncode == 1
