"""Right-sizing: what is recommended for sandboxes whose use is known, and setting it."""
import json
import os
import pty
import subprocess

from corral import wait_until

MIB = 1 << 20


def busy_sandbox(corral, user, mib, **more):
    """A sandbox that holds so much memory and uses all the CPU that it may (little, so that a busy machine has it), with half an hour of samples
    as a real one."""
    sandbox = user.create(memory_bytes=200 * MIB, cpu_millis=100, **more)["id"]
    user.good("POST", f"/sandbox/{sandbox}/processes", {"command": ["sh", "-c", f"head -c {mib}m /dev/zero >/dev/shm/held; while :; do :; done"]})
    wait_until("its samples show it", lambda: corral.sql(
        f"select count(*) from sample_rows where sandbox_id = '{sandbox}' and memory_unreclaimable_bytes > {mib * MIB} and cpu_centi > 9000") not in ("0", ""), 40, 0.5)
    corral.sql(f"""select make_partition((now() at time zone 'UTC')::date - 1, 'sample_rows');
        insert into sample_rows select s.sandbox_id, s.at - i * interval '10 s', s.memory_used_bytes, s.memory_unreclaimable_bytes, s.memory_limit_bytes,
            s.cpu_centi, s.throttled_centi, s.disk_used_bytes, s.disk_limit_bytes, s.rx_bytes, s.tx_bytes, s.pids, s.pids_limit
        from (select * from sample_rows where sandbox_id = '{sandbox}' and cpu_centi > 9000 order by at desc limit 1) s, generate_series(1, 180) i""")
    return sandbox


def by_kind(answer):
    return {item["kind"]: item for item in answer["items"]}


def test_known_use_is_found(corral, user):
    user.good("POST", "/sandbox/templates", {"name": "sized"}, status=201)
    sandbox = busy_sandbox(corral, user, 60, labels={"team": "a"}, template="sized@1")
    answer = user.good("GET", f"/sandbox/{sandbox}/recommendations", status=200)
    assert (answer["subject"], answer["name"]) == ("sandbox", sandbox)
    memory, cpu = by_kind(answer)["memory"], by_kind(answer)["cpu"]
    evidence = memory["evidence"]
    assert memory["current"] == 200 * MIB and memory["live"] and memory["field"] == "memory_bytes"
    assert 60 * MIB < evidence["peak"] < 75 * MIB
    assert evidence["peak"] * 1.15 <= memory["recommended"] <= evidence["peak"] * 1.22 + MIB
    assert memory["saving"] == memory["current"] - memory["recommended"]
    assert evidence["samples"] >= 180 and evidence["ooms"] == 0 and evidence["from"] < evidence["to"] and not evidence["growing"]
    assert 0.05 < memory["confidence"] < 0.12  # half an hour by that and six hours
    assert cpu["recommended"] > cpu["current"] == 100 and cpu["saving"] < 0  # all that it may have is used: more, up to the tier
    assert cpu["recommended"] <= 120 and cpu["evidence"]["peak"] >= 90
    assert not by_kind(answer)["pids"]["live"]
    subjects = {(s["subject"], s["name"]): by_kind(s) for s in user.good("GET", "/sandbox/recommendations", status=200)["items"]}
    assert subjects[("sandbox", sandbox)]["memory"] == memory
    assert subjects[("label", "team=a")]["memory"]["recommended"] == memory["recommended"]
    assert subjects[("template", "sized")]["memory"]["recommended"] == memory["recommended"]
    assert ("image", "corral-base:latest") in subjects
    other = corral.user("right-sizes-other")
    assert other.refused("GET", f"/sandbox/{sandbox}/recommendations")["code"] == "not_found"
    assert other.good("GET", "/sandbox/recommendations", status=200)["items"] == []
    assert corral.admin.good("GET", f"/sandbox/{sandbox}/recommendations", status=200)["name"] == sandbox

    # The client shows it, asks, and sets what can change while the sandbox lives; the use before the change counts by its limit.
    key = user.session.headers["X-API-Key"]

    def cli(*args):
        return subprocess.run([corral.home / "bin/corral", "recommend", *args], env={**corral.environ, "CORRAL_URL": corral.url, "CORRAL_API_KEY": key},
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)

    shown = cli(sandbox)
    assert shown.returncode == 0 and "memory_bytes" in shown.stdout and "Never more than" in shown.stdout, shown
    assert json.loads(cli(sandbox, "-o", "json").stdout)["name"] == sandbox
    assert "team=a" in cli().stdout
    assert cli(sandbox, "--apply").returncode == 2 and cli("--apply").returncode == 2  # nobody can be asked; of which?
    assert user.show(sandbox)["limits"]["memory_bytes"] == 200 * MIB
    assert asked(corral, key, sandbox, "n")[0] == 0 and user.show(sandbox)["limits"]["memory_bytes"] == 200 * MIB
    status, text = asked(corral, key, sandbox, "y")
    assert status == 0 and "before" in text, text
    limits = user.show(sandbox)["limits"]
    assert limits["memory_bytes"] == memory["recommended"] and limits["cpu_millis"] == cpu["recommended"]
    assert user.show(sandbox)["state"] == "running"
    after = user.good("GET", f"/sandbox/{sandbox}/recommendations", status=200)
    assert "memory" not in by_kind(after)
    assert cli(sandbox, "--apply", "--yes").returncode == 0


def asked(corral, key, sandbox, answer):
    """corral recommend --apply on a terminal; its exit code and what it showed."""
    pid, fd = pty.fork()
    if not pid:
        try:
            os.execve(corral.home / "bin/corral", ["corral", "recommend", sandbox, "--apply"],
                      {**corral.environ, "CORRAL_URL": corral.url, "CORRAL_API_KEY": key, "TERM": "dumb"})
        finally:
            os._exit(99)
    text = b""
    while True:
        try:
            got = os.read(fd, 4096)
        except OSError:
            break
        if not got:
            break
        if b"[y/N]" in got or (b"[y/N]" in text + got and b"[y/N]" not in text):
            os.write(fd, answer.encode() + b"\n")
        text += got
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()


def test_too_little_evidence_is_said(user):
    sandbox = user.create()["id"]
    answer = user.good("GET", f"/sandbox/{sandbox}/recommendations", status=200)
    assert answer["items"] == [] and answer["reason"].startswith("too little evidence")


def test_a_sandbox_that_was_killed_for_its_memory(user):
    """However short it lived: new ones should ask for more."""
    sandbox = user.create(memory_bytes=32 * MIB, command=["sh", "-c", "sleep 1; tail -c 200m /dev/zero"])["id"]
    ended = user.wait(sandbox, "stopped", 30)
    assert ended["reason"] in ("oom_killed", "memory_critical")
    memory = by_kind(user.good("GET", f"/sandbox/{sandbox}/recommendations", status=200))["memory"]
    assert memory["recommended"] == 152 * MIB and memory["saving"] == -120 * MIB and memory["confidence"] >= 0.5  # 132 MiB, and the margin
    assert memory["evidence"]["ooms"] + memory["evidence"]["freezes"] == 1
