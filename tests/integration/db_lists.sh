#!/usr/bin/env bash
# Pages of lists, histories and the audit: each filter, and each pair of them, shows what a search through all rows
# shows, in order, none twice; no page walks further than it may, and every history fits.
# usage: db_lists.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"

# 3,000 sandboxes of three users, every hundredth of them live; labels of three kinds; a few that failed.
sql "insert into users (id, name, tier) select 'usr_' || i, 'u' || i, 'free' from generate_series(0, 2) i;
    insert into api_keys (id, user_id, name, prefix, last_four, sha256)
        select 'key_' || i, 'usr_' || i, '', 'crl_' || i, 'abcd', sha256('x') from generate_series(0, 2) i;
    insert into sandboxes (id, user_id, key_id, tier, image, node, labels, memory_bytes, cpu_millis, cpu_shares, storage_bytes,
            pids, nofile, state, reason, spec, created_at, expires_at, ended_at)
        select 'sbx_' || upper(substr(md5(i::text), 1, 26)), 'usr_' || i % 3, 'key_' || i % 3, 'free', 'i', 'h1', case i % 4
            when 0 then '{\"app\": \"web\", \"x\": \"1\"}' when 1 then '{\"app\": \"db\"}' else '{}' end::jsonb, 1, 1, 1, 1, 1, 1, state,
            case when state <> 'running' then 'exited' end, '', now() - i / 2 * interval '1 s', now(),
            case when state <> 'running' then now() end
        from generate_series(1, 3000) i, lateral (select case when i % 100 = 7 then 'running' when i % 1250 = 1 then 'failed'
            else 'stopped' end as state) s;
    insert into events select 100000 + i, 'sandbox.x', now(), 'usr_' || i % 3, 'sbx_' || i % 50, null, '{}' from generate_series(1, 3000) i;
    insert into audit select 100000 + i, timestamptz '2026-01-01 00:00Z' + i * interval '1 min', 'usr_' || i % 3, 'key_' || i % 3, 'a', 'r', 'act.' || i % 5,
        'sbx_' || i % 7, null, null, case when i % 11 = 0 then 'conflict' else 'ok' end, '' from generate_series(1, 2500) i"

sql 'create function pages(list text, filter jsonb, cursor_name text, shown text default null) returns text[] language plpgsql as $$
    declare
        ids text[] := array[]::text[];
        page json;
        next_cursor text;
    begin
        for i in 1 .. 3000 loop
            execute format($f$select body, next_cursor from %I($1 || $2)$f$, list) into page, next_cursor using filter,
                case when page is null then $j${}$j$ else jsonb_build_object(cursor_name, page->>$n$next_cursor$n$) end;
            if next_cursor is distinct from page->>$n$next_cursor$n$ then
                raise exception $e$two cursors$e$;
            end if;
            ids := ids || array(select value->>$i$id$i$ from json_array_elements(page->$k$items$k$));
            if page->>$n$next_cursor$n$ is null then
                return ids;
            end if;
        end loop;
        raise exception $e$no end$e$;
    end $$'
