#!/usr/bin/env bash
# What is kept for a time goes: each step by itself, in batches however much there is, and nobody waits for it.
# usage: db_upkeep.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
tool=$CORRAL_BUILD_ROOT/tests/db_migrate
upkeep() { timeout 120 "$CORRAL_BUILD_ROOT/tests/db_upkeep" "$DATABASE_URL" "$@" 2>"$DB_HOME/log"; }
wait_until() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do [ "$SECONDS" -lt "$end" ] || say "never: $*"; done
}
"$tool" "$DATABASE_URL"
# Rows of an age of N days: a deleted user, a revoked key, an ended sandbox with its samples, an event, a
# stored answer, a node, a row of the audit.
sql "create function aged(n integer) returns void language sql as \$\$
    insert into users (id, name, tier, deleted_at) values ('usr_' || n, 'u', 'free', days_ago(n));
    insert into api_keys (id, user_id, name, prefix, last_four, sha256, revoked_at)
        values ('key_' || n, 'usr_' || n, '', 'crl_' || n, 'abcd', sha256('x'), days_ago(n));
    insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids,
            nofile, state, spec, created_at, expires_at, ended_at) values ('sbx_' || lpad(n::text, 26, '0'), 'usr_' || n,
            'key_' || n, 'free', 'i', 'h', 1, 1, 1, 1, 1, 1, 'stopped', '', days_ago(n), days_ago(n), days_ago(n));
    insert into sandbox_told values ('sbx_' || lpad(n::text, 26, '0'), 1, 1);
    insert into events values (nextval('event_seq'), 'x', days_ago(n), 'usr_' || n);
    insert into idempotency (key_id, route, key, body_sha256, created_at) values ('key_' || n, 'r', 'k', '', days_ago(n));
    insert into nodes (name, memory_bytes, cpu_millis, storage_bytes, sandboxes, last_seen_at)
        values ('h' || n, 1, 1, 1, 1, days_ago(n)) on conflict do nothing;
    insert into node_cleanups values ('h' || n, 1);
    select add_audit('{}', 'test', n::text, null, null);
    select make_partition((now() at time zone 'UTC')::date - n, 'sample_rows')
\$\$;
    select aged(100); select aged(99); select aged(50); select aged(0);
    update audit set at = days_ago(100) where target in ('100', '99');
    delete from audit_chain; insert into audit_chain values (true, 0, sha256('corral audit'), 0, sha256('corral audit'));
    create function chain() returns void language plpgsql as \$\$
    declare a audit; h bytea := (select anchor_hash from audit_chain); begin
        for a in select * from audit order by seq loop
            h := audit_hash(h, a); update audit set hash = h where seq = a.seq; update audit_chain set head_seq = a.seq, head_hash = h;
        end loop;
    end \$\$;
    select chain()" >/dev/null
counts() {
    sql "select (select count(*) from sandboxes) || ' ' || (select count(*) from sandbox_told) || ' ' || (select count(*) from api_keys)
        || ' ' || (select count(*) from users) || ' ' || (select count(*) from events where type = 'x') || ' '
        || (select count(*) from idempotency) || ' ' || (select count(*) from nodes) || ' ' || (select count(*) from node_cleanups) || ' '
        || (select count(*) from audit where action = 'test') || ' ' || (select count(*) from table_days('sample_rows'))"
}
[ "$(counts)" = '4 4 5 5 4 4 4 4 4 4' ] || say "before: $(counts)"

# No node is removed before a controller has led for an hour: after a long time without a leader all nodes
# look lost.
upkeep 7 90 90 90 90 90 90 >"$DB_HOME/out"
[ "$(counts)" = '2 2 3 3 2 1 4 4 2 9' ] || say "after: $(counts); $(cat "$DB_HOME/out" "$DB_HOME/log")"
sql "update leadership set since = now() - interval '2 hours'"
upkeep 7 90 90 90 90 90 90 >"$DB_HOME/out"
[ "$(counts)" = '2 2 3 3 2 1 2 2 2 9' ] || say "nodes: $(counts)"
! grep -v 'overdue=0$' "$DB_HOME/out" | grep -v ^rounds || say "overdue: $(cat "$DB_HOME/out")"
[ "$(sql "select string_agg(node, ' ' order by node) from events where type = 'node.removed'")" = 'h100 h99' ] || say 'events of removed hosts'
"$tool" "$DATABASE_URL" verify | grep -q '^whole' || say 'the chain is broken'
# A user with a sandbox that is still kept stays, and so does its key; 0: for ever.
upkeep 7 0 0 20 20 0 0 >"$DB_HOME/out"
[ "$(counts)" = '2 2 3 3 2 1 2 2 2 9' ] || say "still known: $(counts)"
upkeep 7 20 20 20 20 20 20 >"$DB_HOME/out"
[ "$(counts)" = '1 1 2 2 1 1 1 1 2 9' ] || say "all: $(counts); $(cat "$DB_HOME/out")"

