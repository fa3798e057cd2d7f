"""JSON Schema's own test suite: what its authors say of each value, the server's description says too, and
the server does it."""
import json
import re
from pathlib import Path

import jsonschema
import pytest

SUITE = Path("/usr/share/json-schema-test-suite/tests/draft7") # for the keywords that are used here 2020-12 says the same
USED = ["type", "enum", "const", "minimum", "maximum", "minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems",
        "minProperties", "maxProperties", "properties", "required", "additionalProperties", "propertyNames", "items", "anyOf", "oneOf",
        "optional/zeroTerminatedFloats", "optional/bignum", "optional/format/date-time"]
NOWHERE = "0123456789ABCDEFGHJKMNPQRS"
BODIES = [("POST", "/sandbox"), ("PATCH", f"/sandbox/sbx_{NOWHERE}"), ("POST", "/sandbox/system/users"),
          ("PATCH", f"/sandbox/system/users/usr_{NOWHERE}"), ("POST", f"/sandbox/system/users/usr_{NOWHERE}/keys"),
          ("POST", "/sandbox/system/tiers"), ("PATCH", "/sandbox/system/tiers/none-such"), ("POST", "/sandbox/system/cleanup")]


def groups(keyword):
    return json.loads((SUITE / f"{keyword}.json").read_text())


def every_value():
    """Each value of the suite once, and each value within it; as JSON."""
    found = {}

    def take(value):
        found[json.dumps(value)] = value
        for inner in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
            take(inner)
    for keyword in USED:
        for group in groups(keyword):
            for test in group["tests"]:
                take(test["data"])
    # and beside each bound that the tables have
    for number in (0, 1, 2, 10, 16, 63, 64, 1e0, 1.5, 2.0, 60, 100, 128.0, 3600, 6291455, 6291456, 10 ** 15, 10 ** 15 + 1, -0.0, 2 ** 53,
                   2 ** 63 - 1, 1e15, 1.0e-7):
        take(number)
    for text in ("x" * 32, "x" * 33, "x" * 63, "x" * 64, "\U0001f600" * 63, "\U0001f600" * 64, "é" * 63, "a b", " ", "a\n", "none",
                 "1998-12-31T23:59:59Z", "2026-02-30T00:00:00Z"):
        take(text)
    return list(found.values())


def of_python(schema):
    """The same for Python, whose $ also matches before the end of a last line."""
    if isinstance(schema, list):
        return [of_python(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    return {k: re.sub(r"\$$", r"\\Z", v) if k == "pattern" and isinstance(v, str) else of_python(v) for k, v in schema.items()}


@pytest.mark.parametrize("keyword", [k for k in USED if "date-time" not in k])
def test_the_judge_is_right(keyword):
    """The validator that the next test trusts passes the suite."""
    for group in groups(keyword):
        for test in group["tests"]:
            good = jsonschema.Draft7Validator(group["schema"]).is_valid(test["data"])
            assert good == test["valid"], (group["description"], test["description"])


@pytest.mark.parametrize("method,path", BODIES)
def test_each_value_of_the_suite_in_each_field(corral, method, path):
    """One request for each value, which is in every field: the server's pointers are exactly the fields
    that the description refuses."""
    operation = corral.admin.description().operation(method, path)
    schema = of_python(operation["requestBody"]["content"]["application/json"]["schema"])
    judge, fields, differ = jsonschema.Draft202012Validator(schema), list(schema["properties"]), []
    dates = {t["data"]: t["valid"] for g in groups("optional/format/date-time") for t in g["tests"]}
    for value in every_value():
        for some in (fields[:16], fields[16:]): # an answer has at most 32 pointers
            body = {name: value for name in some if name != "expires_at" or "lifetime_seconds" not in some}
            if not body:
                continue
            wrong = {(list(e.path) or [re.search("'(.*?)' is a required", e.message)[1]])[0] for e in judge.iter_errors(body)}
            if not wrong and method == "POST":
                continue # the request would be valid, and create something
            answer = corral.admin.session.request(method, corral.url + path, data=json.dumps(body), timeout=20,
                                                  headers={"Content-Type": "application/json"})
            assert answer.status_code in (404, 422), (body, answer.text)
            said = {e["pointer"].split("/")[1] for e in answer.json().get("errors", ())  if e["pointer"]}
            if isinstance(value, int) and abs(value) >= 1 << 63:
                assert answer.status_code == 422
            elif said != wrong and not (said - wrong == {"expires_at"} and not dates.get(value, value != "2026-02-30T00:00:00Z")):
                differ.append((value, "refused by the server alone", said - wrong, "by the description alone", wrong - said))
    assert not differ, differ[:10]


def test_a_body_that_is_no_object(corral):
    for value in every_value():
        if not isinstance(value, dict):
            answer = corral.admin.session.post(corral.url + "/sandbox", data=json.dumps(value), timeout=20,
                                               headers={"Content-Type": "application/json"})
            assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "" or answer.status_code == 400, value
