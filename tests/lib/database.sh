# Sourced by integration tests: a PostgreSQL for this test alone, in $DB_DIR, removed when the test ends.
# usage: root=…; . "$root/tests/lib/database.sh"; database_start   →  DB_DIR, DATABASE_URL
. "$root/deploy/lib/postgres.sh"

database_start() {
    DB_HOME=$(mktemp -d /var/tmp/corral-test-XXXXXX)
    chmod 755 "$DB_HOME"
    DB_DIR=$DB_HOME/postgres
    trap database_end EXIT
    POSTGRES_OPTIONS=${POSTGRES_OPTIONS--F} postgres_start "$DB_DIR"
    DATABASE_URL=$(postgres_url "$DB_DIR")
    export DATABASE_URL DB_DIR
}

database_end() {
    postgres_stop "$DB_DIR" immediate || true
    rm -rf "$DB_HOME"
}

# What a test asks of its database; a script that needs them otherwise has its own.
sql() { postgres_psql "$DB_DIR" -c "$1"; }
say() { echo "$*" >&2; exit 1; }
is() { # EXPECTED SQL
    local got
    got=$(sql "$2")
    [[ $got == "$1" ]] || say "expected '$1', got '$got': $2"
}
