"""Reasons why a daemon does not start: one clear line, exit code 1, and nothing left half-started."""
import json
import subprocess
from pathlib import Path

import pytest
from corral import ROOT, wait_until


def start(corral, program, *args, user=None, **env):
    """Runs a daemon that must refuse to start; returns its one line."""
    command = [corral.home / f"bin/corral-{program}", *args]
    if user:
        command = ["setpriv", f"--reuid={user}", "--clear-groups", *command]
    base = {**corral.environ, "CORRAL_DATABASE_URL": f"postgresql://corral@/corral?host={corral.home}/postgres",
            "CORRAL_PKI_DIR": str(corral.home / "pki"), "CORRAL_LISTEN_PORT": "3190", "CORRAL_PORTS_LISTEN_PORT": "3192", "CORRAL_METRICS_LISTEN_PORT": "0", "CORRAL_NODE_URL": "tls+tcp://127.0.0.1:3191",
            "CORRAL_STATE_DIR": str(corral.home / "agent-x"), "CORRAL_INIT_PATH": str(corral.home / "bin/corral-init"),
            "CORRAL_CA_FILE": str(corral.home / "pki/ca.crt"), "CORRAL_CERT_FILE": str(corral.home / "pki/node-1.crt"),
            "CORRAL_KEY_FILE": str(corral.home / "pki/node-1.key"), "CORRAL_LOG_LEVEL": "error",
            "CORRAL_SECCOMP_PROFILE": str(corral.home / "seccomp.json")}
    run = subprocess.run(command, env={**base, **env}, capture_output=True, text=True, timeout=20)
    assert run.returncode == 1, (run.returncode, run.stderr)
    lines = [line for line in run.stderr.splitlines() if line]
    assert len(lines) == 1, run.stderr
    return lines[0]


@pytest.mark.parametrize("text,said", [
    ("listen_port: [1", ":"), ("listen_port: 99999", "1 to 65535"), ("\n\nlisten_prot: 3000", ":3: "), ("a: &x b\nc: *x", ":1: "),
    ("listen_port: 1\nlisten_port: 2", "listen_port"), ("log_level: loud", "error warn info debug")])
def test_a_configuration_that_cannot_be(corral, tmp_path, text, said):
    path = tmp_path / "controller.yaml"
    path.write_text(text)
    line = start(corral, "controller", "serve", "--config", str(path))
    assert str(path) in line and said in line


def test_a_port_in_use(corral):
    assert f"cannot listen on 127.0.0.1:{corral.port}" in start(corral, "controller", "serve", CORRAL_LISTEN_PORT=str(corral.port))


def test_no_certificates(corral, tmp_path):
    assert "ca.crt" in start(corral, "controller", "serve", CORRAL_PKI_DIR=str(tmp_path))
    assert "node.key" in start(corral, "agent", "serve", CORRAL_KEY_FILE=str(tmp_path / "node.key"))


def test_a_schema_that_is_not_this_programs(corral):
    corral.sql("create database empty")
    line = start(corral, "controller", "serve", CORRAL_DATABASE_URL=f"postgresql://corral@/empty?host={corral.home}/postgres")
    assert "corral-controller migrate" in line


def test_no_database_for_a_verb(corral):
    line = start(corral, "controller", "migrate", CORRAL_DATABASE_URL="postgresql://corral@/corral?host=/nonexistent")
    assert "/nonexistent" in line


def test_no_permission(corral):
    assert "ermission denied" in start(corral, "controller", "serve", user=65534)
    assert "ermission denied" in start(corral, "agent", "serve", user=65534)


def test_an_agent_without_its_parts(corral, tmp_path):
    assert "init_path" in start(corral, "agent", "serve", CORRAL_INIT_PATH=str(tmp_path / "none"))
    assert "state_dir" in start(corral, "agent", "serve", CORRAL_STATE_DIR="/proc/none")
    profile = tmp_path / "seccomp.json"
    for text in (None, "{", "[]", '{"defaultAction": "SCMP_ACT_ERRNO"}'):
        if text:
            profile.write_text(text)
        assert "seccomp_profile" in start(corral, "agent", "serve", CORRAL_SECCOMP_PROFILE=str(profile))
    assert "node is" in start(corral, "agent", "serve", CORRAL_NODE="Not A Name")
    assert "must be of a-z" in start(corral, "agent", "serve", CORRAL_NODE="Capital")


