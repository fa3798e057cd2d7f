"""Images that nodes pull, keep and remove as an administrator asks, from a registry with TLS and a password."""
import base64
import json
import os
import subprocess
import tempfile
import uuid
import warnings
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import pytest
from corral import wait_until
from registries import LyingRegistry, Registry, image_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import crypt

IMAGES = "/sandbox/system/images"
REGISTRIES = "/sandbox/system/registries"
NODE = "/sandbox/system/nodes/node-1"
SMALL = {"memory_bytes": 32 << 20, "cpu_millis": 50, "storage_bytes": 16 << 20}
USER, PASSWORD = "puller", 'right "one"'


class PrivateRegistry(Registry):
    """Docker takes any certificate of a registry on its own loopback."""

    def __enter__(self):
        folder = self.folder
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", folder / "key",
                        "-out", folder / "cert", "-days", "2", "-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1"],
                       check=True, capture_output=True)
        (folder / "users").write_text(f"{USER}:{crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))}\n")
        self.more = f", tls: {{certificate: {folder}/cert, key: {folder}/key}}"
        self.auth = f"auth: {{htpasswd: {{realm: tests, path: {folder}/users}}}}\n"
        return super().__enter__()


@pytest.fixture(scope="module")
def registry(corral, tmp_path_factory):
    with PrivateRegistry(corral, tmp_path_factory.mktemp("registry")) as registry:
        yield registry


def docker(corral, folder, *args, stdin=None):
    return subprocess.run(["/usr/bin/docker", "-H", f"unix://{corral.home}/run/docker.sock", *args], input=stdin, text=True, check=True, capture_output=True,
                          timeout=120, env={**corral.environ, "DOCKER_CONFIG": str(folder / "config"), "DOCKER_BUILDKIT": "0"}).stdout


def push(corral, registry, ref, noise=0):
    """Builds an image and pushes it; its digest. The node does not keep it, and never had it under this name."""
    other = ref.replace("127.0.0.1", "localhost") # the same registry
    context = Path(tempfile.mkdtemp(dir=registry.folder))
    (context / "Dockerfile").write_text(f"FROM corral-base:latest\nLABEL of={uuid.uuid4().hex}\n" + ("COPY noise /noise\n" if noise else ""))
    (context / "noise").write_bytes(os.urandom(noise))
    docker(corral, registry.folder, "login", "-u", USER, "--password-stdin", other.split("/")[0], stdin=PASSWORD)
    docker(corral, registry.folder, "build", "-q", "-t", other, str(context))
    digest = docker(corral, registry.folder, "push", other).rsplit("digest: ", 1)[1].split()[0]
    corral.docker("rmi", other)
    return digest


def new_name(registry):
    return f"{registry.address}/{uuid.uuid4().hex}/x:1"


def path(ref):
    return f"{IMAGES}/{quote(ref, safe='')}"


def on_node(corral, ref):
    return next((n for n in corral.admin.good("GET", path(ref))["nodes"] if n["node"] == "node-1"), {"state": None})


def wait_state(corral, ref, state, seconds=40):
    def reached():
        seen.append(on_node(corral, ref))
        return seen[-1]["state"] == state
    seen = []
    try:
        wait_until(f"the image is {state}", reached, seconds)
    except AssertionError as e:
        raise AssertionError(f"{e}, but {seen[-1]}") from None
    return seen


def let_in(corral, registry):
    corral.admin.good("POST", REGISTRIES, {"name": registry.address, "username": USER, "password": PASSWORD})


