#!/usr/bin/env bash
# Where a stream of events begins, and which positions a client may come back with, while old events are removed.
# usage: db_event_start.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"

# Thirty days of events of a busy user, one an hour; the first of them was removed.
sql "insert into users (id, name, tier) select 'usr_' || i, 'u' || i, 'free' from generate_series(0, 1) i;
    insert into upkeep_clock values ('test', 0, now());
    insert into events select n, 'sandbox.x', now() - (721 - n) * interval '1 hour', 'usr_0', null, null, '{}' from generate_series(1, 720) n;
    select setval('event_seq', 720); select upkeep_events(29, 1000, '')" >/dev/null
start() { echo "select coalesce(fault, event_id(shown)) from event_start('{\"owner\": \"$1\"${2:+, \"after\": \"$2\"}}')"; }

# A user without events comes back after some of others' were removed, and may still do so: what it was told is half as old as what is kept.
mark=$(sql "$(start usr_1)")
sql "update events set at = at - interval '2 days'; select upkeep_events(29, 1000, '')" >/dev/null
is t "select substr('$mark', 5)::bigint between 300 and 420 and (select seq from event_floor) > 60"
again=$(sql "$(start usr_1 "$mark")")
[[ $again > $mark || $again == "$mark" ]] && [[ $again == evt_* ]] || say "the position $mark became $again"
own=$(sql "select event_id(add_event('sandbox.x', 'usr_1', null, null, '{}'))")
is "$mark" "$(start usr_1 "$mark")" # what is still to be shown is not passed over
is "$own" "$(start usr_1)"
is "$own" "$(start usr_1 "$own")"

# Which numbers others' events have now, it cannot find out.
sql "select add_event('sandbox.x', 'usr_0', null, null, '{}')" >/dev/null
is events_gone "$(start usr_1 "$(sql "select event_id(720)")")"
is events_gone "$(start usr_1 "$(sql "select event_id(max(seq)) from events")")"
is events_gone "$(start usr_1 evt_9223372036854775807)"
is invalid "$(start usr_1 evt_9223372036854775808)"
