#!/usr/bin/env bash
# The history of a sandbox is the same before and after upkeep packs it, to the last value: late samples land in packed hours, a
# crash loses and doubles nothing, each resolution has the true extremes, and what a lying node sends harms nobody else.
# usage: db_history.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
same() { [ "$2" = "$3" ] || say "$1: $2, not $3"; } # WHAT GOT EXPECTED
upkeep() { # prints how many rows were packed
    timeout 120 "$CORRAL_BUILD_ROOT/tests/db_upkeep" "$DATABASE_URL" 7 90 90 90 90 90 90 2>"$DB_HOME/log" | sed -n 's/^packing removed=\([0-9]*\) failures=0 overdue=0$/\1/p'
}
"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"
one=sbx_$(printf %026d 1) two=sbx_$(printf %026d 2)
sql "insert into users (id, name, tier) values ('usr_1', 'u', 'enterprise');
    insert into api_keys (id, user_id, name, prefix, last_four, sha256) values ('key_1', 'usr_1', '', 'crl_1', 'abcd', sha256('x'));
    set session_replication_role = replica;
    insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids, nofile,
            state, spec, created_at, expires_at)
        select 'sbx_' || lpad(i::text, 26, '0'), 'usr_1', 'key_1', 'free', 'i', 'h' || i, 1, 1, 1, 1, 1, 1, 'running', '',
            now() - interval '60 days', now() + interval '1 day' from generate_series(1, 2) i;
    set session_replication_role = default;
    create sequence numbers;
    -- The hour that the tests are about: two days ago.
    create table hours as select packing_until() - interval '2 days' as at; -- the same in all of this test, also where an hour ends in it
    create function hour() returns timestamptz language sql stable as \$\$ select at from hours \$\$;
    -- Samples of a sandbox from a moment on, one each ten seconds; returns stored and refused.
    create function send(node text, id text, since timestamptz, n integer, every interval default '10 s') returns text language sql as \$\$
        select stored || ' ' || refused from add_samples(node, 7, array(select id from generate_series(1, n)),
            array(select nextval('numbers') from generate_series(1, n)),
            array(select ms_between(since + i * every, now()) from generate_series(0, n - 1) i),
            array(select (random() * 1e9)::bigint from generate_series(1, n)), array(select (random() * 1e9)::bigint from generate_series(1, n)),
            array(select 2000000000 from generate_series(1, n)), array(select (random() * 20000)::integer from generate_series(1, n)),
            array(select (random() * 10000)::integer from generate_series(1, n)), array(select (random() * 1e10)::bigint from generate_series(1, n)),
            array(select 9000000000 from generate_series(1, n)), array(select i * 100000000000 from generate_series(1, n) i),
            array(select i * 1000 from generate_series(1, n) i), array(select (random() * 100)::bigint from generate_series(1, n)),
            array(select 128 from generate_series(1, n))) \$\$;
    create table truth (like sample_rows);
    create function samples_of(id text) returns setof sample_rows language sql stable as \$\$
        select * from sample_rows r where r.sandbox_id = id union all
        select u.* from sample_blocks b, unpack_samples(b) u where b.sandbox_id = id \$\$;
    -- What differs between the truth and what is stored, as samples and as points of a minute and of an hour (of means: more than
    -- the rounding); empty: nothing.
    create function wrong(id text) returns table (what text) language plpgsql as \$\$
    begin
        return query select 'samples ' || count(*) from (
            (select * from samples_of(id) except all select * from truth t where t.sandbox_id = id) union all
            (select * from truth t where t.sandbox_id = id except all select * from samples_of(id))) x having count(*) > 0;
        return query select 'points of ' || w || ': ' || count(*) from unnest('{60,3600}'::integer[]) w, lateral (
            with stored as (
                select floor_time(at, w * interval '1 s') as at, sum(n) as n, min(memory_min) as m0, max(memory_max) as m2, min(cpu_min) as c0, max(cpu_max) as c2,
                    min(disk_min) as d0, max(disk_max) as d2, min(pids_min) as p0, max(pids_max) as p2, max(rx_bytes) as rx, max(tx_bytes) as tx,
                    sum(memory_avg * n) / sum(n) as m1, sum(cpu_avg * n) / sum(n) as c1, sum(disk_avg * n) / sum(n) as d1, sum(pids_avg * n) / sum(n) / 100 as p1
                from history_points(id, now() - interval '8 days', now(), w) group by 1),
            windows as ( -- of ten seconds, which weigh as much as each other
                select floor_time(at, '10 s') as at, min(memory_used_bytes) as m0, max(memory_used_bytes) as m2, min(cpu_centi) as c0,
                    max(cpu_centi) as c2, min(disk_used_bytes) as d0, max(disk_used_bytes) as d2, min(pids) as p0, max(pids) as p2,
                    max(rx_bytes) as rx, max(tx_bytes) as tx, avg(memory_used_bytes) as m1, avg(cpu_centi) as c1, avg(disk_used_bytes) as d1, avg(pids) as p1
                from truth t where t.sandbox_id = id group by 1),
            expected as (
                select floor_time(at, w * interval '1 s') as at, count(*) as n, min(m0) as m0, max(m2) as m2, min(c0) as c0, max(c2) as c2, min(d0) as d0,
                    max(d2) as d2, min(p0) as p0, max(p2) as p2, max(rx) as rx, max(tx) as tx, avg(m1) as m1, avg(c1) as c1, avg(d1) as d1, avg(p1) as p1
                from windows group by 1)
            select from stored s full join expected e using (at)
            where (s.n, s.m0, s.m2, s.c0, s.c2, s.d0, s.d2, s.p0, s.p2, s.rx, s.tx) is distinct from
                (e.n, e.m0, e.m2, e.c0, e.c2, e.d0, e.d2, e.p0, e.p2, e.rx, e.tx)
                or abs(s.m1 - e.m1) > 2 or abs(s.c1 - e.c1) > 2 or abs(s.d1 - e.d1) > 2 or abs(s.p1 - e.p1) > 0.05) y group by w having count(*) > 0;
    end \$\$" >/dev/null
