"""The catalogue of images: who may run what, what is asked of nodes, credentials that are never shown."""
import json
import uuid
from urllib.parse import quote

import pytest

IMAGES = "/sandbox/system/images"
REGISTRIES = "/sandbox/system/registries"
SMALL = {"memory_bytes": 32 << 20, "cpu_millis": 50, "storage_bytes": 16 << 20}


def path(ref, act=""):
    return f"{IMAGES}/{quote(ref, safe='')}{act}"


@pytest.fixture
def tier(corral):
    name = f"t{uuid.uuid4().hex[:8]}"
    corral.admin.good("POST", "/sandbox/system/tiers", {"name": name, "max_sandboxes": 5, "images": ["docker.io/library/only-*", "docker.io/acme/tool:1.*"]}, status=201)
    return name


def test_a_tier_says_which_images_its_users_run(corral, tier):
    admin, user = corral.admin, corral.user(f"u-{uuid.uuid4().hex[:8]}", tier=tier)
    for image in ("debian:12", "acme/tool:2.1", "acme/other:1.0", "docker.io/library/xonly-this"):
        problem = user.refused("POST", "/sandbox", {**SMALL, "image": image})
        assert (problem["status"], problem["code"]) == (422, "registry_not_allowed"), (image, problem)
        assert tier in problem["detail"] and problem["errors"][0]["pointer"] == "/image", problem
    assert user.create(**SMALL)["state"] == "running" # the base image is everybody's
    here = f"only-{uuid.uuid4().hex[:8]}:1"
    corral.docker("tag", "corral-base:latest", here) # on the node already, and allowed
    sandbox = user.create(**SMALL, image=here)
    assert sandbox["state"] == "running"
    admin.good("PATCH", f"/sandbox/system/tiers/{tier}", {"images": ["docker.io/library/debian"]})
    assert user.refused("POST", "/sandbox", {**SMALL, "image": here})["code"] == "registry_not_allowed" # though it is here
    assert user.good("GET", f"/sandbox/{sandbox['id']}")["state"] == "running"
    admin.good("PATCH", f"/sandbox/system/tiers/{tier}", {"images": None})
    assert user.create(**SMALL, image=here)["state"] == "running"
    for s in user.good("GET", "/sandbox")["items"]:
        user.delete(s["id"])
    corral.docker("rmi", here)
    for bad in (["debian"], ["docker.io/../x y"], ["docker.io/"], [""]):
        assert admin.refused("PATCH", f"/sandbox/system/tiers/{tier}", {"images": bad})["code"] == "invalid"


def test_an_image_that_nobody_may_pull(corral):
    problem = corral.admin.refused("POST", IMAGES, {"ref": "example.invalid/x:1"})
    assert (problem["status"], problem["code"]) == (422, "registry_not_allowed")
    for body in ({"ref": "no name"}, {"ref": "x", "nodes": ["nobody"]}, {"ref": "x", "nodes": []}, {}):
        assert corral.admin.refused("POST", IMAGES, body)["code"] == "invalid", body
    assert corral.admin.refused("POST", IMAGES, {"ref": "x", "region": "nowhere"})["code"] == "conflict"
    for ref in ("nowhere:1", "%zz", "a%0ab", "a b"):
        assert corral.admin.refused("GET", f"{IMAGES}/{ref if '%' in ref else quote(ref, safe='')}")["code"] == "not_found"


