"""Images of registries: what a node pulls and from where, what it refuses to pull, and what tenants are
told."""
import contextlib
import os
import re
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import pytest
from corral import wait_until
from hermits import SMALL
from registries import DrippingRegistry, LyingRegistry, Registry, SilentRegistry, bomb, endless_layer, image_of_layers, namespace
from test_hanging import begin

MIB = 1 << 20
NODE = "/sandbox/system/nodes/node-1"
# A setting that was made once stays until it is set again.
DEFAULTS = {"CORRAL_IMAGE_MAX_BYTES": "10G", "CORRAL_IMAGE_FREE_BYTES": "1M"}
PULLS_OF_USER = 4
OUTSIDE = ("198.51.100.7", 5443) # on its namespace's loopback, and not an address that Docker takes for local


@pytest.fixture
def registry(corral, tmp_path):
    with Registry(corral, tmp_path) as registry:
        yield registry


def restart_agent(corral, **env):
    sessions = corral.metric("corral_node_handshakes_total")
    corral.kill("agent")
    corral.restart("agent", **env)
    wait_until("the agent has a session", lambda: corral.metric("corral_node_handshakes_total") > sessions, 40)
    wait_until("the node is ready", lambda: corral.admin.good("GET", NODE)["state"] == "ready", 40)


@contextlib.contextmanager
def agent_with(corral, **env):
    restart_agent(corral, **env)
    try:
        yield
    finally:
        restart_agent(corral, **DEFAULTS)


def images(corral):
    return corral.docker("images", "-a", "--digests", "--format", "{{.Repository}}:{{.Tag}}@{{.Digest}} {{.ID}}").split("\n")


def layers(corral):
    """The layers that Docker has, whole and partial."""
    data = next((corral.home / "docker/data").glob("*.*"))
    return sorted(str(p.relative_to(data)) for folder in ("image/overlay2/layerdb/sha256", "tmp") for p in (data / folder).glob("*"))


def push(corral, registry, add="", only_there=True):
    """The base image with one more layer; its name and digest."""
    context = Path(tempfile.mkdtemp(dir=corral.home))
    (context / "Dockerfile").write_text(f"FROM corral-base:latest\nLABEL of={uuid.uuid4().hex}\n{add}\n")
    (context / "noise").write_bytes(os.urandom(40 * MIB) if "noise" in add else b"")
    (context / "zeros").write_bytes(bytes(60 * MIB) if "zeros" in add else b"")
    ref = f"{registry.address}/{uuid.uuid4().hex}/x:1"
    subprocess.run(["/usr/bin/docker", "-H", f"unix://{corral.home}/run/docker.sock", "build", "-q", "-t", ref, str(context)],
                   env={**corral.environ, "DOCKER_BUILDKIT": "0"}, check=True, capture_output=True, timeout=120)
    digest = registry.push(ref)
    if only_there:
        corral.docker("rmi", ref)
    return ref, f"{ref.removesuffix(':1')}@{digest}"


def refused(user, image):
    """The sentence that the user gets, the same for every cause."""
    problem = user.refused("POST", "/sandbox", {**SMALL, "image": image})
    assert (problem["status"], problem["code"]) == (422, "image_unavailable"), problem
    ended = user.good("GET", "/sandbox?all=true&limit=200")["items"][-1]
    assert (ended["state"], ended["reason"]) == ("failed", "image_unavailable"), ended
    told = user.good("GET", f"/sandbox/{ended['id']}/events")["items"][-1]
    assert told["type"] == "sandbox.failed" and told["data"]["detail"] == ended["detail"] == problem["detail"]
    user.last = ended["id"]
    return ended["detail"]


def log(corral):
    return (corral.home / "log/agent.log").read_text(errors="replace")


def test_by_its_name_and_by_its_digest(corral, user, registry):
    name, digest = push(corral, registry)
    for image in (name, digest, f"{name}@{digest.split('@')[1]}", digest):
        sandbox = user.create(**SMALL, image=image)
        assert (sandbox["state"], sandbox["image"]) == ("running", image)
        user.delete(sandbox["id"])
    names = " ".join(images(corral))
    assert name in names and digest.split("@")[1] in names
    _, other = push(corral, registry)
    assert refused(user, f"{digest.split('@')[0]}@{other.split('@')[1]}") == "the image cannot be pulled"


