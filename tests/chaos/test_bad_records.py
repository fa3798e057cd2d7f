"""Bad records in an agent's state folder: each is left out, reported and set aside, and all other sandboxes
live on."""
import os
import random
import re
import signal

import agent_records
import pytest
from corral import FOREVER, wait_until
from hermits import SMALL, pid_of, runs

NODE = "/sandbox/system/nodes/node-1"
FUTURE = 1 << 62


def new_id():
    return "sbx_0" + "".join(random.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=25))


def records(corral):
    return corral.home / "agent/records"


def written(lines):
    """The text of a record, with its checksum (FNV-1a)."""
    text = "".join(f"{line}\n" for line in lines)
    value = 0xcbf29ce484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001b3 % (1 << 64)
    return f"{text}sum {value:016x}\n"


def altered(text, **fields):
    """A record with other values and a valid checksum; unknown fields are added."""
    lines = text.splitlines()[:-1]
    for name, value in fields.items():
        name = name.replace("__", ".")
        at = next((i for i, line in enumerate(lines) if line.startswith(f"{name} ")), len(lines))
        lines[at:at + 1] = [f"{name} {value}"]
    return written(lines)


def alter(corral, sandbox, **fields):
    path = records(corral) / sandbox
    path.write_text(altered(agent_records.text_of(path), **fields))


def field(corral, sandbox, name):
    found = re.search(rf"^{re.escape(name)} (\S*)$", agent_records.text_of(records(corral) / sandbox), re.M)
    return found and found[1]


def restart(corral):
    """Starts a new agent; waits until it has a session and its node is ready."""
    sessions = corral.metric("corral_node_handshakes_total")
    corral.restart("agent")
    wait_until("the agent has a session", lambda: corral.metric("corral_node_handshakes_total") > sessions, 60)
    wait_until("the node is ready", lambda: corral.admin.good("GET", NODE)["state"] == "ready", 40)


def events(corral):
    """The events about left out items, newest last."""
    rows = corral.sql("select data from events where type = 'system.item_left_out' and node = 'node-1' order by seq")
    return [row for row in rows.split("\n") if row]


def told(corral, before, text):
    """A node reports at most one such event a minute: the next one may have to wait."""
    return wait_until(f"an event says {text}", lambda: [e for e in events(corral)[before:] if re.search(text, e)], 75, 0.5)


def log(corral, since):
    return (corral.home / "log/agent.log").read_text(errors="replace")[since:]


def lives(corral, user, sandbox, pid):
    assert user.show(sandbox)["state"] == "running" and runs(pid) and pid_of(corral, sandbox) == pid
    answers = []

    def healthy():
        answers.append(user.call("GET", f"/sandbox/{sandbox}/stats"))
        return answers[-1].status_code == 200 and answers[-1].json()["health"]["status"] in ("healthy", "degraded")

    try:
        wait_until("the agent is healthy", healthy, 30, 0.5)
    except AssertionError as error:
        raise AssertionError(f"{error}; its health is {answers[-1].text}") from error


@pytest.fixture
def live(corral, user):
    """A sandbox that runs, with its process."""
    sandbox = user.create(command=FOREVER, **SMALL)["id"]
    return sandbox, pid_of(corral, sandbox)


def plant(folder, name, what):
    if isinstance(what, bytes):
        (folder / name).write_bytes(what)
    else:
        what(folder / name)


