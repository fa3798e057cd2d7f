#!/usr/bin/env bash
# PostgreSQL's clock is set under live sandboxes: their rows follow, once, and the sentence of an end is true.
# usage: db_steps.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
. "$root/tests/lib/wallclock.sh"
wallclock_env "$CORRAL_BUILD_ROOT"
LD_PRELOAD=$wallclock_library database_start
trap 'database_end; rm -f "$WALLCLOCK_FILE"' EXIT
"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"
sql "insert into users (id, name, tier) values ('usr_1', 'u', 'free');
    insert into api_keys (id, user_id, name, prefix, last_four, sha256) values ('key_1', 'usr_1', '', 'crl_1', 'abcd', sha256('x'));
    create function sandbox(n integer, lifetime integer) returns text language sql as \$\$
        insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes,
            pids, nofile, state, spec, expires_at) values ('sbx_' || lpad(n::text, 26, '0'), 'usr_1', 'key_1', 'free', 'i', 'h',
            1, 1, 1, 1, 1, 1, 'running', '', clock_timestamp() + lifetime * interval '1 second') returning id \$\$;
    create function done(id text, late_ms bigint, unheard boolean, why text) returns text language sql as \$\$
        select m.body::json->>'detail' from move_sandboxes(jsonb_build_array(jsonb_build_object('id', id, 'from', '[\"running\"]'::jsonb,
            'to', 'stopped', 'reason', why, 'ended_ago_ms', 0, 'late_ms', late_ms, 'unheard', unheard))) m \$\$" >/dev/null
one=$(sql 'select sandbox(1, 600)') two=$(sql 'select sandbox(2, 600)') three=$(sql 'select sandbox(3, 600)')
at() { sql "select unix_ms(expires_at) from sandboxes where id = '$1'"; }
was=$(at "$one"); was_two=$(at "$two")
[ "$(sql "update sandboxes set name = 'x' where id = '$one' returning timed_at is null")" = t ] || say 'timed by another change'
wallclock_jump 7200

# One row follows by compare-and-set, one got another expiry since, one is unknown to the leader.
sql "update sandboxes set expires_at = expires_at + interval '1 hour' where id = '$two'" >/dev/null
moved="[[\"$one\",$was,$((was + 7199000))],[\"$two\",$was_two,$((was_two + 7200000))]]"
three_was=$(at "$three")
[ "$(sql "select clock_stepped('boot', 7200000, 7200000, '$moved')")" = 2 ] || say 'two follow'
[ "$(at "$one")" = $((was + 7199000)) ] && [ "$(at "$two")" = $((was_two + 3600000)) ] &&
    [ "$(at "$three")" = $((three_was + 7200000)) ] || say "$(at "$one") $was $(at "$two") $was_two $(at "$three") $three_was"
# The answer was lost: the same call again changes nothing, and the event is written once.
[ "$(sql "select clock_stepped('boot', 7200000, 7200000, '$moved')")" = 0 ] || say 'twice'
[ "$(sql "select count(*) from events where type = 'system.clock_stepped' and data = '{\"seconds\": 7200, \"sandboxes\": 2}'")" = 1 ] ||
    say "$(sql "select * from events where type like 'system%'")"
[ "$(sql 'select boot_id, offset_ms from clock_sample()')" = 'boot|7200000' ] || say 'the frame'

