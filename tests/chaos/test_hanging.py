"""Parts that never answer: a registry, Docker in one step or in all. Deadlines and deletions wait for none
of them."""
import os
import re
import signal
import time
import uuid

import pytest
from corral import FOREVER, wait_until
from cut_docker import CutDocker, HungDocker, LyingDocker
from hermits import SMALL, pid_of, runs
from registries import SilentRegistry

NODE = "/sandbox/system/nodes/node-1"
NEVER = re.compile(rb"(?!)")


def begin(user, **body):
    """A create that does not wait for its start."""
    return user.good("POST", "/sandbox", {**SMALL, **body}, status=202, headers={"Prefer": "respond-async"})["id"]


def delete_at_once(user, sandbox, most=5):
    """Deletes: 204, and the quota is free, whatever hangs."""
    begin = time.monotonic()
    assert user.call("DELETE", f"/sandbox/{sandbox}").status_code == 204
    took = time.monotonic() - begin
    print(f"deleted within {took:.2f} s")
    assert took < most
    assert user.good("GET", "/sandbox/quota/usage")["used"]["sandboxes"] == 0
    return user.show(sandbox)


def names(corral):
    return corral.docker("ps", "-a", "--format", "{{.Names}}").split()


def containerd_pid(corral):
    return int((corral.home / "docker/exec/containerd/containerd.pid").read_text())


def node_state(corral):
    return corral.admin.good("GET", NODE)["state"]


def wait_ready(corral, seconds=40):
    wait_until("the node is ready", lambda: node_state(corral) == "ready", seconds)


# --- a registry ---

def test_a_deletion_waits_for_no_registry(corral, user):
    with SilentRegistry(corral) as registry:
        sandbox = begin(user, image=registry.image)
        wait_until("the image is being pulled", registry.open, 15)
        ended = delete_at_once(user, sandbox)
        assert (ended["state"], ended["reason"]) == ("failed", "deleted")
        assert ended["detail"] == "its image was still being pulled when its user deleted it"
        wait_until("Docker has aborted the pull", lambda: not registry.open(), 15)


def test_a_lifetime_ends_while_its_image_is_pulled(corral, user):
    with SilentRegistry(corral) as registry:
        sandbox = begin(user, image=registry.image, lifetime_seconds=4)
        wait_until("the image is being pulled", registry.open, 15)
        ended = user.wait(sandbox, "failed", 8)
    assert ended["reason"] == "expired"
    assert ended["detail"] == "its image was still being pulled when its lifetime ended"
    assert corral.late(user) == ""


def test_who_waits_for_the_same_image_is_not_hurt(corral, user):
    other = corral.user(f"other-{uuid.uuid4().hex[:8]}", tier="pro")
    with SilentRegistry(corral) as registry:
        mine, others = begin(user, image=registry.image), begin(other, image=registry.image)
        wait_until("the image is being pulled", registry.open, 15)
        wait_until("both pulls are under way", lambda: other.show(others)["state"] == user.show(mine)["state"] == "starting", 15)
        delete_at_once(user, mine)
        assert registry.open() and other.show(others)["state"] == "starting"
        registry.hang_up()
        ended = other.wait(others, "failed", 30)
    assert ended["reason"] == "image_unavailable" and ended["detail"], ended


def test_a_pull_without_progress_is_given_up(corral, user):
    corral.kill("agent")
    corral.restart("agent", CORRAL_PULL_SILENT_SECONDS="2")
    wait_ready(corral)
    with SilentRegistry(corral) as registry:
        problem = user.refused("POST", "/sandbox", {**SMALL, "image": registry.image})
    assert (problem["status"], problem["code"]) == (422, "image_unavailable")
    assert user.good("GET", "/sandbox?all=true")["items"][0]["detail"] == "the image cannot be pulled"
    assert "its registry did not answer in time" in corral.logs() # only the administrator may see why
    corral.kill("agent")
    corral.restart("agent", CORRAL_PULL_SILENT_SECONDS="60") # a setting that was made once stays
    wait_ready(corral)


# --- Docker, in one step ---

