"""Transactions that take several locks take them in one order (sql/functions/events.sql), so no two transactions wait for each other. Each case
once ended in a deadlock: the first transaction holds a lock, the second waits for it, and the first takes what the second had already.

usage: db_lock_order.py DATABASE_URL LIMITS"""
import json
import sys
import threading
import time

import psycopg2

LIMITS = json.loads(sys.argv[2])
SETUP = """
    insert into users (id, name, tier, role) values ('usr_1', 'u', 'enterprise', 'user'), ('usr_2', 'a', 'enterprise', 'admin');
    insert into api_keys (id, user_id, name, prefix, last_four, sha256) values ('key_1', 'usr_1', '', 'crl_1', 'abcd', sha256('x'));
    insert into nodes (name, health, memory_bytes, cpu_millis, storage_bytes, sandboxes, enforces)
        values ('n', 'ready', 1e12, 1e6, 1e13, 1000, 63);
    create function sandbox(n integer) returns text language sql as $$ select 'sbx_' || lpad(n::text, 26, '0') $$;
    insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids, nofile,
            state, spec, created_at, expires_at)
        select sandbox(i), 'usr_1', 'key_1', 'enterprise', 'i', 'n', 1, 1, 1, 1, 1, 1, 'pending', '',
            now() - interval '6 days', now() + interval '1 day' from generate_series(1, 19) i;
    update sandboxes set state = 'starting';
    update sandboxes set state = 'running', started_at = created_at;
    insert into sandbox_told (sandbox_id) select sandbox(i) from generate_series(19, 1, -1) i;
    insert into webhooks (id, user_id, url, events, secret, secret_key, since)
        values ('whk_' || lpad('1', 26, '0'), 'usr_1', 'http://x', '{*}', '', 'k', 0);
    insert into webhook_deliveries (webhook_id, seq, type, body, state, next_try_at, ended_at)
        select 'whk_' || lpad('1', 26, '0'), i, 'x', '', 'dead', null, now() - i * interval '10 days' from generate_series(1, 5) i;
    create function sampled(ids integer[], ago interval, number bigint) returns text language sql as $$
        select s::text from (select array(select 1::bigint from unnest(ids)) as z) x,
            add_samples('n', 7, array(select sandbox(b) from unnest(ids) b), array(select number from unnest(ids)),
                array(select ms_between(now() - ago, now()) from unnest(ids)), z, z, z, z::integer[], z::integer[], z, z, z, z, z, z) s $$;
    create function near(ids integer[], number bigint) returns integer language sql as $$
        select add_violations('n', (select jsonb_agg(jsonb_build_object('sandbox_id', sandbox(b), 'opened', true, 'number', number, 'ago_ms', 0,
            'kind', 'cpu', 'level', 'warning', 'percent', 95, 'limit', 1)) from unnest(ids) b)) $$;
"""


class Session:
    def __init__(self, epoch=None):
        self.connection = psycopg2.connect(sys.argv[1])
        self.cursor = self.connection.cursor()
        self.pid = self.connection.get_backend_pid()
        if epoch:
            self.run(f"set corral.epoch = '{epoch}'")
            self.connection.commit()

    def run(self, sql):
        self.cursor.execute(sql)
        return self.cursor.fetchone()[0] if self.cursor.description else None

    def begin(self, sql):
        """Runs it in a thread, up to its commit. Returns when it has ended or waits for a lock."""
        self.fault = None

        def work():
            try:
                self.answer = self.run(sql)
                self.connection.commit()
            except psycopg2.Error as e:
                self.fault = e
                self.connection.rollback()

        self.thread = threading.Thread(target=work)
        self.thread.start()
        while self.thread.is_alive() and not asked("select wait_event_type = 'Lock' from pg_stat_activity where pid = %s", self.pid):
            time.sleep(0.005)

    def end(self):
        self.thread.join(20)
        assert not self.thread.is_alive(), "it hangs"
        if self.fault:
            raise self.fault
        return self.answer


def asked(sql, *args):
    with watcher.cursor() as cursor:
        cursor.execute(sql, args)
        return cursor.fetchone()[0]


def pair(what, first, second, rest):
    """Runs `first` in one session, `second` in another until it waits, then `rest` in the first. Returns what the second answered."""
    a, b = Session(), Session()
    try:
        a.run(first)
        b.begin(second)
        a.run(rest)
        a.connection.commit()
        return b.end()
    except psycopg2.Error as e:
        raise AssertionError(f"{what}: {e}") from e


def holds(session, number):
    return asked("select exists (select from pg_locks where pid = %s and locktype = 'advisory' and objid = %s and granted)", session.pid, number)


