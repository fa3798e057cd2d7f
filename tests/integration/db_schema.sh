#!/usr/bin/env bash
# The schema: migrate from nothing, twice; functions are replaced where they are not the program's; an edited or unknown
# migration and a schema from before the first release are refused; tampered audit rows are found.
# usage: db_schema.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
tool=$CORRAL_BUILD_ROOT/tests/db_migrate

"$tool" "$DATABASE_URL"
migrate() { CORRAL_DATABASE_URL=$DATABASE_URL "$CORRAL_BUILD_ROOT/controller/corral-controller" migrate; }
of_page() { sql "select oid from pg_proc where proname = 'page' and pronamespace = 'corral'::regnamespace"; }

# Functions that match this program's are not touched; otherwise all are replaced, and grants stay.
made=$(of_page)
[[ $(migrate) == '0 applied,'* ]] && [ "$(of_page)" = "$made" ] || { echo 'touched' >&2; exit 1; }
sql "create role reader; grant usage on schema corral to reader; drop function page(json, text);
    create function corral.page(items json, next_cursor text) returns text language sql as \$\$ select 'old' \$\$;
    create type corral.old as (n integer); create function corral.old() returns corral.old language sql as 'select null::corral.old';
    update schema_migrations set sha256 = 'x' where number = 0"
[[ $(migrate) == '1 applied,'* ]] && [ "$(sql "select (page(null, null)).body <> 'old' and to_regtype('corral.old') is null
    and to_regproc('corral.old') is null and has_schema_privilege('reader', 'corral', 'usage')")" = t ] ||
    { echo 'the functions are not as the program has them' >&2; exit 1; }
# An object of somebody else in that schema is not removed with the functions: everything stays as it was.
made=$(of_page)
sql "create view mine as select page(null, null); update schema_migrations set sha256 = 'x' where number = 0"
"$tool" "$DATABASE_URL" failed "nor depend on objects"
[ "$(of_page)" = "$made" ] && [ "$(sql 'select count(*) from mine')" = 1 ] || { echo 'half replaced' >&2; exit 1; }
sql "drop view mine" && migrate >/dev/null

# Every function can run: SQL bodies are checked when they are created; migrating skips that check, since
# functions call each other.
sql "select pg_get_functiondef(p.oid) || ';' from pg_proc p join pg_language l on l.oid = prolang
    where lanname = 'sql' and pronamespace in ('public'::regnamespace, 'corral'::regnamespace)" >"$DB_HOME/bodies.sql"
[ "$(grep -c '^CREATE OR REPLACE FUNCTION' "$DB_HOME/bodies.sql")" -gt 50 ]
postgres_psql "$DB_DIR" -1 -f "$DB_HOME/bodies.sql"

sql "update schema_migrations set sha256 = 'x' where number = 1"
"$tool" "$DATABASE_URL" refused "was edited"
sql "delete from schema_migrations where number = 1; insert into schema_migrations values (999, 'later', 'x')"
"$tool" "$DATABASE_URL" refused "does not know"
sql "insert into schema_migrations values (1, 'tenants', '24ffec052c7d7c0b2a9e68ad4d0a84646f49bb8d5058c85e7616dbe37096df39')"
"$tool" "$DATABASE_URL" refused "Begin again"

for i in 1 2 3 4; do sql "select add_audit('{}', 'test', '$i', null, null)" >/dev/null; done
expect() { # SQL that tampers, what must be said
    postgres_psql "$DB_DIR" -c "begin; $1; copy (select seq || ' ' || problem from audit_verify()) to stdout; rollback" |
        grep -qx "$2" || { echo "not found: $1" >&2; exit 1; }
}
"$tool" "$DATABASE_URL" verify | grep -qx 'whole 5'
expect "update audit set result = 'x' where seq = 3" '3 the row was changed'
expect "update audit set at = at + interval '1 ms' where seq = 2" '2 the row was changed'
expect "delete from audit where seq = 2" '2 the row is missing'
expect "delete from audit where seq = 5" '5 rows at the end are missing or changed'
expect "insert into audit select 0, at, user_id, key_id, address, request_id, action, target, before, after, result, hash from audit where seq = 1" '0 a row was put in'
# In parts, as the API does: each goes on where the one before ended.
sql "select count(add_audit('{}', 'test', i::text, null, null)) from generate_series(1, 250) i" >/dev/null
parts() { # SQL that tampers: how many rows each part looked at, and what is said at last
    postgres_psql "$DB_DIR" -c "begin; $1; with recursive p(v) as (select verify_audit(null, interval '-1 s')::json union all
        select verify_audit(v->>'next', interval '-1 s')::json from p where v->>'next' is not null)
        select (v->>'checked') || ' ' || (v->>'intact') || ' ' || (v->>'complete') || coalesce(' ' || (v->>'row') || ' ' || (v->>'problem'), '') from p; rollback" |
        grep -v '^[A-Z]' | paste -sd,
}
[ "$(parts 'select')" = '99 true false,99 true false,57 true true' ] || { echo "in parts: $(parts select)" >&2; exit 1; }
[ "$(parts "update audit set target = 'x' where seq = 150")" = '99 true false,50 false false 150 the row was changed' ] || { parts "update audit set target = 'x' where seq = 150" >&2; exit 1; }

# Foreign keys to rows that may be deleted have an index, also over ended sandboxes: a deletion searches them.
bare=$(sql "select string_agg(c.conrelid::regclass || '.' || a.attname, ' ')
    from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
    where c.contype = 'f' and c.confrelid <> 'sandbox_states'::regclass and not exists (select from pg_index i
        where i.indrelid = c.conrelid and i.indpred is null and i.indisvalid and (i.indkey::int2[])[0] = c.conkey[1])")
[ -z "$bare" ] || { echo "foreign keys without an index: $bare" >&2; exit 1; }

# The table of legal moves in the database is the same as the code's.
diff <(grep -o '^MOVE([A-Z]*, [A-Z]*)' "$root/common/model/sandbox_state.def" | tr 'A-Z' 'a-z' | sed 's/move(\(.*\), \(.*\))/\1|\2/' | sort) \
    <(sql 'select from_state, to_state from sandbox_moves' | sort)
