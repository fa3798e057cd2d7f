"""An independent proxy in front of the REST port: it checks each answer against the server's own
description."""
import json
import os
import signal
import subprocess

import requests
from corral import BUILD_ROOT, ROOT, free_port, wait_until

# The proxy leaves the request as it is, and says in this header what was wrong with the request and with the
# answer.
VIOLATIONS = "sl-violations"


class CheckingProxy:
    def __init__(self, url, document=None):
        """document: answers are checked against this one instead of the server's own."""
        programs = subprocess.run([ROOT / "tests/npm/install", BUILD_ROOT], check=True, capture_output=True, text=True,
                                  timeout=300).stdout.strip()
        port = free_port()
        path = BUILD_ROOT / f"npm/{port}.json"
        path.write_text(json.dumps(document or requests.get(url + "/openapi.json", timeout=10).json()))
        self.url = f"http://127.0.0.1:{port}"
        self.log = path.with_suffix(".log")
        environ = {**os.environ, "NODE_OPTIONS": "--max-http-header-size=65536"}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([f"{programs}/prism", "proxy", path, url, "--host", "127.0.0.1", "--port", str(port),
                                             "--validate-request", "false"], env=environ, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        wait_until("the proxy answers", self.answers, 30, 0.2)

    def answers(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            return requests.get(self.url + "/healthz", timeout=2).status_code == 200
        except OSError:
            return False

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(20)


def check(method, path, answer):
    wrong = [v for v in json.loads(answer.headers.get(VIOLATIONS, "[]")) if v["location"][0] == "response"]
    assert not wrong, (method, path, answer.status_code, wrong, answer.text[:2000])
