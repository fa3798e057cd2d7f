"""How the command line prints, whom it means by a name, and what it offers after Tab."""
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time

import pytest
from corral import ROOT


def environ_of(corral, key, **more):
    return {**corral.environ, "CORRAL_URL": corral.url, "CORRAL_API_KEY": key, "TERM": "xterm", **more}


@pytest.fixture
def cli(corral, user):
    def call(*args, **env):
        return subprocess.run([corral.home / "bin/corral", *args], env=environ_of(corral, user.session.headers["X-API-Key"], **env),
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    return call


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, program, *args, columns, env):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
                os.execve(program, [program, *args], env)
            finally:
                os._exit(99)
        self.shown = b""

    def read(self, until=None, seconds=30):
        """What was shown to the end, or until a text has come so many times."""
        end = time.monotonic() + seconds
        while until is None or self.shown.count(until[0]) < until[1]:
            assert time.monotonic() < end, self.shown
            if not select.select([self.fd], [], [], 0.5)[0]:
                continue
            try:
                got = os.read(self.fd, 65536)
            except OSError:
                break
            if not got:
                break
            self.shown += got
        return self.shown.decode()

    def end(self):
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return code


def on_terminal(corral, user, *args, columns=80, **env):
    terminal = Terminal(str(corral.home / "bin/corral"), *args, columns=columns,
                        env=environ_of(corral, user.session.headers["X-API-Key"], **env))
    shown = terminal.read()
    assert terminal.end() == 0, shown
    return shown.replace("\r\n", "\n")


# --- whom a name means ---

def test_by_id_prefix_and_name(cli, user):
    web, other = user.create(name="web")["id"], user.create(name="other")["id"]
    common = os.path.commonprefix([web, other])
    for text in (web, web[:len(common) + 1], "web"):
        assert json.loads(cli("show", text, "--json").stdout)["id"] == web, text
        assert cli("pause", text, "-q").returncode == 0 and cli("resume", text).stdout == text + "\n"
    ambiguous = cli("show", common)
    assert ambiguous.returncode == 1 and "ambiguous" in ambiguous.stderr and web in ambiguous.stderr and other in ambiguous.stderr
    for text in ("we", "WEB", "sbx_", web[4:12], ""):
        nobody = cli("show", text)
        assert (nobody.returncode, nobody.stdout) == (1, ""), text


def test_names_that_several_have(cli, user):
    first, second = user.create(name="twin")["id"], user.create(name="twin")["id"]
    both = cli("rm", "twin")
    assert both.returncode == 1 and first in both.stderr and second in both.stderr
    assert cli("rm", first).stdout == first + "\n"
    assert json.loads(cli("show", "twin", "-o", "json").stdout)["id"] == second, "a live one comes first"
    assert cli("rm", "twin", "nobody").returncode == 1 and cli("ls", "-q").stdout == ""
    mimic = user.create()["id"]
    user.create(name=mimic[:20])
    assert "ambiguous" in cli("rm", mimic[:20]).stderr, "a name that looks like another's id takes nothing over"
    assert json.loads(cli("show", mimic, "--json").stdout)["id"] == mimic


# --- what is printed ---

def test_create_prints_the_id_alone(cli, user):
    made = cli("create")
    assert re.fullmatch(r"sbx_\w{26}\n", made.stdout) and made.stderr == ""
    assert json.loads(cli("create", "-o", "json").stdout)["state"] == "running"


def test_json_is_what_the_api_says(cli, user):
    sandbox = user.create(name="web", labels={"a": "b"})["id"]
    assert json.loads(cli("show", "web", "-o", "json").stdout) == user.show(sandbox)
    assert json.loads(cli("ls", "--json").stdout) == user.good("GET", "/sandbox")
    assert cli("ls", "-q").stdout == sandbox + "\n"


def test_filters(cli, user):
    web, other = user.create(name="web", labels={"tier": "a=b"}, pids=64)["id"], user.create(name="other", labels={"tier": "c"})["id"]
    ended = user.create(name="ended")["id"]
    user.delete(ended)
    for filters, found in ((["name=web"], {web}), (["name=w*"], {web}), (["name=web", "name=other"], {web, other}), (["label=tier"], {web, other}),
                           (["label=tier=a=b"], {web}), (["label=tier", "name=other"], {other}), (["limits.pids=64"], {web}),
                           (["state=stopped"], {ended}), (["reason=deleted"], {ended}), (["state=running", "name=x"], set())):
        got = cli("ls", "-q", *(word for text in filters for word in ("--filter", text)))
        assert set(got.stdout.split()) == found, (filters, got)
    assert cli("ls", "--filter", "nam=web").returncode == 2 and cli("ls", "--filter", "name").returncode == 2


