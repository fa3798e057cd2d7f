#!/usr/bin/env bash
# Webhooks in the database: what a try that ends and a change of its webhook do to each other, and whose deliveries wait.
# usage: db_webhook_locks.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"

sql "insert into users (id, name, tier) select 'usr_' || i, 'u' || i, 'free' from generate_series(0, 1) i;
    create function hook(n int) returns text language sql as \$\$ select 'whk_' || upper(lpad(n::text, 26, '0')) \$\$;
    create function ends(n int, seq bigint, outcome text) returns void language sql as \$\$
        select end_try(hook(n), seq, jsonb_build_object('tries', 0, 'outcome', outcome, 'wait_ms', 1, 'status', 200, 'duration_ms', 1, 'slow', false)) \$\$;
    select create_webhook(jsonb_build_object('id', hook(i), 'url', 'http://x', 'events', '[\"*\"]'::jsonb, 'secret', '00', 'secret_key', 'k'),
        jsonb_build_object('user_id', 'usr_' || i)) from generate_series(0, 1) i;
    select add_event('sandbox.started', 'usr_' || i, null, null, '{}') from generate_series(0, 1) i" >/dev/null
is "2 2" "select seen || ' ' || made from make_deliveries(200)"

# A user replays a delivery whose try ends in that moment: the one waits for the other, and neither is ended for it.
first=$(sql "select min(seq) from webhook_deliveries")
sql "begin; select webhook_for_change(hook(0), 'usr_0');
    do \$\$ begin while not exists (select from pg_locks where not granted) loop perform pg_sleep(0.01); end loop; end \$\$;
    select replay_deliveries(hook(0), 'usr_0', event_id($first), '{\"user_id\": \"usr_0\"}'); commit" >/dev/null &
sql "do \$\$ begin while not exists (select from pg_locks where relation = 'webhooks'::regclass and mode = 'RowShareLock') loop perform pg_sleep(0.01); end loop; end \$\$" >/dev/null
sql "select ends(0, $first, 'delivered')" >/dev/null || say "the end of a try was refused"
wait $! || say "the replay was refused"

# One whose webhook is gone has no effect.
sql "select delete_webhook(hook(0), 'usr_0', '{\"user_id\": \"usr_0\"}')" >/dev/null
sql "select ends(0, $first, 'gone')" >/dev/null
is 0 "select count(*) from events where type = 'webhook.disabled'"

# What is never tried does not wait: the webhooks of a user who was deleted.
is 1 "select waiting from deliveries_waiting()"
sql "update users set deleted_at = now() where id = 'usr_1'" >/dev/null
is 0 "select count(*) from due_deliveries('[]', 64, 4)"
is "0 0" "select waiting || ' ' || oldest_seconds from deliveries_waiting()"
