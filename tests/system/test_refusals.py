"""Requests that say something other than what was meant: each is refused, and the answer says what to
correct."""
import re
import unicodedata
from urllib.parse import quote

import pytest
import requests
from corral import Client


def test_who_sends_no_key_is_told_how(corral):
    assert requests.get(corral.url + "/sandbox", timeout=5).headers["WWW-Authenticate"] == 'Bearer realm="corral"'


@pytest.mark.parametrize("path", ["users", "users/{}/keys", "audit"])
def test_a_cursor_that_no_page_gave(corral, user, path):
    problem = corral.admin.refused("GET", f"/sandbox/system/{path.format(user.user_id)}?cursor=x")
    assert problem["code"] == "invalid" and problem["detail"].startswith("cursor must be")


def all_of(corral, path):
    items, cursor = [], ""
    while cursor is not None:
        page = corral.admin.good("GET", f"{path}?limit=200" + (f"&cursor={cursor}" if cursor else ""))
        items, cursor = items + page["items"], page["next_cursor"]
    return items


def test_the_last_administrator_stays(corral):
    path = "/sandbox/system/users"
    admins = [u["id"] for u in all_of(corral, path) if u["role"] == "admin"]
    me, others = admins[0], admins[1:] # the first one is the installation's own: ids sort by their time
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


def test_what_the_database_refuses_has_pointers(corral, user):
    """The pointer names the field that was sent, whichever part found the fault."""
    sandbox, admin = user.create()["id"], corral.admin
    users, past = "/sandbox/system/users", "2026-01-01T00:00:00Z"
    for client, method, path, body, pointer in (
            (user, "PATCH", f"/sandbox/{sandbox}", {"lifetime_seconds": 30 * 86400}, "/lifetime_seconds"),
            (user, "PATCH", f"/sandbox/{sandbox}", {"expires_at": "2036-01-01T00:00:00Z"}, "/expires_at"),
            (user, "PATCH", f"/sandbox/{sandbox}", {"expires_at": past}, "/expires_at"),
            (user, "PATCH", f"/sandbox/{sandbox}", {"cpu_millis": 999999}, "/cpu_millis"),
            (user, "POST", "/sandbox", {"lifetime_seconds": 30 * 86400}, "/lifetime_seconds"),
            (user, "POST", "/sandbox", {"runtime": "none-such"}, "/runtime"),
            (user, "POST", "/sandbox", {"network": "egress"}, "/network"),
            (user, "POST", "/sandbox", {"image": "registry.example/x"}, "/image"),
            (user, "POST", "/sandbox", {"image": "abcd"}, "/image"),
            (admin, "POST", users, {"name": "x", "tier": "none-such"}, "/tier"),
            (admin, "PATCH", f"{users}/{user.user_id}", {"tier": "none-such"}, "/tier"),
            (admin, "POST", f"{users}/{user.user_id}/keys", {"name": "x", "expires_at": past}, "/expires_at"),
            (admin, "PATCH", f"{users}/{user.user_id}/keys/{user.key_id}", {"expires_at": past}, "/expires_at"),
            (admin, "POST", "/sandbox/system/tiers", {"name": "x", "violations": {"cpu_warning": 50, "cpu_clear": 60}},
             "/violations/cpu_clear")):
        problem = client.refused(method, path, body)
        assert problem["status"] == 422 and [e["pointer"] for e in problem["errors"]] == [pointer], (body, problem)
    user.delete(sandbox)


UNSEEN = ["\x85", "\x9b31m", "a\u202eb", "\u2066x", "a\u200bb", "\u200b", "\ufeffa", "a\u2028", " ", "\u3000", "a ", "\u00a0a", "\u00ad"]


@pytest.mark.parametrize("name", UNSEEN, ids=ascii)
def test_names_that_are_not_what_they_seem(corral, user, name):
    sandbox, path = user.create()["id"], f"/sandbox/system/users/{user.user_id}"
    for client, method, at in ((user, "POST", "/sandbox"), (user, "PATCH", f"/sandbox/{sandbox}"), (corral.admin, "PATCH", path),
                               (corral.admin, "POST", f"{path}/keys"), (corral.admin, "PATCH", f"{path}/keys/{user.key_id}")):
        problem = client.refused(method, at, {"name": name})
        assert (problem["status"], problem["errors"][0]["pointer"]) == (422, "/name"), problem
    user.delete(sandbox)


