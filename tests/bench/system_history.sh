#!/usr/bin/env bash
# What the history of the system costs the database: writing a sample, making an hour, a day and the use of an hour, each question
# of people and of the recommendations, and the bytes of it. By default 1,000,000 sandboxes that ended within 90 days, 100 nodes, 2 days of samples a minute, a year of
# hours and days, and in each hour of the year 200 active users and 50 images. Aim: a question in 1 s at most, a sample in 100 ms.
# usage: system_history.sh BUILD_ROOT [SANDBOXES NODES DAYS]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
sandboxes=${2:-1000000} nodes=${3:-100} days=${4:-2}
. "$root/tests/lib/database.sh"
database_start
"$1/tests/db_migrate" "$DATABASE_URL"

sql "select make_partition((now() at time zone 'UTC')::date - i, 'system_samples') from generate_series(0, $days + 1) i;
    create function names() returns table (kind text, name text) language sql as \$\$ select 'system', '' union all
        select 'node', 'node-' || i from generate_series(1, $nodes) i union all select 'region', 'r' || i from generate_series(1, 3) i union all
        select 'tier', t from unnest('{free,pro,enterprise}'::text[]) t \$\$;
    create function figures(i bigint) returns bigint[] language sql as \$\$ select array_agg(case when n <= 12 then 68719476736 + i * 4096 * n else (i * n) % 50 end)
        from generate_series(1, (select count(*) from system_gauges())) n \$\$;
    insert into system_samples select now() - i * interval '1 min', 1, kind, name, 60000, figures(i), i % 7, case when i % 7 > 0 then
            '{0,0,0,0,1,2,3,0,0,0,0,0,0,0,0}'::bigint[] end, i % 5000, case when i % 11 = 0 then '{\"quota_exceeded\": 3, \"rate_limited\": 40}'::jsonb end
        from generate_series(1, $days * 1440) i, names();
    insert into system_rollups select span, kind, name, date_trunc('hour', now(), 'UTC') - i * interval '1 hour', 60, 3600000, f, f::double precision[], f, 200,
            '{0,0,0,0,60,70,80,0,0,0,0,0,0,0,0}', 50000, '{\"quota_exceeded\": 3, \"rate_limited\": 40}'
        from generate_series(2, 365 * 24) i, lateral (select figures(i) as f) f, names(), unnest('{3600}'::int[]) span;
    insert into system_rollups select 86400, kind, name, date_trunc('day', now(), 'UTC') - i * interval '1 day', 1440, 86400000, f, f::double precision[], f, 4800,
            '{0,0,0,0,600,700,800,0,0,0,0,0,0,0,0}', 50000, '{\"quota_exceeded\": 3, \"rate_limited\": 40}'
        from generate_series(1, 365) i, lateral (select figures(i) as f) f, names();
    insert into usage_rollups select 3600, date_trunc('hour', now(), 'UTC') - i * interval '1 hour', 1, 460, 460, 900,
            array(select hashtextextended('usr_' || (i * 31 + u * 7) % 5000, 0) from generate_series(1, 200) u), '{0,0,10,20,30,40,50,60,70,80,50,50,0,0,0,0}',
            (select jsonb_object_agg('registry.example.com/team/image-' || (i + k) % 500, k) from generate_series(1, 50) k)
        from generate_series(1, 365 * 24) i;
    insert into usage_rollups select u.* from generate_series(1, 364) i, usage_of_day(date_trunc('day', now(), 'UTC') - i * interval '1 day') u" >/dev/null
sql "set session_replication_role = replica;
    insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids, nofile, state,
            reason, spec, created_at, expires_at, ended_at, start_ms)
        select 'sbx_' || upper(substr(md5(i::text), 1, 26)), 'usr_' || i % 5000, 'key_0', 'free', 'registry.example.com/team/image-' || i % 500, 'node-1',
            1, 1, 1, 1, 1, 1, case when over <= now() then 'stopped' else 'running' end, case when over <= now() then 'exited' end,
            case when over > now() then '\xab'::bytea end, at, now() + interval '1 h', case when over <= now() then over end,
            jsonb_build_object('admission', 5, 'dispatch', 3, 'image', i % 1500, 'turn', 2, 'volume', 20, 'create', 30, 'start', 250 + i % 40, 'init', 3, 'copy', 1)
        from generate_series(1, $sandboxes) i, lateral (select now() - ($sandboxes - i) * (interval '90 days' / $sandboxes) as at) a,
            lateral (select at + (1 + i % 120) * interval '1 minute' as over) o" >/dev/null
sql 'vacuum analyze'

took() { # WHAT STATEMENT: the median of five
    local times=()
    for _ in 1 2 3 4 5; do
        times+=("$(postgres_psql "$DB_DIR" -c '\timing on' -c "$2" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -1)")
    done
    printf '%-64s %9.1f ms\n' "$1" "$(printf '%s\n' "${times[@]}" | sort -n | sed -n 3p)"
}
bounds="'{5,10,25,50,100,250,500,1000,2500,5000,10000,30000,60000,300000}'"
question() { took "$1 of $2, by $3" "select length(system_history(now() - interval '$2', now(), 60, '$1', '$3', null, $bounds))"; }
for range in '1 hour' '1 day' '7 days' '30 days' '365 days'; do
    for part in resources creates starts; do question $part "$range" system; done
    question resources "$range" node
    question creates "$range" tier
    question activity "$range" system
done
sql "insert into nodes (name, region, memory_bytes, cpu_millis, storage_bytes, sandboxes) select 'node-' || i, 'r' || i % 3 + 1, 1, 1, 1, 1 from generate_series(1, $nodes) i" >/dev/null
for figures in 'advice_days(92)' 'advice_nodes()' 'advice_starts()' "advice_tiers('{}')" 'advice_queues()'; do
    took "recommendations: ${figures%(*}" "select count(x::text) from $figures x"
done
took 'a sample is written' "select add_system_sample(extract(epoch from clock_timestamp())::bigint * 1000 + (random() * 1000)::bigint, 2, 60000, false,
    (select jsonb_agg(jsonb_build_object('kind', kind, 'name', name, 'gauges', to_jsonb(figures(5)), 'creates', 1, 'start_ms', 0)) from names()))"
took 'an hour is made of samples' "select roll_system(3600, date_trunc('hour', now(), 'UTC') - interval '3 hours')"
took 'a day is made of hours' "select roll_system(86400, date_trunc('day', now(), 'UTC') - interval '1 day')"
took 'the use of the last hour' "select length(usage_of(date_trunc('hour', now(), 'UTC') - interval '1 hour')::text)"
took 'the use of an hour a week ago, when upkeep is behind' "select length(usage_of(date_trunc('hour', now(), 'UTC') - interval '7 days')::text)"
sql "select 'a day of samples: ' || pg_size_pretty((select sum(pg_total_relation_size(inhrelid)) from pg_inherits where inhparent = 'system_samples'::regclass) / $days)
    union all select 'a year of hours and days: ' || pg_size_pretty(pg_total_relation_size('system_rollups'))
    union all select 'a year of use: ' || pg_size_pretty(pg_total_relation_size('usage_rollups'))"
