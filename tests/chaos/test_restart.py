"""A restarted agent and what it finds: nothing that was acknowledged is lost."""
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import agent_records
import pytest
from corral import wait_until
from cut_docker import CutDocker
from hermits import MIB, SMALL, pid_of, runs


def on_disk(corral, sandbox, line):
    return line in agent_records.text_of(corral.home / "agent/records" / sandbox).splitlines()


def test_new_limits_outlive_the_agent(corral, user):
    """The agent dies after the new limits were acknowledged, and before Docker set them."""
    sandbox = user.create(**SMALL)["id"]
    limit = corral.kernel(sandbox, "memory/memory.limit_in_bytes", "memory.max")
    corral.kill("agent")
    with CutDocker(corral, rb"POST \S+/containers/sbx_\w+/update") as docker:
        corral.restart("agent")
        user.good("PATCH", f"/sandbox/{sandbox}", {"memory_bytes": 32 * MIB})
        wait_until("Docker was asked", lambda: docker.cuts, 10)
        wait_until("the record has it", lambda: on_disk(corral, sandbox, f"limits.memory_bytes {32 * MIB}"), 5)
        corral.kill("agent")
    assert int(limit.read_text()) == 16 * MIB
    corral.restart("agent")
    wait_until("the new limit is set", lambda: int(limit.read_text()) == 32 * MIB, 15)


def test_new_limits_of_a_paused_one(corral, user):
    sandbox = user.create(**SMALL)["id"]
    limit = corral.kernel(sandbox, "memory/memory.limit_in_bytes", "memory.max")
    user.good("POST", f"/sandbox/{sandbox}/pause")
    user.good("PATCH", f"/sandbox/{sandbox}", {"memory_bytes": 32 * MIB})
    wait_until("the new limit is set", lambda: int(limit.read_text()) == 32 * MIB, 5)
    assert user.show(sandbox)["state"] == "paused"


@pytest.mark.parametrize("meanwhile", [None, "resume", "delete"])
def test_a_pause_waits_for_its_node(corral, user, meanwhile):
    """A request that waits for a state is answered when it is reached, or when another state was requested
    meanwhile."""
    sandbox = user.create(**SMALL)["id"]
    waiting = lambda: corral.admin.good("GET", "/sandbox/system/stats")["queues"]["waiters"]
    with ThreadPoolExecutor(2) as pool:
        corral.kill("agent", signal.SIGSTOP)
        try:
            pause = pool.submit(user.call, "POST", f"/sandbox/{sandbox}/pause")
            wait_until("it waits", lambda: waiting() == 1, 5)
            assert not pause.done() and user.show(sandbox)["state"] == "running"
            if meanwhile == "resume":
                user.good("POST", f"/sandbox/{sandbox}/resume")
            elif meanwhile == "delete":
                pool.submit(user.delete, sandbox)
            if meanwhile:
                assert pause.result(5).json()["code"] == "conflict"
        finally:
            corral.kill("agent", signal.SIGCONT)
        answer = pause.result()
        if not meanwhile:
            assert answer.status_code == 200 and answer.json()["state"] == "paused" and corral.is_frozen(sandbox)
            user.good("POST", f"/sandbox/{sandbox}/resume", status=200)
            assert not corral.is_frozen(sandbox)
    user.delete(sandbox)


def dies_before_it_is_recorded(corral, user):
    """The agent dies before it could record that the sandbox runs. Whether it is the same container afterwards."""
    made, others = {}, corral.docker("ps", "--format", "{{.Names}}").split()
    thread = threading.Thread(target=lambda: made.update(user.create(**SMALL)))
    thread.start()
    sandbox = wait_until("the container runs", lambda: next((n for n in corral.docker(
        "ps", "--format", "{{.Names}}", "--filter", "label=corral.sandbox").split() if n not in others), None), 15, 0.002)
    corral.kill("agent")
    pid = pid_of(corral, sandbox)
    corral.docker("exec", sandbox, "touch", "/workspace/kept")
    corral.restart("agent")
    thread.join(60)
    assert made["state"] == "running" and made["id"] == sandbox
    same = pid_of(corral, sandbox) == pid and runs(pid)
    if same:
        corral.docker("exec", sandbox, "ls", "/workspace/kept")
    user.delete(sandbox)
    return same


def test_one_without_a_command_is_not_made_again(corral, user):
    """What was written into the sandbox meanwhile stays. (One whose init had not been told to begin is made again: a busy machine
    meets that moment, too, but not each time.)"""
    assert any(dies_before_it_is_recorded(corral, user) for _ in range(5))


def test_one_that_was_renamed_while_the_agent_was_down(corral, user):
    sandbox = user.create(**SMALL)["id"]
    pid = pid_of(corral, sandbox)
    corral.kill("agent")
    corral.docker("rename", sandbox, "nobodys")
    corral.restart("agent")
    wait_until("the processes are gone", lambda: not runs(pid), 10)
    ended = user.wait(sandbox, "stopped", 10)
    assert ended["reason"] == "orphaned" and "not by Corral" in ended["detail"], ended
    cleaned = corral.admin.good("POST", "/sandbox/system/cleanup")
    assert cleaned["removed"]["orphan_container"] == 1
    assert not corral.docker("ps", "-aq", "--filter", "name=nobodys")


def test_an_upgrade_before_the_agent_is_restarted(corral, user):
    """An agent starts sandboxes with the init that it was started with, whatever file lies in its place by
    then."""
    init, fresh = corral.home / "bin/corral-init", corral.home / "bin/corral-init.new"
    theirs = init.read_bytes()
    for content in (b"#!/bin/false\n", theirs):
        fresh.write_bytes(content)
        fresh.chmod(0o755)
        fresh.rename(init)
        if content != theirs:
            assert user.create(**SMALL)["state"] == "running"
    corral.kill("agent")
    corral.restart("agent")
    assert user.create(**SMALL)["state"] == "running"