right() { # WHAT
    local wrong
    wrong=$(sql "select wrong('$one')")
    [ -z "$wrong" ] || say "$1: $wrong"
}
asked() { # FROM TO STEP: the step of the answer, its points, and its extremes of memory
    sql "select h->>'step_seconds' || ' ' || jsonb_array_length(h->'points') || ' ' || coalesce((select min((p->'memory'->>'min')::bigint) || ' '
        || max((p->'memory'->>'max')::bigint) from jsonb_array_elements(h->'points') p), '') from (
        select stats_history('$one', $1, $2, $3, '{7,30,400}')::jsonb as h) x"
}
extremes() { sql "select min(memory_used_bytes) || ' ' || max(memory_used_bytes) from truth where sandbox_id = '$one' and at >= $1 and at < $2"; }
senders=
keep() { sql "delete from truth; insert into truth select * from samples_of('$one')"; }

# Three hours, not from the beginning of one, and what is recent; the days are made by the samples that need them.
same stored "$(sql "select send('h1', '$one', hour() + interval '7 min 3.123 s', 1080)")" '1080 0'
same stored "$(sql "select send('h1', '$one', greatest(now() - interval '5 min', packing_until()), 30)")" '30 0'
same 'of another node' "$(sql "select send('h2', '$one', hour(), 3)")" '0 3'
same 'too old' "$(sql "select send('h1', '$one', now() - interval '10 days', 3)")" '0 3'
keep
right 'as rows'
before=$(asked 'hour()' "hour() + interval '4 hours'" 60)
same 'before it is packed' "$before" "60 180 $(extremes 'hour()' "hour() + interval '4 hours'")"

# Undone half-way, nothing has changed; then it is packed, once, and the recent samples stay rows.
sql "begin; select upkeep_packing(7, 2000, ''); rollback" >/dev/null
right 'after a crash'
same packed "$(upkeep)" 1080
same 'rows left' "$(sql 'select count(*) from sample_rows')" 30
same blocks "$(sql "select (select count(*) from sample_blocks) || ' ' || (select count(*) from minute_blocks) || ' ' || (select count(*) from hour_blocks)")" '4 4 1'
right 'as blocks'
same 'after it is packed' "$(asked 'hour()' "hour() + interval '4 hours'" 60)" "$before"
same 'packed again' "$(upkeep)" 0
same 'days without rows' "$(sql "select coalesce(sum(pg_total_relation_size(to_regclass(name))), 0) < 262144 from table_days('sample_rows') where day < hour()::date + 1")" t

# Late samples land in hours that are packed, and show at once.
same late "$(sql "select send('h1', '$one', hour() + interval '3 h 8 min 1.5 s', 400, '7 s')")" '400 0'
sql "insert into truth select * from sample_rows where sandbox_id = '$one' and at < hour() + interval '1 day'"
right 'late, as rows'
same 'late, packed' "$(upkeep)" 400
right 'late, as blocks'
same 'as many blocks' "$(sql 'select count(*) from sample_blocks')" 4

