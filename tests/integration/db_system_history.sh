#!/usr/bin/env bash
# The history of the system: each sample is stored once, rollups are what the samples are, questions have 1,000 points at most and
# invent nothing, the use of users is what a search through all sandboxes finds.
# usage: db_system_history.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
is() { # EXPECTED SQL WHAT
    local got
    got=$(sql "$2")
    [ "$got" = "$1" ] || say "$3: $got"
}
"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"

# The table of gauges in the database is the same as the code's.
diff <(grep '^GAUGE(' "$root/controller/core/system_gauge.def" | sed 's/GAUGE([A-Z_]*, "\(.*\)", "\(.*\)", "\(.*\)")/\1|\2|\3/') \
    <(sql 'select part, path, name from system_gauges() order by number') || say 'other gauges'

# A sample: the system has 100, two nodes 60 and 40 of each gauge; one create, three refusals, one start of 100 to 250 ms.
sql "create function moment(text) returns bigint language sql as \$\$ select extract(epoch from \$1::timestamptz)::bigint * 1000 \$\$;
    create function figures(n bigint) returns jsonb language sql as \$\$ select jsonb_agg(n) from generate_series(1, (select count(*) from system_gauges())) \$\$;
    create function rows_of(n bigint) returns jsonb language sql as \$\$ select jsonb_build_array(
        jsonb_build_object('kind', 'system', 'name', '', 'gauges', figures(n), 'creates', 1, 'starts', '[0,0,0,0,0,1,0,0,0,0,0,0,0,0,0]'::jsonb,
            'start_ms', 200, 'refusals', '{\"quota_exceeded\": 2, \"no_capacity\": 1}'::jsonb),
        jsonb_build_object('kind', 'node', 'name', 'n1', 'gauges', figures(n * 6 / 10), 'creates', 1, 'start_ms', 0),
        jsonb_build_object('kind', 'node', 'name', 'n2', 'gauges', figures(n * 4 / 10), 'creates', 0, 'start_ms', 0),
        jsonb_build_object('kind', 'tier', 'name', 'free', 'gauges', jsonb_set(figures(n), '{0}', 'null'), 'creates', 1, 'start_ms', 0)) \$\$;
    create function asked(of_from text, of_to text, step integer, part text, by text default 'system', name text default null) returns jsonb
        language sql as \$\$ select system_history(of_from::timestamptz, of_to::timestamptz, step, part, by, name,
            '{5,10,25,50,100,250,500,1000,2500,5000,10000,30000,60000,300000}')::jsonb \$\$"
day=$(date -u -d '3 days ago' +%Y-%m-%d)
is 4 "select add_system_sample(moment('$day 10:00:10Z'), 7, 60000, false, rows_of(100))" 'a sample'
is 0 "select add_system_sample(moment('$day 10:00:10Z'), 7, 60000, false, rows_of(100))" 'the same sample again'
is '4 1' "select count(*) || ' ' || max(creates) from system_samples" 'stored'

# A day of minutes, but for the hour from 12 on: in a minute of each hour 200, otherwise 100.
sql "select sum(add_system_sample(moment('$day 00:00:30Z') + i * 60000, 7, 60000, false, rows_of(case when i % 60 = 5 then 200 else 100 end)))
    from generate_series(0, 1439) i where i / 60 <> 12" >/dev/null
sql "delete from system_samples where at = '$day 10:00:10Z'"
points() { echo "jsonb_array_elements(asked($1)->'series'->0->'points') p"; }
first="'$day 00:00Z', '$day 01:00Z', 60"
is '60 200 60' "select count(*) || ' ' || max(p->'capacity'->'memory_bytes'->>'max') || ' ' || max((p->>'covered_seconds')::numeric::int) from $(points "$first, 'resources'")" 'an hour of minutes'
is '' "select p from $(points "'$day 12:00Z', '$day 13:00Z', 60, 'resources'")" 'an invented point'
whole="'$day 00:00Z', '$(date -u -d "$day + 1 day" +%Y-%m-%d) 00:00Z'"

