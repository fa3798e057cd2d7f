#!/usr/bin/env bash
# Transactions that take several locks take them in one order: db_lock_order.py in a database of its own.
# usage: db_lock_order.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
POSTGRES_OPTIONS="-F -c deadlock_timeout=200ms" database_start
"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"
/usr/bin/python3 "$root/tests/integration/db_lock_order.py" "$DATABASE_URL" "$(limits_json 1)"
