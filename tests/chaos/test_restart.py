"""What an agent that comes back makes of what it finds: nothing that was promised is lost with its life."""
from corral import wait_until
from cut_docker import CutDocker
from hermits import MIB, SMALL


def on_disk(corral, sandbox, line):
    return line in (corral.home / "agent/records" / sandbox).read_text().splitlines()


def test_new_limits_outlive_the_agent(corral, user):
    """It dies after they were acknowledged, and before Docker took them."""
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
    wait_until("it has its new limit", lambda: int(limit.read_text()) == 32 * MIB, 15)


def test_new_limits_of_a_paused_one(corral, user):
    sandbox = user.create(**SMALL)["id"]
    limit = corral.kernel(sandbox, "memory/memory.limit_in_bytes", "memory.max")
    user.good("POST", f"/sandbox/{sandbox}/pause")
    user.good("PATCH", f"/sandbox/{sandbox}", {"memory_bytes": 32 * MIB})
    wait_until("it has its new limit", lambda: int(limit.read_text()) == 32 * MIB, 5)
    assert user.show(sandbox)["state"] == "paused"
