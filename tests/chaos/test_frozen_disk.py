"""The file system of a node's state folder is frozen, as for a snapshot: what is due ends nevertheless."""
import subprocess
import time
from contextlib import contextmanager

import pytest
from corral import STAYS, UNTIL_TOLD, wait_until
from hermits import SMALL, pid_of, runs
from installation import node_is_ready


def begin_again(corral):
    """An agent with another state folder is accepted only at its second try; until then its node may still
    be called ready."""
    def welcomes():
        return (corral.home / "log/agent.log").read_text(errors="replace").count("welcome to cluster")
    before = welcomes()
    corral.restart("agent")
    wait_until("the agent is accepted", lambda: welcomes() > before, 60)
    wait_until("the node is ready", lambda: node_is_ready(corral), 20)


@pytest.fixture
def own_disk(corral):
    """The agent's state folder is on a file system of its own, which has nothing else."""
    state, image = corral.home / "agent", corral.home / "agent.ext4"
    corral.kill("agent")
    with open(image, "wb") as f:
        f.truncate(512 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, state], check=True)
    begin_again(corral)
    yield state
    corral.kill("agent")
    for mounted in (state / "links", state):
        subprocess.run(["umount", "-l", mounted], check=False)
    begin_again(corral)


@contextmanager
def frozen(folder):
    subprocess.run(["fsfreeze", "-f", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "-u", folder], check=True)


def test_what_is_due_is_ended(corral, user, own_disk):
    ends = user.create(**SMALL, command=["sh", "-c", UNTIL_TOLD + "true"])["id"]
    due = user.create(**SMALL, command=["sh", "-c", STAYS], lifetime_seconds=12)["id"]
    deleted = user.create(**SMALL, command=["sh", "-c", STAYS])["id"]
    pids = {s: pid_of(corral, s) for s in (ends, due, deleted)}
    corral.tell(ends)
    with frozen(own_disk):
        # The start and the end of this sandbox create and remove files on that disk.
        user.good("POST", "/sandbox", SMALL, status=202, headers={"Prefer": "respond-async"})
        wait_until("its command ended", lambda: not runs(pids[ends]), 10)
        begin = time.monotonic()
        wait_until("its lifetime ends", lambda: not runs(pids[due]), 20)
        print(f"ended after {time.monotonic() - begin:.1f} s")
        assert corral.sql(f"select now() > expires_at + interval '2 seconds' from sandboxes where id = '{due}'") == "f"
    user.wait(ends, "stopped", 30)
    assert user.wait(due, "stopped", 30)["reason"] == "expired"
    assert corral.late(user) == ""
    assert user.call("DELETE", f"/sandbox/{deleted}").status_code == 204
