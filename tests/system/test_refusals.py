"""Requests that say something other than what was meant: each is refused, and told what to mend."""
import re

import pytest
import requests
from corral import Client


def test_who_sends_no_key_is_told_how(corral):
    assert requests.get(corral.url + "/sandbox", timeout=5).headers["WWW-Authenticate"] == 'Bearer realm="corral"'


@pytest.mark.parametrize("path", ["users", "users/{}/keys", "audit"])
def test_a_cursor_that_no_page_gave(corral, user, path):
    problem = corral.admin.refused("GET", f"/sandbox/system/{path.format(user.user_id)}?cursor=x")
    assert problem["code"] == "invalid" and problem["detail"].startswith("cursor must be")


def test_the_last_administrator_stays(corral):
    path = "/sandbox/system/users"
    admins = [u["id"] for u in corral.admin.good("GET", path + "?limit=200")["items"] if u["role"] == "admin"]
    me, others = admins[0], admins[1:] # the first is the installation's own: ids sort by their time
    for other in others:
        corral.admin.good("PATCH", f"{path}/{other}", {"role": "user"})
    try:
        for method, body in (("DELETE", None), ("PATCH", {"role": "user"})):
            problem = corral.admin.refused(method, f"{path}/{me}", body)
            assert problem["code"] == "conflict" and "make another first" in problem["detail"]
    finally:
        for other in others:
            corral.admin.good("PATCH", f"{path}/{other}", {"role": "admin"})
    second = corral.admin.good("POST", path, {"name": "second-admin", "role": "admin", "tier": "pro"})
    as_second = Client(corral.url, corral.key(second["id"], scopes=["read", "write", "admin"])["key"])
    as_second.good("PATCH", f"{path}/{second['id']}", {"role": "user"})


def test_a_weak_tag_never_matches(corral, user):
    sandbox = user.create()["id"]
    tag = user.call("GET", f"/sandbox/{sandbox}").headers["etag"]
    for given, status in ((f"W/{tag}", 412), (f'"x", W/{tag}', 412), (f'"x", {tag}', 200)):
        answer = user.call("PATCH", f"/sandbox/{sandbox}", {"name": "one"}, headers={"If-Match": given})
        assert answer.status_code == status, given


def test_two_ends_at_once(user):
    sandbox = user.create()
    problem = user.refused("PATCH", f"/sandbox/{sandbox['id']}", {"lifetime_seconds": 60, "expires_at": sandbox["expires_at"]})
    assert problem["code"] == "invalid" and problem["errors"][0]["pointer"] == "/expires_at"


def test_one_scope_twice(corral, user):
    problem = corral.admin.refused("POST", f"/sandbox/system/users/{user.user_id}/keys", {"name": "x", "scopes": ["read", "read"]})
    assert problem["errors"] == [{"pointer": "/scopes/1", "detail": "stands there already"}]


def test_which_field_is_above_the_tier(user):
    for method, path in (("POST", "/sandbox"), ("PATCH", f"/sandbox/{user.create()['id']}")):
        problem = user.refused(method, path, {"memory_bytes": 1 << 42})
        assert problem["code"] == "above_tier_limit" and problem["errors"][0]["pointer"] == "/memory_bytes"


def test_a_history_that_ends_before_it_begins(user):
    path = f"/sandbox/{user.create()['id']}/stats/history"
    problem = user.refused("GET", path + "?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00%2B02:00")
    assert problem["code"] == "invalid" and "later" in problem["detail"]


@pytest.mark.parametrize("image", ["10.0.0.1:5000/x", "127.0.0.1:2/x:1", "localhost:1/x", "registry.example/x", "127.0.0.1:50000/x",
                                   "docker.io.example/x"])
def test_registries_that_are_not_allowed_are_refused(user, image):
    """Before any host hears of it, so before anything is dialled."""
    problem = user.refused("POST", "/sandbox", {"image": image})
    assert (problem["status"], problem["code"]) == (422, "registry_not_allowed") and "docker.io" in problem["detail"]


def test_a_name_is_no_id(corral, user):
    """A local image is not had by its id, nor by the beginning of it."""
    whole = corral.docker("image", "inspect", "-f", "{{.Id}}", "corral-base:latest").removeprefix("sha256:")
    for image in (whole[:4], whole[:12], f"sha256:{whole[:12]}", f"sha256:{whole}"):
        problem = user.refused("POST", "/sandbox", {"image": image})
        assert (problem["status"], problem["code"]) == (422, "image_unavailable"), image
    assert user.refused("POST", "/sandbox", {"image": whole})["code"] == "invalid"


def test_what_docker_says_is_not_told_to_tenants(corral, user):
    """An image with a file where the init's folder has to be: the sentence has no path of the host, the log has it."""
    corral.docker("container", "create", "--name", "broken", "corral-base:latest", "true")
    file = corral.home / "corral-file"
    file.write_text("x")
    corral.docker("cp", str(file), "broken:/.corral")
    corral.docker("commit", "broken", "broken:1")
    corral.docker("container", "rm", "broken")
    assert user.refused("POST", "/sandbox", {"image": "broken:1"})["code"] == "start_failed"
    failed = user.good("GET", "/sandbox?all=true")["items"][-1]
    told = [failed["detail"], *(e["data"].get("detail") or "" for e in user.good("GET", f"/sandbox/{failed['id']}/events")["items"])]
    for text in told:
        assert "/" not in text and str(corral.home) not in text and not re.search(r"[0-9a-f]{12}", text), text
    log = (corral.home / "log/agent.log").read_text()
    assert re.search(f"sandbox={failed['id']} did not start: .*{corral.home}", log)
    corral.docker("rmi", "broken:1")
