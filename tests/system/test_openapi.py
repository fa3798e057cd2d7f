"""The server's description of itself: it passes a linter, has every route, and a proxy that checks against
it finds breaches."""
import re
import subprocess

import pytest
import requests
from checking_proxy import CheckingProxy, check
from corral import BUILD_ROOT, ROOT


def test_it_lints_clean(corral, proxy):
    """But that an upgrade has no answer 2xx, and that /sandbox/webhooks/{id} and /sandbox/{id}/wait could be one path: no id is
    such a word, and lint.py checks that each route is reached."""
    lint = subprocess.run([BUILD_ROOT / "npm/node_modules/.bin/redocly", "lint", "--extends", "recommended",
                           "--skip-rule", "operation-2xx-response", "--skip-rule", "no-ambiguous-paths", proxy.log.with_suffix(".json")], capture_output=True, text=True, timeout=60)
    assert lint.returncode == 0 and "warning" not in lint.stderr, lint.stderr + lint.stdout


def test_it_says_every_route(corral):
    rows = re.findall(r'^ROUTE\(\w+, "(\w+)", "([^"]+)"', (ROOT / "controller/ops/routes.def").read_text(), re.M)
    paths = requests.get(corral.url + "/openapi.json", timeout=10).json()["paths"]
    assert len(rows) > 30 and {(m.upper(), p) for p, methods in paths.items() for m in methods} == set(rows)


def test_no_list_takes_any_cursor(corral):
    """A page that begins nowhere would look like the end of a list."""
    ids = {"pid": "1", "name": "n", "delivery": "evt_0000000000000000001"}
    paths = requests.get(corral.url + "/openapi.json", timeout=10).json()["paths"]
    lists = [p for p, methods in paths.items() if any(q.get("name") == "cursor" for q in methods.get("get", {}).get("parameters", []))]
    assert len(lists) > 12
    for path in lists:
        if path == "/sandbox/{id}/files": # asked of a sandbox that runs: test_files.py
            continue
        at = re.sub(r"\{(\w+)\}", lambda m: ids.get(m[1], "sbx_" + "0" * 26), path)
        named = at in ("/sandbox/system/nodes", "/sandbox/system/tiers", "/sandbox/system/alerts/rules")
        for cursor in ("~", "a/b") if named else ("~", "evt_x", "a/b", "evt_9999999999999999999"):
            answer = requests.get(f"{corral.url}{at}?cursor={cursor}", headers={"X-API-Key": corral.admin_key}, timeout=10)
            assert answer.status_code == 422 and answer.json()["code"] == "invalid", (at, cursor, answer.text)


def test_the_proxy_finds_an_answer_that_is_not_as_described(corral):
    document = requests.get(corral.url + "/openapi.json", timeout=10).json()
    del document["components"]["schemas"]["QuotaUsage"]["properties"]["used"]
    document["components"]["schemas"]["QuotaUsage"]["additionalProperties"] = False
    proxy = CheckingProxy(corral.url, document)
    try:
        answer = requests.get(proxy.url + "/sandbox/quota/usage", headers={"X-API-Key": corral.admin_key}, timeout=10)
        with pytest.raises(AssertionError, match="used"):
            check("GET", "/sandbox/quota/usage", answer)
    finally:
        proxy.stop()