# The same question before and after the rollups, hour by hour: the same figures.
ask() { sql "select md5(string_agg(asked($whole, 3600, part, by)::text, '' order by part, by)) from unnest('{resources,sandboxes,nodes,creates,starts,queues}'::text[]) part,
    unnest('{system,node,region,tier}'::text[]) by"; }
before=$(ask)
sql "set statement_timeout = 60000; do \$\$ begin for i in 1 .. 200 loop exit when (select u.seen from upkeep_rollups(1, 500, '') u) = 0; end loop; end \$\$"
is '23 1' "select count(*) filter (where span = 3600) || ' ' || count(*) filter (where span = 86400) from system_rollups where kind = 'system'" 'rollups'
[ "$(ask)" = "$before" ] || say 'rollups differ from samples'
is '23 3600' "select count(*) || ' ' || max((p->>'covered_seconds')::numeric::int) from $(points "$whole, 3600, 'resources'")" 'hours'
is '100 101.7 200' "select (p->'used'->'cpu_millis'->>'min') || ' ' || (p->'used'->'cpu_millis'->>'avg') || ' ' || (p->'used'->'cpu_millis'->>'max')
    from $(points "$whole, 86400, 'resources'")" 'a day'
is '1380 {"no_capacity": 1380, "quota_exceeded": 2760}' "select (p->>'creates') || ' ' || (p->>'refusals') from $(points "$whole, 86400, 'creates'")" 'counts of a day'
is '1380 200.0 175.0 248.5' "select concat_ws(' ', p->'starts'->>'count', p->'starts'->>'avg_ms', p->'starts'->>'p50_ms', p->'starts'->>'p99_ms')
    from $(points "$whole, 86400, 'starts'")" 'starts of a day'
is 'n1 n2' "select string_agg(s->>'name', ' ') from jsonb_array_elements(asked($whole, 86400, 'resources', 'node')->'series') s" 'series'
is 'n2' "select string_agg(s->>'name', ' ') from jsonb_array_elements(asked($whole, 86400, 'resources', 'node', 'n2')->'series') s" 'one series'
is 'false true' "select (p->'capacity' ? 'memory_bytes') || ' ' || (p->'capacity' ? 'cpu_millis') from $(points "$whole, 86400, 'resources', 'tier'")" 'a tier has a capacity'

# A late sample is in the rollups, too; again it changes nothing.
for i in 1 2; do sql "select add_system_sample(moment('$day 12:30:30Z'), 6, 60000, false, rows_of(300))" >/dev/null; done
is '24 1381 300' "select count(*) || ' ' || sum(creates) || ' ' || max(high[1]) from system_rollups where span = 3600 and kind = 'system'" 'a late sample: hours'
is '1381 300' "select creates || ' ' || high[1] from system_rollups where span = 86400 and kind = 'system'" 'a late sample: day'

# Years with many names: the step is as long as it takes.
sql "insert into system_rollups select span, 'tier', 't' || i, '$day 00:00Z', 1, 1, array[1], array[1], array[1], 1, null, 0, null from generate_series(1, 90) i,
    unnest(array[3600, 86400]) span" >/dev/null
is 91 "select jsonb_array_length(h->'series') from (select asked('0001-01-01Z', '9999-12-31 23:59:59Z', 60, 'creates', 'tier') as h) x
    where (h->>'step_seconds')::bigint > 3e10 and h->>'to' like '9999-%'" 'all of time'
sql "delete from system_rollups where name like 't%'" >/dev/null

# A sample was written, but its answer was lost: the counts that the lead leaves behind are those of that sample.
is 0 "select add_system_sample(moment('$day 09:59:10Z') + 1, 7, 0, true, rows_of(900))" 'counts of a sample that was written'

# The counts of a lead that is over come late, without gauges and without rows that counted nothing; they change no gauge.
is 3 "select add_system_sample(moment('$day 13:10:30Z') + 1, 6, 0, true, rows_of(900))" 'counts only'
is 0 "select add_system_sample(moment('$day 13:10:30Z') + 1, 6, 0, true, rows_of(900))" 'counts only, again'
is '1 200 61' "select count(*) || ' ' || max(high[1]) || ' ' || sum(creates) from system_rollups where kind = 'system' and at = '$day 13:00Z' and span = 3600" 'counts only'

# The samples go after their term; hours and days answer, whatever the step.
sql 'delete from system_samples'
is '3600 24' "select (a->>'step_seconds') || ' ' || jsonb_array_length(a->'series'->0->'points') from asked($whole, 60, 'resources') a" 'without samples'

# At most 1,000 points in all, of at most 100 names.
sql "insert into system_rollups select 3600, 'node', 'm' || k, date_trunc('hour', now(), 'UTC') - i * interval '1 hour', 60, 3600000, g, g, g, 1, null, 0, null
        from generate_series(1, 120) k, generate_series(2, 500) i, (select array_agg(1::bigint) as g from system_gauges()) x;
    insert into system_rollups select 86400, kind, name, date_trunc('day', at, 'UTC'), 1440, 86400000, min(low), max(mean), max(high), 24, null, 0, null
        from system_rollups where span = 3600 and name like 'm%' group by kind, name, date_trunc('day', at, 'UTC')"
is 'true 100 22' "select (select sum(jsonb_array_length(s->'points')) <= 1000 from jsonb_array_elements(a->'series') s) || ' ' || jsonb_array_length(a->'series')
    || ' ' || (a->>'left_out') from (select asked((now() - interval '20 days')::text, now()::text, 60, 'resources', 'node') as a) x" 'many nodes'
is '' "select asked('2026-01-02', '2026-01-01', 60, 'resources')" 'from after to'

# The use of users: stored hours, and the hours since then, are what a search through all sandboxes finds. 1,000 sandboxes of
# 40 users and 5 images in five hours; each lives 30 to 129 minutes, or still lives.
start=$(sql "select date_trunc('hour', now(), 'UTC') - interval '5 hours'")
sql "insert into users (id, name, tier) select 'usr_' || i, 'u' || i, 'free' from generate_series(0, 39) i;
    insert into api_keys (id, user_id, name, prefix, last_four, sha256) values ('key_0', 'usr_0', '', 'crl_0', 'abcd', sha256('x'));
    insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids, nofile, state,
            reason, spec, created_at, expires_at, ended_at)
        select 'sbx_' || upper(substr(md5(i::text), 1, 26)), 'usr_' || (i * i) % 37, 'key_0', 'free', 'image' || i % 7 % 5, 'n1', 1, 1, 1, 1, 1, 1,
            case when over <= now() then 'stopped' else 'running' end, case when over <= now() then 'exited' end, case when over > now()
            then '\xab'::bytea end, at, now() + interval '1 day', case when over <= now() then over end
        from generate_series(1, 1000) i, lateral (select timestamptz '$start' + i * interval '17.6 s' as at) a,
            lateral (select at + (30 + i % 100) * interval '1 minute' as over) o"
