#!/usr/bin/python3
"""The history of sandboxes: 10-second samples of 1,000 sandboxes over six hours (2.16 million), stored as the controller stores
what 10 nodes report (add_samples), beside a COPY of the same rows into a plain table with a primary key, in one run; then packed by upkeep
(sql/functions/history.sql), measured at rest, and asked for charts of every range, also of a sandbox with a month of history.
The values are random walks of memory, disk, processes and network, and noise of CPU. Aims: stored at 0.5 of the COPY's rate or
more, 4 bytes a value at most with all indexes, no chart above 100 ms. Times are those that the server's process ran.
usage: tests/bench/history.py BUILD_ROOT [SANDBOXES] [HOURS] [DAYS OF THE LONGEST]"""
import ctypes
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(sys.argv[1])
SANDBOXES, HOURS, DAYS = (int(sys.argv[n]) if len(sys.argv) > n else default for n, default in ((2, 1000), (3, 6), (4, 30)))
NODES = 10
BATCH = 5  # samples of each of a node's sandboxes in a message: 500 of 512 at most
VALUES = ("memory_used_bytes, memory_unreclaimable_bytes, memory_limit_bytes, cpu_centi, throttled_centi, disk_used_bytes, "
          "disk_limit_bytes, rx_bytes, tx_bytes, pids, pids_limit")
TABLES = {"sample_blocks": 11, "minute_blocks": 14, "hour_blocks": 14}

SETUP = """
insert into users (id, name, tier) values ('usr_b', 'b', 'free');
insert into api_keys (id, user_id, name, prefix, last_four, sha256) values ('key_b', 'usr_b', '', 'crl_b', 'abcd', sha256('x'));
set session_replication_role = replica;
insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids, nofile,
        state, spec, created_at, expires_at)
    select 'sbx_' || lpad(s::text, 26, '0'), 'usr_b', 'key_b', 'free', 'i', 'node-' || s %% %(nodes)s, 268435456, 500, 512, 1073741824,
        128, 1024, 'running', '', now() - interval '400 days', now() + interval '1 day' from generate_series(0, %(sandboxes)s) s;
set session_replication_role = default;
create unlogged table walk as
with recursive w as (
    select s, 0 as i, random() as busy, 20000 + (random() * 20000)::bigint as memory, 2000::bigint as disk, 0::bigint as rx, 0::bigint as tx, 3 as pids
        from generate_series(1, %(sandboxes)s) s
    union all select s, i + 1, busy, least(65536, greatest(100, memory + ((random() - 0.5) * random() * 1000)::bigint)),
        disk + case when random() < 0.1 then (random() * 25)::bigint else 0 end,
        rx + case when random() < busy then (random() * 1e5)::bigint else 0 end,
        tx + case when random() < busy then (random() * 2e4)::bigint else 0 end,
        least(128, greatest(1, pids + case when random() < 0.1 then 1 when random() < 0.1 then -1 else 0 end))
        from w where i < %(each)s - 1)
select 'sbx_' || lpad(s::text, 26, '0') as sandbox_id, s, i,
    packing_until() - interval '10 minutes' - %(each)s * interval '10 s' + i * interval '10 s' + s * 137 %% 10000 * interval '1 ms'
        + (random() * 20)::integer * interval '1 ms' as at,
    memory * 4096 as memory_used_bytes, greatest(0, memory - 1000 - (random() * 250)::bigint) * 4096 as memory_unreclaimable_bytes,
    268435456::bigint as memory_limit_bytes,
    least(10000, greatest(0, busy * 5000 + (random() - 0.5) * 3000))::integer as cpu_centi,
    case when random() < 0.1 then (random() * 2000)::integer else 0 end as throttled_centi, disk * 4096 as disk_used_bytes,
    1073741824::bigint as disk_limit_bytes, rx as rx_bytes, tx as tx_bytes, pids::bigint as pids, 128::bigint as pids_limit
from w"""
# The longest history: the same values again and again, of sandbox 0.
LONGEST = f"""
select make_partition((now() at time zone 'UTC')::date - i, 'sample_rows') from generate_series(0, %(days)s + 2) i;
insert into sample_rows select 'sbx_' || lpad('0', 26, '0'), w.at - (n * %(each)s + 360) * interval '10 s', {VALUES}
    from walk w, generate_series(0, %(days)s * 8640 / %(each)s) n where w.s = 1;
insert into sandbox_told (sandbox_id, unpacked)
    select sandbox_id, min(at) from sample_rows group by 1"""