def test_secrets_come_from_files_and_are_not_shown(corral, tmp_path):
    secret = tmp_path / "url"
    secret.write_text("postgresql://u:verysecret@h/d\n")
    run = subprocess.run([corral.home / "bin/corral-controller", "config", "show"], capture_output=True, text=True,
                         env={**corral.environ, "CORRAL_DATABASE_URL_FILE": str(secret)})
    assert run.returncode == 0 and "verysecret" not in run.stdout and "database_url" in run.stdout


def test_reload_is_all_or_nothing(corral):
    """A setting from the environment cannot change at SIGHUP; the test checks that the daemon goes on and
    says so."""
    import os
    import signal
    before = (corral.home / "log/controller.log").read_text().count("reloaded")
    os.kill(corral.pid("controller"), signal.SIGHUP)
    wait_until("the daemon said so", lambda: (corral.home / "log/controller.log").read_text().count("reloaded") > before, 5)
    assert corral.admin.call("GET", "/readyz").status_code == 200


def test_the_doctor(corral):
    environ = {**corral.environ, "CORRAL_DOCKER_SOCKET": str(corral.home / "run/docker.sock"),
               "CORRAL_STATE_DIR": str(corral.home / "agent"), "CORRAL_INIT_PATH": str(corral.home / "bin/corral-init"),
               "CORRAL_SECCOMP_PROFILE": str(corral.home / "seccomp.json")}
    doctor = [corral.home / "bin/corral-agent", "doctor"]
    good = subprocess.run([*doctor, "--json"], env=environ, capture_output=True, text=True)
    checks = {c["name"]: c for c in json.loads(good.stdout)["checks"]}
    assert good.returncode == 0 and {"memory", "swap", "cpu", "pids", "disk", "userns-remap", "live-restore"} <= checks.keys()
    assert {"seccomp", "runc", "runsc", "blkio", "cgroups", "clock", "space", "docker"} <= checks.keys()
    for name in ("userns-remap", "live-restore", "disk", "seccomp", "runc", "runsc"):
        assert checks[name]["ok"], checks[name]
    assert all(c["ok"] or c["mend"] for c in checks.values())
    for line in (ROOT / "deploy/sysctl.conf").read_text().splitlines():
        name, _, value = line.partition(" = ")
        if value and not name.startswith("kernel.keys."):
            now = int(Path("/proc/sys", *name.split(".")).read_text())
            least = 0 if value == "0" else int(value) // 4
            assert (name in checks["pools"]["detail"]) == (now != 0 if value == "0" else now < least), (name, now)
    keys, size = (int(Path("/proc/sys/kernel/keys", f"max{what}").read_text()) for what in ("keys", "bytes"))
    room = min(keys, size // 70)
    capacity = corral.admin.good("GET", "/sandbox/system/nodes/node-1")["capacity"]["sandboxes"]
    assert capacity == min(200, room - room // 16) and checks["keyrings"]["ok"] == (capacity == 200), (keys, size, capacity)
    dockers = subprocess.run(doctor, env={**environ, "CORRAL_SECCOMP_PROFILE": "builtin"}, capture_output=True, text=True)
    assert dockers.returncode == 0 and "Docker's own profile" in dockers.stdout
    new = subprocess.run([*doctor, "--json"], env={**environ, "CORRAL_STATE_DIR": str(corral.home / "not/yet/made")}, capture_output=True, text=True)
    (space,) = [c for c in json.loads(new.stdout)["checks"] if c["name"] == "space"]
    assert space == checks["space"] | {"detail": space["detail"]} and space["detail"].split(" %")[1] == " of the file system of %s are free" % (
        corral.home / "not/yet/made"), space # as at a first start, which makes it
    unlimited = {f"CORRAL_DISK_{what}": "0" for what in ("READ_BYTES", "WRITE_BYTES", "OPERATIONS")}
    assert "no sandbox is limited" in subprocess.run(doctor, env={**environ, **unlimited}, capture_output=True, text=True).stdout
    no_mkfs = subprocess.run(doctor, env={**environ, "PATH": "/nowhere"}, capture_output=True, text=True)
    assert no_mkfs.returncode == 1 and "mkfs.ext4 is not in PATH" in no_mkfs.stdout and "mend: " in no_mkfs.stdout
    away = subprocess.run(doctor, env={**environ, "CORRAL_DOCKER_SOCKET": "/nowhere.sock"}, capture_output=True, text=True)
    assert away.returncode == 1 and "no answer at /nowhere.sock" in away.stdout
