"""Two controllers that a node knows: when another takes the lead, streams end at the old one and are taken up at
the new one."""
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
import requests
from channels import Channels, cut_all
from corral import Client, free_port, wait_until


class Second:
    """A second controller. Its way to PostgreSQL is a name of the socket that can be taken from it alone."""

    def __init__(self, corral, folder):
        self.corral, self.folder, self.socket = corral, folder, folder / ".s.PGSQL.5432"
        self.url, self.nodes = f"http://127.0.0.1:{(port := free_port())}", f"ipc://{folder}/nodes"
        self.come_back()
        database = f"postgresql://corral@/corral?host={folder}&application_name=second"
        environ = {**corral.environ, "CORRAL_DATABASE_URL": database, "CORRAL_PKI_DIR": str(corral.home / "pki"),
                   "CORRAL_LISTEN_PORT": str(port), "CORRAL_PORTS_LISTEN_PORT": "0", "CORRAL_NODE_URL": self.nodes,
                   "CORRAL_SECRETS_KEY_FILE": environment(corral, "controller").get("CORRAL_SECRETS_KEY_FILE", ""), "PATH": os.environ["PATH"]}
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen([corral.home / "bin/corral-controller", "serve"], env=environ, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        wait_until("the second controller has the database", lambda: self.is_not("not_leading"), 20)

    def is_not(self, why):
        """Whether it is not ready, for this reason."""
        assert self.process.poll() is None, self.log()
        try:
            return requests.get(self.url + "/readyz", timeout=5).json().get("code") == why
        except OSError:
            return False

    def come_back(self):
        self.socket.symlink_to(self.corral.home / "postgres/.s.PGSQL.5432")

    def go_away(self):
        self.socket.unlink()
        self.corral.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'second'")

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def stop(self):
        self.process.terminate()
        assert self.process.wait(20) == 0
        print(self.log()[-3000:])
        assert "Sanitizer" not in self.log()


def environment(corral, daemon):
    return dict(pair.split("=", 1) for pair in open(f"/proc/{corral.pid(daemon)}/environ").read().split("\0") if "=" in pair)


def leader(corral):
    return int(corral.sql("select split_part(leader, ':', 2) from leadership"))


def pass_lead(corral, to):
    """The first controller stands still until the second one has the lead."""
    pid = corral.pid("controller")
    corral.kill("controller", signal.SIGSTOP)
    try:
        corral.sql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = 20011 and objid = 1")
        wait_until("the second controller leads", lambda: leader(corral) == to.process.pid, 20)
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def second(corral):
    """A second controller that leads, and an agent that knows both."""
    folder = Path(tempfile.mkdtemp(prefix="corral-second-", dir="/var/tmp"))
    folder.chmod(0o755)
    controller, environ = Second(corral, folder), environment(corral, "agent")
    environ["CORRAL_CONTROLLER_URLS"] += "," + controller.nodes
    corral.kill("agent", signal.SIGTERM)
    agent = None
    try:
        with open(corral.home / "log/agent.log", "ab") as log:
            agent = subprocess.Popen([corral.home / "bin/corral-agent", "serve"], env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        pass_lead(corral, controller)
        wait_until("the node is there", lambda: requests.get(controller.url + "/readyz", timeout=5).status_code == 200, 40)
        yield controller
    finally:
        controller.stop()
        if agent:
            agent.terminate()
            agent.wait(20)
        corral.restart("agent")
        subprocess.run(["rm", "-r", folder], check=True)
    wait_until("the first controller leads", lambda: corral.admin.call("GET", "/readyz").status_code == 200, 40)


@pytest.fixture
def there(corral, user, second):
    """The same user at the second controller, with a sandbox that runs."""
    client, made = Client(second.url, user.session.headers["X-API-Key"]), []
    wait_until("a create is accepted", lambda: made.append(client.call("POST", "/sandbox", {"lifetime_seconds": 600}))
               or made[-1].status_code == 201, 30)
    client.sandbox = made[-1].json()["id"]
    yield client
    cut_all()


def terminal(client):
    t = Channels(client, f"/sandbox/{client.sandbox}/terminal?command=cat")
    t.echoes("first")
    return t


def execute(client, sandbox):
    return client.call("POST", f"/sandbox/{sandbox}/exec", {"command": ["true"]})


def test_streams_are_taken_up_at_the_new_leader(corral, user, second, there):
    """PostgreSQL is away for the second controller alone. Its node leaves it for the first one, and nothing more goes
    through it, although it never hears of the other leader."""
    t = terminal(there)
    second.go_away()
    try:
        wait_until("the first controller leads", lambda: leader(corral) == corral.pid("controller"), 10)
        assert t.ended(40) == 1012
        wait_until("the node is there", lambda: corral.admin.call("GET", "/readyz").status_code == 200, 30)
        answer = execute(there, there.sandbox)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        wait_until("the sandbox runs there", lambda: execute(user, there.sandbox).status_code == 200, 30)
        again = Channels(user, f"/sandbox/{there.sandbox}/processes/{t.pid}/attach?from={t.position}")
        again.echoes("second")
    finally:
        second.come_back()
    wait_until("the second controller has heard", lambda: "another controller has led since" in second.log(), 20)
    answer = execute(there, there.sandbox)
    assert (answer.status_code, answer.json()["code"]) == (503, "not_leading")
    again.echoes("third")


def test_a_leader_that_hears_of_another_ends_its_streams(corral, user, second, there):
    """Its node never hears of the other: it can reach the old leader only."""
    corral.kill("controller", signal.SIGSTOP)
    try:
        t = terminal(there)
        second.go_away()
        corral.sql("update leadership set epoch = epoch + 1, leader = 'another:1'")
        t.echoes("goes on")
        assert execute(there, there.sandbox).status_code == 200
        second.come_back()
        assert t.ended() == 1012
        wait_until("it leads again", lambda: execute(there, there.sandbox).status_code == 200, 40)
    finally:
        corral.kill("controller", signal.SIGCONT)


def counted(corral):
    return int(corral.sql("select coalesce(sum(creates), 0) from system_samples where kind = 'tier' and name = 'pro'"))


def sampled_by(corral, process):
    """The leader of this process has written a sample since its lead began."""
    return leader(corral) == process and corral.sql("select exists (select from system_samples s join leadership l using (epoch))") == "t"


def test_the_history_of_the_system_goes_on(corral, user, there, second):
    """Each create is in one sample, by one leader or the other; no sample is of a time that is in another one, or in which nobody led."""
    first = int(corral.sql("select epoch from leadership")) # tests before this one moved the clock
    wait_until("the second controller samples", lambda: sampled_by(corral, second.process.pid), 20)
    rows = lambda: int(corral.sql("select count(*) from sandboxes where tier = 'pro'")) # noqa: E731
    wait_until("what was created is counted", lambda: counted(corral) >= 1, 20)
    before = settled_difference(corral, rows)
    there.good("POST", "/sandbox", {"lifetime_seconds": 600}, status=201)
    second.process.send_signal(signal.SIGTERM) # stopped in order: it writes what it has
    wait_until("the first controller leads", lambda: corral.admin.call("GET", "/readyz").status_code == 200, 40)
    made = []
    wait_until("a create is accepted", lambda: made.append(user.call("POST", "/sandbox", {})) or made[-1].status_code == 201, 30)
    wait_until("the first controller samples", lambda: sampled_by(corral, corral.pid("controller")), 20)
    wait_until("each create is counted", lambda: rows() - counted(corral) == before, 15)
    overlapping = corral.sql("select a.at || ' ' || a.epoch || ', ' || b.at || ' ' || b.covered_ms || ' ' || b.epoch from system_samples a, system_samples b "
                             f"where least(a.epoch, b.epoch) >= {first} and a.kind = 'system' and b.kind = 'system' and a.at < b.at and b.at - b.covered_ms * interval '1 ms' < a.at - interval '100 ms'")
    assert overlapping == ""
    assert int(corral.sql(f"select count(distinct epoch) from system_samples where epoch >= {first}")) >= 2


def settled_difference(corral, rows):
    """How many creates are in no sample, from controllers that were killed: the same over several samples."""
    seen = [None]

    def same():
        seen.append(rows() - counted(corral))
        return len(seen) > 3 and len(set(seen[-3:])) == 1
    wait_until("the counts have settled", same, 30, 2.5)
    return seen[-1]
