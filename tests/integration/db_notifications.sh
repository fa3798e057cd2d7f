#!/usr/bin/env bash
# Notifications: one an episode, in the transaction of its event; ends that come and quotas, once and again only after they were over.
# usage: db_notifications.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"

sql "insert into users (id, name, tier) select 'usr_' || i, 'u' || i, 'free' from generate_series(0, 1) i;
    update tiers set max_sandboxes = 10, memory_bytes = 100, cpu_millis = 1000, storage_bytes = 100 where name = 'free';
    insert into api_keys (id, user_id, name, prefix, last_four, sha256)
        select 'key_' || i, 'usr_' || i, '', 'crl_' || i, 'abcd', sha256('x') from generate_series(0, 1) i;
    create function made_id(n int) returns text language sql as \$\$ select 'sbx_' || upper(lpad(n::text, 26, '0')) \$\$;
    create function make(n int, lifetime interval, memory bigint default 10) returns void language sql as \$\$
        insert into sandboxes (id, user_id, key_id, tier, image, node, name, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids, nofile,
            spec, created_at, expires_at)
        values (made_id(n), 'usr_0', 'key_0', 'free', 'i', 'h1', case n when 1 then 'web' else '' end, memory, 1, 1, 1, 1, 1, '', now(), now() + lifetime) \$\$;
    create function ends(n int, why text, code int) returns void language sql as \$\$
        update sandboxes set state = 'starting' where id = made_id(n);
        update sandboxes set state = 'running' where id = made_id(n);
        update sandboxes set state = 'stopping' where id = made_id(n);
        update sandboxes set state = 'stopped', reason = why, exit_code = code, ended_at = now(), spec = '', detail = 'so' where id = made_id(n) \$\$;
    select make(1, '1 hour'), make(2, '1 hour')"

# A violation: one, raised in place and unread again, closed; the next is another.
opens() { sql "select add_event('violation.opened', 'usr_0', made_id($1), null, '{\"kind\": \"$2\", \"level\": \"$3\", \"percent\": 91.5, \"limit\": 100, \"number\": 1}')" >/dev/null; }
closes() { sql "select add_event('violation.closed', 'usr_0', made_id($1), null, '{\"kind\": \"$2\", \"level\": \"warning\", \"swings\": 3}')" >/dev/null; }
opens 1 memory warning
opens 1 memory warning
is "1 ntf_0000000000000000001" "select count(*) || ' ' || max(notification_id(seq)) from notifications"
is "web: memory is at 91.5 % of its limit" "select message from notifications"
is ok "select read_notification('usr_0', 'ntf_0000000000000000001')"
opens 1 memory critical
is "critical true true" "select level || ' ' || (read_at is null) || ' ' || (closed_at is null) from notifications"
opens 1 memory warning # what comes late does not lower it
is critical "select level from notifications"
opens 1 disk warning
opens 2 memory warning
closes 1 memory
is "2 3" "select count(*) filter (where closed_at is null) || ' ' || count(*) from notifications"
is 3 "select data->>'swings' from notifications where closed_at is not null"
opens 1 memory warning
is 4 "select count(*) from notifications"

# What is not committed is not told.
sql "begin; select add_event('violation.opened', 'usr_0', made_id(2), null, '{\"kind\": \"pids\", \"level\": \"warning\"}'); rollback" >/dev/null
is 4 "select count(*) from notifications"
# An event that lacks what a sentence needs is told all the same.
sql "select add_event('violation.opened', 'usr_0', made_id(2), null, '{}')" >/dev/null
is 5 "select count(*) from notifications"

# An end closes what was open, and is told with its reason; not the user's own.
sql "select ends(1, 'oom_killed', 137)" >/dev/null
is "web ended: it needed more memory than its limit|critical|so" \
    "select message, level, data->>'detail' from notifications where kind = 'end'"
is 0 "select count(*) from notifications where sandbox_id = made_id(1) and closed_at is null"
sql "select ends(2, 'deleted', null)" >/dev/null
is 1 "select count(*) from notifications where kind = 'end'"
sql "select make(3, '1 hour'), ends(3, 'exited', 0)" >/dev/null
is "info" "select level from notifications where kind = 'end' and sandbox_id = made_id(3)"

# An end that comes: a tenth of the lifetime before it at most; once; again after it was put off.
sql "select make(4, '1 hour'), make(5, '10 seconds'), make(6, '30 seconds')" >/dev/null
is 0 "select notify_expiries(300, 500)"
sql "update sandboxes set created_at = now() - interval '1 hour', expires_at = now() + interval '4 minutes' where id in (made_id(4), made_id(6))" >/dev/null
is 0 "select notify_expiries(100, 500)"
is 1 "select notify_expiries(300, 1)" # a bounded batch
is 1 "select notify_expiries(300, 500)"
is 0 "select notify_expiries(300, 500)"
is 0 "select notify_expiries(0, 500)"
sql "update sandboxes set expires_at = expires_at + interval '1 minute', clock_shift = '1 minute' where id = made_id(4)" >/dev/null # the clock was set
is 0 "select notify_expiries(360, 500)"
sql "update sandboxes set expires_at = now() + interval '20 minutes' where id = made_id(4)" >/dev/null
is 0 "select notify_expiries(300, 500)"
is 1 "select count(*) from notifications where kind = 'expiry' and sandbox_id = made_id(4) and closed_at is not null"
sql "update sandboxes set expires_at = now() + interval '2 minutes' where id = made_id(4)" >/dev/null
is 1 "select notify_expiries(300, 500)"
sql "select ends(6, 'expired', null)" >/dev/null
is 0 "select count(*) from notifications where sandbox_id = made_id(6) and closed_at is null"