def test_names_have_one_form(corral, user):
    apart, whole = "Zoe\u0308", "Zo\u00eb"
    sandbox = user.create(name=apart)
    assert sandbox["name"] == whole
    assert user.good("PATCH", f"/sandbox/{sandbox['id']}", {"name": "A\u030a \u2764\ufe0f"})["name"] == "\u00c5 \u2764\ufe0f"
    made = corral.admin.good("POST", "/sandbox/system/users", {"name": apart, "tier": "free"}, status=201)
    assert made["name"] == whole
    assert corral.admin.refused("POST", "/sandbox/system/users", {"name": whole, "tier": "free"})["code"] == "conflict"
    assert corral.admin.refused("POST", "/sandbox/system/users", {"name": apart, "tier": "free"})["code"] == "conflict"
    assert corral.key(made["id"], name=apart)["name"] == whole
    user.delete(sandbox["id"])


def test_who_is_asked_for_by_name_is_found(corral):
    """In either form, and as long as a name may be: characters count, not bytes."""
    whole, apart = ("Zo" + letter + "\u4eba" * 58 for letter in ("\u00eb", "e\u0308"))
    who = corral.user(whole)
    sandbox = who.create()["id"]
    for name in (whole, apart, who.user_id):
        assert [s["id"] for s in corral.admin.good("GET", "/sandbox", params={"user": name})["items"]] == [sandbox]
        assert corral.admin.good("GET", "/sandbox/system/audit", params={"actor": name, "target": sandbox})["items"]
    assert corral.admin.refused("GET", "/sandbox?user=" + "x" * 64)["code"] == "invalid"
    who.delete(sandbox)


def name_pattern(user):
    return user.description().document["paths"]["/sandbox"]["post"]["requestBody"]["content"]["application/json"]["schema"][
        "properties"]["name"]["pattern"].removesuffix("$") + r"\Z" # Python's $ also matches before the end of a last line


def test_the_pattern_of_names_says_the_same(user):
    """For each character of the Basic Multilingual Plane: the server takes what the description allows."""
    form = name_pattern(user)
    ignored = {0x34f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2065, 0x2800, 0x3164, 0xffa0, *range(0x180b, 0x1810), *range(0xfe00, 0xfe10),
               *range(0xfff0, 0xfff9)}
    for c in range(0xffff):
        if not 0xd800 <= c < 0xe000:
            wrong = unicodedata.category(chr(c)) in ("Cc", "Cf", "Zl", "Zp", "Zs") or c in ignored
            assert bool(re.search(form, chr(c))) != wrong, hex(c)


JOINED = ["\u0645\u06cc\u200c\u0631\u0648\u062f", "\u0643\u062a\u0627\u0628\u064e\u200c\u0647\u0627 1", "\u0915\u094d\u200d\u0937", "\u0d28\u0d4d\u200d",
          "a \U0001f469\u200d\U0001f4bb", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f3f3\ufe0f\u200d\U0001f308",
          "\u26f9\U0001f3fd\u200d\u2640\ufe0f"]
NOT_JOINED = ["a\u200cb", "a\u200db", "\u0627\u200c\u0645", "\u0645\u200c", "\u200c\u0645", "\u0645\u200d\u0645", "\u0645\u200c\u200c\u0645",
              "\U0001f469\u200d", "\u200d\U0001f469", "\U0001f469\u200d\u200d\U0001f4bb", "x\u200d\U0001f4bb"]


def test_joiners_stand_where_they_are_seen(corral, user):
    """Persian half-spaces, emoji of several code points, conjuncts of India: the server takes what its
    description allows."""
    sandbox, form = user.create()["id"], name_pattern(user)
    for name in JOINED:
        assert user.good("PATCH", f"/sandbox/{sandbox}", {"name": name})["name"] == name and re.search(form, name), ascii(name)
    for name in NOT_JOINED:
        problem = user.refused("PATCH", f"/sandbox/{sandbox}", {"name": name})
        assert problem["errors"][0]["pointer"] == "/name" and not re.search(form, name), ascii(name)
    user.delete(sandbox)


