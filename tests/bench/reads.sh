#!/usr/bin/env bash
# What each list, filter, page, history and the write probe cost the database, with a few rows and with a long history
# beside them: by default 1,000,000 sandboxes that ended, as many events, 300,000 rows of the audit, 60,480 samples of one
# sandbox (7 days). Then whether a plan of one shape is kept for another on its connection. In one run, by pgbench,
# microseconds; aim: a ratio of 2 at most, or the bound that is stated beside it (heavy_reads.py: what they do to others).
# usage: reads.sh BUILD_ROOT [SECONDS ROWS]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${2:-2} rows=${3:-1000000}
. "$root/tests/lib/database.sh"
database_start
"$1/tests/db_migrate" "$DATABASE_URL"

# Half of the sandboxes are usr_0's; every tenth has the label app=web and a label run of its own; the last
# few of usr_7 have late=yes.
fill() { # COUNT EVENTS AUDIT SAMPLES
    sql "set session_replication_role = replica;
        insert into sandboxes (id, user_id, key_id, tier, image, node, labels, memory_bytes, cpu_millis, cpu_shares,
            storage_bytes, pids, nofile, state, reason, spec, created_at, expires_at, ended_at)
        select 'sbx_' || upper(substr(md5($1::text || i), 1, 26)), case when i % 2 = 0 then 'usr_0' else 'usr_' || i % 9 end, 'key_0',
            'free', 'i', 'h1', case when i % 10 = 0 then jsonb_build_object('app', 'web', 'run', i::text) when i > $1 - 20
            then '{\"late\": \"yes\"}' else '{}' end, 1, 1, 1, 1, 1, 1, state, case when state <> 'running' then 'exited' end,
            case when state = 'running' then '\xab'::bytea end, now() - ($1 - i) * interval '1 s', now() + interval '1 h', case when state <> 'running' then now() end
        from generate_series(1, $1) i, lateral (select case when i > $1 - 30 then 'running' when i > $1 - 40 then 'failed'
            else 'stopped' end as state) s on conflict do nothing;
        insert into sandbox_labels select s.id, x.key, x.value, s.user_id, s.created_at from sandboxes s, jsonb_each_text(s.labels) x
            on conflict do nothing;
        insert into events select i, 'sandbox.x', now(), case when i % 2 = 0 then 'usr_0' else 'usr_' || i % 9 end,
            'sbx_' || i / 5, null, '{\"from\": \"running\", \"to\": \"stopped\"}' from generate_series(1, $2) i on conflict do nothing;
        insert into audit select i, now() - ($3 - i) * interval '9 s', 'usr_' || i % 9, 'key_' || i % 9, 'a', 'r', 'act.' || i % 5,
            'sbx_' || i / 3, null, '{\"x\": 1}', case when i % 1000 = 999 then 'conflict' else 'ok' end, ''
            from generate_series(1, $3) i on conflict do nothing;
        delete from sample_rows; delete from sample_blocks; delete from minute_blocks; delete from hour_blocks;
        insert into sample_rows select 'sbx_h', now() - i * interval '10 s', i, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 from generate_series(1, $4) i;
        select pack_hour('sbx_h', h) from generate_series(packing_until() - interval '8 days', packing_until() - interval '1 hour', '1 hour') h" >/dev/null
    sql 'vacuum analyze'
}
sql "select make_partition((now() at time zone 'UTC')::date - day, 'sample_rows') from generate_series(0, 9) day" >/dev/null # past days have none here
sql "insert into users (id, name, tier) select 'usr_' || i, 'u' || i, 'free' from generate_series(0, 8) i;
    insert into api_keys (id, user_id, name, prefix, last_four, sha256) values ('key_0', 'usr_0', '', 'crl_0', 'abcd', sha256('x'));
    insert into nodes (name, memory_bytes, cpu_millis, storage_bytes, sandboxes) values ('h1', 1, 1, 1, 1)" >/dev/null