# All pairs in one session, since there are hundreds; only differences are printed.
same() { # LIST FILTER CURSOR SEARCH: the ids of all its pages are those that a search through all rows finds
    echo "select '$1 ' || \$f\$$2\$f\$ where pages('$1', '$2', '$3') is distinct from array($4);"
}
sandboxes() {
    local owner state label all where filter json
    for owner in '' ', "owner": "usr_1"' ', "user": "u2"'; do
        for state in '' running stopped failed; do
            for label in '' app:web x:1 none:0; do
                for all in true false; do
                    where=true filter="{\"limit\": 37, \"all\": $all$owner"
                    [[ $owner != *usr_1* ]] || where+=" and user_id = 'usr_1'"
                    [[ $owner != *u2* ]] || where+=" and user_id = 'usr_2'"
                    [ -z "$state" ] || { where+=" and state = '$state'"; filter+=", \"state\": \"$state\""; }
                    json="{\"${label%:*}\": \"${label#*:}\"}"
                    [ -z "$label" ] || { where+=" and labels @> '$json'"; filter+=", \"labels\": $json"; }
                    [ "$all" = true ] || [ -n "$state" ] || where+=' and ended_at is null'
                    same list_sandboxes "$filter}" cursor "select id from sandboxes where $where order by created_at, id"
                done
            done
        done
    done
}
events() {
    same list_events '{"limit": 200}' after 'select event_id(seq) from events order by seq'
    same list_events '{"limit": 200, "owner": "usr_1"}' after "select event_id(seq) from events where user_id = 'usr_1' order by seq"
    same list_events '{"limit": 7, "sandbox_id": "sbx_7"}' after "select event_id(seq) from events where sandbox_id = 'sbx_7' order by seq"
    same list_events '{"limit": 7, "owner": "none"}' after 'select event_id(1) where false'
}
audit() {
    local filters=('' '"actor": "u1"' '"actor": "usr_1"' '"actor": "key_2"' '"actor": "nobody"' '"action": "act.3"' '"target": "sbx_4"'
        '"result": "ok"' '"result": "conflict"' '"from": "2026-01-01T20:00:00Z"' '"to": "2026-01-02T03:00:00+01:00"')
    local wheres=(true "user_id = 'usr_1'" "user_id = 'usr_1'" "key_id = 'key_2'" false "action = 'act.3'" "target = 'sbx_4'"
        "result = 'ok'" "result = 'conflict'" "at >= '2026-01-01 20:00Z'" "at < '2026-01-02 02:00Z'")
    local i j
    for i in "${!filters[@]}"; do
        for ((j = 0; j <= i; j++)); do
            [ "$j" = 0 ] || [ "${filters[i]%%:*}" != "${filters[j]%%:*}" ] || continue
            same list_audit "{\"limit\": 43${filters[i]:+, }${filters[i]}${filters[j]:+, }${filters[j]}}" before \
                "select seq::text from audit where ${wheres[i]} and ${wheres[j]} order by at desc, seq desc"
        done
    done
}
{ sandboxes; events; audit; } >"$DB_HOME/same.sql"
[ "$(grep -c . "$DB_HOME/same.sql")" -gt 140 ] || say 'too few'
differ=$(postgres_psql "$DB_DIR" -f "$DB_HOME/same.sql")
[ -z "$differ" ] || say "other than a search: $differ"
[ -z "$(sql "select list_audit('{\"limit\": 1, \"from\": \"2026-01-02T00:00:00Z\", \"to\": \"2026-01-01T00:00:00Z\"}')")" ] || say 'from after to'

# Filters that exclude each other: a page that finds nothing in walk_most() rows ends there, with a cursor to
# go on from.
meet='{"limit": 9, "all": true, "state": "failed", "labels": {"x": "1"}}'
sql "create or replace function walk_most() returns integer language sql immutable as 'select 20'"
[ "$(sql "select json_array_length(p->'items') || ' ' || (p->>'next_cursor' is not null) from (select body::json as p from list_sandboxes('$meet')) x")" = '0 true' ] ||
    say 'a walk without a bound'
[ "$(sql "select pages('list_sandboxes', '$meet', 'cursor') = array(select id from sandboxes
    where state = 'failed' and labels @> '{\"x\": \"1\"}' order by created_at, id)")" = t ] || say 'short pages'

# Changed labels are found as they are now; a removed sandbox takes its labels with it.
sql "update sandboxes set labels = '{\"app\": \"new\"}' where id = (select min(id) from sandboxes)"
new='{"limit": 9, "all": true, "labels": {"app": "new"}}'
[ "$(sql "select pages('list_sandboxes', '$new', 'cursor') = array[(select min(id) from sandboxes)]")" = t ] || say 'changed labels'
sql 'delete from sandboxes where id = (select min(id) from sandboxes)'
[ "$(sql "select cardinality(pages('list_sandboxes', '$new', 'cursor'))")" = 0 ] || say 'removed labels'

# A history has 1,000 points at most, and says its step; a step that is large enough stays as requested.
id=$(sql 'select max(id) from sandboxes')
sql "select make_partition((now() at time zone 'UTC')::date, 'sample_rows')" >/dev/null
sql "insert into sample_rows select '$id', date_trunc('day', now()) + i * interval '10 s', i, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 from generate_series(0, 8639) i"
history() { # TO STEP
    sql "select h->>'step_seconds' || ' ' || json_array_length(h->'points') || ' ' || (select max((p->'memory'->>'max')::int) from
        json_array_elements(h->'points') p) from (select stats_history('$id', date_trunc('day', now()), date_trunc('day', now()) + $1, $2, '{7,30,400}')::json as h) x"
}
[ "$(history "interval '1 day'" 1)" = '87 993 8639' ] || say "a day at 1 s: $(history "interval '1 day'" 1)"
[ "$(history "interval '1 day'" 3600)" = '3600 24 8639' ] || say 'a day at 1 h'
[ "$(history "interval '1000 s'" 1)" = '1 100 99' ] || say 'as many as fit'
[ "$(history "interval '3000 days'" 60)" = '259200 1 8639' ] || say 'years'
