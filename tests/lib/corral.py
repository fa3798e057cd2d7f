"""A Corral installation for tests, started by deploy/quickstart from the programs that were built, and a
client for it."""
import contextlib
import hashlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import jsonschema
import requests

ROOT = Path(__file__).resolve().parents[2]
BUILD_ROOT = Path(os.environ["CORRAL_BUILD_ROOT"])
CGROUP_V2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
# The runtime of sandboxes whose test names none: with runsc, any file of tests runs under gVisor.
IN_RUNTIME = {"runtime": os.environ["CORRAL_TEST_RUNTIME"]} if os.environ.get("CORRAL_TEST_RUNTIME") else {}


def wait_until(what, condition, seconds=10.0, every=0.05):
    """Returns the first true value of condition; fails after so many seconds, with what was awaited."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


@contextlib.contextmanager
def running(command, **more):
    """A process that is killed where the test fails: to wait for its end would be to wait for ever."""
    with subprocess.Popen(command, **more) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("0.0.0.0", port))
            return True
        except OSError:
            return False


def free_port(*beside):
    """A port below those that the kernel gives to clients; the ports that are so far above it are free too."""
    while True:
        port = random.randrange(12000, 28000)
        if all(is_free(port + above) for above in (0, *beside)):
            return port


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


class Description:
    """The server's own OpenAPI document; every answer is checked against it."""

    def __init__(self, url):
        self.document = requests.get(url + "/openapi.json", timeout=10).json()
        self.forms = []
        for path, methods in self.document["paths"].items():
            form = re.compile("/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in path.split("/")))
            self.forms.append((form, path, methods))

    def operation(self, method, path):
        """The literal path wins over one with a {…}, as in the server."""
        path = path.split("?")[0]
        if path in self.document["paths"]:
            return self.document["paths"][path].get(method.lower())
        return next((m.get(method.lower()) for form, _, m in self.forms if form.fullmatch(path)), None)

    def check(self, method, path, answer):
        operation = self.operation(method, path)
        if not operation:
            assert answer.status_code in (404, 405), (method, path, answer.status_code)
            return
        responses, status = operation["responses"], answer.status_code
        response = responses.get(str(status)) or responses.get(f"{status // 100}XX")
        assert response, f"{method} {path} may not answer {status}"
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
        content = response.get("content")
        if not content:
            assert not answer.content, (method, path, answer.text)
            return
        kind = answer.headers["content-type"].split(";")[0]
        assert kind in content, (method, path, kind)
        if "json" in kind:
            schema = {**content[kind]["schema"], "components": self.document["components"]}
            errors = list(jsonschema.Draft202012Validator(schema).iter_errors(answer.json()))
            assert not errors, (method, path, errors[0].message, list(errors[0].path), answer.text)


# Commands of sandboxes: the end of a script that outlives its test, one that only does that, and the
# beginning of one that waits for Corral.tell.
STAYS = "exec tail -f /dev/null"
FOREVER = ["sh", "-c", STAYS]
UNTIL_TOLD = "until [ -e /workspace/go ]; do sleep 0.1; done; "


class Client:
    """The client of one API key."""

    described = {}
    via = {}  # url: of a proxy in front of it; and what to do with each answer that came through the proxy
    patience = 0  # how many seconds a controller that lost the lead has to lead again

    def __init__(self, url, key):
        self.url, self.session = url, requests.Session()
        self.session.headers["X-API-Key"] = key

    def call(self, method, path, body=None, **more):
        until = time.monotonic() + self.patience
        while True:
            answer = self.call_once(method, path, body, **more)
            if answer.status_code != 503 or '"not_leading"' not in answer.text or time.monotonic() > until:
                return answer
            time.sleep(0.2)

    def call_once(self, method, path, body=None, timeout=70, **more):
        url, check = self.via.get(self.url, (self.url, None))
        if check: # the server closes idle connections, at a moment of its own
            more["headers"] = {**more.get("headers", {}), "Connection": "close"}
        answer = self.session.request(method, url + path, json=body, timeout=timeout, **more)
        if check:
            check(method, path, answer)
        self.description().check(method, path, answer)
        return answer

    def description(self):
        if self.url not in self.described:
            self.described[self.url] = Description(self.url)
        return self.described[self.url]

    def good(self, method, path, body=None, status=(200, 201, 202, 204), **more):
        answer = self.call(method, path, body, **more)
        assert answer.status_code in (status if isinstance(status, tuple) else (status,)), (
            method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def refused(self, method, path, body=None, **more):
        """The problem document of a request that must fail."""
        answer = self.call(method, path, body, **more)
        assert answer.status_code >= 400, (method, path, answer.status_code, answer.text)
        assert answer.headers["content-type"] == "application/problem+json", answer.headers
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert {"type", "title", "detail", "code", "request_id"} <= problem.keys()
        return problem

    def create(self, **body):
        return self.good("POST", "/sandbox", {**IN_RUNTIME, **body}, status=201)

    def show(self, sandbox_id):
        return self.good("GET", f"/sandbox/{sandbox_id}")

    def wait(self, sandbox_id, state, seconds=15):
        return wait_until(f"{sandbox_id} is {state}",
                          lambda: (s := self.show(sandbox_id))["state"] == state and s, seconds)

    def delete(self, sandbox_id):
        return self.good("DELETE", f"/sandbox/{sandbox_id}", status=(202, 204))

    def stats(self, sandbox_id):
        return wait_until("stats", lambda: (a := self.call("GET", f"/sandbox/{sandbox_id}/stats")).status_code == 200
                          and a.json(), 5)


# Finds rows that break the promises of a history: events that do not follow each other, a state without its event, an
# end without its reason and sentence.
TORN = """
with moves as (
    select sandbox_id, seq, data->>'from' as was, data->>'to' as is_now,
        lag(data->>'to', 1, 'pending') over (partition by sandbox_id order by seq) as before
    from events where sandbox_id is not null and data ? 'to')
select 'does not follow', sandbox_id, was, is_now, before from moves where was <> before
union all select 'is no legal move', sandbox_id, was, is_now, before from moves
    where not exists (select from sandbox_moves v where v.from_state = was and v.to_state = is_now)
union all select 'has no event', s.id, s.state, null, null from sandboxes s
    where s.state <> coalesce((select is_now from moves m where m.sandbox_id = s.id order by seq desc limit 1), 'pending')
union all select 'ends mutely', id, reason, detail, state from sandboxes where ended_at is not null and (reason is null or detail = '')
"""


class Corral:
    """An installation in a folder of its own; stop() removes every trace of it."""

    def __init__(self, nodes=1, prepare=None, **env):
        """prepare: called with the empty folder, before anything is in it."""
        self.home = Path(tempfile.mkdtemp(prefix="corral-", dir="/var/tmp"))
        self.home.chmod(0o755)
        if prepare:
            prepare(self.home)
        self.installed_as = "corral-" + hashlib.sha256(str(self.home).encode()).hexdigest()[:6]
        port = free_port(1, 4420) # of URLs of ports, and of agents
        self.port, self.nodes = port, nodes
        self.environ = {k: v for k, v in os.environ.items() if not k.startswith(("CORRAL_", "DOCKER_"))}
        # Without a warm pool, unless a test is about it: tests count containers, and say what a start does.
        self.environ.update({"CORRAL_HOME": str(self.home), "CORRAL_BUILD": os.environ["CORRAL_BUILD_ROOT"], "CORRAL_WARM_MAX": "0",
                             "ASAN_OPTIONS": "quarantine_size_mb=16", **env}) # what was freed counts as memory by then
        try:
            self.output = self.quickstart("--port", str(port), "--nodes", str(nodes))
        except AssertionError:
            self.quickstart("--reset", check=False)
            raise
        self.url = f"http://127.0.0.1:{port}"
        self.admin_key = (self.home / "admin.key").read_text().strip()
        self.admin = Client(self.url, self.admin_key)

    def quickstart(self, *args, check=True, timeout=240, **env):
        run = subprocess.run([ROOT / "deploy/quickstart", *args], env={**self.environ, **env}, capture_output=True, text=True,
                             timeout=timeout, stdin=subprocess.DEVNULL)
        if check and run.returncode:
            raise AssertionError(f"quickstart {args}: {run.stdout}\n{run.stderr}\n{self.logs()}")
        return run if not check else run.stdout

    def logs(self):
        return "\n".join(f"--- {p.name}\n{p.read_text(errors='replace')[-4000:]}" for p in (self.home / "log").glob("*.log")
                         if p.name not in ("dockerd.log", "build.log"))

    def reset(self):
        """Ends everything; a report of a sanitizer in a log is a failure."""
        logs = self.logs()
        if "CORRAL_TEST_LOGS" in os.environ: # a folder to keep the logs in
            shutil.copytree(self.home / "log", Path(os.environ["CORRAL_TEST_LOGS"]) / self.home.name)
        name = self.installed_as
        self.quickstart("--reset")
        left = [str(p) for p in (self.home, *Path("/run/netns").glob(f"{name}*"), *Path("/sys/fs/cgroup").glob(f"*/{name}*"))
                if p.exists()]
        left += [line for line in open("/proc/self/mountinfo") if str(self.home) in line]
        left += [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(self.home).encode() in read(p)]
        assert not left, left
        for word in ("Sanitizer", "runtime error:"):
            assert word not in logs, logs

    def restart(self, what, **env):
        self.quickstart("--restart", what, **env)

    def mend(self):
        """Starts what hangs or is gone."""
        for name in ("controller", "agent"):
            try:
                self.kill(name)
            except (OSError, ValueError):
                pass # the process is gone, and so is its file
        self.quickstart()

    def restore_administrator(self):
        """Whatever was done to the first administrator or to the key of it: the key is as it was."""
        mine = f"sha256 = sha256('{self.admin_key}')"
        self.sql("update users set role = 'admin', deleted_at = null where id = (select user_id from api_keys where " + mine + ")")
        self.sql("update api_keys set revoked_at = null, expires_at = null, scopes = '{read,write,admin}' where " + mine)

    def pid(self, name):
        return int((self.home / "run" / f"{name}.pid").read_text())

    def kill(self, name, signo=signal.SIGKILL):
        os.kill(self.pid(name), signo)

    def postgres(self, verb):
        subprocess.run([ROOT / "deploy/lib/postgres.sh", verb, self.home / "postgres",
                        *(["immediate"] if verb == "stop" else [])], check=True, capture_output=True)

    def user(self, name, tier="free", **more):
        """A new user and a client with a key of it."""
        user = self.admin.good("POST", "/sandbox/system/users", {"name": name, "tier": tier, **more}, status=201)
        key = self.key(user["id"])
        client = Client(self.url, key["key"])
        client.user_id, client.key_id = user["id"], key["id"]
        return client

    def key(self, user_id, name="test", **more):
        return self.admin.good("POST", f"/sandbox/system/users/{user_id}/keys", {"name": name, **more}, status=201)

    def cli(self, *args, key=None, stdin=None):
        environ = {**self.environ, "CORRAL_URL": self.url, "CORRAL_API_KEY": key or self.admin_key}
        return subprocess.run([self.home / "bin/corral", *args], env=environ, capture_output=True, text=True, timeout=90,
                              input=stdin)

    def docker(self, *args, node=None):
        socket = self.home / "run" / ("docker.sock" if node is None else f"docker-{node}.sock")
        return subprocess.run(["/usr/bin/docker", "-H", f"unix://{socket}", *args], check=True, capture_output=True,
                              text=True, timeout=60).stdout.strip()

    def kernel(self, sandbox_id, v1, v2):
        """The file of a sandbox's cgroup; on v1 the name has its controller too."""
        parent, container = self.docker("inspect", "-f", "{{.HostConfig.CgroupParent}} {{.Id}}", sandbox_id).split()
        if CGROUP_V2:
            return Path(f"/sys/fs/cgroup{parent}/{container}/{v2}")
        controller, name = v1.split("/")
        return Path(f"/sys/fs/cgroup/{controller}{parent}/{container}/{name}")

    def is_frozen(self, sandbox_id):
        return self.docker("inspect", "-f", "{{.State.Paused}}", sandbox_id) == "true"

    def metric(self, name):
        text = self.admin.session.get(self.url + "/metrics", timeout=10).text
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])

    def tell(self, sandbox_id):
        """A sandbox that waits by UNTIL_TOLD goes on; needs neither the agent nor the controller."""
        self.docker("exec", sandbox_id, "touch", "/workspace/go")

    def containers(self):
        return self.docker("ps", "-aq", "--no-trunc", "--filter", "label=corral.sandbox").split()

    def late(self, user):
        """The user's sandboxes that ran longer than 2 s past their expires_at."""
        print("past expires_at at most", self.sql(
            f"select max(ended_at - expires_at) from sandboxes where reason = 'expired' and user_id = '{user.user_id}'"))
        return self.sql("select id, reason, ended_at - expires_at from sandboxes where ended_at > expires_at + interval '2 seconds'"
                        f" and user_id = '{user.user_id}'")

    def sql(self, text):
        return subprocess.run([ROOT / "deploy/lib/postgres.sh", "psql", self.home / "postgres", "-c", text], check=True,
                              capture_output=True, text=True).stdout.strip()