@pytest.mark.parametrize("columns", [200, 100, 80, 60, 40])
def test_a_table_fits_the_terminal(corral, user, columns):
    sandbox = user.create(name="\u5317\u4eac" * 12 + "\U0001f600")["id"]
    shown = on_terminal(corral, user, "ls", columns=columns, NO_COLOR="1")
    lines = shown.splitlines()
    assert "\033" not in shown and len(lines) == 2
    for line in lines:
        wide = sum(2 if ord(c) >= 0x2e80 else 1 for c in line)
        assert wide <= columns, (wide, line)
    assert sandbox[:20] in shown and lines[0].split()[0] == "ID" and "STATE" in lines[0]
    assert ("\u2026" in shown) == (60 <= columns < 160), "where there is hardly any room, the columns that matter less are left out"


def test_colours_only_where_they_are_asked_for(corral, user, cli):
    user.create()
    assert "\033[32m" in on_terminal(corral, user, "ls")
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\033" not in on_terminal(corral, user, "ls", **env)
    assert "\033" not in cli("ls").stdout


def test_no_verb_takes_i_and_t_for_anything_else(cli):
    page = (ROOT / "docs/cli.md").read_text()
    assert set(re.findall(r"^  -[it], (--\w+)", page, re.M)) <= {"--interactive", "--tty"}


# --- stats, again and again ---

def test_watching_in_lines(cli, user):
    sandbox = user.create(name="web")["id"]
    user.stats(sandbox)
    got = cli("stats", "--watch", "--count", "3", "--interval", "1s", "web")
    lines = got.stdout.splitlines()
    assert lines[0].startswith("TIME") and [line.split()[1] for line in lines[1:]] == [sandbox] * 3 and "\033" not in got.stdout
    documents = cli("stats", "--watch", "--count", "2", "--interval", "1s", "--json").stdout.splitlines()
    assert [json.loads(line)["sandbox_id"] for line in documents] == [sandbox] * 2
    assert cli("stats", "--interval", "1s").returncode == 2


@pytest.mark.parametrize("end", ["q", "\x03"])
def test_watching_on_a_terminal(corral, user, end):
    sandbox = user.create()["id"]
    user.stats(sandbox)
    terminal = Terminal(str(corral.home / "bin/corral"), "stats", "--watch", "--interval", "1s", columns=120,
                        env=environ_of(corral, user.session.headers["X-API-Key"]))
    terminal.read((sandbox.encode(), 2))
    os.write(terminal.fd, end.encode())
    shown = terminal.read()
    assert terminal.end() == 0 and shown.count("\033[H\033[2J") >= 2 and shown.endswith("\033[?25h"), shown


def test_watching_ends_with_the_sandbox(cli, user):
    sandbox = user.create(lifetime_seconds=3)["id"]
    ended = cli("stats", "--watch", "--interval", "1s", sandbox)
    assert ended.returncode == 1


# --- profiles ---

def test_profiles(corral, user, tmp_path):
    env = {name: value for name, value in corral.environ.items() if not name.startswith("CORRAL_") and name != "XDG_CONFIG_HOME"}
    env["HOME"] = str(tmp_path)

    def says(*args, key=None, **more):
        return subprocess.run([corral.home / "bin/corral", *args], env={**env, **more}, input=key and key + "\n", capture_output=True, text=True,
                              timeout=60)

    mine = user.session.headers["X-API-Key"]
    assert says("login", corral.url, "--profile", "boss", key=corral.admin_key).returncode == 0
    assert says("login", corral.url, key=mine).returncode == 0
    for kept in ("boss", "default"):
        assert (tmp_path / f".config/corral/profiles/{kept}.json").stat().st_mode & 0o777 == 0o600
    who = {name: json.loads(says("quota", "--json", *args, **more).stdout)["user"]["id"] for name, args, more in (
        ("default", (), {}), ("option", ("--profile", "boss"), {"CORRAL_API_KEY": mine, "CORRAL_URL": "http://127.0.0.1:1"}),
        ("variable", (), {"CORRAL_PROFILE": "boss"}), ("key", (), {"CORRAL_PROFILE": "boss", "CORRAL_API_KEY": mine, "CORRAL_URL": corral.url}))}
    assert who["default"] == who["key"] == user.user_id and who["option"] == who["variable"] != user.user_id
    assert says("profile", "ls", "-q").stdout.split() == ["boss", "default"]
    assert says("profile", "rm", "boss").returncode == 0
    gone = says("quota", "--profile", "boss")
    assert gone.returncode == 2 and "no profile boss" in gone.stderr
    for name in ("../x", "", ".x", "a/b"):
        assert says("login", corral.url, "--profile", name, key=mine).returncode == 1, name
    assert list(tmp_path.glob("**/*.json")) == [tmp_path / ".config/corral/profiles/default.json"]


