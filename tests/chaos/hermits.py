"""Sandboxes that end by themselves while nobody listens to their node."""
import time

from corral import wait_until

MIB = 1 << 20
SMALL = {"memory_bytes": 16 * MIB, "cpu_millis": 100, "storage_bytes": 4 * MIB, "pids": 16}


def runs(pid):
    """Whether the process runs: a zombie that nobody has reaped does not."""
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def pid_of(corral, sandbox_id, node=None):
    return int(corral.docker("inspect", "-f", "{{.State.Pid}}", sandbox_id, node=node))


class Hermits:
    """Creates one sandbox for each way to end without a request, all within seconds; keyed by their
    reasons. later: so many seconds more, for a caller that has much to do before it watches them."""

    def __init__(self, corral, user, node=None, later=0):
        self.user, self.created, self.later = user, time.monotonic(), later
        grows = ["sh", "-c", f"sleep {3 + later}; head -c 60000000 /dev/zero | tail -c 50000000 >/dev/null; sleep 600"]
        self.made = {
            "expired": user.create(lifetime_seconds=5 + later, **SMALL)["id"],
            "idle": user.create(idle_timeout_seconds=4 + later, **SMALL)["id"],
            "exited": user.create(command=["sh", "-c", f"sleep {4 + later}; exit 7"], **SMALL)["id"],
            "memory_critical": user.create(command=grows, **{**SMALL, "memory_bytes": 32 * MIB, "cpu_millis": 1000})["id"],
        }
        self.pids = {reason: pid_of(corral, i, node) for reason, i in self.made.items()}

    def near_their_ends(self):
        """Returns one second before the first of them ends, so that a fault of their node which begins then
        can be short."""
        wait_until("the first end is near", lambda: time.monotonic() - self.created > self.later + 2, self.later + 3)
        return self

    def end_alone(self):
        ended = {reason: self.user.show(self.made[reason])["detail"] for reason, pid in self.pids.items() if not runs(pid)}
        assert not ended, f"the sandboxes ended before they were watched, {time.monotonic() - self.created:.1f} s after the first was created: {ended}"
        for reason, pid in self.pids.items():
            wait_until(f"{reason} is over", lambda p=pid: not runs(p), 12 + self.later, 0.02)
            assert reason != "expired" or 4.5 < time.monotonic() - self.created - self.later < 7.5

    def are_told_truly(self, but=()):
        """Each has exactly one end, with the last figures. but: reasons that the caller checks itself."""
        for reason, sandbox in self.made.items():
            if reason in but:
                continue
            ended = self.user.wait(sandbox, "stopped", 20)
            assert ended["reason"] == reason, ended["detail"]
            events = self.user.good("GET", f"/sandbox/{sandbox}/events?limit=200")["items"]
            stopped = [e["data"] for e in events if e["type"] == "sandbox.stopped"]
            assert len(stopped) == 1 and stopped[0]["last"]["memory"]["limit_bytes"] == ended["limits"]["memory_bytes"]
        assert self.user.show(self.made["exited"])["exit_code"] == 7
