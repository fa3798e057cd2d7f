#!/usr/bin/env bash
# Recommendations in the database: the figures that the leader reads are what the rows say; each change is stored once, with its event;
# what an administrator says is kept, audited, and survives that the cause comes and goes; lists and bounds.
# usage: db_recommendations.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"
sql "insert into users (id, name, tier, role) select 'usr_' || i, 'zoe' || i, 'pro', 'user' from generate_series(0, 4) i;
    insert into api_keys (id, user_id, name, prefix, last_four, sha256) values ('key_0', 'usr_0', '', 'crl_0', 'abcd', sha256('x'))" >/dev/null
defaults='{"max_sandboxes": 5, "memory_bytes": 536870912}'

# --- figures ---

# The resources are those of the code, in its order.
is "memory_bytes 1 5 9;cpu_millis 2 6 10;storage_bytes 3 7 11;sandboxes 4 8 12" \
    "select string_agg(concat_ws(' ', name, capacity, reserved, used), ';' order by capacity) from resource_gauges()"

# Days: the highest of what was reserved, and the mean capacity; of the system and of regions.
sql "create function day(of_kind text, of_name text, ago integer, reserved bigint) returns void language sql as \$\$
        insert into system_rollups values (86400, of_kind, of_name, date_trunc('day', now(), 'UTC') - ago * interval '1 day', 1440, 86400000,
            array_fill(0::bigint, array[28]), array[1000, 2000, 3000, 4000]::double precision[] || array_fill(1::double precision, array[24]),
            array[9, 9, 9, 9, reserved, 7, 7, 7]::bigint[] || array_fill(0::bigint, array[20]), 0, null, 0, null) \$\$;
    select day('system', '', i, 500 - i), day('region', 'eu', i, 100) from generate_series(1, 10) i; select day('system', '', 200, 1)" >/dev/null
is "10 499 490 1000" "select count(*) || ' ' || max(reserved[1]) || ' ' || min(reserved[1]) || ' ' || max(capacity[1]) from advice_days(92) where name = ''"
is "10 eu 4000 7" "select count(*) || ' ' || max(name) || ' ' || max(capacity[4]) || ' ' || max(reserved[4]) from advice_days(92) where name <> ''"
is t "select bool_and(day = floor(day)) from advice_days(92)"

# Nodes: the means of the last hour; one without samples is not known.
sql "insert into nodes (name, region, memory_bytes, cpu_millis, storage_bytes, sandboxes, admin_state, health) values ('a', 'eu', 1, 1, 1, 1, 'ready', 'ready'),
        ('b', 'eu', 1, 1, 1, 1, 'cordoned', 'ready'), ('c', 'us', 1, 1, 1, 1, 'ready', 'unreachable');
    insert into system_samples (at, epoch, kind, name, covered_ms, gauges, creates, start_ms)
        select now() - i * interval '5 minutes', 1, 'node', n, 60000, array[1000, 2000, 3000, 4000, 100 * i, 5, 6, 7, 8, 9, 10, 11] || array_fill(0::bigint, array[16]), 0, 0
        from generate_series(1, 5) i, unnest('{a,b}'::text[]) n
        union all select now() - interval '2 hours', 1, 'node', n, 60000, array_fill(5::bigint, array[28]), 0, 0 from unnest('{a,b,c}'::text[]) n" >/dev/null
is "a eu true false true 1000 300 8;b eu false true true 1000 300 8;c us false false false" \
    "select string_agg(concat_ws(' ', name, region, ready::text, cordoned::text, known::text, capacity[1], reserved[1], used[1]), ';' order by name) from advice_nodes()"

# Starts of a day: by node, by image, and of all; medians of the cold ones; pulls are those of a second or longer.
sql "create function make(n text, of_user text, of_node text, of_image text, of_warm boolean, ms jsonb, ago interval, why text default null) returns void language sql as \$\$
        insert into sandboxes (id, user_id, key_id, tier, image, node, warm, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids, nofile, spec, created_at, expires_at,
            start_ms, state, reason, ended_at, detail)
        values ('sbx_' || upper(lpad(n, 26, '0')), of_user, 'key_0', 'pro', of_image, of_node, of_warm, 1048576, 1, 1, 1, 1, 1, '', now() - ago, now() + interval '30 days',
            ms, case when why is null then 'running' else 'stopped' end, why, case when why is not null then now() end, 'x') \$\$;
    select make('1' || i, 'usr_' || i % 5, 'a', 'x:1', false, jsonb_build_object('admission', 10, 'dispatch', 5, 'image', 1000 * i, 'turn', 7, 'volume', 20, 'copy', 3, 'create', 40, 'start', 300),
        interval '1 hour') from generate_series(0, 4) i;
    select make('2' || i, 'usr_0', 'b', 'x:2', true, '{\"hand_out\": 20}', interval '2 hours', 'exited') from generate_series(0, 2) i;
    select make('30', 'usr_0', 'b', 'x:2', false, '{\"image\": 5000}', interval '25 hours', 'oom_killed');
    select make('31', 'usr_0', 'b', 'x:2', false, null, interval '1 hour', 'memory_critical')" >/dev/null
