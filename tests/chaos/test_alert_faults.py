"""Alerts when controllers end in the middle of them: an episode goes on, under the next leader too, and is told once."""
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from corral import free_port, wait_until

ALERTS = "/sandbox/system/alerts"


def serves(client):
    try:
        return client.call("GET", "/readyz", timeout=2).status_code == 200
    except OSError:
        return False


def end_controller(corral):
    corral.kill("controller")
    corral.restart("controller")
    wait_until("it serves again", lambda: serves(corral.admin), 30)


def told(corral, rule):
    return corral.sql(f"select coalesce(string_agg(substr(type, 14), ' ' order by seq), '') from events where type like 'system.alert%' and data->>'rule' = '{rule}'").split()


def row(corral, rule):
    return corral.sql(f"select state, held_ms from alerts where rule = '{rule}' order by seq desc limit 1").split("|")


def add(admin, name, **fields):
    return admin.good("POST", ALERTS, {"name": name, "kind": "database_size", "threshold": 1, "interval_seconds": 1, "clear_seconds": 0, **fields}, status=201)


def ends(admin, corral, name):
    admin.good("PATCH", f"{ALERTS}/rules/{name}", {"threshold": 10 ** 12})
    wait_until("it is resolved", lambda: row(corral, name)[0] == "resolved", 20)
    admin.good("DELETE", f"{ALERTS}/rules/{name}", status=204)


def test_a_controller_that_is_killed_while_pending_and_while_firing(corral):
    """The time that nobody watched does not count; nothing is told twice."""
    admin = corral.admin
    add(admin, "killed", hold_seconds=6)
    wait_until("it is pending", lambda: row(corral, "killed")[0] == "pending", 10)
    held = int(wait_until("it has held", lambda: row(corral, "killed")[1] not in ("0", "1000") and row(corral, "killed")[1], 10))
    end_controller(corral)
    state, after = wait_until("it goes on", lambda: row(corral, "killed"), 10)
    assert state == "pending" and told(corral, "killed") == [] or int(after) >= 6000 - 2000
    wait_until("it fires", lambda: row(corral, "killed")[0] == "firing", 20)
    assert int(row(corral, "killed")[1]) >= max(6000, held) and told(corral, "killed") == ["firing"]
    for _ in range(2):
        end_controller(corral)
    assert row(corral, "killed")[0] == "firing"
    ends(admin, corral, "killed")
    assert told(corral, "killed") == ["firing", "resolved"]
    assert corral.sql("select count(*) from alerts where rule = 'killed'") == "1"


@pytest.fixture
def second(corral):
    """A controller beside, whose REST interface has a certificate for two days."""
    folder, port = Path(tempfile.mkdtemp(prefix="corral-second-", dir="/var/tmp")), free_port()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=second", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", folder / "key", "-out", folder / "crt"], check=True, capture_output=True)
    environ = {**corral.environ, "CORRAL_DATABASE_URL": f"postgresql://corral@/corral?host={corral.home}/postgres",
               "CORRAL_PKI_DIR": str(corral.home / "pki"), "CORRAL_LISTEN_PORT": str(port), "CORRAL_PORTS_LISTEN_PORT": "0", "CORRAL_METRICS_LISTEN_PORT": "0",
               "CORRAL_NODE_URL": f"ipc://{folder}/nodes", "CORRAL_SECRETS_KEY_FILE": str(corral.home / "secrets.key"),
               "CORRAL_TLS_CERT": str(folder / "crt"), "CORRAL_TLS_KEY": str(folder / "key"), "PATH": os.environ["PATH"]}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([corral.home / "bin/corral-controller", "serve"], env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    yield process
    process.terminate()
    assert process.wait(20) == 0
    assert "Sanitizer" not in (folder / "log").read_text()
    subprocess.run(["rm", "-rf", folder], check=True)


def leader(corral):
    return int(corral.sql("select split_part(leader, ':', 2) from leadership"))


def end_lead(corral, pid):
    """Stops this controller, and ends its session with PostgreSQL."""
    os.kill(pid, signal.SIGSTOP)
    corral.sql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = 20011 and objid = 1")


def test_the_next_leader_goes_on(corral, second):
    """Also: a certificate that ends soon, and what the next leader does not know resolves nothing."""
    admin, first = corral.admin, corral.pid("controller")
    for name in ("passed_pending", "passed_firing"):
        add(admin, name, hold_seconds=4 if name == "passed_pending" else 0)
    for rule in ("certificate_expiry", "node_lost"):
        admin.good("PATCH", f"{ALERTS}/rules/{rule}", {"interval_seconds": 1, "hold_seconds": 0, "clear_seconds": 0})
    wait_until("both are there", lambda: row(corral, "passed_pending")[0] == "pending" and row(corral, "passed_firing")[0] == "firing", 20)
    try:
        end_lead(corral, first)
        wait_until("the second controller leads", lambda: leader(corral) == second.pid, 20)
    finally:
        os.kill(first, signal.SIGCONT)
    wait_until("it goes on", lambda: row(corral, "passed_pending")[0] == "firing", 20)
    certificate = wait_until("its certificate ends soon", lambda: corral.sql("select round(value::numeric, 1) || ' ' || summary from alerts where "
                                                                             "rule = 'certificate_expiry' and subject = 'api' and state = 'firing'"), 20)
    assert certificate.startswith("2.0 the certificate of the controller (api) ends at 20")
    wait_until("the node is lost to it", lambda: corral.sql("select count(*) from alerts where rule = 'node_lost' and state = 'firing'") == "1", 40)
    try:
        end_lead(corral, second.pid)
        wait_until("the first controller leads again", lambda: leader(corral) == first, 20)
    finally:
        os.kill(second.pid, signal.SIGCONT)
    wait_until("and serves", lambda: serves(admin), 30)
    wait_until("its own certificate is none", lambda: told(corral, "certificate_expiry") == ["firing", "resolved"], 20)
    wait_until("the node is back", lambda: told(corral, "node_lost") == ["firing", "resolved"], 40)
    for name in ("passed_pending", "passed_firing"):
        ends(admin, corral, name)
        assert told(corral, name) == ["firing", "resolved"]
    for rule, hold in (("certificate_expiry", 60), ("node_lost", 60)):
        admin.good("PATCH", f"{ALERTS}/rules/{rule}", {"interval_seconds": 10, "hold_seconds": hold, "clear_seconds": 30})
