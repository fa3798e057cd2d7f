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
