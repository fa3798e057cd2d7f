#!/usr/bin/env bash
# What right-sizing costs the database: the row of an hour beside the packing of that hour, its bytes, and the questions. By default 1,000
# sandboxes of 20 users with a week of hours, and three hours of samples that are not packed yet. Aim: the row takes a tenth of the packing at most,
# a question about a sandbox 100 ms, one about a user 1 s.
# usage: right_sizes.sh BUILD_ROOT [SANDBOXES HOURS]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
sandboxes=${2:-1000} hours=${3:-168}
. "$root/tests/lib/database.sh"
database_start
"$1/tests/db_migrate" "$DATABASE_URL"
sql "insert into users (id, name, tier) select 'usr_' || i, 'u' || i, 'pro' from generate_series(0, 19) i;
    insert into api_keys (id, user_id, name, prefix, last_four, sha256) values ('key_1', 'usr_1', '', 'crl_1', 'abcd', sha256('x'));
    create function id(n integer) returns text language sql as \$\$ select 'sbx_' || lpad(n::text, 26, '0') \$\$;
    set session_replication_role = replica;
    insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids, nofile, state, labels, spec,
            created_at, expires_at)
        select id(n), 'usr_' || n % 20, 'key_1', 'pro', 'image' || n % 7, 'h', 536870912, 1000, 1, 1073741824, 64, 1, 'running',
            jsonb_build_object('team', n % 5, 'run', n), '', now() - interval '7 days', now() + interval '1 day' from generate_series(1, $sandboxes) n;
    set session_replication_role = default;
    select make_partition((now() at time zone 'UTC')::date - i, tab) from generate_series(-1, 9) i, unnest('{usage_windows,sample_rows}'::text[]) tab;
    create function memory(n integer, m bigint) returns integer language sql volatile as \$\$ select (100000 + 50000 * sin(m / 229.0 + n) + random() * 5000)::integer \$\$;
    insert into usage_windows select id(n), packing_until() - h * interval '1 hour', packing_until() - h * interval '1 hour', packing_until() - h * interval '1 hour' + interval '3590 s', 360,
            array(select memory(n, h * 60 + m) from generate_series(1, 60) m), array(select (random() * n)::integer from generate_series(1, 60) m), 1000000 * n, n % 50
        from generate_series(1, $sandboxes) n, generate_series(2, $hours) h" >/dev/null
sql "insert into sample_rows select id(n), packing_until() - interval '1 hour' + i * interval '10 s', 0, memory(n, i / 6) * 1024::bigint, 536870912, (random() * 10000)::integer, 0,
            5000000 + i * 1000, 1073741824, i * 100, i * 10, 5, 64 from generate_series(1, $sandboxes) n, generate_series(0, 719) i;
    insert into sandbox_told (sandbox_id, unpacked) select id(n), packing_until() - interval '1 hour' from generate_series(1, $sandboxes) n" >/dev/null
sql 'vacuum analyze'
# Milliseconds that the server's process ran: what others run on this machine delays it, and does not count.
ran="select 'ran ' || split_part(pg_read_file('/proc/self/schedstat', 0, 100), ' ', 1)::bigint / 1000"
took() { # WHAT STATEMENT [TIMES]: the median of the second time in a session
    local times=()
    for _ in $(seq "${3:-5}"); do
        times+=("$(postgres_psql "$DB_DIR" -c "$2" -c "$ran" -c "$2" -c "$ran" | awk '$1 == "ran" { took = $2 - last; last = $2 } END { print took / 1000 }')")
    done
    printf '%-64s %9.1f ms\n' "$1" "$(printf '%s\n' "${times[@]}" | sort -n | sed -n "$(((${3:-5} + 1) / 2))p")"
}
taken="array(select row(r.*)::sample_rows from sample_rows r where r.sandbox_id = s.id and r.at < packing_until())"
took "rows of an hour of 100 sandboxes" "do \$\$ begin perform note_usage(s.id, packing_until() - interval '1 hour', $taken) from sandboxes s limit 100; end \$\$" 3
took "the same, reading the samples alone" "do \$\$ begin perform cardinality($taken) from sandboxes s limit 100; end \$\$" 3
took "all that packing an hour of 100 sandboxes takes" "select u.removed from upkeep_packing(7, 36000, '') u" 1
took "what is known of a sandbox" "select count(*) from right_size_of_sandbox(id(1), null, '{}')"
took "what is known of a user with $((sandboxes / 20)) sandboxes" "select count(*) from right_sizes_of_user('usr_1', '{}')"
printf '%-64s %9s\n' 'rows of a user' "$(sql "select count(*) from right_sizes_of_user('usr_1', '{}')")"
printf '%-64s %9s\n' 'bytes of the answer of the database' "$(sql "select sum(length(r::text)) from right_sizes_of_user('usr_1', '{}') r")"
printf '%-64s %9s\n' 'bytes of a row with its indexes' "$(sql "select sum(pg_total_relation_size(to_regclass(name))) / (select count(*) from usage_windows) from table_days('usage_windows')")"
