"""The environments of sandboxes are nowhere in the clear but in the sandbox itself and in Docker's own description of it, and nothing
of them is left when it has ended. Keys rotate, and may be lost."""
import base64
import os
import signal
import subprocess
import uuid

import agent_records
import pytest
from corral import FOREVER, Corral, wait_until
from receiver import Receiver, verify


@pytest.fixture(scope="module")
def place():
    """An installation whose keys may be lost."""
    installation = Corral(CORRAL_WEBHOOK_ALLOW_PRIVATE="true")
    installation.admin.patience = 40
    yield installation
    installation.reset()


@pytest.fixture
def person(place):
    wait_until("a node is ready", lambda: any(n["state"] == "ready" for n in place.admin.good("GET", "/sandbox/system/nodes")["items"]), 40)
    client = place.user(f"u-{uuid.uuid4().hex[:8]}", tier="pro")
    client.patience = 40
    yield client
    for sandbox in client.good("GET", "/sandbox")["items"]:
        client.delete(sandbox["id"])


def dump(place):
    """Every row of the database, with binary columns also as they are."""
    url = f"postgresql://corral@/corral?host={place.home}/postgres"
    text = subprocess.run(["pg_dump", "--data-only", "-d", url], check=True, capture_output=True).stdout
    return text + b"".join(bytes.fromhex(word[3:].decode()) for line in text.split(b"\n") for word in line.split(b"\t")
                           if word.startswith(rb"\\x") and len(word) % 2)


def state_dir(place):
    """All that the agent keeps on its disk, records also as they are."""
    found = b""
    for folder, _, names in os.walk(place.home / "agent"):
        for name in names:
            path = os.path.join(folder, name)
            if "volumes" in folder or not os.path.isfile(path) or os.path.islink(path):
                continue
            with open(path, "rb") as f:
                text = f.read(1 << 20)
            found += text + b"".join(bytes.fromhex(line[5:].decode()) for line in text.split(b"\n") if line.startswith(b"spec "))
    return found


def logs(place):
    return b"".join(p.read_bytes() for p in (place.home / "log").glob("*.log"))


def env_of(person, sandbox):
    return person.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["sh", "-c", "echo $TOKEN"]}, status=200)["stdout"].strip()


def reload(place):
    """The controller reads its keys again."""
    log = place.home / "log/controller.log"
    was = len(log.read_bytes())
    place.kill("controller", signal.SIGHUP)
    return wait_until("it reloads", lambda: (t := log.read_bytes()[was:].decode()) and ("reloaded" in t) and t, 10)


def status(place):
    environ = {**place.environ, "CORRAL_DATABASE_URL": f"postgresql://corral@/corral?host={place.home}/postgres",
               "CORRAL_SECRETS_KEY_FILE": str(place.home / "secrets.key")}
    return subprocess.run([place.home / "bin/corral-controller", "secrets", "status"], env=environ, capture_output=True, text=True)


