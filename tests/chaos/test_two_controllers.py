"""A second controller on the same database serves only requests about itself; what is committed elsewhere,
by it or by an operator's SQL, reaches the nodes through the leader."""
import json
import os
import signal
import subprocess

import pytest
import requests
from corral import Client, free_port, wait_until


@pytest.fixture(scope="module")
def second(corral, tmp_path_factory):
    port, folder = free_port(), tmp_path_factory.mktemp("second")
    environ = {**corral.environ, "CORRAL_DATABASE_URL": f"postgresql://corral@/corral?host={corral.home}/postgres",
               "CORRAL_PKI_DIR": str(corral.home / "pki"), "CORRAL_LISTEN_PORT": str(port), "CORRAL_PORTS_LISTEN_PORT": "0", "CORRAL_NODE_URL": f"ipc://{folder}/nodes",
               "PATH": os.environ["PATH"]}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([corral.home / "bin/corral-controller", "serve"], env=environ, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log)
    url = f"http://127.0.0.1:{port}"

    def answers():
        assert process.poll() is None, (folder / "log").read_text()
        try:
            return requests.get(url + "/healthz", timeout=2).status_code == 200
        except OSError:
            return False

    def follows():
        return requests.get(url + "/readyz", timeout=5).json()["code"] == "not_leading"

    wait_until("the second controller answers", answers)
    wait_until("the second controller has the database", follows)
    yield url
    process.terminate()
    assert process.wait(20) == 0
    assert "Sanitizer" not in (folder / "log").read_text()


NOTIFIED, COMPARED = 3, 15  # seconds: where the leader is notified; where the leader finds the change by comparing


def key_of(user):
    return user.session.headers["X-API-Key"]


def test_it_is_not_ready_and_says_so(corral, second):
    answer = requests.get(second + "/readyz", timeout=5)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "not_leading", "1")
    assert (answer.reason, answer.json()["title"]) == ("Service Unavailable", "This controller does not lead")


def test_it_serves_nothing_but_what_tells_of_itself(corral, second, user):
    sandbox = user.create()["id"]
    follower = Client(second, key_of(user))
    for method, path in (("GET", "/sandbox"), ("POST", "/sandbox"), ("GET", f"/sandbox/{sandbox}"), ("GET", f"/sandbox/{sandbox}/stats"),
                         ("GET", f"/sandbox/{sandbox}/wait"), ("DELETE", f"/sandbox/{sandbox}"), ("POST", f"/sandbox/{sandbox}/pause")):
        answer = follower.call(method, path)
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "not_leading", "1"), (method, path)
    assert requests.get(second + "/healthz", timeout=5).status_code == 200
    assert requests.get(second + "/openapi.json", timeout=5).status_code == 200
    assert user.show(sandbox)["state"] == "running"
    user.delete(sandbox)


def test_a_key_is_revoked_on_every_controller(corral, second):
    admin = corral.admin.good("POST", "/sandbox/system/users", {"name": "second-admin", "tier": "free", "role": "admin"})
    key = corral.key(admin["id"], scopes=["read", "write", "admin"])
    clients = [Client(url, key["key"]) for url in (corral.url, second)]
    for client in clients:
        wait_until("the leader knows the sandbox", lambda c=client: c.call("GET", "/metrics").status_code == 200)
    corral.admin.good("DELETE", f"/sandbox/system/users/{admin['id']}/keys/{key['id']}")
    assert clients[0].call("GET", "/metrics").status_code == 401
    wait_until("the second controller has heard", lambda: clients[1].call("GET", "/metrics").status_code == 401, 1, 0.005)
    corral.admin.good("DELETE", f"/sandbox/system/users/{admin['id']}")


@pytest.fixture(params=[True, False], ids=["told", "found"])
def within(corral, request):
    """Yields the bound of the time; without notifications the leader finds differences by comparing."""
    verb = "enable" if request.param else "disable"
    corral.sql(f"alter table sandboxes {verb} trigger sandbox_desired; alter table nodes {verb} trigger node_marked")
    yield NOTIFIED if request.param else COMPARED
    corral.sql("alter table sandboxes enable trigger sandbox_desired; alter table nodes enable trigger node_marked")


def set_desired(corral, user, sandbox, desired):
    why = "deleted" if desired == "gone" else ""
    who = f'{{"user_id": "{user.user_id}"}}'
    assert corral.sql(f"select outcome from set_desired_state('{sandbox}', null, '{desired}', '{why}', '{who}')") == "ok"


def patch(corral, user, sandbox, **fields):
    who = f'{{"user_id": "{user.user_id}"}}'
    assert corral.sql(f"select outcome from patch_sandbox('{sandbox}', null, '{json.dumps(fields)}', '{{}}', '{who}')") == "ok"


