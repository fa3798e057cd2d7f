"""A node that sends well formed messages with false values: it harms only itself."""
import re
import subprocess
from contextlib import closing

from corral import ROOT, wait_until
from hermits import SMALL
from node_peer import Peer, field

EXTREMES = (2**64 - 1, 2**63, 2**63 - 1, 2**53 + 1)
NUMBERS = ("uint64", "uint32", "sint32", "bool")


def fields_of(message):
    """{name: (number, type)} of a message of proto/."""
    for file in ("node", "sandbox"):
        found = re.search(rf"message {message} \{{(.*?)\n\}}", (ROOT / f"proto/{file}.proto").read_text(), re.S)
        if found:
            return {n: (int(i), t) for t, n, i in re.findall(r"(\w+) (\w+) = (\d+);", found[1])}
    raise AssertionError(message)


def pack(message, **values):
    """The message with these fields by name; bytes are taken as they are."""
    fields, out = fields_of(message), b""
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            out += field(fields[name][0], one)
    return out


def lies(message, but=(), **true):
    """One message for each number and each extreme, true except for that number."""
    for name, (_, kind) in fields_of(message).items():
        for extreme in EXTREMES if kind in NUMBERS and name not in but else ():
            yield pack(message, **{**true, name: min(extreme, 2**32 - 1) if kind.endswith("32") else extreme})


def resources(value):
    return pack("NodeResources", memory_bytes=value, cpu_millis=value, storage_bytes=value, sandboxes=value)


def inventory(capacity, statuses=()):
    facts = pack("NodeFacts", name=b"liar", boot_id=b"b", labels=[b"a=b", b"\xff\n", b"x" * 300], runtimes=[b"runc", b'"\\'],
                 region=b"r\xff", capacity=capacity, enforces=2**32 - 1)
    return pack("Inventory", facts=facts, statuses=list(statuses))


def states(corral):
    return {n["name"]: n["state"] for n in corral.admin.good("GET", "/sandbox/system/nodes")["items"]}


def test_a_lying_node_harms_itself_alone(corral, user):
    honest = [user.create(**SMALL)["id"] for _ in range(2)]
    subprocess.run([corral.home / "bin/corral-controller", "pki", "issue", "liar"], check=True, capture_output=True,
                   env={**corral.environ, "CORRAL_PKI_DIR": str(corral.home / "pki")})
    for extreme in EXTREMES:
        with closing(Peer(corral.port + 4420, corral.home / "pki", "liar")) as liar:
            liar.say_hello()
            liar.prove(inventory(resources(extreme), lies("SandboxStatus", id=honest[0].encode(), state=3, generation=1, number=9)))
            wait_until("both are ready", lambda: states(corral) == {"node-1": "ready", "liar": "ready"}, 8)
    corral.admin.good("POST", "/sandbox/system/nodes/node-1/cordon") # all sandboxes on the liar
    theirs = [user.good("POST", "/sandbox", {**SMALL, "lifetime_seconds": 60}, status=202, headers={"Prefer": "respond-async"})["id"] for _ in range(3)]
    corral.admin.good("POST", "/sandbox/system/nodes/node-1/uncordon")
    with closing(Peer(corral.port + 4420, corral.home / "pki", "liar")) as liar:
        liar.say_hello()
        liar.prove(inventory(resources(2**63)))
        tell_lies(corral, user, liar, theirs, honest)
        corral.admin.good("POST", "/sandbox/system/nodes/liar/cordon")
        ended = user.create(command=["true"], **SMALL)["id"]
        assert user.wait(ended, "stopped")["reason"] == "exited"
        for sandbox in honest:
            assert user.show(sandbox)["state"] == "running" and user.stats(sandbox)["memory"]["used_bytes"] < 1 << 30
        history(corral)
    for sandbox in honest:
        user.delete(sandbox)


def tell_lies(corral, user, liar, theirs, honest):
    """Every number of every part at every extreme, while honest nodes report moves at the same time."""
    for state in (1, 2, 6): # starting, running, stopped; a status with the highest number would be the last one accepted
        but = ("state", "number") if state < 6 else ("state",)
        statuses = [o for i in theirs for o in lies("SandboxStatus", but, id=i.encode(), state=state, generation=1, number=state)]
        liar.report(pack("Report", statuses=statuses))
    for one in theirs + honest:
        samples = [s for kept in (0, 1) for s in lies("Sample", id=one.encode(), kept=kept, number=7)]
        liar.report(pack("Report", samples=samples))
        liar.report(pack("Report", violations=list(lies("Violation", id=one.encode(), number=8))))
    counts = pack("CleanupCounts", volume=2**64 - 1, image=2**63)
    liar.report(pack("Report", cleanups=list(lies("CleanupReport", number=3, found=counts, removed=counts)),
                     samples_dropped=2**64 - 1, violations_dropped=2**63, left_out=2**64 - 1, left_out_why=b"\xff" * 200))
    wait_until("the moves of the honest node are committed", lambda: {user.show(i)["state"] for i in theirs} == {"stopped"}, 20)


def history(corral):
    """Views of the whole cluster still work, and the lies are in events."""
    nodes = {n["name"]: n for n in corral.admin.good("GET", "/sandbox/system/nodes")["items"]}
    assert nodes["liar"]["state"] in ("cordoned", "unreachable") and nodes["liar"]["labels"] == {"a": "b"}
    assert nodes["liar"]["capacity"]["memory_bytes"] <= 2**53
    corral.admin.good("GET", "/sandbox/system/stats")
    assert corral.metric("corral_node_items_bad_total") > 100 and corral.metric("corral_node_messages_bad_total") == 0
    told = corral.sql("select node from events where type = 'system.item_left_out' and node = 'liar'").split()
    assert 1 <= len(told) <= 3, told
