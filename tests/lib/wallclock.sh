# Sourced by tests, after database.sh: a PostgreSQL whose wall clock the test sets, and no other process's.
# usage: wallclock_env BUILD_ROOT            before database_start: the server that it starts has the clock of $WALLCLOCK_FILE
#        wallclock_jump SECONDS              from now on it is so far ahead of (or behind) the machine's
wallclock_env() {
    WALLCLOCK_FILE=$(mktemp /var/tmp/corral-clock-XXXXXX)
    chmod 644 "$WALLCLOCK_FILE"
    export WALLCLOCK_FILE
    wallclock_library=$1/tests/libwallclock.so
    wallclock_jump 0
}

wallclock_jump() { /usr/bin/python3 -c 'import struct, sys
with open(sys.argv[1], "r+b") as f: f.write(struct.pack("<q", int(sys.argv[2]) * 10**9))' "$WALLCLOCK_FILE" "$1"; }