def test_a_create_that_hangs(corral, user):
    """Docker gets to the request after nobody waits for it any more."""
    with HungDocker(corral, rb"POST \S+/containers/create") as docker:
        sandbox = begin(user)
        wait_until("the container is being created", lambda: docker.cuts, 15)
        ended = delete_at_once(user, sandbox)
        assert ended["detail"] == "its container was still being created when its user deleted it"
        docker.release()
        assert user.create(**SMALL)["state"] == "running"
        wait_until("there is no container", lambda: sandbox not in names(corral), 20)


@pytest.mark.parametrize("end", ["deleted", "expired"])
def test_a_start_that_hangs(corral, user, end):
    """containerd hangs: Docker keeps the container until containerd goes on, and cannot even remove it."""
    containerd = containerd_pid(corral)
    os.kill(containerd, signal.SIGSTOP)
    try:
        sandbox = begin(user, lifetime_seconds=6 if end == "expired" else 600)
        wait_until("the container is there", lambda: sandbox in names(corral), 15)
        if end == "deleted":
            ended = delete_at_once(user, sandbox, most=10)
        else:
            ended = user.wait(sandbox, "failed", 20)
        assert ended["reason"] == end and "its container was still being started when" in ended["detail"], ended
    finally:
        os.kill(containerd, signal.SIGCONT)
    wait_until("the container is gone", lambda: sandbox not in names(corral), 30)
    wait_ready(corral)
    assert user.create(**SMALL)["state"] == "running"


# --- Docker, in all ---

def test_a_frozen_docker(corral, user):
    """Docker hangs, with its stream of events open. The node takes no creates, reports deaths nevertheless,
    and recovers by itself."""
    dies, deleted = user.create(command=FOREVER, **SMALL)["id"], user.create(**SMALL)["id"]
    stays = user.create(command=FOREVER, **SMALL)["id"]
    pids = {i: pid_of(corral, i) for i in (dies, deleted, stays)}
    corral.kill("dockerd", signal.SIGSTOP)
    try:
        wait_until("the node is not ready", lambda: node_state(corral) != "ready", 30)
        assert "Docker" in corral.admin.good("GET", NODE)["reason"]
        assert user.refused("POST", "/sandbox", SMALL)["code"] == "no_capacity"
        os.kill(pids[dies], signal.SIGKILL)
        ended = user.wait(dies, "stopped", 30)
        assert ended["reason"] == "exited", ended
        wait_until("the sandbox is deleted", lambda: user.call("DELETE", f"/sandbox/{deleted}").status_code == 204, 30)
        assert not runs(pids[deleted]) and runs(pids[stays])
    finally:
        corral.kill("dockerd", signal.SIGCONT)
    wait_ready(corral)
    wait_until("all containers are gone", lambda: not {dies, deleted} & set(names(corral)), 30)
    assert user.show(stays)["state"] == "running" and runs(pids[stays])
    assert user.create(**SMALL)["state"] == "running"


def test_what_docker_does_not_say_is_asked_again(corral, user):
    """A container dies while Docker's events are cut off, and the inspection that follows is not answered."""
    sandbox = user.create(command=FOREVER, **SMALL)["id"]
    corral.kill("agent")
    with CutDocker(corral, rb"GET \S+/events") as docker:
        corral.restart("agent")
        wait_until("the stream of events is opened again", lambda: user.stats(sandbox)["health"]["status"] == "healthy" and docker.cuts, 20)
        docker.cut = re.compile(rb"GET \S+/(events|containers/sbx_\w+/json)")
        corral.docker("kill", sandbox)
        wait_until("Docker was asked, and did not answer", lambda: any(b"/json" in what for what in docker.asked), 20)
        docker.cut = NEVER
        assert user.wait(sandbox, "stopped", 20)["reason"] in ("exited", "node_lost")
    wait_ready(corral)


def test_a_removal_that_was_none(corral, user):
    """A container is not gone because Docker says so, but when its processes are."""
    before = set(corral.containers())
    with LyingDocker(corral, rb"POST /\S+/start", rb"DELETE /\S*containers/\S+") as docker:
        user.refused("POST", "/sandbox", {"command": FOREVER, **SMALL})
        wait_until("Docker has lied", lambda: docker.cuts, 20)
        wait_until("nothing is left", lambda: set(corral.containers()) <= before, 30)