used() { # FROM TO: as the stored hours have it, and as a search finds it
    sql "with u as (select asked('$1', '$2', 3600, 'activity') as a),
    found as (select i, (select count(*) from sandboxes where created_at >= h and created_at < h + interval '1 hour') as creates,
            (select count(*) from sandboxes where ended_at >= h and ended_at < h + interval '1 hour') as ends,
            (select count(distinct user_id) from sandboxes where created_at < h + interval '1 hour' and coalesce(ended_at >= h, true)) as users,
            (select max((select count(*) from sandboxes s where s.created_at <= m.at and coalesce(s.ended_at > m.at, true)))
                from (select created_at as at from sandboxes where created_at >= h and created_at < h + interval '1 hour' union all select h) m) as peak
        from generate_series(0, 4) i, lateral (select timestamptz '$start' + i * interval '1 hour' as h) t)
    select string_agg(concat_ws(' ', creates, ends, users, peak), ', ' order by i) from found union all
    select string_agg(concat_ws(' ', p->'activity'->>'creates', p->'activity'->>'ends', p->'activity'->>'active_users', p->'activity'->>'peak'), ', '
        order by p->>'at') from u, jsonb_array_elements(a->'series'->0->'points') p"
}
same_use() {
    local both
    both=$(used "$start" "$(sql "select timestamptz '$start' + interval '5 hours'")")
    [ "$(sed -n 1p <<<"$both")" = "$(sed -n 2p <<<"$both")" ] || say "$1: $both"
}
sql "do \$\$ begin for i in 1 .. 200 loop exit when (select u.seen from upkeep_rollups(1, 500, '') u) = 0; end loop; end \$\$"
[ "$(sql 'select count(*) from usage_rollups where span = 3600')" -ge 4 ] || say 'no hours of use'
same_use 'stored hours of use'
sql "delete from usage_rollups where span = 86400 or at >= timestamptz '$start' + interval '3 hours'"
same_use 'hours of use that are not stored yet'
whole_use="select asked('$start', (timestamptz '$start' + interval '5 hours')::text, 18000, 'activity')"
is "$(sql 'select count(distinct user_id) from sandboxes') $(sql "select count(*) from sandboxes where ended_at < timestamptz '$start' + interval '5 hours'")" \
    "select concat_ws(' ', a->'activity'->>'active_users', a->'activity'->'lifetimes'->>'count') from ($whole_use as a) x" 'users and lifetimes'