def test_one_that_is_too_large(corral, user, registry):
    """Seen during the pull; for layers that are large only when unpacked, seen afterwards. Nothing of the
    image stays."""
    large = push(corral, registry, "COPY noise /noise")
    bomb = push(corral, registry, "COPY zeros /zeros")
    here, _ = push(corral, registry, "COPY zeros /zeros", only_there=False)
    before = images(corral), layers(corral)
    with agent_with(corral, CORRAL_IMAGE_MAX_BYTES="20M"):
        for image in (*large, *bomb):
            assert refused(user, image) == "its image is larger than 20.0 MiB, which is the most that its node pulls"
            # A cleanup may remove what other tests left.
            wait_until("nothing of the image is left", lambda: not any(set(now) - set(was) for now, was in zip((images(corral), layers(corral)), before)), 20)
            kept = corral.home / "agent/images"
            assert not kept.exists() or image not in kept.read_text()
        for image in ("corral-base:latest", here): # layers that are here already cost nothing
            assert user.create(**SMALL, image=image)["state"] == "running"
    for image in (large[0], bomb[1]): # and exactly as large as allowed
        assert user.create(**SMALL, image=image)["state"] == "running"


def test_one_that_is_said_to_be_larger_than_any_disk(corral, user):
    """The pull is aborted before the image has come, whatever the registry would still send."""
    before = layers(corral)
    with LyingRegistry(corral, endless_layer()) as lying:
        assert refused(user, lying.image) == "its image is larger than 10.0 GiB, which is the most that its node pulls"
        assert any("/blobs/" in path for path in lying.server.asked), lying.server.asked
        wait_until("nothing of the image is left", lambda: not set(layers(corral)) - set(before), 20)


def test_one_of_more_layers_than_docker_takes(corral, user):
    """Docker itself would say so only once all layers had come."""
    layers = [(f"{uuid.uuid4().hex}".encode(), 1 << 20) for _ in range(128)]
    with LyingRegistry(corral, image_of_layers(layers)) as lying:
        assert refused(user, lying.image) == "its image has more than 127 layers"


def test_one_that_drips_holds_nobody_up(corral, user, registry):
    """Layers that never end, more than Docker's default of parallel downloads, of one image and of many:
    the image of another user is pulled."""
    other, name = corral.user(f"other-{uuid.uuid4().hex}", tier="pro"), push(corral, registry)[0]
    slow = corral.user(f"slow-{uuid.uuid4().hex}", tier="pro")
    with DrippingRegistry(corral, layers=16, port=1) as dripping:
        images = [dripping.new_image() for _ in range(10)]
        made = {image.split("/", 1)[1].removesuffix(":1"): begin(slow, image=image) for image in images}
        wait_until("the user has its most pulls", lambda: len(set(dripping.held)) == PULLS_OF_USER
                   and len(dripping.held) == PULLS_OF_USER * dripping.layers, 30)
        since, first = time.monotonic(), set(dripping.held)
        quick = other.create(**SMALL, image=name)
        assert quick["state"] == "running"
        assert time.monotonic() - since < 20
        assert set(dripping.held) == first, "the other pulls wait"
        other.delete(quick["id"])
        for image in first:
            slow.delete(made.pop(image))
        wait_until("the next pulls begin", lambda: len(set(dripping.held) - first) == PULLS_OF_USER, 30)
        for sandbox in made.values(): # also those without a pull yet
            assert slow.call("DELETE", f"/sandbox/{sandbox}").status_code == 204
        wait_until("nothing is pulled", lambda: not dripping.held, 30)


def test_one_that_sends_docker_to_a_machines_own_credentials(corral, user):
    """A node's Docker cannot reach link-local addresses: neither for a token nor for the image."""
    asked = subprocess.run(["nsenter", f"--net={namespace(corral)}", "ip", "route", "get", "169.254.169.254"], capture_output=True, text=True)
    assert asked.returncode, f"nothing is dialled while it could leave the namespace: {asked.stdout}"
    place = "http://169.254.169.254/latest/meta-data"
    ways = (lambda r: r.refuse(401, "UNAUTHORIZED", WWW_Authenticate=f'Bearer realm="{place}",service="x"'),
            lambda r: r.say(200, b"{}") if r.path.endswith("/v2/") else r.say(307, b"", Location=place))
    for way in ways:
        with LyingRegistry(corral, way, ("127.0.0.1", 1)) as lying:
            assert refused(user, lying.image) == "the image cannot be pulled"
            assert re.search(f"sandbox={user.last} did not start: .*(no route to host|unreachable)", log(corral))


def test_one_that_fills_the_disk(corral, user):
    """Small to download, and large when unpacked: aborted at the floor of free disk, and the unpacked part
    is removed."""
    fs = os.statvfs(corral.home / "docker/data")
    floor, before = fs.f_bavail * fs.f_frsize - (1 << 30), layers(corral)
    with agent_with(corral, CORRAL_IMAGE_FREE_BYTES=str(floor)), LyingRegistry(corral, bomb(8)) as lying:
        assert refused(user, lying.image) == "its node has too little free disk to pull its image"
        assert any("/blobs/" in path for path in lying.server.asked), lying.server.asked
        wait_until("nothing of the image is left", lambda: layers(corral) == before, 60, 0.5)
        # Docker may keep the file of an aborted unpacking until it is restarted: the file does not grow.
        data = next((corral.home / "docker/data").glob("*.*")) / "overlay2"
        assert sum(path.stat().st_size for path in data.glob("*/diff/zeros")) < 6 << 30
        assert user.create(**SMALL)["state"] == "running"