names=() queries=()
measured() { names+=("$1"); queries+=("$2"); }
list() { measured "sandboxes $1" "select list_sandboxes('{\"limit\": 50$2}')"; }
audit() { measured "audit $1" "select list_audit(jsonb_build_object('limit', 50$2))"; }
all=', "all": true'
list 'live' ''
list 'own, live' ', "owner": "usr_1"'
list 'all' "$all"
list 'own, all' "$all, \"owner\": \"usr_0\""
list 'user=' "$all, \"user\": \"u7\""
list 'state=running' ', "state": "running"'
list 'state=failed' ', "state": "failed"'
list 'own, state=failed' ', "state": "failed", "owner": "usr_0"'
list 'label=, live' ', "labels": {"app": "web"}'
list 'label= of a tenth' "$all, \"labels\": {\"app\": \"web\"}"
list 'label= of one' "$all, \"labels\": {\"run\": \"10\"}"
list 'label= of the last' "$all, \"labels\": {\"late\": \"yes\"}"
list 'own, label=' "$all, \"owner\": \"usr_0\", \"labels\": {\"app\": \"web\"}"
list 'label=, state= (2,000 at most)' ', "state": "failed", "labels": {"app": "web"}'
measured 'events' "select list_events('{\"limit\": 50}')"
measured 'events, a deep page' "select list_events(jsonb_build_object('limit', 50, 'after', event_id((select max(seq) - 60 from events))))"
measured 'events, own' "select list_events('{\"limit\": 50, \"owner\": \"usr_0\"}')"
measured 'events of a sandbox' "select list_events('{\"limit\": 50, \"sandbox_id\": \"sbx_3\"}')"
audit 'newest' ''
audit 'oldest' ", 'before', 60"
audit 'actor=' ", 'actor', 'u7'"
audit 'action=' ", 'action', 'act.3'"
audit 'target=' ", 'target', 'sbx_5'"
audit 'result=' ", 'result', 'conflict'"
audit 'from=, to=' ", 'from', now() - interval '10 min', 'to', now() - interval '1 min'"
audit 'actor=, action= (2,000 at most)' ", 'actor', 'u7', 'action', 'none'"
measured 'users' 'select list_users(null, 50)'
measured 'an hour of history' "select stats_history('sbx_h', now() - interval '1 hour', now(), 1, '{7,30,400}')"
measured '7 days of history (60,480 samples)' "select stats_history('sbx_h', now() - interval '7 days', now(), 1, '{7,30,400}')"
measured 'write probe' 'select write_probe()'

microseconds() { # QUERY
    echo "$1" >"$DB_HOME/read.sql"
    pgbench -n -M prepared -c 1 -T "$seconds" -f "$DB_HOME/read.sql" "$DATABASE_URL" 2>/dev/null |
        awk '/latency average/ {printf "%d", $4 * 1000}'
}
few=()
fill 100 100 100 360
for query in "${queries[@]}"; do few+=("$(microseconds "$query")"); done
fill "$rows" "$rows" $((rows * 3 / 10)) $((rows < 60480 ? rows : 60480))
for n in "${!names[@]}"; do
    many=$(microseconds "${queries[n]}")
    printf '%-40s %8d us, with the history %8d us (%s)\n' "${names[n]}" "${few[n]}" "$many" \
        "$(awk -v a="${few[n]}" -v b="$many" 'BEGIN {printf "%.2f", b / a}')"
done

# A plan is not kept for a query of another shape: the same list after an administrator's list of another
# shape, on one connection.
echo "select list_sandboxes('{\"limit\": 50$all, \"labels\": {\"run\": \"10\"}}');" >"$DB_HOME/read.sql"
for ((i = 0; i < 12; i++)); do echo "select list_sandboxes('{\"limit\": 50, \"state\": \"failed\"}');"; done >"$DB_HOME/before.sql"
alone=$(pgbench -n -M prepared -c 1 -T "$seconds" -f "$DB_HOME/read.sql" "$DATABASE_URL" 2>/dev/null | awk '/latency average/ {printf "%d", $4 * 1000}')
after=$(pgbench -n -M prepared -c 1 -T "$seconds" -f "$DB_HOME/read.sql@9" -f "$DB_HOME/before.sql@1" "$DATABASE_URL" 2>/dev/null |
    awk '/SQL script 1/ {ours = 1} /SQL script 2/ {ours = 0} ours && /latency average/ {printf "%d", $(NF - 1) * 1000}')
echo "a label's list alone $alone us, beside another shape on its connection $after us"