is "8 3 15 7 23 340 2385 4 2500 10000" "select concat_ws(' ', many, warm, control_ms, turn_ms, disk_ms, docker_ms, whole_ms, pulls, pull_ms, pull_sum_ms) from advice_starts() where name = ''"
is "a 5 0 false;b 3 3 false;x:1 5 0 true;x:2 3 3 true" "select string_agg(concat_ws(' ', name, many, warm, of_image::text), ';' order by name) from advice_starts() where name <> ''"

# Tiers: what a week's sandboxes asked for, how they ended, and whose users have as many as they may; their own limits count.
is "pro 1073741824 10 10 5 1048576 5 2 5 0 false" \
    "select concat_ws(' ', name, memory_limit, max_sandboxes, creates, users, memory_most, ended, killed, live_users, full_users, known::text) from advice_tiers('$defaults') where name = 'pro'"
sql "update users set overrides = '{\"max_sandboxes\": 1}' where id in ('usr_1', 'usr_2'); update tiers set memory_bytes = null where name = 'pro';
    insert into system_samples (at, epoch, kind, name, covered_ms, gauges, creates, start_ms)
        values (now(), 1, 'tier', 'pro', 60000, array[null, null, null, null, 100, 5, 6, 7, 40, 9, 10, 11] || array_fill(null::bigint, array[16]), 0, 0)" >/dev/null
is "536870912 2 true 100 40" "select concat_ws(' ', memory_limit, full_users, known::text, reserved[1], used[1]) from advice_tiers('$defaults') where name = 'pro'"
is "f 0 0" "select known::text::char || ' ' || creates || ' ' || no_capacity from advice_queues()"
sql "insert into system_samples (at, epoch, kind, name, covered_ms, gauges, creates, start_ms, refusals)
        select now() - i * interval '20 minutes', 1, 'system', '', 60000, array_fill(1::bigint, array[25]) || array[2, 1, 10 * i]::bigint[], 50, 0, '{\"no_capacity\": 4, \"rate_limited\": 9}'
        from generate_series(1, 6) i" >/dev/null
is "true 300 24 15 2" "select concat_ws(' ', known::text, creates, no_capacity, database_mean, creates_mean) from advice_queues()"

# --- changes ---

change() { # ACT WAS SUBJECT [WEIGHT [SEVERITY]]
    echo "{\"act\": \"$1\", \"was\": \"$2\", \"rule\": \"node_skewed\", \"kind\": \"balance\", \"subject_kind\": \"node\", \"subject\": \"$3\", \"severity\": \"${5:-info}\", \"sentence\": \"a node is skewed by ${4:-1}\", \"evidence\": {\"share\": ${4:-1}}, \"effect\": {\"share\": 0.5}, \"weight\": ${4:-1}}"
}
apply() { sql "select recommendations_apply('[$1]', 5, null)" >/dev/null; }
told() { sql "select coalesce(string_agg(substr(type, 23) || ' ' || (data->>'subject') || ' ' || (data->>'state'), ';' order by seq), '') from events where type like 'system.recommendation%'"; }
finds() { [[ $(told) == "$1" ]] || say "expected '$1', told '$(told)'"; sql "delete from events" >/dev/null; }
stored() { sql "select coalesce(string_agg(concat_ws(' ', subject, state, hidden::text, weight_then, severity_then), ';' order by subject), '') from recommendations_stored()"; }
holds() { [[ $(stored) == "$1" ]] || say "expected '$1', stored '$(stored)'"; }
who='{"user_id": "usr_0"}'
acts() { sql "select outcome || ' ' || coalesce(detail, '') from act_audited('$who', 'recommendation.patch', '$1', '$2', patch_recommendation('$1', '$2', '${3:-$who}'))" || true; }