def test_with_a_password(corral, registry, user):
    """Refused without it; pinned, run by its digest, and kept as it is when the tag moves, until an update."""
    ref = new_name(registry)
    digest = push(corral, registry, ref)
    corral.admin.good("POST", IMAGES, {"ref": ref, "pin": True}, status=202)
    assert wait_state(corral, ref, "failed")[-1]["problem"]
    let_in(corral, registry)
    corral.admin.good("POST", IMAGES, {"ref": ref, "pin": True}, status=202)
    here = wait_state(corral, ref, "present")[-1]
    shown = corral.admin.good("GET", path(ref))
    assert (here["digest"], shown["digest"], shown["pinned"]) == (digest, digest, True) and here["size_bytes"] > 0
    moved = push(corral, registry, ref)
    assert moved != digest
    sandbox = user.create(**SMALL, image=ref)
    assert corral.sql(f"select image_digest from sandboxes where id = '{sandbox['id']}'").strip() == digest
    user.delete(sandbox["id"])
    assert corral.admin.good("GET", path(ref))["digest"] == digest
    corral.admin.good("POST", IMAGES, {"ref": ref, "update": True}, status=202)
    wait_until("the name stands for the new image", lambda: corral.admin.good("GET", path(ref))["digest"] == moved, 40)
    assert wait_state(corral, ref, "present")[-1]["digest"] == moved
    for log in ("agent", "controller"):
        assert PASSWORD not in (corral.home / f"log/{log}.log").read_text(errors="replace")


def test_delete(corral, registry):
    """Gone from the node and from the catalogue. What Corral did not pull stays."""
    ref = new_name(registry)
    push(corral, registry, ref)
    let_in(corral, registry)
    corral.admin.good("POST", IMAGES, {"ref": ref}, status=202)
    wait_state(corral, ref, "present")
    assert corral.docker("images", "-q", ref).strip()
    corral.admin.good("DELETE", path(ref), status=202)
    wait_until("it is gone", lambda: corral.admin.call("GET", path(ref)).status_code == 404, 40)
    assert not corral.docker("images", "-q", ref).strip()
    own = f"own-{uuid.uuid4().hex[:8]}:1"
    corral.docker("tag", "corral-base:latest", own)
    wait_until("it is listed", lambda: own in [i["name"] for i in corral.admin.good("GET", f"{IMAGES}?node=node-1&limit=200")["items"]], 20)
    corral.admin.good("DELETE", path(own), status=202)
    wait_until("the agent refuses", lambda: "it was not pulled by Corral" in (on_node(corral, own).get("problem") or ""), 20)
    assert corral.docker("images", "-q", own).strip()
    wait_until("it stays, and is not being removed for ever", lambda: corral.admin.good("GET", path(own))["state"] == "present", 20)
    corral.docker("rmi", own)
    wait_until("it is gone", lambda: corral.admin.call("GET", path(own)).status_code == 404, 20)


def test_a_restart_in_a_pull(corral, registry):
    """Its progress is told layer by layer, and the pull goes on with the next agent."""
    ref = new_name(registry)
    digest = push(corral, registry, ref, noise=200 << 20)
    let_in(corral, registry)
    corral.admin.good("POST", IMAGES, {"ref": ref}, status=202)
    seen = wait_state_of_layers(corral, ref)
    assert all(set(layer) == {"id", "state", "done_bytes", "total_bytes"} for layer in seen["layers"])
    corral.kill("agent")
    corral.restart("agent")
    assert wait_state(corral, ref, "present", 90)[-1]["digest"] == digest
    corral.admin.good("DELETE", path(ref), status=202)


def let_out(corral, registry):
    corral.admin.call("DELETE", f"{REGISTRIES}/{registry.address}")


def test_a_create_of_a_private_image(corral, registry, user):
    """With the credentials of its registry, from the answer that sets them to the one that removes them; they are in no record of the node."""
    ref = new_name(registry)
    push(corral, registry, ref)
    let_out(corral, registry)
    problem = user.refused("POST", "/sandbox", {**SMALL, "image": ref})
    assert (problem["status"], problem["code"]) == (422, "image_unavailable"), problem
    let_in(corral, registry)
    sandbox = user.create(**SMALL, image=ref)
    shown = json.dumps([user.good("GET", f"/sandbox/{sandbox['id']}"), user.good("GET", f"/sandbox/{sandbox['id']}/events")])
    assert sandbox["state"] == "running"
    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    for secret in (PASSWORD, basic, json.dumps(PASSWORD)[1:-1]):
        assert secret not in shown
        found = subprocess.run(["grep", "-rlF", "--exclude-dir=postgres", "--exclude-dir=docker*", "--", secret, corral.home], capture_output=True, text=True).stdout
        assert not found, found
    user.delete(sandbox["id"])
    let_out(corral, registry)
    other = new_name(registry)
    push(corral, registry, other)
    assert user.refused("POST", "/sandbox", {**SMALL, "image": other})["code"] == "image_unavailable"


