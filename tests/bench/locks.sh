#!/usr/bin/env bash
# What runs under a lock that everybody waits for (the gate, the events' numbers, the audit's chain) costs as much with a
# long history as without: the same calls on an empty database and on one with 1,000,000 events (100,000 of them of the
# very sandbox), 200,000 ended sandboxes, 200,000 rows of the audit and 20,000 deleted users, on one server in one run,
# turn about, by pgbench. Aim: a ratio below 2.
# usage: tests/bench/locks.sh BUILD_ROOT [EVENTS] [ROUNDS]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
events=${2:-1000000} rounds=${3:-3}
. "$root/tests/lib/database.sh"
database_start
on() { psql -qAtX -v ON_ERROR_STOP=1 "$1" -c "$2"; } # URL SQL
"$1/tests/db_migrate" "$DATABASE_URL"
database_admit_one
live=sbx_00000000000000000000000000
on "$DATABASE_URL" "insert into users (id, name, tier, overrides) values
        ('usr_b', 'b', 'free', '{\"max_sandboxes\": 1000000, \"max_key_sandboxes\": 1000000}');
    insert into api_keys (id, user_id, name, prefix, last_four, sha256) values ('key_b', 'usr_b', '', 'crl_b', 'abcd', sha256('x'));
    insert into tiers (name) values ('bench');
    create sequence bench start 1000000;
    select node_joined('{\"name\": \"h1\", \"memory_bytes\": 1125899906842624, \"cpu_millis\": 1000000000,
        \"storage_bytes\": 1125899906842624, \"sandboxes\": 1000000}');
    insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids,
            nofile, state, spec, expires_at) values ('$live', 'usr_b', 'key_b', 'free', 'i', 'h1', 1, 1, 1, 1, 1, 1,
            'running', '', now() + interval '1 h')" >/dev/null
# A copy of the database, which gets a long history.
grown=postgresql://corral@/grown?host=$DB_DIR
sql 'create database grown template corral' >/dev/null
on "$grown" "set session_replication_role = replica;
    insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids,
            nofile, state, spec, created_at, expires_at, ended_at)
        select 'sbx_' || upper(substr(md5(i::text), 1, 26)), 'usr_b', 'key_b', 'free', 'i', 'h1', 1, 1, 1, 1, 1, 1, 'stopped',
            null, now() - i * interval '10 s', now(), now() - i * interval '10 s' + interval '5 s'
        from generate_series(1, $events / 5) i;
    insert into sandbox_told select id, 1, 1 from sandboxes on conflict do nothing;
    insert into events select nextval('event_seq'), 'violation.opened', now() - ($events - i) * interval '5 s', 'usr_b',
            case when i % 10 = 0 then '$live' else 'sbx_' || upper(substr(md5((i / 5)::text), 1, 26)) end, null,
            jsonb_build_object('number', i, 'kind', 'pids') from generate_series(1, $events) i;
    insert into users (id, name, tier, deleted_at) select 'usr_' || i, 'u' || i, 'bench', now() from generate_series(1, 20000) i;
    set session_replication_role = default;
    insert into audit select i, now(), 'usr_b', 'key_b', '', '', 'sandbox.create', 'sbx', null, null, 'ok', '' from
        generate_series(2, $events / 5) i;
    update audit_chain set head_seq = $events / 5" >/dev/null
sql checkpoint >/dev/null
for url in "$DATABASE_URL" "$grown"; do on "$url" 'vacuum analyze'; done

declare -A calls
calls[add_violations]="select add_violations('h1', (select jsonb_agg(jsonb_build_object('sandbox_id', '$live', 'number',
    nextval('bench'), 'opened', i % 2 = 0, 'ago_ms', 5, 'kind', 'pids', 'level', 'warning', 'percent', 91, 'limit', 128))
    from generate_series(1, 10) i))"
calls[add_samples]="select add_samples('h1', 7, array_agg('$live'::text), array_agg(n), array_agg(i), array_agg(i), array_agg(i),
    array_agg(i), array_agg(1), array_agg(1), array_agg(i), array_agg(i), array_agg(i), array_agg(i), array_agg(i), array_agg(i))
    from (select i::bigint, nextval('bench') as n from generate_series(1, 10) i) x"
move() { echo "select move_sandboxes('[{\"id\": \"$live\", \"to\": \"$1\"}]')"; }
calls[move_sandboxes]="$(move paused);$(move running)"
calls[patch_sandbox]="select patch_sandbox('$live', 'usr_b', '{\"lifetime_seconds\": 3600}', '{}', '{\"user_id\": \"usr_b\"}')"
calls[patch_tier]="select patch_tier('bench', '{\"pids\": 99}', '{\"user_id\": \"usr_b\"}')"
calls[patch_user]="select patch_user('usr_b', '{\"name\": \"b\"}', '{\"user_id\": \"usr_b\"}')"
calls[admit_to_end]="select set_config('b.id', 'sbx_' || upper(substr(md5(nextval('bench')::text), 1, 26)), false);
    select admit_one(current_setting('b.id'), 'b', 'h1');
    select set_desired_state(current_setting('b.id'), 'usr_b', 'gone', 'deleted', '{\"user_id\": \"usr_b\"}');
    select move_sandboxes(jsonb_build_array(jsonb_build_object('id', current_setting('b.id'), 'to', 'stopped')))"
calls[set_node_health]="select set_node_health('h1', 'unhealthy', ''); select set_node_health('h1', 'ready', '')"

microseconds() { # URL FILE
    pgbench -n -M prepared -c 1 -T 1 -f "$2" "$1" 2>/dev/null | awk '/latency average/ {printf "%d", $4 * 1000}'
}
for call in "${!calls[@]}"; do
    echo "${calls[$call]};" >"$DB_HOME/$call.sql"
    empty='' old=''
    for ((i = 0; i < rounds; i++)); do
        empty+="$(microseconds "$DATABASE_URL" "$DB_HOME/$call.sql") "
        old+="$(microseconds "$grown" "$DB_HOME/$call.sql") "
    done
    median() { tr ' ' '\n' <<<"$1" | grep . | sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
    echo "$call $(median "$empty") $(median "$old")" | awk '{printf "%-16s %6d us, with a history %6d us (%.2f)\n", $1, $2, $3, $3 / $2}'
done
