"""A real Prometheus scrapes a controller that works: it takes what deploy/prometheus says, and each rule and each panel of
deploy/grafana has data."""
import json
import math
import re
import subprocess
import threading

import pytest
import requests
from corral import ROOT, free_port, running, wait_until

WINDOW = "10s"


class Prometheus:
    def __init__(self, url):
        self.url = url

    def get(self, what, **params):
        answer = requests.get(f"{self.url}/api/v1/{what}", params=params, timeout=10).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def values(self, expression):
        """The numbers that it answers; those that are none, as of quantiles of nothing, are left out."""
        numbers = [float(series["value"][1]) for series in self.get("query", query=expression)["result"]]
        return [number for number in numbers if math.isfinite(number)]


@pytest.fixture
def prometheus(corral, tmp_path):
    """With the configuration that deploy/prometheus has as an example, but for places and pace."""
    admin = corral.admin.good("POST", "/sandbox/system/users", {"name": "prometheus", "tier": "free", "role": "admin"}, status=201)
    (tmp_path / "key").write_text(corral.key(admin["id"], scopes=["admin"])["key"])
    example = (ROOT / "deploy/prometheus/prometheus.yml").read_text()
    for was, is_now in (("15s", "1s"), ("/etc/prometheus/corral.key", str(tmp_path / "key")), ("corral.rules.yml", f"{ROOT}/deploy/prometheus/corral.rules.yml"),
                        ("127.0.0.1:9720", f"127.0.0.1:{corral.environ['CORRAL_METRICS_LISTEN_PORT']}")):
        assert was in example
        example = example.replace(was, is_now)
    (tmp_path / "prometheus.yml").write_text(example)
    port = free_port()
    with open(tmp_path / "log", "w") as log, running(
            ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{port}",
             "--storage.tsdb.retention.size=64MB", "--log.level=warn"], stdout=log, stderr=log, cwd=tmp_path) as process:
        it = Prometheus(f"http://127.0.0.1:{port}")

        def scraped():
            assert process.poll() is None, (tmp_path / "log").read_text()
            try:
                return it.values('up{job="corral"}') == [1]
            except (requests.ConnectionError, ValueError):  # not there yet, or not ready: no JSON
                return False
        try:
            wait_until("it scrapes", scraped, 20)
            yield it
        finally:
            process.terminate()
            corral.admin.good("DELETE", f"/sandbox/system/users/{admin['id']}")


@pytest.fixture
def work(user):
    """Goes on until the test is over: sandboxes come and go, things are done in them, some is refused."""
    over, failures = threading.Event(), []

    def go():
        try:
            while not over.is_set():
                sandbox = f"/sandbox/{user.create()['id']}"
                user.good("POST", sandbox + "/exec", {"command": ["true"]})
                user.good("POST", sandbox + "/processes", {"command": ["sleep", "1"]})
                user.good("POST", sandbox + "/processes", {"command": ["sleep", "1"], "tty": {"rows": 24, "columns": 80}})
                assert user.call("GET", "/sandbox/sbx_none").status_code == 404
                assert user.call("POST", "/sandbox", {"memory_bytes": 1}).status_code == 422
                user.good("DELETE", sandbox)
        except BaseException as e:  # the thread's, for the test
            failures.append(e)
    thread = threading.Thread(target=go)
    thread.start()
    yield failures
    over.set()
    thread.join()
    assert not failures, failures


def panels():
    for path in sorted((ROOT / "deploy/grafana").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}, {panel['title']}: {target['legendFormat']}", target["expr"].replace("$job", "corral").replace("$__rate_interval", WINDOW)


def test_every_rule_and_every_panel_has_data(corral, prometheus, work):
    queries = dict(panels())
    assert len(queries) > 50 and not any("$" in query for query in queries.values())
    groups = prometheus.get("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    queries.update({rule["name"]: rule["name"] for rule in rules if rule["type"] == "recording"})

    def without_data():
        assert not work, work
        return [name for name, query in queries.items() if not prometheus.values(query)]
    missing = without_data()

    def all_have():
        missing[:] = without_data()
        return not missing
    try:
        wait_until("each has data", all_have, 40, 0.5)
    except AssertionError:
        raise AssertionError(f"without data: {missing}")
    for kind in ("exec", "process", "terminal"):
        assert prometheus.values(f'corral_exec_start_seconds_count{{kind="{kind}"}}')[0] > 0, kind
    for group in prometheus.get("rules")["groups"]:
        assert all(rule["health"] == "ok" for rule in group["rules"]), group
    assert prometheus.values('corral_sandboxes_ended_total{reason=~"deleted|asked"} > 0')
    firing = {alert["labels"]["alertname"] for alert in prometheus.get("alerts")["alerts"] if alert["state"] == "firing"}
    assert not firing & {"CorralInternalErrors", "CorralControllerDown", "CorralNoLeader", "CorralDatabaseAway"}, firing
    # Bounded, whatever is done: the largest part is requests by operation and class.
    assert prometheus.values("scrape_samples_scraped")[0] < 4000
    assert prometheus.values("sum(scrape_samples_post_metric_relabeling) - sum(scrape_samples_scraped)") == [0]

    text = corral.admin.call("GET", "/metrics").text
    check = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
    assert not re.search(r"sbx_|usr_|key_[0-9a-z]{10}", text)  # of no sandbox, user or key