class Database:
    """A PostgreSQL of its own, and a session that gives statements and parameters to libpq as the controller does."""

    def __enter__(self):
        self.home = tempfile.mkdtemp(prefix="corral-bench-", dir="/var/tmp")
        os.chmod(self.home, 0o755)
        self.run("start", POSTGRES_OPTIONS="-F -c max_wal_size=4GB")
        url = f"postgresql://corral@/corral?host={self.home}/postgres"
        subprocess.run([BUILD / "tests/db_migrate", url], check=True)
        self.libpq = ctypes.CDLL("libpq.so.5")
        for name in ("PQconnectdb", "PQexecParams", "PQexecPrepared", "PQprepare", "PQgetResult"):
            getattr(self.libpq, name).restype = ctypes.c_void_p
        for name in ("PQgetvalue", "PQresultErrorMessage"):
            getattr(self.libpq, name).restype = ctypes.c_char_p
        self.connection = ctypes.c_void_p(self.libpq.PQconnectdb(url.encode()))
        self.ask("set search_path = public, corral")
        self.pid = int(self.value("select pg_backend_pid()"))
        return self

    def __exit__(self, *_):
        self.libpq.PQfinish(self.connection)
        self.run("stop", "immediate")
        shutil.rmtree(self.home)

    def run(self, verb, *arguments, **env):
        subprocess.run([ROOT / "deploy/lib/postgres.sh", verb, f"{self.home}/postgres", *arguments], check=True, env={**os.environ, **env},
                       stdout=subprocess.DEVNULL)

    def busy(self):
        """Seconds that the session's process has run on a processor: what others run on this machine delays it, and does not count."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def rows(self, result):
        result = ctypes.c_void_p(result)
        error = self.libpq.PQresultErrorMessage(result)
        assert not error, error.decode()
        rows = [[self.libpq.PQgetvalue(result, i, j).decode() for j in range(self.libpq.PQnfields(result))]
                for i in range(self.libpq.PQntuples(result))]
        self.libpq.PQclear(result)
        return rows

    def ask(self, query, *values):
        return self.rows(self.libpq.PQexecParams(self.connection, query.encode(), len(values), None, params(values), None, None, 0))

    def value(self, query, *values):
        return self.ask(query, *values)[0][0]

    def prepare(self, name, query):
        self.rows(self.libpq.PQprepare(self.connection, name.encode(), query.encode(), 0, None))

    def call(self, name, values):
        return self.rows(self.libpq.PQexecPrepared(self.connection, name.encode(), len(values), values, None, None, 0))

    def copy(self, table, lines):
        self.ask(f"copy {table} from stdin")
        for line in lines:
            self.libpq.PQputCopyData(self.connection, line, len(line))
        self.libpq.PQputCopyEnd(self.connection, None)
        while (result := self.libpq.PQgetResult(self.connection)):
            self.rows(result)


def params(values):
    return (ctypes.c_char_p * len(values))(*(str(v).encode() for v in values))


def copied(database):
    """Seconds that a COPY of all rows takes, in the order in which they were taken."""
    rows = database.ask(f"select sandbox_id, at, {VALUES} from walk order by i, s")
    lines = ["\t".join(row).encode() + b"\n" for row in rows]
    database.ask("create table plain (like sample_rows, primary key (sandbox_id, at))")
    begin = database.busy()
    database.copy("plain", lines)
    return database.busy() - begin


def stored(database):
    """Seconds that the calls of add_samples take for the same rows, in messages of several samples of a node."""
    columns = ", ".join(f"array_agg({c} order by i, s)" for c in VALUES.split(", "))
    batches = [params(row) for row in database.ask(
        "select 'node-' || s % $1::integer, 7, array_agg(sandbox_id order by i, s), array_agg(i + 1 order by i, s), "
        f"array_agg((extract(epoch from now() - at) * 1000)::bigint order by i, s), {columns} from walk "
        "group by i / $2::integer, s % $1::integer order by i / $2::integer, 1", NODES, BATCH)]
    database.prepare("add", f"select stored, refused from add_samples({', '.join(f'${n}' for n in range(1, 17))})")
    total, begin = [0, 0], database.busy()
    for batch in batches:
        total = [a + int(b) for a, b in zip(total, database.call("add", batch)[0])]
    seconds = database.busy() - begin
    assert total == [SANDBOXES * HOURS * 360, 0], total
    return seconds


def packed(database):
    """Packs until nothing is left, as upkeep does; vacuums after each hour of the samples, as autovacuum does. Seconds, and those of
    the longest batch."""
    seconds, longest, hour = 0, 0, None
    while True:
        begin = database.busy()
        seen = int(database.value("select seen from upkeep_packing($1, 500, '')", DAYS + 2))
        took = database.busy() - begin
        seconds, longest = seconds + took, max(longest, took)
        now = database.value("select min(unpacked) from sandbox_told")
        if now != hour:
            database.ask("vacuum hour_blocks")
            hour = now
        if not seen:
            return seconds, longest


def charts(database):
    """Milliseconds of the slowest chart: of each the median of several repetitions, and of these the worst of several sandboxes."""
    slowest = 0
    for span in ("1 hour", "6 hours", "1 day", "33 hours", "3 days", "7 days", "8 days", "30 days", "365 days", "9999 days"):
        for step in (1, 60, 3600):
            worst, shown = 0, None
            for sandbox in (0, 1, SANDBOXES // 2, SANDBOXES):
                took = []
                for _ in range(5):
                    begin = database.busy()
                    answer = database.value("select stats_history('sbx_' || lpad($1, 26, '0'), now() - $2::interval, now(), $3, '{7,30,400}')",
                                            sandbox, span, step)
                    took.append(database.busy() - begin)
                worst = max(worst, statistics.median(took) * 1000)
                shown = shown or json.loads(answer)
            slowest = max(slowest, worst)
            print(f"  {span} at {step} s: {worst:.0f} ms, {len(shown['points'])} points of {shown['step_seconds']} s")
    return slowest


def main():
    given = {"sandboxes": SANDBOXES, "nodes": NODES, "each": HOURS * 360, "days": DAYS}
    rows = SANDBOXES * HOURS * 360
    with Database() as database:
        def fill(script):
            for statement in (script % given).split(";"):
                database.ask(statement)

        def size(tab):
            return int(database.value("select sum(pg_total_relation_size(relid)) from pg_partition_tree($1::regclass)", tab))

        fill(SETUP)
        plain, told = copied(database), stored(database)
        print(f"stored {rows} samples in {told:.1f} s ({rows / told:.0f} a second), COPY {plain:.1f} s: {plain / told:.2f}")
        print(f"as rows: {size('sample_rows') / rows / 11:.1f} bytes a value")
        seconds, longest = packed(database)
        print(f"packed in {seconds:.1f} s ({rows / seconds:.0f} a second), a batch of 500 rows at most {longest * 1000:.0f} ms")
        assert database.value("select count(*) from sample_rows") == "0"
        for _ in range(60):  # the days of the rows are emptied in a later round if autovacuum holds them now
            if size("sample_rows") < 2**22:
                break
            packed(database)
            time.sleep(1)
        used, values = size("sample_rows"), 0
        for tab, series in TABLES.items():
            points = int(database.value(f"select sum(points) from {tab}"))
            used, values = used + size(tab), values + points * series
            print(f"  {tab}: {points} points, {size(tab) / points / series:.2f} bytes a value")
        print(f"at rest: {used / values:.2f} bytes a value")
        fill(LONGEST)
        packed(database)
        database.ask("analyze")
        print(f"the slowest chart: {charts(database):.0f} ms")


if __name__ == "__main__":
    main()