# A step that fails stops no other step, and reports why; so does a step that finds its table locked.
sql "select aged(100); create function no() returns trigger language plpgsql as \$\$ begin raise 'no events go'; end \$\$;
    create trigger no before delete on events for each row execute function no()" >/dev/null
upkeep 7 90 90 90 90 90 90 1 >"$DB_HOME/out"
grep -Eq '^events removed=0 failures=[1-9][0-9]* overdue=8[0-9]{5} .*no events go' "$DB_HOME/out" || say "$(cat "$DB_HOME/out")"
grep -Eq '^sandboxes removed=1 ' "$DB_HOME/out" && grep -Eq '^users removed=1 ' "$DB_HOME/out" || say "$(cat "$DB_HOME/out")"
grep -q 'step=events overdue_seconds=.*raise keep_event_days' "$DB_HOME/log" || say "not said: $(cat "$DB_HOME/log")"
[ "$(sql 'select count(*) from sample_rows_'"$(date -u -d '2 days' +%Y%m%d)")" = 0 ] || say 'no partitions ahead'

# More than one statement can remove in its time: several batches, over several rounds, and the other steps
# run in between.
sql "drop trigger no on events;
    create or replace function no() returns trigger language plpgsql as \$\$ begin perform pg_sleep(0.001); return old; end \$\$;
    create trigger slow before delete on events for each row execute function no();
    insert into events select nextval('event_seq'), 'x', days_ago(100) + i * interval '1 ms' from generate_series(1, 10000) i"
upkeep 7 90 90 90 90 90 90 >"$DB_HOME/out"
grep -Eq '^rounds=([2-9]|[1-9][0-9]) more=0' "$DB_HOME/out" || say "rounds: $(cat "$DB_HOME/out")"
grep -Eq '^events removed=10001 failures=0 overdue=0$' "$DB_HOME/out" || say "$(cat "$DB_HOME/out" "$DB_HOME/log")"

# An old day that somebody still reads: others read, write and create days meanwhile; the day is removed when
# the reader has finished.
old=sample_rows_$(date -u -d '30 days ago' +%Y%m%d)
sql "select make_partition((now() at time zone 'UTC')::date - 30, 'sample_rows')" >/dev/null
reader() { postgres_psql "$DB_DIR" -c "begin; select count(*) from sample_rows; select pg_sleep(100)" >/dev/null 2>&1; }
reader & reader=$!
asleep() { [ "$(sql "select count(*) from pg_stat_activity where query like '%pg_sleep(100)' and wait_event = 'PgSleep'")" = 1 ]; }
wait_until 10 asleep
upkeep 7 90 90 90 90 90 90 1 >"$DB_HOME/out" & rounds=$!
waits() { [ "$(sql "select count(*) from pg_stat_activity where query like '%detach partition%concurrently' and wait_event_type = 'Lock'")" = 1 ]; }
wait_until 10 waits
sql "set statement_timeout = 5000; select count(*) from sample_rows; select make_partition((now() at time zone 'UTC')::date + 20, 'sample_rows');
    insert into sample_rows select 'sbx', now(), 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1" >/dev/null || say 'waited for an old day'
wait "$rounds"
grep -q '^sample_rows removed=0 failures=1 overdue=.*statement timeout' "$DB_HOME/out" || say "$(cat "$DB_HOME/out")"
sql "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(100)' and pid <> pg_backend_pid()" >/dev/null
wait "$reader" || true
upkeep 7 90 90 90 90 90 90 >"$DB_HOME/out"
[ "$(sql "select count(*) from table_days('sample_rows') where name = '$old'")" = 0 ] || say "it stays: $(cat "$DB_HOME/out")"

# The audit is shortened forward from its anchor, in batches: each is a short transaction, and the chain stays
# whole.
sql "insert into audit select i, days_ago(200), '', '', '', '', 'test', '', null, null, 'ok', '' from generate_series(
    (select head_seq + 1 from audit_chain), (select head_seq + 25000 from audit_chain)) i; update audit set at = days_ago(200);
    select chain()" >/dev/null
whole() { "$tool" "$DATABASE_URL" verify; }
whole | grep -q '^whole 2' || say "$(whole)"
[ "$(sql "select audit_prune(days_ago(100), 7)")" = 7 ] || say 'a batch'
whole | grep -q '^whole' || say "$(whole)"
upkeep 7 90 90 90 90 90 90 >"$DB_HOME/out"
[ "$(sql "select count(*) from audit where at < days_ago(100)")" = 0 ] || say "$(cat "$DB_HOME/out")"
whole | grep -q '^whole' || say "$(whole)"