def test_credentials_are_never_shown(corral):
    admin, password = corral.admin, f"secret-{uuid.uuid4().hex}"
    made = admin.good("POST", REGISTRIES, {"name": "Registry.Example.com:5000", "username": "robot", "password": password})
    assert (made["name"], made["username"]) == ("registry.example.com:5000", "robot")
    listed = [r for r in admin.good("GET", f"{REGISTRIES}?limit=200")["items"] if r["name"] == made["name"]]
    assert listed == [made]
    dump = corral.sql("select r::text from registries r") + corral.sql("select a::text from audit a where action like 'registry.%'")
    assert "robot" in dump and password not in dump and password.encode().hex() not in dump
    assert password not in (corral.home / "log/controller.log").read_text(errors="replace")
    admin.good("POST", REGISTRIES, {"name": "registry.example.com:5000", "username": "other", "password": "x"})
    admin.good("DELETE", f"{REGISTRIES}/registry.example.com:5000", status=204)
    assert admin.refused("DELETE", f"{REGISTRIES}/registry.example.com:5000")["code"] == "not_found"
    assert admin.refused("POST", REGISTRIES, {"name": "a/b", "username": "x", "password": "x"})["code"] == "invalid"
    actions = [r["action"] for r in admin.good("GET", "/sandbox/system/audit?target=registry.example.com:5000")["items"]]
    assert actions[:4] == ["registry.delete", "registry.delete", "registry.set", "registry.set"] # the second one was refused


def test_pins(corral):
    admin, ref = corral.admin, f"pinned-{uuid.uuid4().hex[:8]}:1"
    whole = f"docker.io/library/{ref}"
    asked = admin.good("POST", IMAGES, {"ref": ref, "pin": True, "nodes": ["node-1"]}, status=202)
    assert (asked["ref"], asked["name"], asked["pinned"], asked["placed"]) == (whole, ref, True, {"nodes": ["node-1"]})
    assert [n["node"] for n in asked["nodes"]] == ["node-1"] and asked["digest"] is None
    assert admin.refused("DELETE", path(ref))["code"] == "conflict"
    assert admin.good("GET", path(whole))["pinned"]
    assert whole in [i["ref"] for i in admin.good("GET", f"{IMAGES}?pinned=true&node=node-1&limit=200")["items"]]
    assert not admin.good("PATCH", path(ref), {"pinned": False})["pinned"]
    assert whole not in [i["ref"] for i in admin.good("GET", f"{IMAGES}?pinned=true&limit=200")["items"]]
    admin.good("DELETE", path(ref), status=204)
    assert admin.refused("GET", path(ref))["code"] == "not_found"
    actions = [r["action"] for r in admin.good("GET", f"/sandbox/system/audit?target={quote(whole)}")["items"]]
    assert sorted(set(actions)) == ["image.delete", "image.patch", "image.pull"]


def test_a_dry_run_of_a_prune(corral):
    found = corral.admin.good("POST", f"{IMAGES}/prune", {"dry_run": True, "older_than_seconds": 300000000})
    assert found == {"dry_run": True, "found": 0, "removed": 0, "bytes": 0, "images": []}


def test_the_client(corral):
    def run(*args, stdin=None):
        done = corral.cli(*args, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "--json" in args else done.stdout

    ref = f"by-client-{uuid.uuid4().hex[:8]}:1"
    asked = run("image", "pull", ref, "--pin", "--node", "node-1", "--detach", "--json")
    assert (asked["name"], asked["pinned"], asked["placed"]) == (ref, True, {"nodes": ["node-1"]})
    assert ref in run("image", "ls", "--pinned")
    assert run("image", "show", ref, "--json")["ref"] == asked["ref"]
    assert run("image", "unpin", ref, "--json")["pinned"] is False
    assert run("image", "pin", ref, "--json")["pinned"] is True
    run("image", "unpin", ref)
    run("image", "rm", ref)
    assert ref not in run("image", "ls")
    assert run("image", "prune", "--dry-run", "--older-than", "300000000s", "--json")["found"] == 0
    made = run("registry", "set", "r.example.com", "robot", "--json", stdin="secret\n")
    assert made["username"] == "robot" and "r.example.com" in run("registry", "ls")
    run("registry", "rm", "r.example.com")
    tier = f"t{uuid.uuid4().hex[:8]}"
    assert run("tier", "add", tier, "--image", "docker.io/library/*", "--json")["images"] == ["docker.io/library/*"]
    assert run("tier", "set", tier, "--any-image", "--json")["images"] is None
    run("tier", "rm", tier)