def container(corral, sandbox, form):
    """The container's data; None if there is none, or it goes while Docker is asked."""
    ids = corral.docker("ps", "-aq", "--no-trunc", "--filter", f"label=corral.sandbox={sandbox}").split()
    try:
        return corral.docker("inspect", "--format", form, *ids).strip() if ids else None
    except subprocess.CalledProcessError as e:
        if "No such" not in e.stderr:
            raise
        return None


def test_what_is_desired_elsewhere_reaches_the_node(corral, user, within):
    sandbox = user.create(memory_bytes=64 << 20)["id"]
    set_desired(corral, user, sandbox, "paused")
    wait_until("the sandbox is frozen", lambda: container(corral, sandbox, "{{.State.Paused}}") == "true", within)
    wait_until("the row says so", lambda: user.show(sandbox)["state"] == "paused", 5)
    set_desired(corral, user, sandbox, "running")
    wait_until("the sandbox runs again", lambda: container(corral, sandbox, "{{.State.Paused}}") == "false", within)
    patch(corral, user, sandbox, memory_bytes=96 << 20)
    wait_until("the new limit is set", lambda: container(corral, sandbox, "{{.HostConfig.Memory}}") == str(96 << 20), within)
    set_desired(corral, user, sandbox, "gone")
    wait_until("the container is gone", lambda: container(corral, sandbox, "{{.Id}}") is None, within)
    wait_until("the row has its end", lambda: user.show(sandbox)["state"] == "stopped", 5)


def test_a_lifetime_that_is_changed_elsewhere_holds(corral, user, within):
    longer = user.create(lifetime_seconds=within + 5)
    shorter = user.create(lifetime_seconds=600)
    patch(corral, user, longer["id"], lifetime_seconds=600)
    patch(corral, user, shorter["id"], lifetime_seconds=within)
    ended = user.wait(shorter["id"], "stopped", within + 10)
    assert ended["reason"] == "expired"
    late = corral.sql(f"select ended_at - expires_at < interval '2 seconds' from sandboxes where id = '{shorter['id']}'")
    assert late == "t" or within == COMPARED
    wait_until("the first lifetime is over", lambda: corral.sql(
        f"select clock_timestamp() > created_at + interval '{within + 8} seconds' from sandboxes where id = '{longer['id']}'") == "t", 30)
    assert user.show(longer["id"])["state"] == "running"
    user.delete(longer["id"])


def test_a_mark_that_is_set_elsewhere_reaches_placement(corral, user, within):
    node = "node-1"
    set_to = lambda mark: corral.sql(f"update nodes set admin_state = '{mark}' where name = '{node}'")  # noqa: E731
    set_to("cordoned")
    refused = lambda: user.call("POST", "/sandbox", {}).status_code == 503  # noqa: E731
    wait_until("the node gets no sandboxes", refused, within)
    set_to("ready")
    made = []
    wait_until("the node takes sandboxes again", lambda: made.append(user.call("POST", "/sandbox", {})) or made[-1].status_code == 201, within + 5)
    user.delete(made[-1].json()["id"])


def end_lead(corral, pid):
    """Stops this controller, and ends its session with PostgreSQL."""
    os.kill(pid, signal.SIGSTOP)
    corral.sql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = 20011 and objid = 1")


def test_the_lead_passes_and_the_last_leader_writes_nothing(corral, second, user):
    """A controller is stopped while its session is ended: the second one leads, and what the first does
    after it wakes changes nothing."""
    sandbox = user.create(lifetime_seconds=600)["id"]
    pid, leader = corral.pid("controller"), lambda: int(corral.sql("select split_part(leader, ':', 2) from leadership"))
    follower = Client(second, key_of(user))
    assert leader() == pid
    try:
        end_lead(corral, pid)
        wait_until("the second controller leads", lambda: leader() != pid, 20)
        wait_until("and serves", lambda: follower.call("GET", "/sandbox").status_code == 200, 20)
        assert follower.good("PATCH", f"/sandbox/{sandbox}", {"name": "by-the-second"})["name"] == "by-the-second"
    finally:
        os.kill(pid, signal.SIGCONT)
    codes = []
    wait_until("the first controller has noticed", lambda: codes.append(user.call("GET", "/sandbox")) or codes[-1].status_code == 503, 15)
    assert codes[-1].json()["code"] == "not_leading"
    assert corral.sql(f"select state from sandboxes where id = '{sandbox}'") in ("running", "lost")
    other = leader()
    try:
        end_lead(corral, other)
        wait_until("the first controller leads again", lambda: leader() == pid, 20)
    finally:
        os.kill(other, signal.SIGCONT)
    wait_until("and serves", lambda: user.call("GET", "/sandbox").status_code == 200, 20)
    wait_until("what the second controller changed stays", lambda: (a := user.show(sandbox))["name"] == "by-the-second" and a["state"] == "running", 30)
    wait_until("the second controller has noticed", lambda: requests.get(second + "/readyz", timeout=5).status_code == 503, 15)
