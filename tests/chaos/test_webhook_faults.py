"""Deliveries of webhooks when controllers and the database end in the middle of them: each event arrives, under its one id."""
import collections
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from corral import Client, free_port, wait_until
from receiver import Receiver, verify

EVENTS = 300


def hook(user, url):
    return user.good("POST", "/sandbox/webhooks", {"url": url, "events": ["sandbox.*"]}, status=201)


def happen(corral, user, count):
    """So many events of the user, all at once; their ids."""
    corral.sql(f"select add_event('sandbox.extended', '{user.user_id}', null, null, jsonb_build_object('n', n)) from generate_series(1, {count}) n")
    return corral.sql(f"select event_id(seq) from events where user_id = '{user.user_id}' and type = 'sandbox.extended' order by seq").split()


def count(corral, made, state):
    return int(corral.sql(f"select count(*) from webhook_deliveries where webhook_id = '{made['id']}' and state = '{state}'"))


def slowly(handler, before):
    time.sleep(0.03)
    return 204


def serves(corral):
    try:
        return corral.admin.call("GET", "/readyz", timeout=2).status_code == 200
    except OSError:
        return False


def end_controller(corral):
    corral.kill("controller")
    corral.restart("controller")


def end_database(corral):
    corral.postgres("stop")
    corral.restart("postgres")


@pytest.mark.parametrize("end", [end_controller, end_database])
def test_what_ends_in_the_middle_loses_and_doubles_no_event(corral, user, end):
    with Receiver(slowly) as receiver:
        made = hook(user, receiver.url)
        ids = happen(corral, user, EVENTS)
        assert len(ids) == EVENTS
        for far in (EVENTS // 5, EVENTS // 2):
            wait_until("deliveries are on their way", lambda far=far: len(set(receiver.ids())) > far, 60)
            end(corral)
            wait_until("it serves again", lambda: serves(corral), 30)
        wait_until("all are delivered", lambda: count(corral, made, "delivered") == EVENTS, 60)
        got = receiver.take()
        times = collections.Counter(r["headers"]["webhook-id"] for r in got)
        assert set(times) == set(ids)
        print("sent again:", sum(times.values()) - EVENTS)
        assert sum(times.values()) - EVENTS <= 2 * 4 # those that were under way at each end
        assert all(len({r["body"] for r in got if r["headers"]["webhook-id"] == i}) == 1 for i, n in times.items() if n > 1)
        assert set(verify(made["secret"], got)) == {"ok"}
        assert corral.sql(f"select count(*), count(distinct seq), max(tries) from webhook_deliveries where webhook_id = '{made['id']}'") == f"{EVENTS}|{EVENTS}|1"


@pytest.fixture
def certificate():
    """A certificate for 127.0.0.1 that signed itself, with its key; the controllers of the installation do not know it."""
    folder = Path(tempfile.mkdtemp(prefix="corral-receiver-", dir="/var/tmp"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=receiver", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", folder / "key", "-out", folder / "ca"], check=True, capture_output=True)
    (folder / "both").write_text((folder / "key").read_text() + (folder / "ca").read_text())
    yield folder
    subprocess.run(["rm", "-rf", folder], check=True)


@pytest.fixture
def second(corral, certificate):
    port = free_port()
    environ = {**corral.environ, "CORRAL_DATABASE_URL": f"postgresql://corral@/corral?host={corral.home}/postgres",
               "CORRAL_PKI_DIR": str(corral.home / "pki"), "CORRAL_LISTEN_PORT": str(port), "CORRAL_PORTS_LISTEN_PORT": "0", "CORRAL_METRICS_LISTEN_PORT": "0",
               "CORRAL_NODE_URL": f"ipc://{certificate}/nodes", "CORRAL_SECRETS_KEY_FILE": str(corral.home / "secrets.key"),
               "CORRAL_WEBHOOK_CA_FILE": str(certificate / "ca"), "PATH": os.environ["PATH"]}
    with open(certificate / "log", "wb") as log:
        process = subprocess.Popen([corral.home / "bin/corral-controller", "serve"], env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    yield process, f"http://127.0.0.1:{port}"
    process.terminate()
    assert process.wait(20) == 0
    wait_until("the first controller leads again", lambda: serves(corral), 30)
    assert "Sanitizer" not in (certificate / "log").read_text()


def leader(corral):
    return int(corral.sql("select split_part(leader, ':', 2) from leadership"))


def end_lead(corral, pid):
    """Stops this controller, and ends its session with PostgreSQL."""
    os.kill(pid, signal.SIGSTOP)
    corral.sql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = 20011 and objid = 1")


def test_the_next_leader_goes_on_and_only_the_leader_delivers(corral, user, second, certificate):
    """Also: a receiver whose certificate is not trusted gets nothing; one of a CA that is configured is trusted."""
    process, url = second
    client = Client(url, user.session.headers["X-API-Key"])
    client.patience = 30
    pid = corral.pid("controller")
    with Receiver(slowly) as plain, Receiver(certificate=certificate / "both") as secret:
        made, over_tls = hook(user, plain.url), hook(user, secret.url)
        ids = happen(corral, user, EVENTS)
        wait_until("deliveries are on their way", lambda: len(set(plain.ids())) > EVENTS // 5, 60)
        problem = wait_until("the certificate is refused", lambda: corral.sql(
            f"select problem from webhook_deliveries where webhook_id = '{over_tls['id']}' and tries > 0 limit 1"), 30)
        assert "certificate" in problem and not secret.got
        try:
            end_lead(corral, pid)
            wait_until("the second controller leads", lambda: leader(corral) == process.pid, 20)
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until("all are delivered", lambda: count(corral, made, "delivered") == EVENTS, 60)
        client.good("POST", f"/sandbox/webhooks/{over_tls['id']}/deliveries/{ids[0]}/replay")
        wait_until("the other, too", lambda: count(corral, over_tls, "delivered") == EVENTS, 60)
        assert set(plain.ids()) == set(secret.ids()) == set(ids)
        assert len(plain.got) - EVENTS <= 8, len(plain.got)
        assert set(verify(over_tls["secret"], secret.take())) == {"ok"}
