#!/usr/bin/env bash
# The schema: migrate from nothing, twice; an edited or unknown migration is refused; tampered audit rows are found.
# usage: db_schema.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
tool=$CORRAL_BUILD_ROOT/tests/db_migrate
sql() { postgres_psql "$DB_DIR" -c "$1"; }

"$tool" "$DATABASE_URL"
sql "update schema_migrations set sha256 = 'x' where number = 2"
"$tool" "$DATABASE_URL" refused "was edited"
sql "delete from schema_migrations where number = 2; insert into schema_migrations values (999, 'later', 'x')"
"$tool" "$DATABASE_URL" refused "does not know"

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

# What refers to rows that may go finds them by an index, ended ones too: a deletion looks for them.
bare=$(sql "select string_agg(c.conrelid::regclass || '.' || a.attname, ' ')
    from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
    where c.contype = 'f' and c.confrelid <> 'sandbox_states'::regclass and not exists (select from pg_index i
        where i.indrelid = c.conrelid and i.indpred is null and i.indisvalid and (i.indkey::int2[])[0] = c.conkey[1])")
[ -z "$bare" ] || { echo "foreign keys without an index: $bare" >&2; exit 1; }

# The table of moves says what the code's table says.
diff <(grep -o '^MOVE([A-Z]*, [A-Z]*)' "$root/common/sandbox_state.def" | tr 'A-Z' 'a-z' | sed 's/move(\(.*\), \(.*\))/\1|\2/' | sort) \
    <(sql 'select from_state, to_state from sandbox_moves' | sort)