sql "delete from events" >/dev/null
for _ in 1 2; do apply "$(change begin open a), $(change begin open b 2)"; done
finds "opened a open;opened b open"
holds "a open false 1 info;b open false 2 info"
is 498 "select max(room) from recommendations_stored()"
is "t 5 t" "select (at > now() - interval '1 minute')::text::char || ' ' || took_ms || ' ' || (problem is null)::text::char from recommendation_run"
apply "$(change keep open a 1.2)"
finds ""
is "1.2 a node is skewed by 1.2 1" "select concat_ws(' ', weight, sentence, weight_then) from recommendations where subject = 'a'"
id=$(sql "select recommendation_id(seq) from recommendations where subject = 'a'")
[[ $(acts "$id" '{"state": "dismissed"}') == 'ok ' ]] || say dismiss
[[ $(acts "$id" '{"state": "dismissed"}') == 'ok ' ]] || say 'dismiss again'
finds "changed a dismissed"
holds "a dismissed false 1.2 info;b open false 2 info"
is "recommendation.patch 1 dismissed" "select action || ' ' || count(*) || ' ' || max(after->>'state') from audit where action like 'recommendation%' group by action"
is "zoe0 $id" "select concat_ws(' ', j->>'state_by', j->>'id') from (select recommendation_json(r) j from recommendations r where subject = 'a') x"
# What was read before the administrator did it changes nothing.
apply "$(change end open a), $(change reopen open a 9)"
finds ""
holds "a dismissed false 1.2 info;b open false 2 info"
# Its cause goes and comes: it is hidden, then there again, with its id, and as it was.
apply "$(change hide dismissed a), $(change end open b)"
finds "closed b open"
holds "a dismissed true 1.2 info"
[[ $(acts "$id" '{"state": "open"}') == 'not_found '* ]] || say 'a hidden one'
is "0" "select json_array_length(body::json->'items') from list_recommendations('{\"limit\": 50}')"
apply "$(change keep dismissed a 1.3)"
finds ""
holds "a dismissed false 1.2 info"
apply "$(change reopen dismissed a 2 warning)"
finds "opened a open"
holds "a open false 2 warning"
is "$id" "select recommendation_id(seq) from recommendations where state_by is null"
[[ $(acts "$id" '{"state": "applied"}') == 'ok ' && $(acts rec_1 '{"state": "applied"}') == 'not_found '* ]] || say apply
[[ $(acts "$id" '{"state": "open"}' '{"user_id": "usr_0", "if_match": "\"x\""}') == 'precondition_failed '* ]] || say 'a version'
apply "$(change end applied a)"
finds "changed a applied;closed a applied"
holds ""
# A look that failed is told beside; what was found stays.
sql "select recommendations_apply('[]', 7, 'too slow')" >/dev/null
is "too slow 7" "select problem || ' ' || took_ms from recommendation_run"
# One that was dismissed long ago, and whose cause did not come back, is forgotten.
apply "$(change begin open a)"
acts "$(sql "select recommendation_id(seq) from recommendations")" '{"state": "dismissed"}' >/dev/null
apply "$(change hide dismissed a)"
sql "update recommendations set hidden_at = now() - interval '91 days'" >/dev/null
apply ""
holds ""

# Lists: newest first, in pages; counts of what is open.
for i in {1..7}; do apply "$(change begin open "n$i")"; done
sql "update recommendations set kind = 'capacity', state = 'applied' where subject = 'n3'" >/dev/null
sql "create function walk(filter jsonb) returns text language plpgsql as \$\$
    declare page json; found text[] := '{}';
    begin
        loop
            select body into page from list_recommendations(filter || case when page is null then '{}' else jsonb_build_object('cursor', page->>'next_cursor') end);
            found := found || array(select i->>'subject' from json_array_elements(page->'items') i);
            if page->>'next_cursor' is null then return array_to_string(found, ' '); end if;
        end loop;
    end \$\$" >/dev/null
is "n7 n6 n5 n4 n3 n2 n1" "select walk('{\"limit\": 2}')"
is "n3" "select walk('{\"limit\": 2, \"kind\": \"capacity\"}')"
is "n7 n6 n5 n4 n2 n1" "select walk('{\"limit\": 4, \"state\": \"open\"}')"
is "" "select coalesce((list_recommendations('{\"cursor\": \"x\", \"limit\": 1}')).body, '')"
is "balance|6" "select * from recommendation_counts()"
