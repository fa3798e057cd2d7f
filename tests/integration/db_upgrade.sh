#!/usr/bin/env bash
# A database that the first version with sql/schema made, as a dump has it, is restored and migrated: it has what it had, and
# then the schema of a new one. usage: db_upgrade.sh SOURCE_ROOT
# The dump is never made again: later versions are to upgrade what that one made. It was made by pg_dump of a database with
# rows of every table, without the lines \restrict and \unrestrict that older psql does not know.
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
controller=$CORRAL_BUILD_ROOT/controller/corral-controller
counts() {
    sql "select string_agg(relname || ' ' || (xpath('//n/text()', query_to_xml('select count(*) as n from ' || c.oid::regclass, true, false, '')))[1], E'\n'
        order by relname) from pg_class c where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace and relname <> 'schema_migrations'"
}

gunzip -c "$root/tests/integration/data/baseline.sql.gz" >"$DB_HOME/dump.sql"
postgres_psql "$DB_DIR" -f "$DB_HOME/dump.sql" >/dev/null
had=$(counts)
[ "$(sql 'select count(*) from samples')" -gt 0 ] || say 'nothing was restored'
export CORRAL_DATABASE_URL=$DATABASE_URL
"$controller" migrate >/dev/null
if "$controller" migrate --status | grep pending; then say 'not all is applied'; fi
lost=$(comm -23 <(echo "$had" | sort) <(counts | sort))
[ -z "$lost" ] || say "there were more rows, or others: $lost"
"$controller" audit verify >/dev/null

# A session by hand finds the functions that triggers call, and a trigger still refuses.
[ "$(sql "update sandboxes set state = 'paused' where state = 'running' returning 1")" = 1 ] || say 'no move'
[ "$(sql "select type from events order by seq desc limit 1")" = sandbox.paused ] || say 'a move without its event'
if sql "update sandboxes set state = 'starting' where state = 'paused'" 2>/dev/null; then say 'a move that may not be'; fi

# Except for the partitions of samples, which are of the dump's own time, the schema is the same as a new one.
postgres_psql "$DB_DIR" -c 'create database fresh' >/dev/null
CORRAL_DATABASE_URL=${DATABASE_URL/'/corral?'/'/fresh?'} "$controller" migrate >/dev/null
schema() { # in any order: columns that were added later, and privileges, are told elsewhere in a dump
    pg_dump --schema-only --exclude-table='samples_[0-9]*' -d "$1" | grep -v '^\\\|^--' | LC_ALL=C sort
}
diff <(schema "$DATABASE_URL") <(schema "${DATABASE_URL/'/corral?'/'/fresh?'}") || say 'the schema is not that of a new database'
