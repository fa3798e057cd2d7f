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

limits_json() { # NUMBER: an object with this value for each limit of common/model/limit.def
    PYTHONPATH=$root/common/model python3 -B -c 'import json, sys; from limit_table import rows_of
print(json.dumps({row["name"]: int(sys.argv[2]) for row in rows_of(open(sys.argv[1]).read()) if not row["time"]}))' \
        "$root/common/model/limit.def" "$1"
}

# Makes the SQL function admit_one(ID, WHO, NODE): admits a small sandbox of usr_WHO by key_WHO, as a create does.
database_admit_one() {
    sql "create function admit_one(id text, who text, node text) returns setof admission language sql as \$\$
        select admit(jsonb_build_array(jsonb_build_object('id', id, 'user_id', 'usr_' || who, 'key_id', 'key_' || who, 'name', '',
            'image', 'corral-base:latest', 'node', node, 'region', '', 'runtime', '', 'network', 'none', 'restart', 'never',
            'labels', '{}'::jsonb, 'enforced', 63, 'warm', false, 'lifetime_seconds', 3600, 'spec', '0100ff', 'request_id', '') ||
            '$(limits_json 10)'), '{\"max_sandboxes\": 5, \"max_key_sandboxes\": 3, \"max_total_sandboxes\": 1000000}')
        \$\$" >/dev/null
}