# The sentences: the lifetime is the real one, and a late end is reported as late.
sentence() { [[ $(sql "select done('$1', $2, $3, '$4')") =~ $5 ]] || say "$(sql "select detail from sandboxes where id = '$1'"), and not $5"; }
sentence "$one" 50 false expired '^its lifetime of 600 s ended at [^;]*$'
[ "$(sql "select abs(extract(epoch from ended_at - expires_at)) < 700 from sandboxes where id = '$one'")" = t ] || say 'one'
sentence "$three" -400000 false deleted '^its user deleted it; it had lived for 200 s$'
late=$(sql 'select sandbox(4, 60)') unheard=$(sql 'select sandbox(5, 60)') early=$(sql 'select sandbox(6, 60)')
sql "update sandboxes set extended = true where id = '$unheard'" >/dev/null
sentence "$late" 5000 false expired 'of 60 s .*; its node was hindered, and ended it 5 s later$'
sentence "$unheard" -30000 true expired '; its node had not heard of the extension, and ended it at'
sentence "$early" -30000 false expired '; its node ended it 30 s before that, by its own count$'

# A sandbox ends before the step is known: its row follows with it. A node that lies about the time of an end
# moves nothing.
unknown=$(sql 'select sandbox(7, 60)') back=$(sql 'select sandbox(8, 60)') liar=$(sql 'select sandbox(9, 60)')
wallclock_jump $((7200 + 86400))
sentence "$unknown" 0 false expired '^its lifetime of 60 s ended at [^;]*$'
[ "$(sql "select abs(extract(epoch from ended_at - expires_at)) < 1 from sandboxes where id = '$unknown'")" = t ] || say 'unknown'
wallclock_jump 7200
was=$(at "$liar")
sql "select move_sandboxes(jsonb_build_array(jsonb_build_object('id', '$liar', 'to', 'stopped', 'reason', 'expired',
    'ended_ago_ms', 31536000000, 'late_ms', -31536000000, 'unheard', false)))" >/dev/null
[ "$(at "$liar")" = "$was" ] || say 'a lie moved it'
wallclock_jump 0
sentence "$back" 0 false expired '^its lifetime of 60 s ended at [^;]*$'

# Creates while the clock is set: one before the step, and one after.
before=$(sql 'select sandbox(11, 60)')
wallclock_jump 3600
after=$(sql 'select sandbox(12, 60)') was=$(at "$before") was_after=$(at "$after")
sql "select clock_stepped('boot', 3600000, 3600000, '[]')" >/dev/null
[ "$(at "$before")" = $((was + 3600000)) ] && [ "$(at "$after")" = "$was_after" ] || say 'those that are being admitted'
wallclock_jump 0

# The answer to an extension was lost, and then the clock was set: the row differs from what the leader
# believes.
for by in 3600 -3600; do
    wallclock_jump 0
    lost=$(sql 'select sandbox(13, 60)')
    sql "select patch_sandbox('$lost', 'usr_1', '{\"lifetime_seconds\": 120}', '{}', '{}')" >/dev/null
    was=$(at "$lost")
    wallclock_jump $by
    sql "select clock_stepped('lost', ${by}000, ${by}000, '[[\"$lost\",1,${by}001]]')" >/dev/null
    [ "$(at "$lost")" = $((was + by * 1000)) ] || say "an extension before $by: $(at "$lost"), was $was"
    sql "select patch_sandbox('$lost', 'usr_1', '{\"lifetime_seconds\": 130}', '{}', '{}')" >/dev/null
    was=$(at "$lost")
    sql "select clock_stepped('late', 1, ${by}000, '[[\"$lost\",1,${by}001]]')" >/dev/null
    [ "$(at "$lost")" = "$was" ] || say "an extension after $by"
    sql "delete from sandboxes where id = '$lost'" >/dev/null
done
wallclock_jump 0

# A tier's longest lifetime counts from the creation (free: two hours), whatever the clock said then.
long=$(sql 'select sandbox(10, 60)')
wallclock_jump 86400
sql "select clock_stepped('boot', 86400000, 86400000, null)" >/dev/null
patch() { sql "select outcome from patch_sandbox('$long', 'usr_1', '{\"lifetime_seconds\": $1}', '{}', '{}')"; }
[ "$(patch 7000)" = ok ] || say "7000: $(patch 7000)"
[ "$(patch 7300)" = above_tier_limit ] || say "7300: $(patch 7300)"