# --- completion ---

def offered(cli, *words):
    return [line.split("\t")[0] for line in cli("__complete", *words).stdout.splitlines()]


def test_what_is_offered(cli, user):
    web = user.create(name="web")["id"]
    assert offered(cli, "ru") == ["run"] and offered(cli, "node", "l") == ["ls"] and "node" in offered(cli, "")
    assert offered(cli, "show", "") == [web, "web"] and offered(cli, "show", web[:8]) == [web]
    assert offered(cli, "show", "web", "") == [] and offered(cli, "rm", "web", "w") == ["web"]
    option = user.create(name="--json")["id"]
    assert offered(cli, "show", "") == [option, web, "web"] or offered(cli, "show", "") == [web, "web", option]
    user.delete(option)
    assert offered(cli, "exec", "-e", "A=1", "w") == ["web"] and offered(cli, "exec", "web", "") == []
    assert offered(cli, "create", "--image", "corral") == ["corral-base:latest"] == offered(cli, "run", "corral")
    assert offered(cli, "ls", "--output=j") == ["--output=json"] and offered(cli, "ls", "-o", "") == ["table", "json"]
    assert offered(cli, "ls", "--st") == ["--state"] and offered(cli, "run", "--", "--") == []
    away = cli("__complete", "show", "", CORRAL_URL="http://127.0.0.1:1")
    assert (away.returncode, away.stdout, away.stderr) == (0, "", "")


BASH = r"""
. <(corral completion bash)
COMP_LINE=$1 COMP_POINT=${#1}; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_corral
printf '%s\n' "${COMPREPLY[@]}"
"""


def test_bash_completes(corral, user):
    user.create(name="my web")
    env = environ_of(corral, user.session.headers["X-API-Key"], PATH=f"{corral.home}/bin:/usr/bin:/bin")

    def completed(*words, line=None):
        return subprocess.run(["bash", "-c", BASH, "bash", line or " ".join(words), *words], env=env, capture_output=True, text=True,
                              timeout=60).stdout.split("\n")[:-1]

    assert completed("corral", "ru") == ["run"]
    assert completed("corral", "show", "my") == ["my\\ web"]
    assert completed("corral", "create", "--image", "=", "cor", line="corral create --image=cor") == ["corral-base:latest"]
    assert completed("corral", "run", "corral-base", ":", "la", line="corral run corral-base:la") == ["latest"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_of_their_shell(corral, cli, shell):
    script = cli("completion", shell)
    assert script.returncode == 0
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell} here")
    assert subprocess.run([shell, "-n"], input=script.stdout, text=True, capture_output=True, timeout=30).stderr == ""
    assert cli("completion", "csh").returncode == 2


def test_fish_completes(corral, user):
    if not shutil.which("fish"):
        pytest.skip("there is no fish here")
    user.create(name="web")
    env = environ_of(corral, user.session.headers["X-API-Key"], PATH=f"{corral.home}/bin:/usr/bin:/bin", HOME="/nonexistent")
    got = subprocess.run(["fish", "-c", "corral completion fish | source; complete -C 'corral show w'; complete -C 'corral node l'"], env=env,
                         capture_output=True, text=True, timeout=60).stdout
    assert [line.split("\t")[0] for line in got.splitlines()] == ["web", "ls"]


def test_zsh_completes(corral, user, tmp_path):
    if not shutil.which("zsh"):
        pytest.skip("there is no zsh here")
    sandbox = user.create(name="website")["id"]
    env = environ_of(corral, user.session.headers["X-API-Key"], PATH=f"{corral.home}/bin:/usr/bin:/bin", HOME=str(tmp_path), ZDOTDIR=str(tmp_path))
    (tmp_path / ".zshrc").write_text("PS1='ready> '\nautoload -U compinit && compinit -u -D\n. <(corral completion zsh)\n")
    terminal = Terminal(shutil.which("zsh"), "-i", columns=120, env=env)
    terminal.read((b"ready> ", 1))
    os.write(terminal.fd, b"corral show web\t")
    terminal.read((b"website", 1))
    os.write(terminal.fd, b" -o json\n")
    shown = terminal.read((f'"id": "{sandbox}"'.encode(), 1))
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.end()
    assert sandbox in shown