def test_a_restart_in_the_pull_of_a_create(corral, registry, user):
    """The next agent gets the credentials again, since none was kept on its disk."""
    ref = new_name(registry)
    push(corral, registry, ref, noise=100 << 20)
    let_in(corral, registry)
    sandbox = user.good("POST", "/sandbox", {**SMALL, "image": ref}, status=202, headers={"Prefer": "respond-async"})
    wait_until("Docker pulls", lambda: list(corral.home.glob("docker*/**/tmp/GetImageBlob*")), 20, 0.02)
    corral.kill("agent")
    assert not corral.docker("images", "-q", ref).strip()
    corral.restart("agent")
    wait_until("it runs", lambda: user.good("GET", f"/sandbox/{sandbox['id']}")["state"] != "pending", 60)
    assert user.good("GET", f"/sandbox/{sandbox['id']}/wait?state=running&timeout_ms=60000")["state"] == "running"
    user.delete(sandbox["id"])


def wait_state_of_layers(corral, ref):
    seen = []

    def layers():
        seen.append(on_node(corral, ref))
        return seen[-1]["state"] == "present" or seen[-1]["state"] == "pulling" and seen[-1]["layers"]
    wait_until("its layers are told", layers, 40)
    assert seen[-1]["state"] == "pulling", seen
    return seen[-1]


def other_bytes(layer):
    """An image whose one layer is sent as other bytes of the same length."""
    whole = image_of(layer, len(layer))

    def answer(request):
        if request.path.endswith(sha256(layer).hexdigest()):
            request.say(200, bytes(b ^ 1 for b in layer))
        else:
            whole(request)
    return answer


@pytest.mark.parametrize("answer, problem", [
    (image_of(bytes(2 << 20), 1 << 40), "larger than"), (image_of(bytes(2 << 20), (1 << 63) - 1), "larger than"),
    (other_bytes(bytes(2 << 20)), "verif"), (image_of(bytes(2 << 20), 100), "cannot be pulled")])
def test_a_registry_that_lies(corral, answer, problem):
    """About a size, or with other bytes than it says: the node keeps nothing, and says what is wrong."""
    with LyingRegistry(corral, answer, ("127.0.0.1", 1)) as lying:
        corral.admin.good("POST", IMAGES, {"ref": lying.image}, status=202)
        here = wait_state(corral, lying.image, "failed")[-1]
        assert problem in here["problem"], here
        assert here["total_bytes"] >= 0 and not corral.docker("images", "-q", lying.image).strip()
        corral.admin.good("DELETE", path(lying.image), status=204)


def test_a_registry_that_repeats_the_login(corral, user):
    """It knows the password, and nobody else is to: not a tenant, not an event, not a log."""
    secret = uuid.uuid4().hex

    def answer(request):
        if "Authorization" not in request.headers:
            request.refuse(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="x"')
        else:
            words = {"errors": [{"code": "DENIED", "message": "not with " + request.headers["Authorization"]}]}
            request.say(403, json.dumps(words).encode(), Content_Type="application/json")
    with LyingRegistry(corral, answer, ("127.0.0.1", 1)) as lying:
        corral.admin.good("POST", REGISTRIES, {"name": "127.0.0.1:1", "username": "u", "password": secret})
        problem = user.refused("POST", "/sandbox", {**SMALL, "image": lying.image})
        assert problem["code"] == "image_unavailable" and "Basic" not in problem["detail"], problem
        corral.admin.good("POST", IMAGES, {"ref": lying.image}, status=202)
        assert "repeated the login" in wait_state(corral, lying.image, "failed")[-1]["problem"]
        corral.admin.good("DELETE", f"{REGISTRIES}/127.0.0.1:1")
        corral.admin.good("DELETE", path(lying.image), status=204)
    told = base64.b64encode(f"u:{secret}".encode()).decode()[:-4]
    for log in ("agent", "controller"):
        assert told not in (corral.home / f"log/{log}.log").read_text(errors="replace")
    assert corral.sql(f"select count(*) from events where data::text like '%{told}%'").strip() == "0"
