#!/usr/bin/env bash
# The database's functions as the controller calls them; races for a quota, watched at every insert; connections
# that are killed with requests on the way; the server stopped and started again.
# usage: db_functions.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
client=$CORRAL_BUILD_ROOT/tests/db_client
sql() { postgres_psql "$DB_DIR" -c "$1"; }
say() { echo "$*" >&2; exit 1; }

"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"
timeout 60 "$client" "$DATABASE_URL" walk

# At every insert, by whoever: no more live sandboxes of the user than the tier allows, or the insert fails.
sql "update nodes set admin_state = 'ready', health = 'ready', memory_bytes = 1::bigint << 40, cpu_millis = 1000000,
        storage_bytes = 1::bigint << 40, sandboxes = 1000;
    insert into users (id, name, tier) select 'usr_' || i, 'u' || i, 'free' from generate_series(1, 3) i;
    insert into api_keys (id, user_id, name, prefix, last_four, sha256)
        select 'key_' || i, 'usr_' || i, '', 'crl_' || i, 'abcd', sha256('x') from generate_series(1, 3) i;
    create table overshoot (user_id text, n bigint);
    create function watch() returns trigger language plpgsql as \$\$
    declare n bigint; begin
        select count(*) into n from sandboxes where user_id = new.user_id and ended_at is null;
        if n > 2 then insert into overshoot values (new.user_id, n); end if;
        return null;
    end \$\$;
    create trigger watch after insert on sandboxes for each row execute function watch()"
[ "$("$client" "$DATABASE_URL" race usr_1 key_1 64)" = 'admitted 2 quota 62 other 0' ] || say 'race of 64'
# Two controllers at once, 256 each.
"$client" "$DATABASE_URL" race usr_2 key_2 256 >"$DB_HOME/a" &
first=$!
"$client" "$DATABASE_URL" race usr_2 key_2 256 >"$DB_HOME/b"
wait "$first"
total=$(awk '{a += $2; q += $4; o += $6} END {print a, q, o}' "$DB_HOME/a" "$DB_HOME/b")
[ "$total" = '2 510 0' ] || say "race of 512: $total"
[ "$(sql 'select count(*) from overshoot')" = 0 ] || say 'overshoot'
[ "$(sql "select count(*) from sandboxes where user_id in ('usr_1', 'usr_2')")" = 4 ] || say 'rows'

# A pause that a host made alone is wanted from then on, unless something newer is.
one=$(sql "select id from sandboxes where user_id = 'usr_1' limit 1")
move() { # STATE [MORE]
    sql "select outcome from move_sandboxes(jsonb_build_array(jsonb_build_object('id', '$one', 'to', '$1'${2:-})))"
}
idle=", 'reason', 'idle', 'generation', 1"
wanted() { sql "select state || ' ' || want || ' ' || generation || coalesce(reason, '') from sandboxes where id = '$one'"; }
move starting >/dev/null; move running >/dev/null
[ "$(move paused "$idle")" = ok ] && [ "$(wanted)" = 'paused paused 1' ] || say "idle: $(wanted)"
[ "$(move paused "$idle")" = same ] || say 'idle again'
sql "select outcome from want_sandbox('$one', 'usr_1', 'running', '', '{\"user_id\": \"usr_1\"}')" >/dev/null
move running >/dev/null
[ "$(move paused "$idle")" = ok ] && [ "$(wanted)" = 'paused running 2' ] || say "idle, late: $(wanted)"

wait_until() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do [ "$SECONDS" -lt "$end" ] || say "never: $*"; done
}
connected() { [ "$(sql "select count(*) from pg_stat_activity where application_name = 'corral'" 2>/dev/null)" = 3 ]; }

# Killed with requests on the way: each is told once, and the connections come back.
"$client" "$DATABASE_URL" steady 8000 >"$DB_HOME/steady" 2>"$DB_HOME/steady.log" &
steady=$!
wait_until 5 connected
sql "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'corral'" >/dev/null
wait_until 5 connected
# The server stopped and started.
postgres_stop "$DB_DIR" immediate
postgres_start "$DB_DIR"
wait_until 10 connected
wait "$steady" || say "steady failed: $(cat "$DB_HOME/steady.log")"
read -r _ ok _ unavailable _ other _ ups <"$DB_HOME/steady"
[ "$ok" -gt 100 ] && [ "$unavailable" -gt 0 ] && [ "$other" = 0 ] && [ "$ups" -ge 2 ] || say "$(cat "$DB_HOME/steady")"
cat "$DB_HOME/steady"
