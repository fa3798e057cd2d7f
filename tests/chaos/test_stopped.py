"""Daemons that are stopped, and a machine that is suspended, for longer than a lease: a daemon that slept
does not blame others for its own silence."""
import os
import signal
import time
from contextlib import suppress

from corral import wait_until
from hermits import SMALL, pid_of, runs
from test_faults import ready

LEASE = 10


class Asleep:
    """Stops processes until `seconds` have passed and the condition holds."""

    def __init__(self, pids):
        self.pids = list(pids)

    def __enter__(self):
        self.begin = time.monotonic()
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)
        return self

    def __exit__(self, *_):
        for pid in self.pids:
            with suppress(ProcessLookupError): # the woken agent has ended the sandbox already
                os.kill(pid, signal.SIGCONT)

    def until(self, seconds):
        wait_until("the stop has lasted long enough", lambda: time.monotonic() - self.begin > seconds, seconds + 5, 0.2)


def parents():
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                found[int(pid)] = int(stat.read().rpartition(")")[2].split()[1])
        except OSError:
            pass # the process is gone
    return found


def all_of(corral):
    """Every process of the installation: its daemons, PostgreSQL, Docker and its shims, and the processes
    in the sandboxes."""
    found, home = set(), str(corral.home).encode()
    above = parents()
    for pid in above:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as line:
                if home in line.read():
                    found.add(pid)
        except OSError:
            pass
    grown = True
    while grown:
        more = {pid for pid, parent in above.items() if parent in found} - found
        grown = bool(more)
        found |= more
    mine = os.getpid()
    while mine in above:
        found.discard(mine)
        mine = above[mine]
    return found


def events_of(user, sandbox):
    return [e["type"] for e in user.good("GET", f"/sandbox/{sandbox}/events")["items"]]


def leads(corral):
    return (corral.home / "log/controller.log").read_text().count("leads with epoch")


def lead_again(corral, before):
    """The controller's session with PostgreSQL was idle for too long and ended: the controller becomes
    leader again."""
    wait_until("the controller leads again", lambda: leads(corral) > before, 20)
    ready(corral)


def lost_links(corral):
    return (corral.home / "log/agent.log").read_text().count("init does not answer")


def test_a_controller_that_was_stopped(corral, user):
    """What the node killed in time meanwhile is expired, what ran still runs, and neither was lost."""
    stays = user.create(lifetime_seconds=600, **SMALL)["id"]
    dies = user.create(lifetime_seconds=6, **SMALL)["id"]
    pid, stays_pid = pid_of(corral, dies), pid_of(corral, stays)
    led = leads(corral)
    with Asleep([corral.pid("controller")]) as asleep:
        wait_until("the node ends the sandbox", lambda: not runs(pid), 12)
        asleep.until(LEASE + 8)
    lead_again(corral, led)
    ended = user.wait(dies, "stopped", 20)
    assert ended["reason"] == "expired" and "hindered" not in ended["detail"], ended
    assert corral.late(user) == ""
    assert user.show(stays)["state"] == "running" and runs(stays_pid)
    for sandbox in (stays, dies):
        assert "sandbox.lost" not in events_of(user, sandbox)
    assert user.create(**SMALL)["state"] == "running"


def test_an_agent_that_was_stopped(corral, user):
    """A node was away for longer than its lease: its sandboxes were lost and are back; those past their
    deadline end at once."""
    lost = lost_links(corral)
    stays = user.create(lifetime_seconds=600, **SMALL)["id"]
    dies = user.create(lifetime_seconds=8, **SMALL)["id"]
    pid, stays_pid = pid_of(corral, dies), pid_of(corral, stays)
    with Asleep([corral.pid("agent")]) as asleep:
        wait_until("the sandbox is lost", lambda: user.show(stays)["state"] == "lost", LEASE + 10)
        asleep.until(LEASE + 3)
    begin = time.monotonic()
    wait_until("the sandbox past its deadline is ended", lambda: not runs(pid), 5, 0.02)
    assert time.monotonic() - begin < 5
    assert user.wait(dies, "stopped", 20)["reason"] in ("expired", "node_lost") # whichever daemon reported it first
    wait_until("the sandbox is back", lambda: user.show(stays)["state"] == "running", 20)
    wait_until("the init answers", lambda: user.stats(stays)["health"]["status"] == "healthy", 10)
    assert runs(stays_pid) and lost_links(corral) == lost


def test_a_machine_that_was_suspended(corral, user):
    """All at once: the daemons, PostgreSQL, Docker, the sandboxes. They and their links are there as
    before, and what is due by now ends. Harder than a suspension: CLOCK_MONOTONIC goes on too, and with
    it every timer."""
    lost = lost_links(corral)
    stays = user.create(lifetime_seconds=600, **SMALL)["id"]
    dies = user.create(lifetime_seconds=8, **SMALL)["id"]
    pids = [pid_of(corral, i) for i in (stays, dies)]
    everything = all_of(corral)
    assert everything.issuperset([*pids, *(corral.pid(d) for d in ("controller", "agent", "dockerd"))]), everything
    assert int((corral.home / "postgres/postmaster.pid").read_text().split()[0]) in everything
    led = leads(corral)
    with Asleep(everything) as asleep:
        asleep.until(40)
    wait_until("the sandbox past its deadline is ended", lambda: not runs(pids[1]), 5, 0.02)
    lead_again(corral, led)
    assert user.wait(dies, "stopped", 20)["reason"] == "expired"
    assert user.show(stays)["state"] == "running" and runs(pids[0])
    assert "sandbox.lost" not in events_of(user, stays) + events_of(user, dies)
    wait_until("the init answers", lambda: user.stats(stays)["health"]["status"] == "healthy", 10)
    assert lost_links(corral) == lost