is "$(sql "select string_agg(image || ' ' || n, ', ' order by n desc, image) from (select image, count(*) as n from sandboxes group by 1) x")" \
    "select string_agg((i->>'image') || ' ' || (i->>'creates'), ', ') from ($whole_use as a) x, jsonb_array_elements(a->'activity'->'images') i" images

# A day of use is what its hours are.
sql "insert into usage_rollups select 3600, timestamptz '$day 00:00Z' + i * interval '1 hour', 1, 10, i, 20 + i, array[1, 2, 100 + i], '{0,0,5,0,0,0,0,0,0,0,0,0,0,0,0,0}',
        jsonb_build_object('a', 7, 'b' || i % 2, 3) from generate_series(0, 23) i on conflict (span, at) do nothing;
    insert into usage_rollups select * from usage_of_day('$day')"
used_day="asked('$day 00:00Z', '$day 24:00Z', 86400, 'activity')"
is '240 276 43 26 120 59.7 a 168' "select concat_ws(' ', p->>'creates', p->>'ends', p->>'peak', p->>'active_users', a->'activity'->'lifetimes'->>'count',
    a->'activity'->'lifetimes'->>'p99_seconds', a->'activity'->'images'->0->>'image', a->'activity'->'images'->0->>'creates')
    from $used_day a, lateral (select a->'series'->0->'points'->0->'activity' as p) x" 'a day of use'
sql "create temp table x as select $used_day - 'to' as day; delete from usage_rollups where span = 86400;
    do \$\$ begin if (select day->'activity' from x) is distinct from $used_day->'activity' then raise 'other hours'; end if; end \$\$"

# Upkeep rolls up, and removes what is past its term.
sql "insert into system_rollups select span, kind, name, at - interval '400 days', samples, covered_ms, low, mean, high, creates, starts, start_ms, refusals
    from system_rollups; insert into usage_rollups select span, at - interval '400 days', hours, creates, ends, peak, users, lifetimes, images from usage_rollups;
    select add_system_sample(moment((now() - interval '40 days')::text), 7, 60000, false, rows_of(100))" >/dev/null
timeout 60 "$CORRAL_BUILD_ROOT/tests/db_upkeep" "$DATABASE_URL" 7 90 90 90 90 90 90 2>/dev/null >"$DB_HOME/out"
is '0 0 0' "select concat_ws(' ', (select count(*) from system_rollups where at < now() - interval '366 days'), (select count(*) from usage_rollups
    where at < now() - interval '366 days'), (select count(*) from system_samples where at < now() - interval '32 days'))" "upkeep: $(cat "$DB_HOME/out")"
! grep -E '^(rollups|system_|usage_)' "$DB_HOME/out" | grep -v 'overdue=0$' || say "overdue: $(cat "$DB_HOME/out")"
