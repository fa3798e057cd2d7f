"""What works in a sandbox under gVisor: its init connects by itself, or, where the runtime lets no socket through, is
linked by Docker's own exec. Everything works by both ways."""
import io
import shutil
import signal
import tarfile
from urllib.parse import quote

import pytest
import requests
from channels import Channels, cut_all
from corral import wait_until

MIB = 1 << 20
pytestmark = pytest.mark.skipif(not shutil.which("runsc"), reason="gVisor (Debian's package runsc) is not installed")


@pytest.fixture(params=["runsc", "runsc-closed"])
def runtime(request):
    return request.param


@pytest.fixture
def sandbox(user, runtime):
    made = user.create(runtime=runtime, pids=256, env={"FROM": "its creation"})
    assert made["runtime"] == runtime and made["exec"] == ("docker" if runtime == "runsc-closed" else "init")
    yield made["id"]
    cut_all()


def run(user, sandbox, script, **more):
    return user.good("POST", f"/sandbox/{sandbox}/exec", {"command": ["sh", "-c", script], **more}, status=200)


def raw(corral, user, method, path, **more):
    """Bytes, past the proxy that checks descriptions."""
    return requests.request(method, f"{corral.url}{path}", headers=user.session.headers, timeout=60, **more)


def test_exec(user, sandbox):
    got = run(user, sandbox, 'cat; echo "$FROM|$A|$HOME|$(pwd)|$(id -u):$(id -g)" >&2; exit 3', stdin="in\n", env={"A": "b c"}, cwd="/tmp")
    assert (got["exit_code"], got["signal"], got["stdout"], got["stderr"]) == (3, None, "in\n", "its creation|b c|/workspace|/tmp|1000:1000\n")
    assert run(user, sandbox, "kill -TERM $$")["signal"] == signal.SIGTERM
    assert run(user, sandbox, "exec /no/such")["exit_code"] == 127
    flood = run(user, sandbox, "head -c 3000000 /dev/zero | tr '\\0' x")
    assert flood["truncated"] and len(flood["stdout"]) == MIB


def test_a_timeout_kills_all_descendants(user, sandbox):
    got = run(user, sandbox, "sleep 4321 & (setsid sleep 4322 &) & sleep 4323", timeout_ms=2000)
    assert got["timed_out"]
    assert wait_until("they are gone", lambda: "432" not in run(user, sandbox, "ps -o args")["stdout"].replace("ps -o", ""), 10)


def test_processes_outlive_their_requests(user, sandbox):
    path = f"/sandbox/{sandbox}/processes"
    pid = user.good("POST", path, {"command": ["sh", "-c", "read a; echo got $a; exec sleep 1000"], "stdin": True, "tag": "w"}, status=201)["pid"]
    assert [(p["pid"], p["tag"], p["state"]) for p in user.good("GET", path)["items"]] == [(pid, "w", "running")]
    answer = user.call("POST", f"{path}/{pid}/stdin", data=b"it\n")
    assert answer.status_code == 204, answer.text
    Channels(user, f"{path}/{pid}/attach?from=0").until("got it\n")
    user.good("POST", f"{path}/{pid}/signal", {"signal": signal.SIGTERM}, status=204)
    assert wait_until("it has ended", lambda: (p := user.good("GET", f"{path}/{pid}"))["state"] == "exited" and p, 10)["signal"] == signal.SIGTERM


def test_a_terminal(user, sandbox):
    t = Channels(user, f"/sandbox/{sandbox}/terminal?rows=30&columns=100")
    t.type("stty size; exit 5\n")
    t.until("30 100")
    assert t.ended() == 1000 and t.status["exit_code"] == 5


