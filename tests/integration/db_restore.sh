#!/usr/bin/env bash
# A dump of the database can be read back: same rows, same schema, an audit that is whole, and a program that takes it.
# usage: db_restore.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
tool=$CORRAL_BUILD_ROOT/tests/db_migrate
other=${DATABASE_URL/corral?host/restored?host}
rows() { # URL: each table with its number of rows
    echo "select format('select %L, count(*) from %s', oid::regclass, oid::regclass) from pg_class where relkind = 'r'
        and relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) order by 1 \gexec" |
        psql -XAtq -v ON_ERROR_STOP=1 -d "$1"
}
schema() { pg_dump -s "$1" | grep -vE '^\\(un)?restrict '; } # without the random words of each dump

"$tool" "$DATABASE_URL"
postgres_psql "$DB_DIR" -c "insert into tiers (name, violations) values ('own', '{\"memory_warning\": 50}')" \
    -c "select add_audit('{}', 'test', '1', null, null)" >/dev/null
pg_dump -Fc -f "$DB_HOME/dump" "$DATABASE_URL"
postgres_psql "$DB_DIR" -c 'create database restored'
pg_restore --exit-on-error --no-owner -d "$other" "$DB_HOME/dump"

rows "$DATABASE_URL" >"$DB_HOME/before"
rows "$other" | diff "$DB_HOME/before" -
grep -q "audit|[1-9]" "$DB_HOME/before"
diff <(schema "$DATABASE_URL") <(schema "$other")
"$tool" "$other" verify | grep -q '^whole '
! psql -Xq -d "$other" -c "insert into tiers (name, violations) values ('bad', '{\"no_such\": 1}')" 2>/dev/null ||
    { echo "the check of tiers was lost" >&2; exit 1; }
