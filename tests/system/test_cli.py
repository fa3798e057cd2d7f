"""The command line: what people type, and where their key is sent."""
import json
import os
import socket
import subprocess

import pytest


def run(corral, *args, key=None, url=None, **env):
    environ = {**corral.environ, "CORRAL_URL": url or corral.url, "CORRAL_API_KEY": key or corral.admin_key, **env}
    return subprocess.run([corral.home / "bin/corral", *args], env=environ, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy"])
def test_a_key_for_this_machine_goes_through_no_proxy(corral, variable):
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0.2)
        env = {variable: f"http://127.0.0.1:{proxy.getsockname()[1]}", "no_proxy": "example.com"}
        for host in ("127.0.0.1", "localhost"):
            assert run(corral, "quota", url=f"http://{host}:{corral.port}", **env).returncode == 0
        with pytest.raises(TimeoutError):
            proxy.accept()


def test_a_proxy_that_fails_is_named_without_its_password(corral):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    refused = run(corral, "quota", url="http://corral.example:3000", http_proxy=f"http://me:secret@127.0.0.1:{port}")
    assert refused.returncode == 3
    assert f"($http_proxy names the proxy 127.0.0.1:{port})" in refused.stderr and "secret" not in refused.stderr


def test_one_form_of_labels_sizes_and_times(corral, user):
    key = user.session.headers["X-API-Key"]
    made = run(corral, "create", "--label", "a=b=c", "--label", "d:e", "--memory", "0.0625G", "--cpu", "0.5", "--lifetime", "1h30m",
               "--json", key=key)
    sandbox = json.loads(made.stdout)
    assert sandbox["labels"] == {"a": "b=c", "d": "e"}
    assert (sandbox["limits"]["memory_bytes"], sandbox["limits"]["cpu_millis"]) == (64 << 20, 500)
    for form in ("a=b=c", "a:b=c"):
        assert run(corral, "ls", "-q", "--label", form, key=key).stdout.split() == [sandbox["id"]]
    assert run(corral, "ls", "-q", "--label", "a=x", key=key).stdout == ""
    refused = run(corral, "create", "--cpu", "half", key=key)
    assert refused.returncode == 2 and "0.5" in run(corral, "create", "--help").stdout


def test_stats_of_all_own(corral, user):
    key = user.session.headers["X-API-Key"]
    assert json.loads(run(corral, "stats", "--json", key=key).stdout) == []
    ids = {user.create(memory_bytes=64 << 20)["id"] for _ in range(2)}
    for sandbox in ids:
        user.stats(sandbox)
    assert {s["sandbox_id"] for s in json.loads(run(corral, "stats", "--json", key=key).stdout)} == ids
    assert not {s["sandbox_id"] for s in json.loads(run(corral, "stats", "--json").stdout)} & ids, "an administrator's are others"


def test_a_refusal_is_said_once(corral, user):
    for size, sentence in (("1K", "must be"), ("100G", "your tier allows")):
        refused = run(corral, "create", "--memory", size, key=user.session.headers["X-API-Key"])
        assert refused.returncode == 1 and refused.stderr.count(sentence) == 1 and "memory_bytes" in refused.stderr, refused.stderr


def test_the_env_file_speaks_of_this_installation(corral):
    doctor = subprocess.run(["bash", "-c", f". {corral.home}/env && echo $CORRAL_HOME && corral-agent doctor"],
                            env=corral.environ, capture_output=True, text=True, timeout=60)
    assert doctor.stdout.splitlines()[0] == str(corral.home) and "docker.sock" not in doctor.stdout.replace(str(corral.home), "")
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr


OBEYED = set("\u001b\u007f\u009b\u0085\u202e\u2066")


def test_a_refusal_is_shown_and_not_obeyed(corral):
    """The message names the value that was sent."""
    for args in ((), ("--json",)):
        refused = corral.cli("create", "--label", "a\u009b31mb\u202e=c", *args)
        assert refused.returncode == 1 and "/labels/a" in refused.stderr, refused.stderr
        assert not set(refused.stderr) & OBEYED, refused.stderr


