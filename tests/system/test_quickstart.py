"""deploy/quickstart as a new user runs it."""
import json
import os
import subprocess
from pathlib import Path

from corral import ROOT


def test_it_says_what_it_did(corral):
    assert "a first sandbox: sbx_" in corral.output
    assert "memory" in corral.output.lower() and "remaining.sandboxes" in corral.output
    assert f"{corral.home}/admin.key" in corral.output and f". {corral.home}/env" in corral.output
    environment = subprocess.run(["bash", "-c", f". {corral.home}/env && corral quota --json && docker ps -q && "
                                  "psql -At -d $CORRAL_DATABASE_URL -c 'select 1'"], capture_output=True, text=True)
    assert environment.returncode == 0, environment.stderr
    for name in ("controller", "agent", "dockerd"):
        os.kill(corral.pid(name), 0)
    assert (corral.home / "env").stat().st_mode & 0o77 == 0


def test_twice_leaves_what_runs_alone(corral, user):
    sandbox = user.create()
    before = [corral.pid(n) for n in ("controller", "agent", "dockerd")]
    corral.quickstart()
    assert [corral.pid(n) for n in ("controller", "agent", "dockerd")] == before
    assert user.show(sandbox["id"])["state"] == "running"


def test_a_folder_that_others_cannot_enter_is_refused(corral):
    run = subprocess.run([ROOT / "deploy/quickstart"], env={**corral.environ, "CORRAL_HOME": "/root/corral-here"},
                         capture_output=True, text=True)
    assert run.returncode == 1 and "/root cannot be entered by other users" in run.stderr
    assert not Path("/root/corral-here").exists()


def test_the_command_line(corral, user):
    key = user.session.headers["X-API-Key"]
    made = corral.cli("create", "-q", "-m", "64M", "-l", "a=b", key=key)
    assert made.returncode == 0, made.stderr
    sandbox_id = made.stdout.strip()
    assert sandbox_id in corral.cli("ls", key=key).stdout
    assert "MEMORY" in corral.cli("stats", sandbox_id, key=key).stdout or user.stats(sandbox_id)
    assert corral.cli("rm", sandbox_id, key=key).stdout.strip() == sandbox_id
    refused = corral.cli("create", "-m", "100G", key=key)
    assert refused.returncode == 1 and "above_tier_limit" in refused.stderr
    assert corral.cli("create", "--no-such").returncode == 2
    assert corral.cli("system", "stats", key=key).returncode == 1
    away = subprocess.run([corral.home / "bin/corral", "ls"], capture_output=True, text=True,
                          env={**corral.environ, "CORRAL_URL": "http://127.0.0.1:1", "CORRAL_API_KEY": key})
    assert away.returncode == 3 and "does not answer" in away.stderr
    for verbs in (["node", "ls"], ["user", "ls"], ["tier", "ls"], ["system", "stats"], ["audit"], ["events"], ["quota"]):
        shown = corral.cli(*verbs)
        assert shown.returncode == 0, (verbs, shown.stderr)


def test_a_key_by_the_command_line(corral, user):
    made = json.loads(corral.cli("key", "add", user.user_id, "--name", "ci", "--json").stdout)
    changed = corral.cli("key", "set", user.user_id, made["id"], "--scope", "read", "--max-sandboxes", "1", "--json")
    assert changed.returncode == 0 and json.loads(changed.stdout)["scopes"] == ["read"], changed.stderr
    assert corral.cli("create", key=made["key"]).returncode == 1
    assert corral.cli("key", "set", user.user_id, made["id"]).returncode == 2
    assert corral.cli("key", "rm", user.user_id, made["id"]).returncode == 0
    assert corral.cli("ls", key=made["key"]).returncode == 1