def test_entry():
    pair("an administrator enters a sandbox while another act goes on", "select add_event('sandbox.extended', 'usr_1', sandbox(1), null, '{}')",
         """select enter_sandbox(sandbox(1), 'exec', 'running', '{"user_id": "usr_2"}')""",
         """select add_audit('{"user_id": "usr_1"}', 'sandbox.patch', sandbox(1), null, null)""")


def test_epoch():
    """A new leader waits for the writes of the one before. An event that waits behind it does not hold the lock of the numbers, for
    which those writes wait."""
    leader = Session()
    epoch = leader.run("select lead('a')")
    leader.connection.commit()
    a, event, violation, following = Session(epoch), Session(epoch), Session(epoch), Session()
    a.run("update nodes set reason = 'x'")
    following.begin("select pg_advisory_xact_lock(20011, 4)")
    event.begin("select add_event('node.draining', null, null, 'n', '{}')")
    assert not holds(event, 2), "an event waits for the epoch with the lock of the numbers"
    a.run("select add_event('node.cordoned', null, null, 'n', '{}')")
    a.connection.commit()
    following.end(), event.end()


def request(number, key):
    return {"id": f"sbx_{number:026}", "user_id": "usr_1", "key_id": "key_1", "node": "n", "image": "i", "region": "", "runtime": "",
            "network": "none", "restart": "never", "labels": {}, **LIMITS, "enforced": 1, "warm": False, "lifetime_seconds": 60, "spec": "00", "name": "",
            "request_id": f"r{number}", "idempotency_key": key, "body_sha256": "00", "address": "", "env_key": "", "shm_bytes": 0}


def test_idempotency():
    defaults = {"max_total_sandboxes": 1000, "max_sandboxes": 50, "max_key_sandboxes": 50}
    pair("an Idempotency-Key for two routes at once, one of them in a batch of creates",
         """select act_seen('{"key_id": "key_1", "route": "POST /x", "idempotency_key": "two", "body_sha256": "00"}')""",
         f"select count(*) from admit('{json.dumps([request(30, 'one'), request(31, 'two')])}', '{json.dumps(defaults)}')",
         """select add_audit('{"user_id": "usr_1"}', 'webhook.create', 'x', null, null)""")
    assert asked("select count(*) from sandboxes where id in (sandbox(30), sandbox(31))") == 2


def test_replay():
    pair("a replay of all that is dead while upkeep removes what is old", "select from webhook_deliveries where seq = 5 for update",
         "select upkeep_deliveries(1, 100, '')", "update webhook_deliveries set problem = 'again' where seq in (1, 5)")
    assert asked("select count(*) from webhook_deliveries") == 1


def test_packing():
    """Samples of a day without a partition are stored while the same sandbox's are packed, into another."""
    partitions, storing, packing = Session(), Session(), Session()
    partitions.run("select pg_advisory_xact_lock(20011, 30)")
    storing.begin("select sampled('{1}', interval '5 days', 1)")
    packing.run("select count(*) from (select from sandbox_told where sandbox_id = sandbox(1) for update skip locked) x")
    partitions.connection.commit()
    while asked("select state = 'active' and wait_event_type is distinct from 'Lock' from pg_stat_activity where pid = %s", storing.pid):
        time.sleep(0.005)
    packing.run("select make_partition((now() at time zone 'UTC')::date - 5, 'sample_blocks')")
    packing.connection.commit()
    storing.end()
    assert asked("select count(*) from sample_rows where sandbox_id = sandbox(1)") == 1


def test_samples_and_violations():
    """A node's samples and violations, of the same sandboxes, come over two connections."""
    ids = ','.join(map(str, range(1, 20)))
    first, samples, violations = Session(), Session(), Session()
    first.run("select from sandbox_told where sandbox_id = sandbox(10) for update")
    for plan in ("enable_nestloop", "enable_sort", "enable_mergejoin"): # as of larger batches
        samples.run(f"set {plan} = off")
    samples.begin("select sampled('{%s}', interval '1 s', 2)" % ids)
    violations.begin("select near('{%s}', 1)" % ids)
    first.connection.commit()
    samples.end(), violations.end()
    assert asked("select count(*) from events where type = 'violation.opened'") == 19


watcher = psycopg2.connect(sys.argv[1])
watcher.autocommit = True
with watcher.cursor() as cursor:
    cursor.execute(SETUP)
failed = 0
for name, test in [x for x in globals().items() if x[0].startswith("test_")]:
    try:
        test()
    except Exception as e:  # the others still run
        failed += 1
        print(f"{name}: {e}", file=sys.stderr)
sys.exit(1 if failed else 0)