def test_files_and_archives(corral, user, sandbox):
    data = bytes(range(256)) * 20000
    files, archive = (f"/sandbox/{sandbox}/{what}?path=" for what in ("files", "archive"))
    assert raw(corral, user, "PUT", files + "/workspace/a/b", data=data).status_code == 201
    assert raw(corral, user, "GET", files + "/workspace/a/b").content == data
    assert [e["name"] for e in raw(corral, user, "GET", files + "/workspace/a").json()["items"]] == ["b"]
    packed = raw(corral, user, "GET", archive + "/workspace/a").content
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert any(m.name.endswith("b") and m.size == len(data) for m in tar.getmembers())
    assert raw(corral, user, "PUT", archive + "/workspace/c", data=packed).status_code in (201, 204)
    assert "b" in run(user, sandbox, "find /workspace/c -type f")["stdout"]
    assert raw(corral, user, "DELETE", files + "/workspace/a&recursive=true").status_code == 204
    assert raw(corral, user, "GET", files + "/workspace/a/b").status_code == 404


def test_a_port(user, sandbox):
    script = "while :; do printf 'HTTP/1.0 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nyes' | nc -l -p 8000; done"
    user.good("POST", f"/sandbox/{sandbox}/processes", {"command": ["sh", "-c", script]}, status=201)
    url = user.good("POST", f"/sandbox/{sandbox}/ports", {"port": 8000, "wait_ms": 20000}, status=201)["url"]
    assert wait_until("the port answers", lambda: (a := requests.get(url, timeout=30)).status_code == 200 and a.content == b"yes", 30)


def test_pause_and_resume(user, sandbox):
    user.good("POST", f"/sandbox/{sandbox}/pause")
    assert user.refused("POST", f"/sandbox/{sandbox}/exec", {"command": ["true"]})["code"] == "wrong_state"
    user.good("POST", f"/sandbox/{sandbox}/resume")
    assert run(user, sandbox, "echo back")["stdout"] == "back\n"
    assert user.stats(sandbox)["health"]["status"] == "healthy"


def test_a_command_its_logs_and_its_end(corral, user, runtime):
    made = user.create(runtime=runtime, pids=256, command=["sh", "-c", "echo out; echo err >&2; until [ -e /workspace/go ]; do sleep 0.1; done; exit 7"])
    logs = f"/sandbox/{made['id']}/logs"
    wait_until("both lines are there", lambda: sorted(user.call("GET", logs).text.splitlines()) == ["err", "out"], 10)
    assert user.call("GET", logs + "?stream=stderr").text == "err\n"
    run(user, made["id"], "touch /workspace/go")
    ended = user.wait(made["id"], "stopped", 20)
    assert (ended["reason"], ended["exit_code"]) == ("exited", 7), ended["detail"]
    missing = user.create(runtime=runtime, pids=256, command=["/no/such"])
    assert user.wait(missing["id"], "stopped", 20)["exit_code"] == 127


def test_processes_live_on_over_a_restart_of_the_agent(corral, user, sandbox):
    pid = user.good("POST", f"/sandbox/{sandbox}/processes", {"command": ["sh", "-c", "echo one; exec sleep 1000"]}, status=201)["pid"]
    corral.kill("agent")
    corral.restart("agent")
    wait_until("commands run again", lambda: user.call("POST", f"/sandbox/{sandbox}/exec", {"command": ["true"]}).status_code == 200, 40)
    process = user.good("GET", f"/sandbox/{sandbox}/processes/{pid}")
    assert process["state"] == "running" and process["output_bytes"] == 4
    assert user.show(sandbox)["exec"] in ("init", "docker")


def test_a_tenant_that_ends_the_relay_loses_nothing_but_time(user):
    sandbox = user.create(runtime="runsc-closed", pids=256)["id"]
    pid = user.good("POST", f"/sandbox/{sandbox}/processes", {"command": ["sleep", "1000"]}, status=201)["pid"]
    for _ in range(2):
        user.call("POST", f"/sandbox/{sandbox}/exec", {"command": ["sh", "-c", "kill -9 $(pidof -o 1 init)"]})
        wait_until("commands run again", lambda: user.call("POST", f"/sandbox/{sandbox}/exec", {"command": ["true"]}).status_code == 200, 40)
    assert user.good("GET", f"/sandbox/{sandbox}/processes/{pid}")["state"] == "running"