# A quota: from 90 % on, once until it is below 80 %.
sql "delete from notifications; select ends(4, 'deleted', null), ends(5, 'deleted', null)" >/dev/null
sql "select make(n, '1 hour', 100) from generate_series(11, 18) n" >/dev/null
is 0 "select notify_quotas('{}', 500)"
sql "select make(19, '1 hour', 100)" >/dev/null
is 2 "select notify_quotas('{}', 500)"
is "your sandboxes have 90 % of the memory that you may have;you have 9 of the 10 sandboxes that you may have" \
    "select string_agg(message, ';' order by data->>'resource') from notifications"
is 0 "select notify_quotas('{}', 500)"
sql "select ends(19, 'deleted', null)" >/dev/null
is "0 2" "select notify_quotas('{}', 500) || ' ' || count(*) from notifications where closed_at is null"
sql "select ends(n, 'deleted', null) from generate_series(17, 18) n" >/dev/null
is 0 "select notify_quotas('{}', 500)"
is 0 "select count(*) from notifications where closed_at is null"
sql "select make(n, '1 hour', 100) from generate_series(27, 29) n" >/dev/null
is "2 4" "select notify_quotas('{}', 500) || ' ' || (select count(*) + 2 from notifications)"
sql "update tiers set max_sandboxes = 0 where name = 'free'" >/dev/null
is 0 "select notify_quotas('{}', 500)"

# Limits whose product no number of PostgreSQL holds: the user sees the largest there is, and nobody's notifications fail for it.
sql "update tiers set max_sandboxes = 1000000, memory_bytes = 1000000000000000, storage_bytes = 10000000000000 where name = 'free'" >/dev/null
is 0 "select notify_quotas('{}', 500)"
is "9223372036854775807 9223372036854775807" "select (x->'limits'->>'memory_bytes') || ' ' || (x->'limits'->>'storage_bytes') from (select quota_usage('usr_0', 'key_0', '{}')::jsonb) q(x)"

# All who change several notifications lock them in the order of their numbers: an end does not deadlock with its user who reads.
sql "select make(30, '1 hour')" >/dev/null
opens 30 memory warning
opens 30 disk warning
sql "select read_notification('usr_0', notification_id(min(seq))) from notifications where sandbox_id = made_id(30)" >/dev/null
opens 30 memory critical # its row is now behind the other one's
sql "begin; update notifications set data = '{}' where seq = (select min(seq) from notifications where sandbox_id = made_id(30));
    do \$\$ begin while not exists (select from pg_locks where not granted) loop perform pg_sleep(0.01); end loop; end \$\$;
    update notifications set data = '{}' where seq = (select max(seq) from notifications where sandbox_id = made_id(30)); commit" >/dev/null &
sql "do \$\$ begin while not exists (select from pg_locks where relation = 'notifications'::regclass and mode = 'RowExclusiveLock') loop perform pg_sleep(0.01); end loop; end \$\$" >/dev/null
sql "select ends(30, 'oom_killed', 137)" >/dev/null
wait $! || say "an end and its user who reads locked each other out"
is 0 "select count(*) from notifications where sandbox_id = made_id(30) and closed_at is null"

# The list, newest first, in pages; of its user alone; and the bound.
sql "delete from notifications;
    select open_notification((null, 'usr_0', 'quota', 'warning', null, 'x' || n, 'm', '{}', now(), now(), now(), null)::notifications)
        from generate_series(1, 1100) n" >/dev/null
is 1000 "select count(*) from notifications"
is "x1100 x101" "select max(about) filter (where seq = hi) || ' ' || max(about) filter (where seq = lo) from notifications, (select max(seq) hi, min(seq) lo from notifications) x"
sql "create function walk(filter jsonb) returns text language plpgsql as \$\$
    declare page json; ids text[] := '{}';
    begin
        loop
            select body into page from list_notifications(filter || case when page is null then '{}' else jsonb_build_object('cursor', page->>'next_cursor') end);
            ids := ids || array(select value->>'id' from json_array_elements(page->'items'));
            if page->>'next_cursor' is null then
                return cardinality(ids) || ' ' || (ids = array(select notification_id(seq) from notifications where user_id = filter->>'owner'
                    and (not (filter->>'unread')::boolean or read_at is null) order by seq desc));
            end if;
        end loop;
    end \$\$"
is "1000 true" "select walk('{\"owner\": \"usr_0\", \"unread\": false, \"limit\": 7}')"
is "0 true" "select walk('{\"owner\": \"usr_1\", \"unread\": false, \"limit\": 7}')"
sql "select read_notification('usr_0', notification_id(seq)) from notifications where seq % 2 = 0" >/dev/null
is "500 true" "select walk('{\"owner\": \"usr_0\", \"unread\": true, \"limit\": 200}')"
is "" "select coalesce(read_notification('usr_1', (select notification_id(max(seq)) from notifications)), '')"
is "" "select coalesce(read_notification('usr_0', 'evt_1'), '')"
is ok "select read_notifications('usr_0')"
is "0 true" "select walk('{\"owner\": \"usr_0\", \"unread\": true, \"limit\": 200}')"
is "" "select coalesce(body, '') from list_notifications('{\"owner\": \"usr_0\", \"cursor\": \"x\", \"unread\": false, \"limit\": 7}')"
