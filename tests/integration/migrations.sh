#!/usr/bin/env bash
# Applies every migration in order to a private PostgreSQL cluster, so that none of them can be broken SQL.
# usage: sql.sh SOURCE_ROOT
set -euo pipefail
root=$1
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
dir=$(mktemp -d /tmp/corral-sql.XXXXXX)
as=()
if [ "$(id -u)" -eq 0 ]; then
    chown nobody "$dir"
    as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
trap '"${as[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
cd /
"${as[@]}" "$bin/initdb" -D "$dir/data" -U corral -A trust --no-sync >/dev/null
"${as[@]}" "$bin/pg_ctl" -D "$dir/data" -o "-c listen_addresses= -k $dir -F" -l "$dir/log" -w start >/dev/null
for file in "$root"/sql/[0-9]*.sql; do
    "$bin/psql" -h "$dir" -U corral -d postgres -X -q -1 -v ON_ERROR_STOP=1 -f "$file"
done
tiers=$("$bin/psql" -h "$dir" -U corral -d postgres -X -At -c 'select count(*) from tiers')
[ "$tiers" = 3 ] || { echo "expected 3 seeded tiers, found $tiers" >&2; exit 1; }
