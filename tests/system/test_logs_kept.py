"""Logs of sandboxes after their end: over restarts and kills of the agent, their time and their budget; with the node
away; and by corral logs."""
import json
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from corral import running, wait_until


def shell(user, script, **more):
    return user.create(command=["sh", "-c", script], **more)["id"]


def ended(user, sandbox):
    wait_until("it has ended", lambda: user.show(sandbox)["state"] == "stopped", 60)


def logs(corral, user, sandbox, **query):
    return requests.get(f"{corral.url}/sandbox/{sandbox}/logs", params=query, timeout=60,
                        headers={"X-API-Key": user.session.headers["X-API-Key"]})


def folder(corral):
    return next((corral.home / "agent").glob("**/logs"), None) or next(corral.home.glob("**/state_id")).parent / "logs"


def gone(corral, user, sandbox):
    answer = logs(corral, user, sandbox)
    return answer.status_code == 410 and answer.json()["code"] == "logs_gone"


def served(corral, user, sandbox):
    """What is served, once the node can be asked again."""
    return wait_until("the node answers", lambda: (a := logs(corral, user, sandbox)).status_code != 504 and [a], 40, 0.2)[0]


def agent_ends(corral, signo=signal.SIGTERM):
    process = Path(f"/proc/{corral.pid('agent')}")
    corral.kill("agent", signo)
    wait_until("it is gone", lambda: not process.exists(), 20)


def again(corral, signo=signal.SIGTERM, **env):
    agent_ends(corral, signo)
    corral.restart("agent", **env)
    wait_until("the node is ready", lambda: corral.admin.good("GET", "/sandbox/system/nodes")["items"][0]["state"] == "ready", 40)


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGKILL])
def test_an_agent_that_starts_again(corral, user, signo):
    """What was kept is served, what is written meanwhile is not missed, also of one that ends meanwhile."""
    past = shell(user, "echo past; exit 3")
    ended(user, past)
    lives, ends = (shell(user, "echo before; until [ -e go ]; do sleep 0.1; done; echo meanwhile") for _ in range(2))
    wait_until("they have written", lambda: all(logs(corral, user, s).text == "before\n" for s in (lives, ends)), 30)
    agent_ends(corral, signo)
    corral.tell(ends)
    wait_until("it has ended", lambda: corral.docker("inspect", "-f", "{{.State.Running}}", ends) == "false", 30)
    corral.restart("agent")
    assert served(corral, user, past).text == "past\n"
    ended(user, ends)
    assert served(corral, user, ends).text == "before\nmeanwhile\n"
    assert served(corral, user, lives).text == "before\n"
    corral.tell(lives)
    ended(user, lives)
    assert served(corral, user, lives).text == "before\nmeanwhile\n"


@pytest.mark.parametrize("pause", [0, 0.03, 0.08, 0.15])
def test_a_kill_while_logs_are_taken(corral, user, pause):
    """A container is removed only when its log is on the disk: none is lost, whenever that is."""
    made = [shell(user, f"until [ -e go ]; do sleep 0.02; done; echo end {n}; head -c 300000 /dev/urandom | base64; echo end")
            for n in range(5)]
    for sandbox in made:
        corral.tell(sandbox)
    wait_until("one is ending", lambda: user.show(made[0])["state"] != "running", 20, 0.01)
    time.sleep(pause)
    agent_ends(corral, signal.SIGKILL)
    corral.restart("agent")
    for n, sandbox in enumerate(made):
        ended(user, sandbox)
        answer = served(corral, user, sandbox)
        assert answer.status_code == 200, (n, answer.text)
        lines = answer.text.splitlines()
        assert (lines[0], lines[-1]) == (f"end {n}", "end")
    assert corral.metric('corral_node_logs_lost_total{node="node-1"}') == 0


def test_what_a_kill_leaves(corral, user):
    """Parts of files are removed at the next start, and no log is taken for another."""
    past = shell(user, "echo past")
    ended(user, past)
    assert logs(corral, user, past).text == "past\n"
    file = folder(corral) / f"{past}.log"
    part, damaged = Path(f"{file}.new"), folder(corral) / "sbx_00000000000000000000000000.log"
    agent_ends(corral)
    part.write_bytes(file.read_bytes()[:40])
    damaged.write_bytes(b"corral-log 1\nuser")
    corral.restart("agent")
    assert served(corral, user, past).text == "past\n"
    wait_until("they are removed", lambda: not part.exists() and not damaged.exists(), 20)
    assert file.exists()
    agent_ends(corral)
    file.write_bytes(file.read_bytes()[:-4]) # its head is as it was
    corral.restart("agent")
    assert served(corral, user, past).status_code == 500