def new_key(place, name):
    return subprocess.run([place.home / "bin/corral-controller", "secrets", "new", name], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def keys(place):
    """The key file, as it was again afterwards."""
    path = place.home / "secrets.key"
    was = path.read_text()
    yield path
    path.write_text(was)
    reload(place)


def test_an_environment_is_nowhere_in_the_clear(place, person):
    marker = f"marker-{uuid.uuid4().hex}"
    body = {"command": FOREVER, "env": {"TOKEN": marker}, "name": "visible-name"}
    made = person.good("POST", "/sandbox", body, status=201, headers={"Idempotency-Key": marker[-20:]})
    sandbox, needle = made["id"], marker.encode()
    assert env_of(person, sandbox) == marker
    assert b"visible-name" in dump(place) and sandbox.encode() in state_dir(place) # the search finds what is there
    for where, text in (("database", dump(place)), ("state_dir", state_dir(place)), ("logs", logs(place))):
        assert needle not in text and needle.hex().encode() not in text, where
    assert place.sql(f"select env_key from sandboxes where id = '{sandbox}'") == "quickstart"
    assert place.docker("inspect", "-f", "{{.Config.Env}}", sandbox).count(marker) == 1
    # A repeated create is answered as the first one, from a stored hash.
    again = person.good("POST", "/sandbox", body, status=201, headers={"Idempotency-Key": marker[-20:]})
    assert again["id"] == sandbox

    person.delete(sandbox)
    assert place.sql(f"select spec is null and env_key is null and ended_at is not null from sandboxes where id = '{sandbox}'") == "t"
    for where, text in (("database", dump(place)), ("state_dir", state_dir(place)), ("logs", logs(place))):
        assert needle not in text and needle.hex().encode() not in text, where
    assert sandbox not in place.docker("ps", "-a", "--format", "{{.Names}}")


def test_it_survives_restarts_of_both_daemons(place, person):
    sandbox = person.create(command=FOREVER, env={"TOKEN": "kept"})["id"]
    for what in ("controller", "agent"):
        place.kill(what)
        place.restart(what)
    wait_until("it runs", lambda: person.call("GET", f"/sandbox/{sandbox}").json().get("state") == "running", 30)
    wait_until("it takes commands", lambda: person.call("POST", f"/sandbox/{sandbox}/exec", {"command": ["true"]}).status_code == 200, 30)
    assert env_of(person, sandbox) == "kept"


def test_a_start_that_was_interrupted_has_its_environment(place, person):
    """The agent is killed while Docker hangs; the next one starts the sandbox from its record."""
    dockerd = int((place.home / "run/dockerd.pid").read_text())
    os.kill(dockerd, signal.SIGSTOP)
    try:
        sandbox = person.good("POST", "/sandbox", {"command": FOREVER, "env": {"TOKEN": "marker-interrupted"}}, status=202,
                              headers={"Prefer": "respond-async"})["id"]
        record = place.home / "agent/records" / sandbox
        wait_until("its record is there", record.exists, 10)
        assert b"marker-interrupted" not in state_dir(place)
        place.kill("agent")
    finally:
        os.kill(dockerd, signal.SIGCONT)
    place.restart("agent")
    wait_until("it runs", lambda: person.call("GET", f"/sandbox/{sandbox}").json().get("state") == "running", 60)
    assert env_of(person, sandbox) == "marker-interrupted"
    assert b"marker-interrupted" not in state_dir(place)


def test_a_secret_of_a_webhook_follows_the_keys(place, person, keys):
    """It is nowhere in the clear; after a rotation of the keys the next delivery seals it with the new one."""
    with Receiver() as receiver:
        made = person.good("POST", "/sandbox/webhooks", {"url": receiver.url, "events": ["sandbox.created"]}, status=201)
        secret = base64.b64decode(made["secret"][6:])
        assert secret not in dump(place) and made["secret"].encode() not in dump(place) + logs(place)
        keys.write_text(new_key(place, "fresh") + keys.read_text())
        reload(place)
        sandbox = person.create()["id"]
        wait_until("it is delivered", lambda: receiver.got, 15)
        wait_until("it is sealed again", lambda: place.sql(f"select secret_key from webhooks where id = '{made['id']}'") == "fresh", 5)
        person.delete(sandbox)
        person.delete(person.create()["id"])
        wait_until("the second, too", lambda: len(receiver.got) == 2, 15)
        assert set(verify(made["secret"], receiver.take())) == {"ok"}
        assert "1 webhooks" in status(place).stdout
        person.good("DELETE", f"/sandbox/webhooks/{made['id']}")


def written(lines):
    """The text of an agent's record, with its checksum (FNV-1a)."""
    text = "".join(f"{line}\n" for line in lines)
    value = 0xcbf29ce484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001b3 % (1 << 64)
    return f"{text}sum {value:016x}\n"


def in_the_clear(variable):
    """The field `env` of a packed spec, which follows any other field."""
    text = variable.encode()
    return (bytes([0x1a, len(text)]) + text).hex()


def test_a_record_of_before_loses_its_environment(place, person):
    """Of a sandbox that runs, as an earlier agent wrote it."""
    sandbox = person.create(command=FOREVER)["id"]
    place.kill("agent")
    path = place.home / "agent/records" / sandbox
    lines = agent_records.text_of(path).splitlines()[:-1]
    path.write_text(written([line + in_the_clear("TOKEN=marker-of-before") if line.startswith("spec ") else line for line in lines]))
    assert b"marker-of-before" in state_dir(place)
    place.restart("agent")
    wait_until("it is rewritten", lambda: b"marker-of-before" not in state_dir(place), 20)
    wait_until("it takes commands", lambda: person.call("POST", f"/sandbox/{sandbox}/exec", {"command": ["true"]}).status_code == 200, 30)


def test_a_row_of_before_is_started(place, person):
    """Its environment stands in the row in the clear."""
    place.kill("agent") # its node counts as ready for some seconds more
    sandbox = person.good("POST", "/sandbox", {"command": FOREVER}, status=202, headers={"Prefer": "respond-async"})["id"]
    place.kill("controller")
    place.sql(f"update sandboxes set spec = spec || decode('{in_the_clear('TOKEN=marker-of-before')}', 'hex') where id = '{sandbox}'")
    place.restart("controller")
    place.restart("agent")
    wait_until("it runs", lambda: person.call("GET", f"/sandbox/{sandbox}").json().get("state") == "running", 60)
    assert env_of(person, sandbox) == "marker-of-before"
    assert b"marker-of-before" not in state_dir(place)
    person.delete(sandbox)
    assert b"marker-of-before" not in dump(place)


def test_keys_rotate(place, person, keys):
    old = person.create(command=FOREVER, env={"TOKEN": "old"})["id"]
    keys.write_text(new_key(place, "second") + keys.read_text())
    reload(place)
    new = person.create(command=FOREVER, env={"TOKEN": "new"})["id"]
    assert env_of(person, old) == "old" and env_of(person, new) == "new"
    assert place.sql(f"select env_key from sandboxes where id = '{new}'") == "second"
    told = status(place)
    assert told.returncode == 0 and "sealed with second" in told.stdout and "quickstart" in told.stdout, told
    keys.write_text(keys.read_text().splitlines(True)[0]) # too early: the old key still seals one
    told = status(place)
    assert told.returncode == 1 and "missing" in told.stdout
    person.delete(old)
    assert status(place).returncode == 0


def test_a_lost_key_ends_nothing_that_runs(place, person, keys):
    sandbox = person.create(command=FOREVER, env={"TOKEN": "kept"})["id"]
    keys.write_text(new_key(place, "other"))
    reload(place)
    place.kill("controller")
    place.restart("controller")
    wait_until("the node is back", lambda: person.call("POST", f"/sandbox/{sandbox}/exec", {"command": ["true"]}).status_code == 200, 40)
    assert env_of(person, sandbox) == "kept"
    assert person.show(sandbox)["state"] == "running"


def test_a_lost_key_refuses_a_start_and_says_why(place, person, keys):
    """Admitted with a key that is gone when the node is to start it."""
    place.kill("agent") # its node counts as ready for some seconds more
    sandbox = person.good("POST", "/sandbox", {"command": FOREVER, "env": {"TOKEN": "x"}}, status=202,
                          headers={"Prefer": "respond-async"})["id"]
    keys.write_text(new_key(place, "other"))
    place.kill("controller")
    place.restart("controller")
    place.restart("agent")
    ended = wait_until("it ended", lambda: (a := person.call("GET", f"/sandbox/{sandbox}")).status_code == 200
                       and a.json()["ended_at"] and a.json(), 60)
    assert (ended["state"], ended["reason"]) == ("failed", "start_failed"), ended
    assert ended["detail"] == "its environment cannot be opened: the key quickstart, which sealed it, is missing", ended
    [node] = place.admin.good("GET", "/sandbox/system/nodes")["items"]
    assert node["state"] == "ready", node


def test_a_bad_key_file_reloads_nothing(place, person, keys):
    was = keys.read_text()
    log = place.home / "log/controller.log"
    for text, mode, why in (("k1 short\n", 0o600, "line 1: the key is not 32 bytes"), (was, 0o622, "chmod 600")):
        keys.write_text(text)
        keys.chmod(mode)
        before = len(log.read_bytes())
        place.kill("controller", signal.SIGHUP)
        wait_until(why, lambda: why in log.read_bytes()[before:].decode(), 10)
        keys.chmod(0o600)
    assert env_of(person, person.create(command=FOREVER, env={"TOKEN": "goes on"})["id"]) == "goes on"
