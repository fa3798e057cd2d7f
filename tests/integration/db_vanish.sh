#!/usr/bin/env bash
# A leader that stands still, and one whose machine is gone without a word: the server ends its lead within its bound
# (controller/db/db_session.h), and another that waits gets it. A real PostgreSQL, in a network namespace of its own; the
# leaders are tests/integration/db_outages.c.
# usage: db_vanish.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/deploy/lib/postgres.sh"
[ "$(id -u)" -eq 0 ] || { echo 'SKIP: network namespaces take root' >&2; exit 77; }
home=$(mktemp -d /var/tmp/corral-test-XXXXXX)
chmod 755 "$home"
dir=$home/postgres
server=corral-db-$$ far=corral-far-$$
clients=()
finish() {
    [ ${#clients[@]} -eq 0 ] || kill -KILL "${clients[@]}" 2>/dev/null || true
    postgres_stop "$dir" immediate || true
    ip netns delete "$server" || true
    ip netns delete "$far" 2>/dev/null || true
    rm -rf "$home"
}
trap finish EXIT
fail() { echo "$*" >&2; tail -n 20 "$home"/*.said "$home"/*.log >&2; exit 1; }
wait_until() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do [ "$SECONDS" -lt "$end" ] || fail "never: $*"; done
}

ip netns add "$server"
ip netns add "$far"
ip -n "$server" link set lo up
ip -n "$far" link set lo up
ip -n "$server" link add db type veth peer name far netns "$far"
ip -n "$server" address add 198.51.100.1/24 dev db
ip -n "$far" address add 198.51.100.2/24 dev far
ip -n "$server" link set db up
ip -n "$far" link set far up

postgres_start "$dir"
postgres_stop "$dir"
echo 'host all all 198.51.100.0/24 trust' >>"$dir/pg_hba.conf"
export POSTGRES_OPTIONS='-F -c listen_addresses=198.51.100.1,127.0.0.1 -c port=5432'
export -f postgres_start _postgres_bin _postgres_as _postgres_init _postgres_forget_dead postgres_url
ip netns exec "$server" bash -c "postgres_start '$dir'"
CORRAL=$CORRAL_BUILD_ROOT/tests
"$CORRAL/db_migrate" "$(postgres_url "$dir")"

# begin NAME NAMESPACE [HOST]: starts a client that leads, or waits to lead
begin() {
    ip netns exec "$2" "$CORRAL/db_outages" "postgresql://corral@${3:-198.51.100.1}/corral" >"$home/$1.said" 2>"$home/$1.log" &
    clients+=($!)
    pid=$!
}
leads() { [ "$(grep '^leads' "$home/$1.said" | tail -1)" = leads ]; }

begin far "$far"
far_pid=$pid
wait_until 20 leads far
begin near "$server" localhost:5432,198.51.100.1:5432 # by name: the name is resolved
wait_until 20 grep -q '^up' "$home/near.said"

# The machine of the leader is gone without a word.
ip -n "$server" link set db down
wait_until 40 leads near
kill -KILL "$far_pid"
ip -n "$server" link set db up

# The leader stands still; when it goes on it leads no more, and its writes change nothing.
begin other "$server"
other_pid=$pid near_pid=${clients[1]}
wait_until 20 grep -q '^up' "$home/other.said"
kill -STOP "$near_pid"
wait_until 40 leads other
kill -CONT "$near_pid"
wait_until 20 grep -q '^leads not' "$home/near.said"
leads other || fail 'the lead was taken from its holder'
kill "$near_pid" "$other_pid"
wait "$near_pid" && wait "$other_pid" || fail 'a client failed'
clients=()
