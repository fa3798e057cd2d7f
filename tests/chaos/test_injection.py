"""Text that means something to SQL, a shell, a path or a template, in every place that takes text: it stays
text."""
import time
import uuid

import pytest

TEXTS = ["' or 1=1 --", "'; drop table users; --", "\" or \"\"=\"", "1) union select sha256 from api_keys --", "sbx_' || pg_sleep(5) --",
         "1; select pg_sleep(5)", "%27%20or%201", "$(reboot)", "`id`", "; rm -rf /", "../../etc/passwd", "..%2f..%2fetc", "{{7*7}}",
         "${jndi:ldap://x}", "\\x00", "\u202e\U0001f600", "-1", "null", "%", "a" * 120]
LEAKS = ("syntax error", "sqlstate", "select ", "pg_", "relation", "/var/", "/usr/", "libpq", "sha256", "root:")
HARMLESS = {"name": "x", "tier": "none", "region": "nowhere"}
FIXED = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}


def looks_well(what, answer, text):
    """Refused with a reason, or taken as text; quickly, and without internals in the answer."""
    assert answer.status_code < 500 or answer.json()["code"] == "no_capacity", (what, answer.status_code, answer.text)
    assert answer.elapsed.total_seconds() < 3, what
    said = answer.text.lower().replace(text.lower(), "")
    assert not [leak for leak in LEAKS if leak in said] or answer.status_code < 300, (what, answer.text)


def quote(text):
    return "".join(f"%{byte:02x}" for byte in text.encode())


def request_of(operation, path, place, name, text):
    """The request with this text in one place, and something harmless in the others."""
    query = []
    for parameter in operation.get("parameters", []):
        if "$ref" in parameter:
            continue
        mine = (parameter["in"], parameter["name"]) == (place, name)
        value = quote(text) if mine else FIXED.get(parameter["name"], "none")
        if parameter["in"] == "path":
            path = path.replace("{%s}" % parameter["name"], value)
        elif mine or parameter["name"] in FIXED:
            query.append(f"{parameter['name']}={value}")
    return path + ("?" + "&".join(query) if query else "")


def places(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", []):
                if "$ref" not in parameter:
                    yield method.upper(), path, operation, parameter["in"], parameter["name"]


def test_every_parameter(corral, user):
    before, tried = corral.sql("select count(*) from api_keys"), 0
    for method, path, operation, place, name in places(user.description().document):
        client = corral.admin if "/system/" in path else user
        for text in TEXTS:
            target = request_of(operation, path, place, name, text)
            looks_well((method, target), client.call(method, target, {} if method in ("POST", "PATCH") else None), text)
            tried += 1
    assert tried > 800
    assert corral.sql("select count(*) from api_keys") == before


def bodies(document):
    """The bodies that have fields: a stream of bytes has none."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                yield method.upper(), path, content["application/json"]["schema"]


def values(schema, text):
    """This text as a value of the schema, as an item, and as a name and a value of its members."""
    yield text
    if "array" in str(schema.get("type")):
        yield [text]
    if "object" in str(schema.get("type")):
        yield {text: "x"}
        yield {"x": text}


def test_every_field_of_a_body(corral, user):
    tried = 0
    other = corral.user(f"inj-{uuid.uuid4().hex[:8]}")
    for method, path, schema in bodies(user.description().document):
        admin = "/system/" in path
        target = path.replace("{id}", other.user_id if admin else "sbx_" + "0" * 26)
        target = target.replace("{name}", "none").replace("{key}", "none").replace("{pid}", "1")
        for name, field in schema["properties"].items():
            for text in TEXTS:
                for value in values(field, text):
                    # A tier and a region that do not exist, so that nothing is created where a text is
                    # accepted.
                    body = {k: v for k, v in HARMLESS.items() if method == "POST" and k in schema["properties"]}
                    answer = (corral.admin if admin else user).call(method, target, {**body, name: value})
                    looks_well((method, target, name, value), answer, text)
                    tried += 1
    assert tried > 800


@pytest.mark.parametrize("header", ["Idempotency-Key", "If-Match", "X-Request-Id", "Prefer", "X-API-Key", "Authorization"])
def test_every_header(corral, user, header):
    sandbox = user.create()["id"]
    for text in TEXTS:
        value = text.encode("utf-8") if header not in ("X-API-Key",) else ("crl_" + text).encode()
        for method, path, body in (("PATCH", f"/sandbox/{sandbox}", {"name": "x"}), ("POST", "/sandbox", {"region": "nowhere"})):
            looks_well((method, header, text), user.call(method, path, body, headers={header: value}), text)
    user.delete(sandbox)


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_taken_comes_back_as_it_was(corral, user, text):
    """A name may not change how the text beside it is displayed; data may be any text."""
    name = text[:63].replace("\u202e", "")
    sandbox = user.good("POST", "/sandbox", {"labels": {"k": text}, "env": {"V": text}, "name": name}, status=201)
    assert sandbox["labels"] == {"k": text} and sandbox["name"] == name
    if '"' not in text and "\\" not in text:
        assert [s["id"] for s in user.good("GET", f"/sandbox?label=k:{quote(text)}")["items"]] == [sandbox["id"]]
    user.delete(sandbox["id"])


def test_a_sleep_in_sql_would_be_seen(corral):
    """The check above can fail: the database does sleep when asked to."""
    begin = time.monotonic()
    corral.sql("select pg_sleep(1)")
    assert time.monotonic() - begin >= 1
