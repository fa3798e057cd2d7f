"""What happens while the controller is away is kept on the node, also when the agent is killed, and
reported once, with its time."""
import subprocess
import time

from corral import FOREVER, ROOT, UNTIL_TOLD, wait_until
from test_faults import ready

MIB = 1 << 20
STRANGER = "sbx_00000000070400000000000000" # a sandbox that nobody knows


def outbox(corral):
    """The lines of the outbox, by kind: each the words after the kind."""
    kinds = {}
    for line in (corral.home / "agent/outbox").read_text().splitlines():
        _, kind, *words = line.split()
        kinds.setdefault(kind, []).append(words)
    return kinds


def signed(text):
    """A line as the agent writes it: the checksum (FNV-1a, 64 bits) before the text."""
    total = 0xcbf29ce484222325
    for byte in text.encode():
        total = (total ^ byte) * 0x100000001b3 % (1 << 64)
    return f"{total:016x} {text}\n"


def kept(corral, kind, sandbox):
    return [words for words in outbox(corral).get(kind, []) if words[0] == sandbox["id"]]


def disk_report(corral, sandbox):
    """The violations of a sandbox: whether each is an opening."""
    return [words[4] == "1" for words in kept(corral, "violation", sandbox) if words[3] == "2"]


def restart_agent_alone(corral):
    """No controller is there to report its node as ready: the caller of the restart does not wait for that."""
    return subprocess.Popen([ROOT / "deploy/quickstart", "--restart", "agent"], env=corral.environ,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def events_of(user, sandbox, kind):
    items = user.good("GET", f"/sandbox/{sandbox['id']}/events?limit=200")["items"]
    return [e for e in items if e["type"].startswith(kind)]


def log_of(corral):
    return (corral.home / "log/agent.log").read_text(errors="replace")


def test_what_happened_while_cut_off_is_told_once(corral, user):
    full = user.create(storage_bytes=32 * MIB, command=FOREVER)
    ended = user.create(command=["sh", "-c", UNTIL_TOLD + "exit 5"])
    for sandbox in (full, ended):
        user.stats(sandbox["id"])
    corral.kill("controller")
    begin = time.monotonic()

    corral.docker("exec", full["id"], "dd", "if=/dev/zero", "of=/workspace/f", "bs=1M", "count=29")
    wait_until("the opening is on disk", lambda: disk_report(corral, full) == [True], 10)
    opened = time.time()
    corral.kill("agent")
    first_life = outbox(corral)["sample"]
    numbers = {words[3] for words in first_life}
    restarting = restart_agent_alone(corral)
    wait_until("the sandbox is sampled again", lambda: {w[3] for w in kept(corral, "sample", full)} - numbers, 15)
    corral.docker("exec", full["id"], "rm", "/workspace/f")
    wait_until("the closing is on disk", lambda: disk_report(corral, full) == [True, False], 10)
    closed = time.time()
    corral.tell(ended["id"])
    wait_until("the last sample is on disk", lambda: [w for w in kept(corral, "sample", ended) if w[2] == "1"], 10)
    wait_until("twenty seconds are over", lambda: time.monotonic() > begin + 20, 21)
    left = outbox(corral)
    corral.kill("agent")
    restarting.wait(60)

    boot_wall = int(left["boot"][0][1])
    samples = {w[3]: w for w in first_life + left["sample"]}.values()
    expected = {s["id"]: sorted(boot_wall + int(w[1]) for w in samples if w[0] == s["id"]) for s in (full, ended)}
    assert len(expected[full["id"]]) >= 3 and len(expected[ended["id"]]) >= 2
    corral.restart("controller")
    corral.restart("agent")
    ready(corral)
    stopped = user.wait(ended["id"], "stopped", 20)
    assert (stopped["reason"], stopped["exit_code"]) == ("exited", 5)
    wait_until("the outbox is empty", lambda: len(events_of(user, full, "violation")) >= 2, 10)
    for sandbox in (full, ended):
        def stored(sandbox=sandbox):
            return [int(at) for at in corral.sql("select (extract(epoch from at) * 1000)::bigint from history_points("
                                                 f"'{sandbox['id']}', now() - interval '1 day', now(), 1) order by at").split()]
        wait_until("the samples are stored", lambda: stored()[-1] >= expected[sandbox["id"]][-1] - 1000, 10)
        found = stored()
        for at in expected[sandbox["id"]]:
            assert len([f for f in found if abs(f - at) < 400]) == 1, (sandbox["id"], at, found, expected)
        assert all(b - a > 400 for a, b in zip(found, found[1:])), found
    events = events_of(user, full, "violation")
    assert [(e["type"], e["data"]["kind"]) for e in events] == [("violation.opened", "disk"), ("violation.closed", "disk")]
    for event, at in zip(events, (opened, closed)):
        told = corral.sql(f"select extract(epoch from at) from events where seq = {int(event['id'][4:])}")
        assert abs(float(told) - at) < 3, (event, at)
    assert len(events_of(user, ended, "sandbox.stopped")) == 1
    assert user.stats(full["id"])["disk"]["percent"] < 50
    user.delete(full["id"])


def test_a_full_outbox_drops_the_oldest_and_says_so_and_a_strange_one_is_set_aside(corral, user):
    sandbox = user.create(storage_bytes=32 * MIB, command=FOREVER)
    user.stats(sandbox["id"])
    corral.kill("controller")
    corral.kill("agent")
    path = corral.home / "agent/outbox"
    lines = path.read_text().splitlines(True)
    dropped = [words for words in outbox(corral)["dropped"]][-1]
    first = (int(time.time() * 1000) - 1000) * 1024 # as the agent numbers its reports
    many = [signed(f"violation {STRANGER} 1000 {first + i} 2 0 0 100 1000") for i in range(4096)]
    path.write_text("".join([*lines, *many, "this is no line\n", "nor has this an end"]))
    restarting = restart_agent_alone(corral)
    wait_until("the bad file is set aside", lambda: "1 of 4" in log_of(corral) and (corral.home / "agent/outbox.bad").exists(), 15)
    corral.docker("exec", sandbox["id"], "dd", "if=/dev/zero", "of=/workspace/f", "bs=1M", "count=29")
    wait_until("the opening is on disk", lambda: disk_report(corral, sandbox) == [True], 15)
    wait_until("the drop is in the log", lambda: log_of(corral).count("samples and violations are dropped") == 1, 5)
    corral.docker("exec", sandbox["id"], "rm", "/workspace/f")
    wait_until("the closing is on disk", lambda: disk_report(corral, sandbox) == [True, False], 15)
    corral.restart("controller")
    assert restarting.wait(60) == 0
    ready(corral)
    wait_until("both are in events", lambda: [e["type"] for e in events_of(user, sandbox, "violation")] ==
               ["violation.opened", "violation.closed"], 20)
    assert corral.metric('corral_node_dropped_total{node="node-1",kind="violation"}') == int(dropped[0]) + 2
    assert corral.metric('corral_node_dropped_total{node="node-1",kind="sample"}') == int(dropped[1])
    # A report of an unknown sandbox delays no other: it is acknowledged, and counted.
    assert corral.metric('corral_history_refused_total{kind="violation"}') >= 4094
    assert log_of(corral).count("samples and violations are dropped") == 1
    assert corral.sql(f"select count(*) from events where sandbox_id = '{STRANGER}'") == "0"
    user.delete(sandbox["id"])


def test_an_older_leader_is_refused_after_a_restart_too(corral, user):
    epoch = int(corral.sql("select epoch from leadership"))
    corral.kill("agent")
    corral.kill("controller")
    corral.sql("update leadership set epoch = 0")
    try:
        corral.restart("controller")
        before = log_of(corral)
        restarting = restart_agent_alone(corral)
        wait_until("the older leader is refused", lambda: log_of(corral).count("time to lead is over") > before.count("time to lead is over"), 15)
        assert log_of(corral).count("welcome to") == before.count("welcome to")
    finally:
        corral.kill("controller")
        corral.sql(f"update leadership set epoch = {epoch + 1}")
        corral.restart("controller")
    assert restarting.wait(60) == 0
    wait_until("the new leader is accepted", lambda: log_of(corral).count("welcome to") > before.count("welcome to"), 20)
    wait_until("a create is accepted", lambda: user.call("POST", "/sandbox", {}).status_code == 201, 20)


def test_a_controller_that_is_lost_leaves_no_sandbox_watched(corral, user):
    """Its node keeps a sample each second for a quarter of a minute after it was told last, and then one each ten seconds; the restarted
    controller, of which nobody asks anything, changes nothing, and all that was kept is stored."""
    sandbox = user.create(command=FOREVER)
    user.stats(sandbox["id"])

    def stored():
        return [int(at) / 1000 for at in corral.sql("select (extract(epoch from at) * 1000)::bigint from history_points("
                                                    f"'{sandbox['id']}', now() - interval '1 day', now(), 1) order by at").split()]

    def watched():
        user.stats(sandbox["id"])
        times = stored()[-5:]
        return len(times) == 5 and times[-1] - times[0] < 8
    wait_until("a sample each second", watched, 30, 1)
    dropped = corral.metric('corral_node_dropped_total{node="node-1",kind="sample"}')
    lost = float(corral.sql("select extract(epoch from clock_timestamp())"))
    corral.kill("controller")
    wait_until("it is lost for long enough", lambda: float(corral.sql("select extract(epoch from clock_timestamp())")) > lost + 40, 50, 0.5)
    corral.restart("controller")
    ready(corral)
    wait_until("a sample of afterwards", lambda: stored()[-1] > lost + 41, 30, 0.5)
    times = [at for at in stored() if at > lost - 3]
    soon, later = [at for at in times if at < lost + 10], [at for at in times if at > lost + 17]
    assert max(b - a for a, b in zip(soon, soon[1:])) < 3, soon
    assert min(b - a for a, b in zip(later, later[1:])) > 9 and max(b - a for a, b in zip(later, later[1:])) < 14, later
    assert corral.metric('corral_node_dropped_total{node="node-1",kind="sample"}') == dropped
    user.delete(sandbox["id"])