# Range and step decide what is read: years fit in 1,000 points, with the true extremes, and with what is not packed yet.
all=$(extremes "'-infinity'" "'infinity'")
[[ $(asked "now() - interval '3000 days'" 'now()' 1) =~ ^262800\ .*\ "$all"$ ]] || say "years: $(asked "now() - interval '3000 days'" 'now()' 1)"
[[ $(asked "now() - interval '6 days'" 'now()' 1) =~ ^540\ .*\ "$all"$ ]] || say "six days: $(asked "now() - interval '6 days'" 'now()' 1)"
[[ $(asked "now() - interval '6 days'" 'now()' 5000) =~ ^5040\ .*\ "$all"$ ]] || say "steps of minutes: $(asked "now() - interval '6 days'" 'now()' 5000)"
[[ $(asked 'hour()' "hour() + interval '1 hour'" 1) =~ ^4\ 318\  ]] || say "an hour: $(asked 'hour()' "hour() + interval '1 hour'" 1)"
[[ $(sql "select stats_history('$one', '0001-01-01Z', '9999-12-31 23:59:59.5Z', 1, '{7,30,400}')::jsonb->>'to'") == 9999-* ]] || say 'a time that RFC 3339 cannot write'
same backwards "$(asked 'now()' "hour()" 1)" ''
same 'other than a plain reading' "$(sql "select count(*) from (
    select (p->>'at')::timestamptz, (p->'memory'->>'min')::bigint, (p->'memory'->>'avg')::bigint, (p->'cpu'->>'avg')::numeric, (p->'pids'->>'avg')::numeric,
        (p->'network'->>'rx_bytes')::bigint from jsonb_array_elements(stats_history('$one', hour(), hour() + interval '4 hours', 100, '{7,30,400}')::jsonb->'points') p
    except select date_trunc('milliseconds', date_bin('100 s', at, hour())), min(m0), round(avg(m1)), round(avg(c1) / 100, 2), round(avg(p1), 1), max(rx)
        from (select date_bin('10 s', at, hour()) as at, min(memory_used_bytes) as m0, avg(memory_used_bytes) as m1, avg(cpu_centi) as c1, avg(pids) as p1,
            max(rx_bytes) as rx from truth where sandbox_id = '$one' group by 1) w group by 1) x")" 0

# When the samples are gone, minutes answer, and then hours.
sql "do \$\$ declare t text; begin for t in select name from table_days('sample_blocks') where day <= (hour() at time zone 'UTC')::date + 1 loop
    execute format('drop table %I', t); end loop; end \$\$"
answer() { sql "select h->>'step_seconds' || ' ' || (select max((p->'memory'->>'max')::bigint) from jsonb_array_elements(h->'points') p) from (
    select stats_history('$one', hour(), hour() + interval '4 hours', 1, '$1')::jsonb as h) x"; }
top=$(extremes 'hour()' "hour() + interval '4 hours'")
same minutes "$(answer '{1,30,400}')" "60 ${top#* }"
same hours "$(answer '{1,1,400}')" "3600 ${top#* }"

# A lying node: impossible values, and more samples than an hour has seconds. They are packed, with their extremes; what is beyond
# 4,000 samples is in the points only. Samples of another sandbox go on.
sql "select add_samples('h2', 7, '{$two,$two}', '{1000001,1000002}', array[ms_between(hour() + interval '0.5 s', now()), ms_between(hour() + interval '0.6 s', now())]
    $(printf ", '{9223372036854775807,0}'%.0s" 1 2 3), '{2147483647,0}', '{2147483647,0}'$(printf ", '{9223372036854775807,0}'%.0s" {1..6}));
    select setval('numbers', 2000000); select send('h2', '$two', hour() + interval '1 s', 5000, '0.5 s')" >/dev/null
same 'of a liar' "$(upkeep)" 5002
same wide "$(sql "select string_agg(points || ' ' || (wide is not null), ',' order by at) from sample_blocks where sandbox_id = '$two'")" '4000 true'
same 'all of them' "$(sql "select (sum(n) between 251 and 252) || ' ' || max(memory_max) || ' ' || min(memory_min) from history_points('$two', hour(), hour() + interval '1 hour', 3600)")" \
    'true 9223372036854775807 0' # the ten seconds in which they are; one may be packed in two parts
sql "insert into sample_rows select '$two', hour() + interval '3 h', -9223372036854775807, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5;
    insert into sample_rows select '$two', hour() + interval '3 h', 9223372036854775807, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5;
    update sandbox_told set unpacked = hour() where sandbox_id = '$two'"
sql "select send('h1', '$one', hour() + interval '3 h', 10)" >/dev/null
same 'one that cannot be packed' "$(upkeep)" 10
same 'it is read' "$(sql "select min(memory_min) || ' ' || max(memory_max) from history_points('$two', hour() + interval '3 h', hour() + interval '4 h', 60)")" \
    '-9223372036854775807 9223372036854775807'

