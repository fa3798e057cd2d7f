"""traceparent (W3C Trace Context): from a request into the logs of both daemons and back in the answer."""
import re
import secrets

import pytest
from corral import wait_until


class Trace:
    def __init__(self, flags="01"):
        self.id, self.span, self.flags = secrets.token_hex(16), secrets.token_hex(8), flags
        self.headers = {"traceparent": f"00-{self.id}-{self.span}-{flags}"}


@pytest.fixture
def logged(corral):
    """The lines of a daemon's log with this trace."""
    def lines(daemon, trace, sentence=""):
        text = (corral.home / "log" / f"{daemon}.log").read_text(errors="replace")
        return [line for line in text.splitlines() if f" trace={trace.id} " in line and sentence in line]
    return lines


def told(answer, trace):
    got = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", answer.headers["traceresponse"])
    assert got[1] == trace.id and got[2] != trace.span and got[3] == trace.flags
    return answer


def test_what_a_request_causes_bears_its_trace(user, logged):
    def both(trace, controller, agent):
        wait_until(f"both logs have {controller}", lambda: logged("controller", trace, controller) and logged("agent", trace, agent))

    made = Trace()
    answer = told(user.call("POST", "/sandbox", {}, headers={**made.headers, "X-Request-Id": "traced.1"}), made)
    sandbox = answer.json()["id"]
    both(made, f"sandbox={sandbox}", f"sandbox={sandbox}")
    assert logged("agent", made, "is to be running, generation 1")
    assert logged("controller", made, "request=traced.1 operation=sandboxCreate status=201")
    path = f"/sandbox/{sandbox}"
    for method, rest, body, operation, caused in (
            ("POST", "/exec", {"command": ["true"]}, "sandboxExec", "stream=start"),
            ("POST", "/processes", {"command": ["sleep", "9"]}, "processStart", "stream=start"),
            ("PUT", "/files?path=/workspace/a", None, "filePut", "stream=file"),
            ("GET", "/logs", None, "sandboxLogs", "stream=logs"),
            ("POST", "/pause", None, "sandboxPause", "is to be paused"),
            ("POST", "/resume", None, "sandboxResume", "is to be running"),
            ("DELETE", "", None, "sandboxDelete", "is to be gone")):
        trace = Trace()
        answer = told(user.call(method, path + rest, body, headers=trace.headers), trace)
        assert answer.status_code < 300, answer.text
        both(trace, f"status={answer.status_code}", caused)
        line, = logged("controller", trace, "operation=")
        assert f"sandbox={sandbox}" in line, line


def test_a_failure_names_the_trace(user, logged):
    trace = Trace()
    user.call("POST", "/sandbox", {"image": "127.0.0.1:1/none:latest"}, headers=trace.headers)
    wait_until("the agent says why", lambda: logged("agent", trace, "did not start"), 30)


def test_what_is_not_sampled_is_no_line(user, logged):
    quiet, loud = Trace("00"), Trace()
    told(user.call("GET", "/sandbox", headers=quiet.headers), quiet)
    told(user.call("GET", "/sandbox", headers=loud.headers), loud)
    wait_until("the later one is logged", lambda: logged("controller", loud))
    assert not logged("controller", quiet)


def test_refusals_bear_it_too(user):
    trace = Trace()
    for path, status in (("/sandbox/sbx_x", 404), ("/nothing", 404), ("/sandbox?no=1", 422)):
        assert told(user.call("GET", path, headers=trace.headers), trace).status_code == status


@pytest.mark.parametrize("value", [
    "", "00", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", "x" * 8000], ids=lambda value: value[:8] or "empty")
def test_malformed_ones_are_ignored(user, value):
    answer = user.call("GET", "/sandbox", headers={"traceparent": value})
    assert answer.status_code == 200 and "traceresponse" not in answer.headers


def test_a_version_to_come_is_read_as_far_as_it_is_known(user):
    trace = Trace()
    answer = user.call("GET", "/sandbox", headers={"traceparent": trace.headers["traceparent"].replace("00-", "cc-", 1) + "-more"})
    told(answer, trace)