def test_a_name_that_grows_when_it_is_stored(corral, user):
    """U+FB2C is three characters in NFC: 22 of them would be stored as 66 and are refused, with the
    pointer; 21 are 63 and are accepted."""
    grows, sandbox, path = "\ufb2c" * 22, user.create()["id"], f"/sandbox/system/users/{user.user_id}"
    for client, method, at in ((user, "POST", "/sandbox"), (user, "PATCH", f"/sandbox/{sandbox}"), (corral.admin, "PATCH", path),
                               (corral.admin, "POST", f"{path}/keys"), (corral.admin, "PATCH", f"{path}/keys/{user.key_id}")):
        problem = client.refused(method, at, {"name": grows})
        assert (problem["status"], problem["errors"][0]["pointer"]) == (422, "/name"), problem
    problem = corral.admin.refused("POST", "/sandbox/system/users", {"name": grows, "tier": "free"})
    assert (problem["status"], problem["errors"][0]["pointer"]) == (422, "/name"), problem
    assert len(user.good("PATCH", f"/sandbox/{sandbox}", {"name": "\ufb2c" * 21})["name"]) == 63
    user.delete(sandbox)


def test_names_are_found_in_any_form_and_of_any_length(corral):
    admin = corral.admin
    for name, asked in (("Zo\u00eb-" + "\u5317" * 50, "Zoe\u0308-" + "\u5317" * 50), ("\U0001f600" * 63, "\U0001f600" * 63)):
        made = admin.good("POST", "/sandbox/system/users", {"name": name, "tier": "free"}, status=201)
        owner = Client(corral.url, corral.key(made["id"])["key"])
        sandbox = owner.create(labels={"k": "\U0001f600" * 255})
        assert [s["id"] for s in admin.good("GET", "/sandbox?user=" + quote(asked))["items"]] == [sandbox["id"]]
        assert admin.good("GET", "/sandbox/system/audit?actor=" + quote(asked))["items"]
        assert [s["id"] for s in owner.good("GET", "/sandbox?label=k:" + quote("\U0001f600" * 255))["items"]] == [sandbox["id"]]
        owner.delete(sandbox["id"])
    for query in ("user=" + quote("\u5317" * 64), "label=" + quote("\u5317" * 401)):
        problem = admin.refused("GET", "/sandbox?" + query)
        assert (problem["status"], problem["code"]) == (422, "invalid") and problem["detail"].startswith(query.split("=")[0]), problem


@pytest.mark.parametrize("query", ["?user=%ff", "?label=a%ff", "/system/audit?actor=%C3"])
def test_what_is_asked_for_is_text(corral, query):
    """Not through a proxy, which would turn the bytes into text."""
    answer = requests.get(f"{corral.url}/sandbox{query}", headers={"X-API-Key": corral.admin_key}, timeout=10)
    assert answer.status_code == 422 and answer.json()["detail"].endswith("must be UTF-8"), answer.text


def test_methods_that_there_are(user):
    sandbox = user.create()["id"]
    for path, allow in (("/sandbox", "POST, GET, HEAD"), (f"/sandbox/{sandbox}", "GET, HEAD, PATCH, DELETE"),
                        (f"/sandbox/{sandbox}/pause", "POST")):
        answer = user.call("PUT", path)
        assert answer.status_code == 405 and answer.headers["allow"] == allow
    assert user.session.head(user.url + f"/sandbox/{sandbox}/pause", timeout=10).headers["allow"] == "POST"
    user.delete(sandbox)


def test_a_history_that_ends_before_it_begins(user):
    path = f"/sandbox/{user.create()['id']}/stats/history"
    problem = user.refused("GET", path + "?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00%2B02:00")
    assert problem["code"] == "invalid" and "later" in problem["detail"]


@pytest.mark.parametrize("image", ["10.0.0.1:5000/x", "127.0.0.1:2/x:1", "localhost:1/x", "registry.example/x", "127.0.0.1:50000/x",
                                   "docker.io.example/x"])
def test_registries_that_are_not_allowed_are_refused(user, image):
    """The request is refused before a node hears of it, so before anything is dialled."""
    problem = user.refused("POST", "/sandbox", {"image": image})
    assert (problem["status"], problem["code"]) == (422, "registry_not_allowed") and "docker.io" in problem["detail"]


def test_a_name_is_no_id(corral, user):
    """A local image cannot be named by its id, nor by the beginning of its id."""
    whole = corral.docker("image", "inspect", "-f", "{{.Id}}", "corral-base:latest").removeprefix("sha256:")
    for image in (whole[:4], whole[:12], f"sha256:{whole[:12]}", f"sha256:{whole}"):
        problem = user.refused("POST", "/sandbox", {"image": image})
        assert (problem["status"], problem["code"]) == (422, "image_unavailable"), image
    assert user.refused("POST", "/sandbox", {"image": whole})["code"] == "invalid"


def test_what_docker_says_is_not_told_to_tenants(corral, user):
    """An image with a file where the init's folder must be: the sentence has no path of the node, the log
    has it."""
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
