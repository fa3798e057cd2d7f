#!/usr/bin/env bash
# What a list of sandboxes costs the database, with 30 live ones and nothing else, and with 100,000 that have
# ended beside them: a user's own, and an administrator's of all. In one run, by pgbench; aim: the same.
# usage: list.sh BUILD_ROOT [SECONDS [ENDED]]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/lib/database.sh"
database_start
seconds=${2:-3} ended=${3:-100000}
sql() { postgres_psql "$DB_DIR" -c "$1"; }
"$1/tests/db_migrate" "$DATABASE_URL"

fill() { # STATE COUNT
    sql "alter table sandboxes disable trigger user;
        insert into sandboxes (id, user_id, key_id, tier, name, image, node, network, restart, labels, memory_bytes, cpu_millis,
            cpu_shares, storage_bytes, pids, nofile, state, reason, want, want_reason, generation, spec, created_at, expires_at,
            ended_at)
        select 'sbx_' || upper(substr(md5('$1' || i), 1, 26)), 'usr_' || i % 3, 'key_' || i % 3, 'free', 's', 'i', 'h1', 'none',
            'never', '{}', 1, 1, 1, 1, 1, 1, '$1', case when '$1' = 'stopped' then 'exited' end, 'running', '', 1,
            decode(repeat('ab', 200), 'hex'), now() - i * interval '1 s', now() + interval '1 h',
            case when '$1' = 'stopped' then now() end from generate_series(1, $2) i;
        alter table sandboxes enable trigger user; analyze sandboxes" >/dev/null
}

microseconds() { # FILTER
    echo "select list_sandboxes('$1')" >"$DB_HOME/list.sql"
    pgbench -n -M prepared -c 1 -T "$seconds" -f "$DB_HOME/list.sql" "$DATABASE_URL" 2>/dev/null |
        awk '/latency average/ {printf "%d", $4 * 1000}'
}

sql "insert into users (id, name, tier) select 'usr_' || i, 'u' || i, 'free' from generate_series(0, 2) i;
    insert into api_keys (id, user_id, name, prefix, last_four, sha256)
        select 'key_' || i, 'usr_' || i, '', 'crl_' || i, 'abcd', sha256('x') from generate_series(0, 2) i;
    insert into nodes (name, memory_bytes, cpu_millis, storage_bytes, sandboxes) values ('h1', 1, 1, 1, 1)" >/dev/null
own='{"owner": "usr_1", "limit": 50}' all='{"limit": 50}'
fill running 30
few="$(microseconds "$own") $(microseconds "$all")"
fill stopped "$ended"
echo "$few $(microseconds "$own") $(microseconds "$all")" | awk -v ended="$ended" '{
    printf "own list: %d us, with %d ended %d us (%.2f); all: %d us, %d us (%.2f)\n", $1, ended, $3, $3 / $1, $2, $4, $4 / $2}'