# A sandbox that is watched has a sample each second. A mean tells of the time all the same: half an hour at 9 GB that nobody watched weighs
# as much as the half at 1 GB that somebody did, before and after it is packed, at each step; each sample is there, and evidence for sizes
# is not more than the time. Of hours of them minutes answer.
three=sbx_$(printf %026d 3)
sql "set session_replication_role = replica;
    insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids, nofile,
            state, spec, created_at, expires_at)
        values ('$three', 'usr_1', 'key_1', 'free', 'i', 'h3', 1, 1, 1, 1, 1, 1, 'running', '', now() - interval '60 days', now() + interval '1 day')" >/dev/null
of_use() { # SINCE N EVERY USED: as send, with a use of memory
    sql "select stored from add_samples('h3', 7, array(select '$three' from generate_series(1, $2)), array(select nextval('numbers') from generate_series(1, $2)),
        array(select ms_between($1 + interval '0.5 s' + i * interval '$3', now()) from generate_series(0, $2 - 1) i), array(select $4 from generate_series(1, $2)),
        array(select $4 from generate_series(1, $2)), array(select 10000000000 from generate_series(1, $2)), array(select 100 from generate_series(1, $2)),
        array(select 0 from generate_series(1, $2)) $(printf ", array(select 7 from generate_series(1, $2))%.0s" {1..6}))"
}
same unwatched "$(of_use 'hour()' 180 '10 s' 9000000000)" 180
same watched "$(of_use "hour() + interval '30 min'" 1800 '1 s' 1000000000)" 1800
means() { for step in 60 600 3600; do sql "select string_agg(p->'memory'->>'avg', ' ' order by n) from jsonb_array_elements(
    stats_history('$three', hour(), hour() + interval '1 h', $step, '$1')::jsonb->'points') with ordinality p(p, n)"; done | sort -u; }
halves() { # N points of the one, and N of the other
    printf "9000000000 %.0s" $(seq "$1"); printf "1000000000 %.0s" $(seq $(($1 - 1))); echo 1000000000
}
usual=$(printf '%s\n' 5000000000 "$(halves 3)" "$(halves 30)" | sort -u)
same 'mean of rows' "$(means '{7,30,400}')" "$usual"
same packed "$(upkeep)" 1980
for kept in '{7,30,400}' '{1,30,400}'; do same "mean of blocks $kept" "$(means "$kept")" "$usual"; done
same 'mean of hours' "$(sql "select stats_history('$three', hour(), hour() + interval '1 h', 3600, '{1,1,400}')::jsonb->'points'->0->'memory'->>'avg'")" 5000000000
same 'each second' "$(sql "select jsonb_array_length(stats_history('$three', hour() + interval '30 min', hour() + interval '40 min', 1, '{7,30,400}')::jsonb->'points')")" 600
same evidence "$(sql "select samples from usage_windows where sandbox_id = '$three'")" 360
for h in 1 2 3 4; do same 'watched for hours' "$(of_use "hour() + interval '$h h'" 3600 '1 s' 1000000000)" 3600; done
hours_of() { sql "select (h->>'step_seconds')::integer >= 60 and (h->>'step_seconds')::integer % 60 = 0 from (
    select stats_history('$three', hour(), hour() + interval '5 h', 1, '{7,30,400}')::jsonb as h) x"; }
same 'hours of rows' "$(hours_of)" t
same packed "$(upkeep)" 14400
same 'hours of blocks' "$(hours_of)" t
same 'none was lost' "$(sql "select sum(points) from sample_blocks where sandbox_id = '$three'")" 16380

# While a node sends, others pack: none is lost, none is twice.
sql "delete from sample_rows; delete from sample_blocks; delete from minute_blocks; delete from hour_blocks; update sandbox_told set unpacked = null"
for ((i = 0; i < 40; i++)); do sql "select send('h1', '$one', hour() + $i * interval '10 min' + interval '1 s', 60)" >/dev/null; done &
senders+=" $!"
for n in 1 2; do
    for ((i = 0; i < 15; i++)); do sql "select upkeep_packing(7, 500, '')" >/dev/null; done &
    senders+=" $!"
done
for pid in $senders; do wait "$pid"; done
sql "select upkeep_packing(7, 100000, '')" >/dev/null
same 'at once' "$(sql "select (select count(*) from sample_rows) || ' ' || (select sum(points) from sample_blocks) || ' '
    || (select sum(n) from history_points('$one', hour(), now(), 60)) || ' ' || (select sum(n) from history_points('$one', hour(), now(), 3600))")" '0 2400 2400 2400'
