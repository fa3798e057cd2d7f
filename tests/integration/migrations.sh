#!/usr/bin/env bash
# Applies every migration in order to a private PostgreSQL cluster, so that none of them can be broken SQL;
# and holds the cluster's script to what it says: start twice, stop twice, start again with its data.
# usage: migrations.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
for file in "$root"/sql/[0-9]*.sql; do
    postgres_psql "$DB_DIR" -1 -f "$file"
done
postgres_start "$DB_DIR"
postgres_stop "$DB_DIR"
postgres_stop "$DB_DIR"
"$root/deploy/lib/postgres.sh" start "$DB_DIR"
tiers=$(postgres_psql "$DB_DIR" -c 'select count(*) from tiers')
[ "$tiers" = 3 ] || { echo "expected 3 seeded tiers, found $tiers" >&2; exit 1; }
