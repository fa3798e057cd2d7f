#!/usr/bin/env bash
# What right-sizing reads: an hour's samples become one row, once, whether they are packed or not yet, late or repeated; CPU counts by
# the limit of its time; a lying node is cut to what fits; a user sees his own subjects only, and no more than are stated.
# usage: db_right_sizes.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"
pack() { sql "select sum((upkeep_packing(7, 100000, '')).removed)" >/dev/null; }
sql "insert into users (id, name, tier) values ('usr_1', 'u', 'enterprise'), ('usr_2', 'v', 'free');
    insert into api_keys (id, user_id, name, prefix, last_four, sha256) values ('key_1', 'usr_1', '', 'crl_1', 'abcd', sha256('x'));
    create function id(n integer) returns text language sql as \$\$ select 'sbx_' || lpad(n::text, 26, '0') \$\$;
    set session_replication_role = replica;
    insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids, nofile, state,
            labels, spec, created_at, expires_at)
        select id(n), case when n < 4 then 'usr_1' else 'usr_2' end, 'key_1', 'free', 'image' || n % 2, 'h', 536870912, 1000, 1, 1073741824, 64, 1,
            'running', case when n < 3 then '{\"team\": \"a\"}' else '{}' end::jsonb, '', now() - interval '5 days', now() + interval '1 day'
        from generate_series(1, 5) n;
    set session_replication_role = default;
    create table hours as select packing_until() - interval '2 hours' as at; -- the same in all of this test, also where an hour ends in it
    create function hour() returns timestamptz language sql stable as \$\$ select at from hours \$\$;
    -- n samples from a moment on, one each ten seconds, numbered from \`number\`: memory rises by a MiB each, from \`mib\`.
    create function send(n integer, id text, number bigint, since timestamptz, mib bigint, cpu integer) returns text language sql as \$\$
        select stored || ' ' || refused from add_samples('h', 7, array(select id from generate_series(1, n)),
            array(select number + i from generate_series(0, n - 1) i), array(select ms_between(since + interval '1 s' + i * interval '10 s', now()) from generate_series(0, n - 1) i),
            array(select 0 from generate_series(1, n)), array(select (mib + i) * 1048576 from generate_series(0, n - 1) i),
            array(select 536870912 from generate_series(1, n)), array(select cpu from generate_series(1, n)), array(select 0 from generate_series(1, n)),
            array(select 7340032 from generate_series(1, n)), array(select 1073741824 from generate_series(1, n)), array(select 0 from generate_series(1, n)),
            array(select 0 from generate_series(1, n)), array(select 9 from generate_series(1, n)), array(select 64 from generate_series(1, n))) \$\$;
    create function seen(n integer) returns table (at timestamptz, samples integer, memory integer, first integer, minutes bigint, cpu integer, disk bigint, pids bigint)
        language sql as \$\$ select w.at, w.samples, (select max(m) from unnest(w.memory_kib) m) / 1024, w.memory_kib[1] / 1024,
            (select count(m) from unnest(w.memory_kib) m), (select max(c) from unnest(w.cpu_millis) c), w.disk_bytes, w.pids
            from sandboxes s, usage_of_sandbox(s, 100) w where s.id = id(n) order by w.at \$\$"

# A row an hour, the same before and after it is packed; repeated samples change nothing; late ones join their hour.
is '60 0' "select send(60, id(1), 1, hour(), 100, 2500)"
is '60 0' "select send(60, id(1), 61, hour() + interval '1 hour', 50, 5000)"
rows='60|159|105|10|250|7340032|9 60|109|55|10|500|7340032|9'
is "$rows" "select string_agg(concat_ws('|', samples, memory, first, minutes, cpu, disk, pids), ' ' order by at) from seen(1)"
pack
is 2 'select count(*) from usage_windows'
is "$rows" "select string_agg(concat_ws('|', samples, memory, first, minutes, cpu, disk, pids), ' ' order by at) from seen(1)"
is '0 0' "select send(60, id(1), 1, hour(), 400, 9000)"
is '6 0' "select send(6, id(1), 121, hour() + interval '20 minutes', 200, 100)"
pack
pack
is '66|205|105|11|250' "select concat_ws('|', samples, memory, first, minutes, cpu) from seen(1) limit 1"
is 2 'select count(*) from usage_windows'

# Two upkeeps at once, and a crash between, count no sample twice.
is '300 0' "select send(300, id(2), 1, hour(), 1, 100)"
sql "begin; select upkeep_packing(7, 2000, ''); rollback" >/dev/null
pack & other=$!
pack
wait "$other"
is '300|300' "select concat_ws('|', samples, memory) from seen(2)"

# CPU counts by the limit that was in force: one that is lowered later does not make the use before it look smaller.
is '60 0' "select send(60, id(3), 1, hour(), 10, 5000)"
sql "insert into earlier_cpu_limits values (id(3), hour() + interval '5 minutes', 2000); update sandboxes set cpu_millis = 100 where id = id(3)"
is '1000 50' "select w.cpu_millis[1] || ' ' || w.cpu_millis[10] from sandboxes s, usage_of_sandbox(s, 9) w where s.id = id(3)"
pack
is '1000 50' "select w.cpu_millis[1] || ' ' || w.cpu_millis[10] from usage_windows w where w.sandbox_id = id(3)"
is 1000 "select cpu_limit_at(s, now() + interval '1 s') from sandboxes s where id = id(1)"
sql "select patch_sandbox(id(1), 'usr_1', '{\"cpu_millis\": 700}', '{}', '{\"address\": \"local\"}')" >/dev/null
is '1000 700' "select cpu_limit_at(s, now() - interval '1 minute') || ' ' || cpu_limit_at(s, now() + interval '1 minute') from sandboxes s where id = id(1)"
for n in {1..70}; do echo "select note_cpu_limit(s) from sandboxes s where id = id(1);"; done | postgres_psql "$DB_DIR" >/dev/null
is 64 "select count(*) from earlier_cpu_limits where sandbox_id = id(1)"

# A node that lies is cut to what fits, and harms nobody else.
sql "select add_samples('h', 7, array[id(5)], '{1}', array[ms_between(hour() + interval '1 s', now())]$(printf ", '{9223372036854775807}'%.0s" 1 2 3), '{2147483647}', '{2147483647}'$(printf ", '{9223372036854775807}'%.0s" {1..6}))" >/dev/null
pack
is '2147483647 1000' "select w.memory_kib[1] || ' ' || w.cpu_millis[1] from usage_windows w where w.sandbox_id = id(5)"

# The subjects of a user: his live sandboxes, and their images and labels; nobody else's.
is 'image:image0 image:image1 label:team=a sandbox:1 sandbox:2 sandbox:3' "select string_agg(distinct r.subject || ':' || replace(r.name, 'sbx_' || repeat('0', 25), ''), ' ')
    from right_sizes_of_user('usr_1', '{}') r"
is '2 426' "select count(*) filter (where samples = 0) || ' ' || sum(samples) from right_sizes_of_user('usr_1', '{}') r where r.subject = 'label'"
is 0 "select count(*) from right_size_of_sandbox(id(1), 'usr_2', '{}')"
is 3 "select count(*) from right_size_of_sandbox(id(1), 'usr_1', '{}')"
is 3 "select count(*) from right_size_of_sandbox(id(1), null, '{}')"
is '{2147483648,2000,10737418240,512}' "select most from right_size_of_sandbox(id(1), null, '{}') limit 1"

# An end at the memory limit is evidence, also of a sandbox that has no samples.
sql "set session_replication_role = replica; update sandboxes set state = 'stopped', reason = 'memory_critical', ended_at = now(), spec = null where id = id(4);
    set session_replication_role = default"
is '536870912 t f' "select oom_bytes || ' ' || left(frozen::text, 1) || ' ' || left(live::text, 1) from right_size_of_sandbox(id(4), 'usr_2', '{}')"

# As many subjects as are stated, and no more.
sql "set session_replication_role = replica;
    insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids, nofile, state, labels, spec,
            created_at, expires_at)
        select id(n), 'usr_2', 'key_1', 'free', 'many' || n, 'h', 1, 1, 1, 1, 1, 1, 'running', (select jsonb_object_agg('k' || n || '_' || i, '') from generate_series(1, 9) i), '',
            now() - interval '1 hour', now() + interval '1 day' from generate_series(1000, 1299) n;
    set session_replication_role = default"
is 'image 10 label 20 sandbox 50' "select string_agg(subject || ' ' || many, ' ' order by subject) from (
    select subject, count(distinct name) as many from right_sizes_of_user('usr_2', '{}') group by 1) x"

# Rows go with their days.
sql "select make_partition(current_date - 20, 'usage_windows'); insert into usage_windows select id(1), now() - interval '20 days', now(), now(), 1, '{}', '{}', 0, 0" >/dev/null
timeout 120 "$CORRAL_BUILD_ROOT/tests/db_upkeep" "$DATABASE_URL" 7 90 90 90 90 90 90 >"$DB_HOME/out" 2>/dev/null
is 0 "select count(*) from usage_windows where at < now() - interval '9 days'"