def test_their_time(corral, user):
    old, young = (shell(user, f"echo {n}") for n in ("old", "young"))
    for sandbox in (old, young):
        ended(user, sandbox)
    agent_ends(corral)
    for sandbox, hours in ((old, 24.1), (young, 23.9)):
        file = folder(corral) / f"{sandbox}.log"
        head, rest = file.read_bytes().split(b"\n\n", 1)
        head = re.sub(rb"(?m)^ended_ms \d+$", b"ended_ms %d" % ((time.time() - hours * 3600) * 1000), head)
        file.write_bytes(head + b"\n\n" + rest)
    corral.restart("agent")
    assert served(corral, user, young).text == "young\n"
    assert gone(corral, user, old)
    wait_until("its file is removed", lambda: not (folder(corral) / f"{old}.log").exists(), 20)
    assert not user.call("DELETE", f"/sandbox/{young}?logs=false").text and gone(corral, user, young)


def test_a_day_of_logs_that_is_over(corral, user):
    """As many as a node keeps, all past their time when the agent starts: work for sandboxes does not wait for them."""
    agent_ends(corral)
    for n in range(16384):
        (folder(corral) / f"sbx_{n:026}.log").write_text(f"corral-log 1\nuser u{n % 9}\nended_ms {n * 7919 % 16384}\n"
                                                          "truncated 0\nbytes 0\n\n")
    corral.restart("agent")
    wait_until("one starts", lambda: user.call("POST", "/sandbox", {"command": ["echo", "now"]}).status_code == 201, 30)
    sandbox = user.good("GET", "/sandbox?all=true")["items"][0]["id"]
    ended(user, sandbox)
    assert served(corral, user, sandbox).text == "now\n"
    wait_until("they are removed", lambda: not list(folder(corral).glob("sbx_0000000000000000000*.log")), 60, 0.5)
    assert "too much waits for the disk" not in (corral.home / "log" / "agent.log").read_text()


def test_no_time_at_all(corral, user):
    again(corral, CORRAL_LOG_RETENTION_HOURS="0")
    try:
        sandbox = shell(user, "echo hello; exec sleep 1000")
        wait_until("it has written", lambda: logs(corral, user, sandbox).text == "hello\n", 30)
        user.delete(sandbox)
        assert gone(corral, user, sandbox)
    finally:
        again(corral, CORRAL_LOG_RETENTION_HOURS="24") # what an installation was told, it keeps


def test_their_budget(corral, user):
    """The oldest of a user goes first, past a quarter of what a node has for all; others' stay."""
    other = corral.user(f"other-budget-{time.time_ns()}", "pro")
    theirs = shell(other, "echo theirs")
    ended(other, theirs)
    again(corral, CORRAL_LOG_BUDGET_BYTES="800K")
    try:
        made = []
        for n in range(4): # some 75 KB each, which does not compress
            made.append(shell(user, f"echo {n}; head -c 75000 /dev/urandom | base64"))
            ended(user, made[-1])
        wait_until("the first goes", lambda: gone(corral, user, made[0]), 20)
        assert gone(corral, user, made[1])
        assert [logs(corral, user, s).text.split("\n")[0] for s in made[2:]] == ["2", "3"]
        assert logs(corral, other, theirs).text == "theirs\n"
        assert not list(folder(corral).glob(f"{made[0]}*"))
    finally:
        again(corral, CORRAL_LOG_BUDGET_BYTES="2G")


def test_a_node_that_is_away(corral, user):
    """The answer says that it is: what is there is not known now."""
    past = shell(user, "echo past")
    ended(user, past)
    lives = shell(user, "echo here; exec sleep 1000")
    wait_until("it has written", lambda: logs(corral, user, lives).text == "here\n", 30)
    agent_ends(corral)
    try:
        for sandbox in (past, lives):
            for query in ({}, {"follow": "true"}):
                answer = logs(corral, user, sandbox, **query)
                assert (answer.status_code, answer.json()["code"]) == (504, "node_timeout"), answer.text
        refused = user.call("DELETE", f"/sandbox/{past}?logs=false")
        assert (refused.status_code, refused.json()["code"]) == (504, "node_timeout")
    finally:
        corral.restart("agent")
    assert served(corral, user, past).text == "past\n" and served(corral, user, lives).text == "here\n"
    assert user.call("DELETE", f"/sandbox/{past}?logs=false").status_code == 204 and gone(corral, user, past)