def test_a_name_is_shown_and_not_obeyed(corral, user):
    """Names that other users gave their sandboxes appear on an administrator's terminal without escape
    sequences, also of C1, and without reversed text."""
    sandbox = user.create(labels={"k": "\u001b[2Jx\u0085y\u007f"})
    corral.sql(f"update sandboxes set name = 'a\u009b31mb\u202ec\u2066d\u00e9' where id = '{sandbox['id']}'") # a name that is no longer accepted
    for args in (("ls",), ("show", sandbox["id"])):
        shown = corral.cli(*args)
        assert shown.returncode == 0, shown.stderr
        assert "a?31mb?c?d\u00e9" in shown.stdout
        assert not set(shown.stdout) & OBEYED, shown.stdout
        as_json = corral.cli(*args, "--json").stdout
        assert not set(as_json) & OBEYED, as_json
        found = json.loads(as_json)
        found = next(s for s in found.get("items", [found]) if s["id"] == sandbox["id"])
        assert (found["name"], found["labels"]) == ("a\u009b31mb\u202ec\u2066d\u00e9", {"k": "\u001b[2Jx\u0085y\u007f"})


def test_lines_of_a_log_are_shown_and_not_obeyed(corral, user):
    """Lines of JSON, as all JSON; the plain text is the bytes that were written."""
    text = "a\u009b31mb\u202ec\u001b[2J"
    sandbox = user.create(command=["printf", "%s\n%s", text, text])["id"]
    user.wait(sandbox, "stopped")
    shown = corral.cli("logs", "--json", sandbox, key=key_of(user)).stdout
    assert not set(shown) & OBEYED, shown
    assert [json.loads(line)["text"] for line in shown.splitlines()] == [text, text]
    assert corral.cli("logs", sandbox, key=key_of(user)).stdout == f"{text}\n{text}\n"


def key_of(user):
    return user.session.headers["X-API-Key"]


@pytest.mark.parametrize("args", [["create", "--name", b"a\xff"], ["create", "sh", "-c", b"rm \xe9"], ["create", "--env", b"A=\xc3"],
                                  ["show", b"\xf0\x9f"]], ids=["name", "command", "env", "path"])
def test_words_that_are_no_text_are_refused(corral, user, args):
    """An argument that is no text is not left out: the command would run without it."""
    refused = run(corral, *(os.fsdecode(a) for a in args), key=key_of(user))
    assert refused.returncode == 2 and "UTF-8" in refused.stderr, refused
    assert user.good("GET", "/sandbox?all=true")["items"] == []


@pytest.mark.parametrize("redirect,said", [(">&-", True), (">/dev/full", True), (">&- 2>&-", False), ("<&- >&-", True)])
def test_output_that_is_closed(corral, user, redirect, said):
    """No socket may take the number of a closed stdout: the answer would be written to the server."""
    sandbox = user.create()["id"]
    for args in (f"show {sandbox}", "ls --json", "--help", "ls --help", "--version"):
        shell = subprocess.run(["bash", "-c", f"{corral.home}/bin/corral {args} {redirect}"], capture_output=True, text=True, timeout=60,
                               env={**corral.environ, "CORRAL_URL": corral.url, "CORRAL_API_KEY": key_of(user)})
        assert shell.returncode == 1 and ("cannot write the answer" in shell.stderr) == said, (args, shell)
        assert "does not answer" not in shell.stderr
    refused = subprocess.run(["bash", "-c", f"{corral.home}/bin/corral show sbx_{'0' * 26} 2>&-"], capture_output=True, text=True,
                             env={**corral.environ, "CORRAL_URL": corral.url, "CORRAL_API_KEY": key_of(user)}, timeout=60)
    assert (refused.returncode, refused.stdout) == (1, "")


def test_json_is_one_document(corral, user):
    ids = [user.create()["id"] for _ in range(2)]
    for verb, states in (("pause", "paused"), ("resume", "running")):
        assert [s["state"] for s in json.loads(run(corral, verb, *ids, "--json", key=key_of(user)).stdout)] == [states] * 2
        assert json.loads(run(corral, verb, ids[0], "--json", key=key_of(user)).stdout)["id"] == ids[0]
    third = user.create()["id"]
    assert json.loads(run(corral, "rm", third, "--json", key=key_of(user)).stdout) == {"id": third}
    assert json.loads(run(corral, "rm", *ids, "--json", key=key_of(user)).stdout) == [{"id": i} for i in ids]


