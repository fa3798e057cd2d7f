#!/usr/bin/env bash
# PostgreSQL's clock leaps by months: rows that are past their term by that clock alone stay, until their time has come or
# an administrator says that the clock is right.
# usage: db_clock.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
. "$root/tests/lib/wallclock.sh"
wallclock_env "$CORRAL_BUILD_ROOT"
LD_PRELOAD=$wallclock_library database_start
trap 'database_end; rm -f "$WALLCLOCK_FILE"' EXIT
tool=$CORRAL_BUILD_ROOT/tests/db_migrate
upkeep() { timeout 120 "$CORRAL_BUILD_ROOT/tests/db_upkeep" "$DATABASE_URL" 7 90 90 90 90 90 90 >"$DB_HOME/out" 2>"$DB_HOME/log"; }
held() { sed -n 's/^rounds.* held=//p' "$DB_HOME/out"; }
"$tool" "$DATABASE_URL"

sql "insert into users (id, name, tier, deleted_at) values ('usr_1', 'u', 'free', now()), ('usr_2', 'v', 'free', null);
    insert into api_keys (id, user_id, name, prefix, last_four, sha256) values ('key_2', 'usr_2', '', 'crl_2', 'abcd', sha256('x'));
    insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids,
            nofile, state, spec, expires_at, ended_at) values ('sbx_' || lpad('1', 26, '0'), 'usr_2', 'key_2', 'free', 'i', 'h',
            1, 1, 1, 1, 1, 1, 'stopped', '', now(), now());
    insert into events values (nextval('event_seq'), 'x', now(), 'usr_2');
    insert into nodes (name, memory_bytes, cpu_millis, storage_bytes, sandboxes) values ('h', 1, 1, 1, 1);
    select idempotency_keep('key_2', 'POST /sandbox', 'k', 'x', 'sbx_' || lpad('1', 26, '0'), null, null);
    select add_audit('{}', 'test', 'x', null, null); select make_partition((now() at time zone 'UTC')::date, 'sample_rows')" >/dev/null
left() {
    sql "select (select count(*) from users where id = 'usr_1') || ' ' || (select count(*) from sandboxes) || ' '
        || (select count(*) from events where type = 'x') || ' ' || (select count(*) from nodes) || ' '
        || (select count(*) from audit where action = 'test') || ' ' || (select count(*) from table_days('sample_rows') where day < '$1')
        || ' ' || coalesce((select outcome from idempotency_find('key_2', 'POST /sandbox', 'k', 'x')), 'new')"
}
before=$(sql "select (now() at time zone 'UTC')::date + 30")
upkeep
[ "$(held)" -lt 60 ] || say "held from the beginning: $(cat "$DB_HOME/out")"
all=$(left "$before")
[[ $all =~ ^1\ 1\ 1\ 1\ 1\ [1-9][0-9]*\ replay$ ]] || say "before: $all"

wallclock_jump $((200 * 86400))
[ "$(sql "select now() > '$before'")" = t ] || say 'the clock did not jump'
for i in 1 2 3; do upkeep; done
[ "$(left "$before")" = "$all" ] || say "gone with the clock: $(left "$before"), was $all; $(cat "$DB_HOME/out")"
[ "$(held)" -gt $((199 * 86400)) ] || say "held: $(cat "$DB_HOME/out")"
! grep -v 'overdue=0$' "$DB_HOME/out" | grep -v ^rounds || say "overdue: $(cat "$DB_HOME/out")"
grep -q 'held_seconds=.*accept-clock' "$DB_HOME/log" || say "not told: $(cat "$DB_HOME/log")"

# upkeep's clock follows at twice the pace of a clock that does not jump, whichever controller calls it, and
# never runs ahead.
look() { sql "select upkeep_sample('$1', $2); select extract(epoch from upkeep_now())::bigint"; }
sql "delete from upkeep_clock; insert into upkeep_clock values ('', 0, now() - interval '100 days')"
near() { [ "$(($2 - $1))" -ge 0 ] && [ "$(($2 - $1))" -le 60 ]; }
near 8640000 "$(look a 1000000 | head -1)" || say 'a first look counts nothing'
near $((8640000 - 172800)) "$(look a $((1000000 + 86400000)) | head -1)" || say "a day is two: $(sql 'select * from upkeep_clock')"
near $((8640000 - 172800)) "$(look b 5 | head -1)" || say "another's first look"
near $((8640000 - 172800)) "$(look b $((5 + 86400000)) | head -1)" && say 'and its second counts'
near $((8640000 - 345600)) "$(look a $((1000000 + 2 * 86400000)) | head -1)" || say "the same day twice: $(sql 'select * from upkeep_clock')"
near $((8640000 - 345600)) "$(look a 0 | head -1)" || say 'a clock that goes back counts nothing'
[ "$(look a $((1000 * 86400000)) | head -1)" = 0 ] || say 'it never runs ahead'

# An administrator accepts the clock: from then on the rows go.
sql "delete from upkeep_clock; insert into upkeep_clock values ('', 0, now() - interval '200 days')"
upkeep
[ "$(left "$before")" = "$all" ] || say "went: $(left "$before")"
[ "$(sql "select upkeep_accept_clock('{\"address\": \"local\"}') > 86400")" = t ] || say 'nothing was held back'
[ "$(sql "select count(*) from audit where action = 'upkeep.accept_clock'")" = 1 ] || say 'no row of the audit'
upkeep
[[ $(left "$before") =~ ^0\ 0\ 0\ .\ 0\ 0\ new$ ]] || say "still there: $(left "$before"); $(cat "$DB_HOME/out" "$DB_HOME/log")"
[ "$(held)" -lt 60 ] || say "held: $(held)"

# A clock that is set back removes nothing, and neither does its return.
sql "insert into events values (nextval('event_seq'), 'x', now(), 'usr_2')"
wallclock_jump $((-400 * 86400))
upkeep
wallclock_jump $((200 * 86400))
upkeep
[ "$(sql "select count(*) from events where type = 'x'")" = 1 ] || say 'gone with the return of the clock'
