"""A database that refuses writes for a while, and reads that cost it much: how they affect all other
requests."""
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from corral import ROOT, running, wait_until


def sql(corral, text, **more):
    """Runs SQL, also while the database is read-only for others."""
    return subprocess.run([ROOT / "deploy/lib/postgres.sh", "psql", corral.home / "postgres", "-c", text], check=True, text=True,
                          capture_output=True, env={**os.environ, "PGOPTIONS": "-c default_transaction_read_only=off"}, **more).stdout


def end_sessions(corral):
    sql(corral, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'corral'")


def readyz(corral):
    return requests.get(corral.url + "/readyz", timeout=10)


def until_503(what, ask, seconds):
    """Waits for a 503 and returns the response, which itself is falsy."""
    return wait_until(what, lambda: (a := ask()).status_code == 503 and [a], seconds)[0]


def test_a_database_that_is_read_only_for_a_while(corral, user):
    sandbox = user.create()["id"]
    sql(corral, "alter database corral set default_transaction_read_only = on")
    try:
        end_sessions(corral)
        away = wait_until("the controller says why it is not ready", lambda: (a := readyz(corral)).json().get("code") == "database_unavailable"
                          and [a], 15)[0]
        assert away.status_code == 503 and int(away.headers["retry-after"]) > 0
        for method, path, body in (("POST", "/sandbox", {}), ("DELETE", f"/sandbox/{sandbox}", None),
                                   ("PATCH", f"/sandbox/{sandbox}", {"name": "n"}), ("POST", f"/sandbox/{sandbox}/pause", None),
                                   ("GET", f"/sandbox/{sandbox}", None)): # a controller that lost the leadership with its session answers nothing
            began = time.monotonic()
            answer = until_503("a create is refused", lambda m=method, p=path, b=body: user.call(m, p, b), 10)
            assert answer.json()["code"] in ("database_unavailable", "not_leading"), answer.text
            assert int(answer.headers["retry-after"]) > 0 and time.monotonic() - began < 10
    finally:
        sql(corral, "alter database corral reset default_transaction_read_only")
    wait_until("the controller is ready without help", lambda: readyz(corral).status_code == 200, 30)
    wait_until("a create is accepted", lambda: user.call("POST", "/sandbox", {}).status_code == 201, 30)
    user.delete(sandbox)
    user.wait(sandbox, "stopped", 30)


def test_a_create_that_waits_is_told_when_nothing_can_be_written_any_more(corral, user):
    """The sandbox is admitted, and then its state cannot be stored: the create must end neither in 504
    after a minute nor without an answer."""
    corral.kill("agent", 19)
    try:
        with ThreadPoolExecutor() as pool:
            create = pool.submit(user.call, "POST", "/sandbox", {})
            wait_until("the sandbox is admitted", lambda: user.good("GET", "/sandbox")["items"] or create.done() and pytest.fail(create.result().text))
            sql(corral, "alter system set default_transaction_read_only = on")
            sql(corral, "select pg_reload_conf()")
            answer = create.result(15)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert "admitted" in answer.json()["detail"] and int(answer.headers["retry-after"]) > 0
    finally:
        sql(corral, "alter system reset default_transaction_read_only")
        sql(corral, "select pg_reload_conf()")
        corral.kill("agent", 18)
    wait_until("the controller is ready", lambda: readyz(corral).status_code == 200, 30)
    for sandbox in user.good("GET", "/sandbox")["items"]:
        user.delete(sandbox["id"])


def test_a_users_reads_are_bounded_and_harm_nobody(corral, user):
    """While the samples are locked each request for history waits: two are at the database, eight wait, the
    rest is refused at once."""
    sandbox = user.create()["id"]
    other = corral.user(user.user_id.lower().replace("_", "-"), "pro")
    path = f"/sandbox/{sandbox}/stats/history?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"
    lock = subprocess.Popen([ROOT / "deploy/lib/postgres.sh", "psql", corral.home / "postgres", "-c",
                             "begin; lock table sample_rows in access exclusive mode; select 'held'; select pg_sleep(60)"],
                            stdout=subprocess.PIPE, text=True)
    try:
        held = "select count(*) from pg_locks where relation = 'sample_rows'::regclass and granted and mode = 'AccessExclusiveLock'"
        wait_until("the lock is held", lambda: corral.sql(held) == "1")
        with ThreadPoolExecutor(14) as pool:
            reads = [pool.submit(requests.get, corral.url + path, headers=dict(user.session.headers), timeout=60) for _ in range(14)]
            refused = wait_until("four are refused", lambda: len(done := [r.result() for r in reads if r.done()]) >= 4 and done)
            for answer in refused:
                assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited"), answer.text
                assert int(answer.headers["retry-after"]) > 0
            waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%stats_history%'"
            wait_until("two are at the database", lambda: corral.sql(waits) == "2")
            assert other.create()["state"] == "running"  # on other connections
            assert other.good("GET", "/sandbox?all=true")["items"]  # and from the shares of other users
            sql(corral, "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(60)%' "
                        "and pid <> pg_backend_pid()")
            codes = sorted(r.result().status_code for r in reads)
        assert codes.count(429) == 4 and set(codes) <= {200, 429, 503}  # 503: its statement took longer than allowed
    finally:
        lock.kill()
        lock.wait()
    user.delete(sandbox)


def sessions(corral):
    return set(sql(corral, "select pid from pg_stat_activity where application_name = 'corral'").split())


def test_what_a_server_sets_for_everybody_else_ends_no_session(corral, user):
    """Database services end idle sessions and let them wait for no lock: the leader's session is such a
    session."""
    settings = {"idle_session_timeout": "'1s'", "lock_timeout": "'1ms'", "default_transaction_isolation": "serializable",
                "datestyle": "'German, DMY'", "timezone": "'Asia/Kathmandu'"}
    for name, value in settings.items():
        sql(corral, f"alter database corral set {name} = {value}")
    try:
        end_sessions(corral)
        wait_until("a create is accepted", lambda: user.call("POST", "/sandbox", {}).status_code == 201, 40)
        ours = wait_until("all sessions are there", lambda: len(s := sessions(corral)) >= 13 and s, 20)
        with running([ROOT / "deploy/lib/postgres.sh", "psql", corral.home / "postgres"], stdin=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env={**os.environ, "PGAPPNAME": "idler"}):
            idlers = "select 1 from pg_stat_activity where application_name = 'idler'"
            wait_until("a later idle session is there", lambda: sql(corral, idlers))
            wait_until("the idle session is ended", lambda: not sql(corral, idlers))
        assert ours <= sessions(corral)
        assert readyz(corral).status_code == 200
    finally:
        for name in settings:
            sql(corral, f"alter database corral reset {name}")
        before = sessions(corral)
        end_sessions(corral)
    wait_until("all sessions are new", lambda: len(s := sessions(corral)) >= 13 and not s & before, 30)
    wait_until("the controller is ready", lambda: readyz(corral).status_code == 200, 30)
