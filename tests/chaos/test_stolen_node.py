"""Somebody has a node's certificate and its key: what they can do with them, and what an administrator can
do about it."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from corral import FOREVER, wait_until

BORROWED = ("CORRAL_CLUSTER", "CORRAL_CONTROLLER_URLS", "CORRAL_CA_FILE", "CORRAL_INIT_PATH", "CORRAL_SECCOMP_PROFILE")


class Thief:
    """An agent of another node, as its state folder says, with a copied certificate and key."""

    def __init__(self, corral, folder):
        for suffix in ("crt", "key"):
            shutil.copy(corral.home / f"pki/node-1.{suffix}", folder)
        of = dict(pair.split("=", 1) for pair in open(f"/proc/{corral.pid('agent')}/environ").read().split("\0") if "=" in pair)
        environ = {**corral.environ, **{k: of[k] for k in BORROWED}, "CORRAL_NODE": "node-1", "CORRAL_STATE_DIR": str(folder / "state"),
                   "CORRAL_CERT_FILE": str(folder / "node-1.crt"), "CORRAL_KEY_FILE": str(folder / "node-1.key"),
                   "CORRAL_DOCKER_SOCKET": str(folder / "none")}
        self.log = folder / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([corral.home / "bin/corral-agent", "serve"], env=environ, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)

    def said(self, words):
        return words in self.log.read_text(errors="replace")

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def thieves(corral):
    """Starts such agents, and ends them."""
    made = []

    def make():
        folder = Path(tempfile.mkdtemp(prefix="corral-thief-", dir="/var/tmp")) # a state folder has a short name
        folder.chmod(0o755)
        made.append(Thief(corral, folder))
        return made[-1]

    yield make
    for thief in made:
        thief.stop()
        print(thief.log.read_text(errors="replace"))
        subprocess.run(["umount", "-l", thief.log.parent / "state/links"], capture_output=True) # if it came so far
        shutil.rmtree(thief.log.parent)


def events(corral, kind):
    return int(corral.sql(f"select count(*) from events where type = '{kind}' and node = 'node-1'"))


def node(corral):
    return corral.admin.good("GET", "/sandbox/system/nodes/node-1")


def handshakes(corral):
    return int(corral.sql("select count(*) from events where node = 'node-1' and type in ('node.returned', 'node.unreachable')"))


def new_papers(corral, folder, *more):
    """A certificate and key made by the CA, and put where the agent looks for them."""
    subprocess.run([corral.home / "bin/corral-controller", "pki", "issue", "node-1", "--out", folder, *more], check=True, capture_output=True,
                   env={**corral.environ, "CORRAL_PKI_DIR": str(corral.home / "pki")})
    for suffix in ("crt", "key"):
        shutil.copy(folder / f"node-1.{suffix}", corral.home / "pki")


def days_left(corral):
    environ = {**corral.environ, "CORRAL_CERT_FILE": str(corral.home / "pki/node-1.crt"), "CORRAL_INIT_PATH": str(corral.home / "bin/corral-init")}
    doctor = subprocess.run([corral.home / "bin/corral-agent", "doctor", "--json"], env=environ, capture_output=True, text=True)
    said = next(check for check in json.loads(doctor.stdout)["checks"] if check["name"] == "certificate")
    assert said["ok"] == (int(said["detail"].split()[2]) >= 30), said
    return int(said["detail"].split()[2])


def refusals(corral):
    """Refusals of this node's certificate, in the log of the controller that runs now; one line a minute."""
    log = (corral.home / "log/controller.log").read_text(errors="replace")
    return log[log.rindex("leads with epoch"):].count("node=node-1 a connection was refused: certificate revoked")