def test_what_is_long_is_whole_or_says_that_it_is_not(corral, user):
    """Long text is shown whole or with a mark where it is cut, and never cut within a character."""
    name, value = "\u5317" + "\U0001f600" * 62, "\U0001f600" * 200 + "\x9b\u202e" + "\u5317" * 50
    sandbox = user.create(name=name, labels={"long": value})
    env = {**corral.environ, "CORRAL_URL": corral.url, "CORRAL_API_KEY": key_of(user), "LC_ALL": "C"}
    listed = subprocess.run([corral.home / "bin/corral", "ls"], capture_output=True, timeout=60, env=env).stdout.decode()
    assert f" {name} " in listed and "\u2026" not in listed, "nothing is cut where there is no terminal"
    shown = subprocess.run([corral.home / "bin/corral", "show", sandbox["id"]], capture_output=True, timeout=60, env=env).stdout.decode()
    assert name in shown and value.replace("\x9b\u202e", "??") in shown
    as_json = run(corral, "show", sandbox["id"], "--json", key=key_of(user)).stdout
    assert json.loads(as_json)["labels"]["long"] == value and not set(as_json) & OBEYED


def test_a_proxy_that_was_not_asked_is_not_blamed(corral):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for url, env in ((f"http://127.0.0.1:{port}", {}), (f"http://localhost:{port}", {}), (f"http://[::1]:{port}", {}),
                     ("http://corral.invalid:1", {"no_proxy": "example.com, .invalid"}), ("http://corral.invalid:1", {"no_proxy": "*"})):
        refused = run(corral, "quota", url=url, http_proxy=f"http://127.0.0.1:{port}", **env)
        assert refused.returncode == 3 and "proxy" not in refused.stderr, refused.stderr


def test_a_variable_that_is_empty_is_not_set(corral, user, tmp_path):
    (tmp_path / "key").write_text(key_of(user) + " \r\n")
    environ = {**corral.environ, "CORRAL_URL": corral.url + "/ ", "CORRAL_API_KEY": "", "CORRAL_CA_FILE": "", "CORRAL_API_KEY_FILE": str(tmp_path / "key")}
    done = subprocess.run([corral.home / "bin/corral", "quota"], env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_dots_are_no_way_to_another_object(corral):
    with socket.create_server(("127.0.0.1", 0)) as server:
        asks = subprocess.Popen([corral.home / "bin/corral", "user", "rm", ".."], stderr=subprocess.DEVNULL,
                                env={**corral.environ, "CORRAL_URL": f"http://127.0.0.1:{server.getsockname()[1]}", "CORRAL_API_KEY": "k"})
        with server.accept()[0] as asked:
            assert asked.recv(4096).startswith(b"DELETE /sandbox/system/users/.. HTTP/1.1\r\n")
        assert asks.wait(30) == 3


@pytest.mark.parametrize("variable, folder", [("HOME", ".config/corral"), ("XDG_CONFIG_HOME", "corral")])
def test_a_login_is_kept_for_the_next_command(corral, tmp_path, variable, folder):
    environ = {name: value for name, value in corral.environ.items() if name not in ("CORRAL_URL", "CORRAL_API_KEY", "XDG_CONFIG_HOME")}
    environ[variable] = str(tmp_path / "new/home")

    def corral_says(*args, **more):
        return subprocess.run([corral.home / "bin/corral", *args], env=environ, capture_output=True, text=True, timeout=60, **more)

    assert corral_says("quota").returncode == 2
    done = corral_says("login", corral.url, input=corral.admin_key + "\n")
    assert done.returncode == 0, done.stderr
    kept = tmp_path / "new/home" / folder / "profiles/default.json"
    assert kept.stat().st_mode & 0o777 == 0o600 and kept.parent.stat().st_mode & 0o777 == 0o700
    assert corral_says("quota").returncode == 0
