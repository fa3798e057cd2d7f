#!/usr/bin/env bash
# A private PostgreSQL cluster in one folder: unix socket only, no port; does not touch the system's clusters.
# usage: deploy/lib/postgres.sh start DIR [LOG]   makes a cluster if DIR has none; succeeds if it runs
#        deploy/lib/postgres.sh stop DIR [fast|immediate]
#        deploy/lib/postgres.sh url DIR           the connection string, for a program run by the same user or root
#        deploy/lib/postgres.sh psql DIR ARG...
# Sourced, it offers the same as functions: postgres_start, postgres_stop, postgres_url, postgres_psql.
#
# As root the cluster belongs to the user "postgres", otherwise to the caller. Its socket lies in its data folder (mode
# 0700), so only that user and root can reach it, and they need no password. POSTGRES_OPTIONS are added to the server's
# command line at each start (tests give "-F", which gives up durability for speed).

_postgres_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1; }

# Runs a command as the cluster's user, from a folder that it can enter.
_postgres_as() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$@")
    else
        (cd / && "$@")
    fi
}

postgres_url() { echo "postgresql://corral@/corral?host=$1"; }

postgres_psql() {
    local dir=$1
    shift
    psql -X -q -At -v ON_ERROR_STOP=1 -d "$(postgres_url "$dir")" "$@"
}

_postgres_init() {
    local dir=$1 bin=$2
    mkdir -p "$dir" || return 1
    [ "$(id -u)" -ne 0 ] || chown postgres:postgres "$dir"
    _postgres_as test -x "$dir" || {
        echo "postgres: $dir lies under a folder that the user postgres cannot enter; choose another" >&2
        return 1
    }
    _postgres_as "$bin/initdb" -D "$dir" -U corral -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
}

# pg_ctl takes a server that was killed, and that nobody has reaped yet, for a running one.
_postgres_forget_dead() {
    local pid
    pid=$(head -1 "$1/postmaster.pid" 2>/dev/null) || return 0
    grep -qs '^State:[[:space:]][^Z]' "/proc/$pid/status" || rm -f "$1/postmaster.pid" "$1"/.s.PGSQL.*.lock
}

postgres_start() {
    local dir=$1 log=${2:-$1/server.log} bin
    bin=$(_postgres_bin)
    [ -n "$bin" ] || { echo "postgres: no PostgreSQL found; run deploy/packages run" >&2; return 1; }
    [ ${#dir} -le 80 ] || { echo "postgres: the path $dir is too long for a unix socket (80 at most)" >&2; return 1; }
    [ -f "$dir/PG_VERSION" ] || _postgres_init "$dir" "$bin" || return 1
    _postgres_forget_dead "$dir"
    if ! _postgres_as "$bin/pg_ctl" -D "$dir" status >/dev/null 2>&1; then
        touch "$log" && { [ "$(id -u)" -ne 0 ] || chown postgres "$log"; } || return 1
        _postgres_as "$bin/pg_ctl" -D "$dir" -l "$log" -w -t 60 \
            -o "-c listen_addresses= -c unix_socket_permissions=0700 -k $dir ${POSTGRES_OPTIONS:-}" start >/dev/null || {
            echo "postgres: the server did not start; the end of $log says:" >&2
            tail -5 "$log" >&2
            return 1
        }
    fi
    psql -X -q -At -d "postgresql://corral@/postgres?host=$dir" -c \
        "select 1 from pg_database where datname = 'corral'" | grep -q 1 ||
        psql -X -q -d "postgresql://corral@/postgres?host=$dir" -c 'create database corral'
}

postgres_stop() {
    local dir=$1 mode=${2:-fast} bin
    bin=$(_postgres_bin)
    _postgres_as "$bin/pg_ctl" -D "$dir" status >/dev/null 2>&1 || return 0
    _postgres_as "$bin/pg_ctl" -D "$dir" -m "$mode" -w -t 60 stop >/dev/null
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    verb=${1:-} dir=${2:-}
    case $verb in
    start | stop | url | psql) ;;
    *) verb= ;;
    esac
    [ -n "$verb" ] && [ -n "$dir" ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
    shift 2
    [ "${dir#/}" != "$dir" ] || dir=$PWD/$dir
    "postgres_$verb" "$dir" "$@"
fi