def test_many_readers_of_one_user(corral, user):
    """Their reads of logs on the disk take turns with those of others, and all are answered."""
    past = shell(user, "head -c 1400000 /dev/urandom | base64")
    ended(user, past)
    other = corral.user(f"other-reads-{time.time_ns()}", "pro")
    theirs = shell(other, "echo theirs")
    ended(other, theirs)
    readers = [requests.get(f"{corral.url}/sandbox/{past}/logs", params={"tail": 1}, stream=True, timeout=60,
                            headers={"X-API-Key": user.session.headers["X-API-Key"]}) for _ in range(40)]
    begun = time.monotonic()
    assert logs(corral, other, theirs).text == "theirs\n" and time.monotonic() - begun < 5
    assert {len(r.content.splitlines()) for r in readers} == {1}


def test_many_of_one_user_end_at_once(corral):
    """Their logs are read in turn with those of others, and none is lost for that."""
    lost = corral.metric('corral_node_logs_lost_total{node="node-1"}')
    many = corral.user(f"many-{time.time_ns()}", "enterprise")
    other = corral.user(f"other-ends-{time.time_ns()}", "pro")
    made = [shell(many, "yes 0123456789012345678901234567 | head -c 8700000; exec sleep 1000", memory_bytes=32 << 20)
            for _ in range(12)]
    theirs = shell(other, "echo theirs; until [ -e go ]; do sleep 0.1; done; echo end")
    for sandbox in made:
        wait_until("it has written", lambda s=sandbox: "yes" not in corral.docker("top", s, "-o", "pid,comm"), 120, 0.5)
    with ThreadPoolExecutor(len(made)) as pool:
        ends = [pool.submit(many.delete, s) for s in made]
        corral.tell(theirs)
        for end in ends:
            end.result(60)
    ended(other, theirs)
    assert served(corral, other, theirs).text == "theirs\nend\n"
    for sandbox in made:
        answer = logs(corral, many, sandbox, tail=1)
        assert answer.status_code == 200 and answer.text.startswith("0123"), answer.text
    assert corral.metric('corral_node_logs_lost_total{node="node-1"}') == lost
    other.delete(theirs)


# --- corral logs ---

def cli(corral, user, *args):
    return corral.cli(*args, key=user.session.headers["X-API-Key"])


def test_the_first_logs(corral, user):
    """As the README has it."""
    made = cli(corral, user, "create", "sh", "-c", "echo hello; exit 3")
    assert made.returncode == 0, made.stderr
    sandbox = re.search(r"sbx_\w{26}", made.stdout)[0]
    ended(user, sandbox)
    assert user.show(sandbox)["exit_code"] == 3
    got = cli(corral, user, "logs", sandbox)
    assert (got.returncode, got.stdout) == (0, "hello\n")
    user.delete(sandbox)
    assert cli(corral, user, "logs", sandbox).stdout == "hello\n"


def test_its_options(corral, user):
    sandbox = shell(user, "echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three; exec sleep 1000")
    wait_until("it has written", lambda: "three" in logs(corral, user, sandbox).text, 30)
    assert cli(corral, user, "logs", "-n", "1", sandbox).stdout == "three\n"
    assert cli(corral, user, "logs", "--stream", "stderr", sandbox).stdout == "two\n"
    assert cli(corral, user, "logs", "--since", "10m", sandbox).stdout == "one\ntwo\nthree\n"
    got = [json.loads(line) for line in cli(corral, user, "logs", "--json", sandbox).stdout.splitlines()]
    assert [(line["stream"], line["text"]) for line in got] == [("stdout", "one"), ("stderr", "two"), ("stdout", "three")]
    assert cli(corral, user, "logs", "--since", got[-1]["at"], sandbox).stdout == "three\n"
    assert cli(corral, user, "logs", "--stream", "both", sandbox).returncode in (1, 2)
    assert cli(corral, user, "logs", "--since", "soon", sandbox).returncode == 2
    assert cli(corral, user, "logs", "sbx_00000000000000000000000000").returncode == 1


def test_it_follows(corral, user):
    """Each line as it comes, until the sandbox ends; the code says that all is well."""
    sandbox = shell(user, "echo one; until [ -e go ]; do sleep 0.1; done; echo two")
    environ = {**corral.environ, "CORRAL_URL": corral.url, "CORRAL_API_KEY": user.session.headers["X-API-Key"]}
    with running([corral.home / "bin/corral", "logs", "-f", sandbox], env=environ, stdout=subprocess.PIPE,
                          text=True) as follower:
        assert follower.stdout.readline() == "one\n"
        corral.tell(sandbox)
        assert follower.stdout.read() == "two\n" and follower.wait(30) == 0