def test_below_the_floor_of_the_disk(corral, user, registry):
    """Nothing is pulled, no registry is dialled, and sandboxes of images that are here start."""
    name, _ = push(corral, registry)
    here, _ = push(corral, registry, only_there=False)
    with agent_with(corral, CORRAL_IMAGE_FREE_BYTES="1000T"):
        assert refused(user, name) == "its node has too little free disk to pull its image"
        assert re.search(r"too little free disk to pull its image: \d+ bytes of it are kept free", log(corral))
        with SilentRegistry(corral, port=1) as other:
            assert refused(user, other.image) == "its node has too little free disk to pull its image"
            assert not other.taken
        for image in ("corral-base:latest", here):
            assert user.create(**SMALL, image=image)["state"] == "running"
        doctor = subprocess.run([corral.home / "bin/corral-agent", "doctor"], capture_output=True, text=True, env={
            **corral.environ, "CORRAL_STATE_DIR": str(corral.home / "agent"), "CORRAL_IMAGE_FREE_BYTES": "1000T",
            "CORRAL_DOCKER_SOCKET": str(corral.home / "run/docker.sock")}).stdout
        assert re.search(r"^advice +image_disk .* are free; nothing is pulled below 1000.0 TiB", doctor, re.M), doctor
    assert user.create(**SMALL, image=name)["state"] == "running"


def test_a_node_has_a_list_of_its_own(corral, user):
    """Whatever its controller allows, a node dials no other registry."""
    with agent_with(corral, CORRAL_REGISTRIES="docker.io,127.0.0.1:5000"), SilentRegistry(corral, port=1) as other:
        assert refused(user, other.image) == "its node pulls no images from its registry"
        assert not other.taken, "it was dialled"
        assert "127.0.0.1:1 is not one of docker.io,127.0.0.1:5000" in log(corral)
        corral.docker("tag", "corral-base:latest", other.image) # an image that is here needs no registry
        assert user.create(**SMALL, image=other.image)["state"] == "running"
        assert not other.taken
    with SilentRegistry(corral, port=1) as other: # the check can fail: without the list it is dialled
        user.good("POST", "/sandbox", {**SMALL, "image": other.image}, headers={"Prefer": "respond-async"})
        wait_until("the registry is dialled", lambda: other.taken, 15)


# --- why a pull fails is for the administrator only ---

def unauthorized(request):
    request.refuse(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="secret.internal"')


def rate_limited(request):
    request.refuse(429, "TOOMANYREQUESTS")


def broken(request):
    request.refuse(500, "secret.internal has failed")


def no_manifest(request):
    request.say(200, b"what? secret.internal", Content_Type="application/vnd.docker.distribution.manifest.v2+json")


LIES = {"unauthorized": (unauthorized, "basic auth credentials|unauthorized"), "rate": (rate_limited, "toomanyrequests"),
        "broken": (broken, "500|has failed"), "no manifest": (no_manifest, "manifest|invalid character")}


@pytest.mark.parametrize("what", LIES)
def test_a_registry_that_refuses(corral, user, what):
    answer, cause = LIES[what]
    with LyingRegistry(corral, answer) as lying:
        assert refused(user, lying.image) == "the image cannot be pulled"
        assert re.search(f"sandbox={user.last} did not start: .*({cause})", log(corral))


@pytest.mark.parametrize("what", ["unknown", "refused", "name", "certificate"])
def test_a_registry_that_is_not_there(corral, user, registry, tmp_path, what):
    cause = {"unknown": "manifest unknown|not found", "refused": "connection refused", "name": "dial|lookup",
             "certificate": "x509|certificate"}[what]
    image = {"unknown": f"{registry.address}/no/such:1", "refused": "127.0.0.1:1/x:1", "name": "no-such-image:1",
             "certificate": None}[what]
    with contextlib.ExitStack() as stack:
        if what == "certificate":
            subprocess.run(["nsenter", f"--net={namespace(corral)}", "ip", "address", "replace", f"{OUTSIDE[0]}/32", "dev", "lo"],
                           check=True)
            pair = tmp_path / "cert.pem", tmp_path / "key.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=secret.internal", "-days", "2",
                            "-out", pair[0], "-keyout", pair[1]], check=True, capture_output=True)
            image = stack.enter_context(LyingRegistry(corral, broken, OUTSIDE, pair)).image
        assert refused(user, image) == "the image cannot be pulled"
    assert re.search(f"sandbox={user.last} did not start: .*({cause})", log(corral))