def test_what_is_no_record(corral, user, live):
    slots = (records(corral) / live[0]).read_bytes()
    good = agent_records.text_of(records(corral) / live[0]).encode()
    bad = {
        "empty": (b"", "it is incomplete, or not a record"),
        "truncated": (good[:len(good) // 2], "it is incomplete, or not a record"),
        "without its sum": (good[:good.rindex(b"sum ")], "it is incomplete, or not a record"),
        "of two torn slots": (slots.replace(b"\ngeneration ", b"\ngeneratiom "), "it is incomplete, or not a record"),
        "binary": (os.urandom(5000), "it is incomplete, or not a record"),
        "zeros": (bytes(4096), "it is incomplete, or not a record"),
        "huge": (b"corral-record 1\n" + b"x" * (3 << 20), "it is incomplete, or not a record"),
        "another's": (good, "it is of another sandbox"),
        "of a state that is none": (altered(good.decode(), phase=99).encode(), "it is incomplete, or not a record"),
        "of a reason that is none": (altered(good.decode(), reason=250).encode(), "it is incomplete, or not a record"),
        "with a container's id that is a path": (altered(good.decode(), container_id="../../x").encode(), "it is incomplete, or not a record"),
        "a folder": (lambda path: path.mkdir(), "it cannot be read"),
        "a pipe": (os.mkfifo, "it cannot be read"),
        "a link": (lambda path: path.symlink_to(records(corral) / live[0]), "it cannot be read"),
    }
    before, since = len(events(corral)), len(log(corral, 0))
    corral.kill("agent")
    names = {}
    for what, (content, why) in bad.items():
        names[what] = new_id()
        plant(records(corral), names[what], content)
    restart(corral)
    for what, name in names.items():
        assert f"the record {name}: set aside: {bad[what][1]}" in log(corral, since), what
        assert not os.path.lexists(records(corral) / name) and os.path.lexists(records(corral) / f"{name}.bad"), what
    lives(corral, user, *live)
    assert user.create(**SMALL)["state"] == "running"
    assert re.search(r"the record sbx_\w+: set aside", told(corral, before, rf'"count": {len(bad)}\b')[0])
    assert corral.admin.good("POST", "/sandbox/system/cleanup")["removed"]["state_file"] >= len(bad)
    assert not list(records(corral).glob("*.bad"))
    since = len(log(corral, 0))
    corral.kill("agent")
    restart(corral)
    assert "the record" not in log(corral, since), "the event is reported once"
    lives(corral, user, *live)


def test_thousands(corral, user, live):
    since = len(log(corral, 0))
    corral.kill("agent")
    for _ in range(5000):
        (records(corral) / new_id()).write_bytes(b"x")
    restart(corral)
    lives(corral, user, *live)
    assert log(corral, since).count("the record sbx_") == 20 and "5000 records in all are set aside, or mended" in log(corral, since)
    wait_until("the records are cleaned up", lambda: corral.admin.good("POST", "/sandbox/system/cleanup") and
               not list(records(corral).glob("*.bad")), 120)
    lives(corral, user, *live)


def test_more_than_a_session_can_tell(corral, user, live):
    """Records of ended sandboxes that the controller does not know are acknowledged and forgotten, however
    many."""
    good = agent_records.text_of(records(corral) / live[0])
    since = len(log(corral, 0))
    corral.kill("agent")
    for _ in range(5000):
        name = new_id()
        (records(corral) / name).write_text(altered(good, id=name, phase=5, reason=4, ended_ms=1, container_id=""))
    restart(corral)
    lives(corral, user, *live)
    assert "5001 sandboxes are here, of which 4096 are told at once" in log(corral, since)
    wait_until("all records are forgotten", lambda: len(list(records(corral).iterdir())) <= 1, 120, 0.5)
    lives(corral, user, *live)
    assert user.create(**SMALL)["state"] == "running"


def test_a_field_of_a_newer_agent(corral, user, live):
    since = len(log(corral, 0))
    corral.kill("agent")
    alter(corral, live[0], a_field_of_tomorrow=7)
    restart(corral)
    lives(corral, user, *live)
    assert "the record" not in log(corral, since)


def test_numbers_that_cannot_be_told(corral, user):
    """A bad record of a live sandbox is corrected and reported, and the sandbox obeys as before."""
    wrong = {"started_ms": FUTURE, "last_ms": FUTURE, "number": (1 << 64) - 1, "generation": (1 << 64) - 1,
             "last__memory_used_bytes": (1 << 64) - 1, "exit_code": 1 << 40}
    sandboxes = {name: user.create(command=FOREVER, **SMALL)["id"] for name in wrong}
    pids = {name: pid_of(corral, sandbox) for name, sandbox in sandboxes.items()}
    untold, since = corral.metric("corral_node_items_untold_total"), len(log(corral, 0))
    corral.kill("agent")
    for name, sandbox in sandboxes.items():
        alter(corral, sandbox, **{name: wrong[name]})
    restart(corral)
    for name, sandbox in sandboxes.items():
        lives(corral, user, sandbox, pids[name])
        mended = f"the record {sandbox}: " in log(corral, since)
        assert mended == (name in ("started_ms", "last_ms", "number", "generation")), name
    wait_until("the corrected record is counted", lambda: corral.metric("corral_node_items_untold_total") >= untold + 4, 10)
    wait_until("the corrected record is on disk", lambda: int(field(corral, sandboxes["started_ms"], "started_ms")) < FUTURE, 10)
    for name, sandbox in sandboxes.items():
        assert user.good("PATCH", f"/sandbox/{sandbox}", {"memory_bytes": 24 << 20})["limits"]["memory_bytes"] == 24 << 20
        assert user.call("DELETE", f"/sandbox/{sandbox}").status_code == 204, name
        wait_until("the end is acknowledged", lambda s=sandbox: not (records(corral) / s).exists(), 20)


def test_an_end_in_the_future(corral, user, live):
    """A record whose end lies in the future, written while no controller listened: the session begins
    nevertheless, and the end is reported."""
    sandbox = user.create(command=FOREVER, **SMALL)["id"]
    since = len(log(corral, 0))
    corral.kill("controller", signal.SIGSTOP)
    try:
        corral.docker("kill", sandbox)
        wait_until("the end is on disk", lambda: field(corral, sandbox, "phase") == "5", 20)
        corral.kill("agent")
        alter(corral, sandbox, ended_ms=FUTURE, last_ms=FUTURE)
    finally:
        corral.kill("controller", signal.SIGCONT)
    restart(corral)
    ended = user.wait(sandbox, "stopped", 20)
    assert ended["reason"] == "exited" and ended["ended_at"] >= ended["started_at"], ended
    assert "its end was in the future, and is set to now" in log(corral, since)
    wait_until("its end is acknowledged", lambda: not (records(corral) / sandbox).exists(), 20)
    lives(corral, user, *live)