def test_who_answers_is_not_displaced(corral, user, thieves):
    sandboxes = [user.create(command=FOREVER)["id"] for _ in range(2)]
    before, contested = handshakes(corral), events(corral, "node.contested")
    thief = thieves()
    wait_until("the stolen certificate was refused", lambda: thief.said("a node of this name is here, and answers"), 20)
    wait_until("there is an alarm", lambda: events(corral, "node.contested") > contested)
    user.delete(user.create(command=FOREVER)["id"])
    assert handshakes(corral) == before and events(corral, "node.contested") == contested + 1
    assert all(user.show(s)["state"] == "running" for s in sandboxes)


def test_another_node_without_what_ran_is_looked_at_twice(corral, user, thieves):
    sandboxes = [user.create(command=FOREVER)["id"] for _ in range(3)]
    doubted = events(corral, "node.doubted")
    thief = thieves()
    corral.kill("agent")
    try:
        wait_until("there is an alarm", lambda: events(corral, "node.doubted") > doubted, 20)
        assert thief.said("it has to come again later")
    finally:
        corral.restart("agent")
    for s in sandboxes:
        user.wait(s, "running", 30)
        assert not [e for e in user.good("GET", f"/sandbox/{s}/events")["items"] if e["type"] in ("sandbox.stopped", "sandbox.failed")]
    assert node(corral)["state"] == "ready"


def test_revoked_papers_are_refused_and_new_ones_are_not(corral, user, thieves, tmp_path):
    sandbox = user.create(command=FOREVER)["id"]
    revoked = corral.admin.good("POST", "/sandbox/system/nodes/node-1/revoke")
    try:
        assert "revoked" in revoked["reason"]
        wait_until("the node is away", lambda: node(corral)["state"] == "unreachable", 20)
        assert "revoked" in node(corral)["reason"]
        assert user.refused("POST", "/sandbox", {})["code"] == "no_capacity"
        thief = thieves()
        wait_until("the agent logs the reason", lambda: thief.said("certificate revoked"), 20)
        assert events(corral, "node.revoked") == 1
    finally:
        new_papers(corral, tmp_path / "new")
        process = f"/proc/{corral.pid('agent')}"
        corral.kill("agent", signal.SIGTERM)
        wait_until("the agent has stopped", lambda: not os.path.exists(process), 20)
        corral.restart("agent")
    wait_until("the node is back", lambda: node(corral)["state"] == "ready", 20)
    user.wait(sandbox, "running", 30)
    assert node(corral)["reason"] is None
    changed = corral.sql("select data ? 'certificate' from events where type = 'node.changed' and node = 'node-1' order by seq desc limit 1")
    assert changed == "t"
    audit = corral.admin.good("GET", "/sandbox/system/audit?limit=200")["items"]
    assert [a["result"] for a in audit if a["action"] == "node.revoke" and a["target"] == "node-1"] == ["ok"]
    corral.kill("controller")
    corral.restart("controller")
    wait_until("the next controller knows of the revocation", lambda: refusals(corral), 20)
    wait_until("the next controller accepts the new certificate", lambda: node(corral)["state"] == "ready", 20)
    assert user.show(sandbox)["state"] == "running"


def test_a_certificate_is_renewed_before_it_ends(corral, tmp_path):
    new_papers(corral, tmp_path / "short", "--days", "20")
    corral.kill("agent", signal.SIGKILL)
    corral.restart("agent")
    wait_until("the node has another certificate", lambda: days_left(corral) > 300, 30)


def test_removing_a_node(corral):
    busy = corral.admin.refused("DELETE", "/sandbox/system/nodes/node-1")
    assert busy["code"] == "conflict" and "connected" in busy["detail"]
    assert corral.admin.refused("DELETE", "/sandbox/system/nodes/nobody")["code"] == "not_found"
    corral.sql("insert into nodes select (jsonb_populate_record(n, '{\"name\": \"gone\", \"health\": \"unreachable\"}')).* from nodes n"
               " where name = 'node-1'")
    assert corral.cli("node", "rm", "gone").returncode == 0
    assert corral.admin.refused("GET", "/sandbox/system/nodes/gone")["code"] == "not_found"
    assert corral.sql("select count(*) from events where type = 'node.removed' and node = 'gone'") == "1"
