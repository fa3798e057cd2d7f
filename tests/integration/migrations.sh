#!/usr/bin/env bash
# Applies every migration to a private PostgreSQL cluster by the program's own verb;
# and holds the cluster's script to what it says: start twice, stop twice, start again with its data.
# usage: migrations.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
export CORRAL_DATABASE_URL=$DATABASE_URL
"$CORRAL_BUILD_ROOT/controller/corral-controller" migrate --status | grep -q pending
"$CORRAL_BUILD_ROOT/controller/corral-controller" migrate
if "$CORRAL_BUILD_ROOT/controller/corral-controller" migrate --status | grep pending; then exit 1; fi
postgres_start "$DB_DIR"
postgres_stop "$DB_DIR"
postgres_stop "$DB_DIR"
"$root/deploy/lib/postgres.sh" start "$DB_DIR"
tiers=$(postgres_psql "$DB_DIR" -c 'select count(*) from tiers')
[ "$tiers" = 3 ] || { echo "expected 3 seeded tiers, found $tiers" >&2; exit 1; }
