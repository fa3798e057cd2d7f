#!/usr/bin/env bash
# What each failure of a database does to a writer and a leader (tests/integration/db_outages.c): each is told at
# once, and is over by itself when its cause is. A real PostgreSQL, its data on a file system of the test's own.
# usage: db_outages.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/deploy/lib/postgres.sh"
[ "$(id -u)" -eq 0 ] || { echo 'SKIP: a file system that can be full takes root' >&2; exit 77; }
home=$(mktemp -d /var/tmp/corral-test-XXXXXX)
chmod 755 "$home"
dir=$home/disk/postgres
client= sleepers=()
finish() {
    [ -z "$client" ] || kill "$client" 2>/dev/null || true
    [ ${#sleepers[@]} -eq 0 ] || kill "${sleepers[@]}" 2>/dev/null || true
    postgres_stop "$dir" immediate || true
    umount "$home/disk" || true
    rm -rf "$home"
}
trap finish EXIT
say() { echo "$*; the client said:" >&2; tail -n 20 "$home/said" "$home/log" >&2; exit 1; }
wait_until() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do [ "$SECONDS" -lt "$end" ] || say "never: $*"; done
}

mkdir "$home/disk"
mount -t tmpfs -o size=160m,mode=755 tmpfs "$home/disk"
POSTGRES_OPTIONS='-F -c client_connection_check_interval=500 -c max_wal_size=32MB -c min_wal_size=32MB -c max_connections=12 -c autovacuum=off' postgres_start "$dir"
url=$(postgres_url "$dir")
sql() { PGOPTIONS='-c default_transaction_read_only=off' postgres_psql "$dir" -c "$1"; }
CORRAL=$CORRAL_BUILD_ROOT/tests
"$CORRAL/db_migrate" "$url"

"$CORRAL/db_outages" "$url" >"$home/said" 2>"$home/log" &
client=$!
last() { grep -E "$1" "$home/said" | tail -1; } # of the lines that match
last_is() { [ "$(last "$1")" = "$2" ]; }
count() { grep -c "$1" "$home/said" || true; }
tally() { # the client's counts since the last tally
    local before
    before=$(count '^ok')
    kill -USR1 "$client"
    more() { [ "$(count '^ok')" -gt "$1" ]; }
    wait_until 20 more "$before"
    read -r _ ok _ unavailable _ other _ slowest <<<"$(last '^ok')"
}
writes() { tally && [ "$ok" -gt 0 ] && [ "$unavailable" = 0 ]; }
refuses() { tally && [ "$ok" = 0 ] && [ "$unavailable" -gt 0 ]; }
is_well() { # after an outage: writes, and leads
    wait_until 20 last_is '^trouble|^well|^up' "$1"
    wait_until 20 last_is '^leads' leads
    wait_until 20 writes
}
ended() { sql "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'corral'" >/dev/null; }
lead_is_free() {
    [ "$(sql "select count(*) from pg_locks where locktype = 'advisory' and classid = 20011 and objid = 1")" = 0 ]
}

wait_until 20 last_is '^leads' leads
wait_until 20 writes

# The sessions are ended (57P01).
ended
wait_until 20 last_is '^up|^down' up
wait_until 20 last_is '^leads' leads
wait_until 20 writes

# Read-only for new sessions: one that comes back can neither write nor lead.
sql 'alter database corral set default_transaction_read_only = on'
ended
wait_until 20 last_is '^trouble|^well' 'trouble: the database is read-only now'
wait_until 20 last_is '^leads' 'leads not'
wait_until 20 refuses
wait_until 10 lead_is_free # a session that takes the lock, and then cannot write, gives it back
sql 'alter database corral reset default_transaction_read_only'
is_well well

# Read-only for existing sessions too: the leader stays, and its writes are refused and later accepted.
sql 'alter system set default_transaction_read_only = on'
sql 'select pg_reload_conf()' >/dev/null
wait_until 20 last_is '^trouble|^well' 'trouble: the database is read-only now'
wait_until 20 refuses
sql 'alter system reset default_transaction_read_only'
sql 'select pg_reload_conf()' >/dev/null
is_well well

# A full disk (53100), while the server is up.
sql checkpoint
dd if=/dev/zero of="$home/disk/fill" bs=64k status=none 2>/dev/null || true
dd if=/dev/zero of="$home/disk/fill2" bs=4k status=none 2>/dev/null || true
wait_until 20 last_is '^trouble|^well' 'trouble: the disk of the database is full'
tally
[ "$slowest" -lt 5000 ] && [ "$other" = 0 ] || say "full: $(last '^ok')"
[ "$(last '^leads')" = leads ] || say 'the lead was lost to a full disk'
rm "$home/disk/fill" "$home/disk/fill2"
is_well well

# Stopped immediately (57P02), and started again (57P03).
postgres_stop "$dir" immediate
wait_until 20 last_is '^up|^down' down
wait_until 20 refuses
[ "$slowest" -lt 5000 ] || say 'an immediate stop'
POSTGRES_OPTIONS='-F -c client_connection_check_interval=500 -c max_wal_size=32MB -c min_wal_size=32MB -c max_connections=12' postgres_start "$dir"
wait_until 20 last_is '^up|^down' up
is_well up

# No free connection (53300): the client begins as soon as there is one.
kill "$client"
wait "$client" || say 'the client failed'
full() { ! sql 'select 1' >/dev/null 2>&1; }
take_all() {
    for ((i = 0; i < 12; i++)); do
        psql -X -q -d "$url" -c 'select pg_sleep(300)' >/dev/null 2>&1 &
        sleepers+=($!)
    done
    full
}
wait_until 30 take_all
"$CORRAL/db_outages" "$url" >"$home/said" 2>"$home/log" &
client=$!
wait_until 20 grep -qE 'too many clients|remaining connection slots' "$home/log"
tally
[ "$ok" = 0 ] && [ "$unavailable" -gt 0 ] && [ "$slowest" -lt 5000 ] || say "no connection: $(last '^ok')"
kill "${sleepers[@]}" 2>/dev/null || true
sleepers=()
wait_until 20 last_is '^up|^down' up
wait_until 20 last_is '^leads' leads
wait_until 20 writes

kill "$client"
wait "$client" || say 'the client failed'
client=
