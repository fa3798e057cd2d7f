#!/usr/bin/env bash
# Upkeep with a large backlog, and how it delays creates: 1,000,000 old events, 200,000 ended sandboxes, 200,000 old rows of the
# audit and a week of old days of samples. Meanwhile creates (admit, one a transaction) go on, and are measured before and
# during it, in one run. Aims: all of it goes, batch by batch; the median create during it at most 2 times that before,
# and none longer than a second.
# usage: tests/bench/upkeep.sh BUILD_ROOT [EVENTS] [SECONDS]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
events=${2:-1000000} seconds=${3:-15}
. "$root/tests/lib/database.sh"
database_start
"$1/tests/db_migrate" "$DATABASE_URL"
sql "insert into users (id, name, tier, overrides) values
        ('usr_b', 'b', 'free', '{\"max_sandboxes\": 1000000, \"max_key_sandboxes\": 1000000}');
    insert into api_keys (id, user_id, name, prefix, last_four, sha256) values ('key_b', 'usr_b', '', 'crl_b', 'abcd', sha256('x'));
    select node_joined('{\"name\": \"h1\", \"memory_bytes\": 1125899906842624, \"cpu_millis\": 1000000000,
        \"storage_bytes\": 1125899906842624, \"sandboxes\": 1000000}');
    set session_replication_role = replica;
    insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids,
            nofile, state, spec, created_at, expires_at, ended_at)
        select 'sbx_' || upper(substr(md5(i::text), 1, 26)), 'usr_b', 'key_b', 'free', 'i', 'h1', 1, 1, 1, 1, 1, 1, 'stopped',
            null, days_ago(200) + i * interval '10 s', now(), days_ago(200) + i * interval '11 s'
        from generate_series(1, $events / 5) i;
    insert into sandbox_told select id, 1, 1 from sandboxes;
    insert into events select nextval('event_seq'), 'x', days_ago(200) + i * interval '2 s', 'usr_b', null, null, '{}'
        from generate_series(1, $events) i;
    insert into audit select i, days_ago(500) + i * interval '1 s', '', '', '', '', 'x', '', null, null, 'ok', sha256(i::text::bytea)
        from generate_series((select head_seq + 1 from audit_chain), (select head_seq + $events / 5 from audit_chain)) i;
    update audit_chain set head_seq = head_seq + $events / 5;
    set session_replication_role = default;
    update audit set at = days_ago(500) where seq < 2;
    select make_partition((now() at time zone 'UTC')::date - 20 - i, 'sample_rows') from generate_series(1, 7) i" >/dev/null
sql 'vacuum analyze'
sql checkpoint
database_admit_one
cat >"$DB_HOME/create.sql" <<'SQL'
select admit_one('sbx_' || upper(substr(md5(random()::text), 1, 26)), 'b', 'h1');
SQL
creates() { # SECONDS: at 20 a second; prints the median and the longest, in ms
    (cd "$DB_HOME" && pgbench -n -M prepared -c 1 -R 20 -T "$1" -f create.sql -l --log-prefix=creates "$DATABASE_URL" >/dev/null 2>&1
        cat creates.* | awk '{print $3 - $7}' | sort -n | awk '{v[NR] = $1 / 1000} END {printf "%.1f %.1f", v[int((NR + 1) / 2)], v[NR]}'
        rm -f creates.*)
}
before=$(creates "$seconds")
begin=$(date +%s.%N)
"$1/tests/db_upkeep" "$DATABASE_URL" 7 90 90 90 90 90 365 >"$DB_HOME/out" 2>/dev/null &
upkeep=$!
during=$(creates "$seconds")
wait "$upkeep"
took=$(echo "$(date +%s.%N) $begin" | awk '{print $1 - $2}')
cat "$DB_HOME/out"
left=$(sql "select (select count(*) from events where at < days_ago(90)) + (select count(*) from sandboxes where ended_at < days_ago(90))
    + (select count(*) from audit where at < days_ago(366)) + (select count(*) from table_days('sample_rows') where day < now() - interval '9 days')")
echo "$before $during $took $left" | awk '{
    printf "done in %.0f s, left %d; a create: %.1f ms (longest %.1f), during upkeep %.1f (%.1f): %.2f\n", $5, $6, $1, $2, $3, $4, $3 / $1}'
