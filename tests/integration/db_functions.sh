#!/usr/bin/env bash
# The database's functions as the controller calls them; races for a quota, checked at every insert; connections
# that are killed with requests on the way; the server stopped and started again.
# usage: db_functions.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
client=$CORRAL_BUILD_ROOT/tests/db_client

"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"
# The controller's sessions find the functions whatever search path the database sets; a session by hand uses
# the one that migrating sets.
sql "alter database corral set search_path = nowhere"
timeout 60 "$client" "$DATABASE_URL" walk
if sql 'select rfc3339(now())' 2>/dev/null; then say 'the path was not set'; fi
CORRAL_DATABASE_URL=$DATABASE_URL "$CORRAL_BUILD_ROOT/controller/corral-controller" migrate >/dev/null
export CORRAL_EPOCH=1 # the walk was leader: writes from here on are of that leadership

# Every table that is written is bound to the epoch, and a session of another leadership changes nothing.
loose=$(sql "select string_agg(relname, ' ') from pg_class c where relkind in ('r', 'p') and not relispartition
    and relnamespace = 'public'::regnamespace
    and relname not in ('leadership', 'schema_migrations', 'sandbox_states', 'sandbox_moves', 'write_probe')
    and not exists (select from pg_trigger where tgrelid = c.oid and tgname = 'a_leader_writes')")
[ -z "$loose" ] || say "tables that anybody may write (hold_table_to_epoch in their migration): $loose"
as() { # EPOCH SQL
    postgres_psql "$DB_DIR" -c "set corral.epoch = '$1'" -c "$2" 2>&1 || true
}
marked="update nodes set reason = 'marked' where name = 'h1'"
[[ $(as 0 "$marked") == *'epoch 0 does not lead'* ]] && [ "$(sql "select count(*) from nodes where reason = 'marked'")" = 0 ] ||
    say 'who never led writes'
[[ $(as 1 "$marked") != *error* ]] && [ "$(sql "select count(*) from nodes where reason = 'marked'")" = 1 ] || say 'who leads does not'
# A new leader's epoch begins once the writes of the leader before are committed, so it reads all of them.
postgres_psql "$DB_DIR" -c "set corral.epoch = '1'" -c "begin; update nodes set reason = 'late' where name = 'h1'; select pg_sleep(2); commit" >/dev/null &
late=$!
until [ "$(sql "select count(*) from pg_locks where locktype = 'advisory' and objid = 4 and granted")" = 1 ]; do :; done
[ "$(postgres_psql "$DB_DIR" -c "select lead('next')" -c "select reason from nodes where name = 'h1'" | tail -1)" = late ] ||
    say 'a leader began before the writes of the last one had ended'
wait "$late"
[[ $(as 1 "$marked") == *'epoch 1 does not lead'* ]] || say 'who led writes on'
[[ $(as 1 "select count(*) from move_sandboxes('[]')") != *lead* ]] || say 'reading is refused'
# What a transaction was allowed before a savepoint that it went back to says nothing of what it writes later: it held no leader up.
postgres_psql "$DB_DIR" -c "set corral.epoch = '2'" -c "begin; savepoint here; $marked; rollback to here;
    do \$\$ begin while (select epoch from leadership) = 2 loop perform pg_sleep(0.02); end loop; end \$\$; $marked; commit" >"$DB_HOME/back" 2>&1 &
back=$!
until [ "$(sql "select count(*) from pg_stat_activity where query like '%savepoint here%' and state = 'active' and pid <> pg_backend_pid()")" = 1 ]; do :; done
sql "select lead('third')" >/dev/null
wait "$back" || true
grep -q 'epoch 2 does not lead' "$DB_HOME/back" || say 'who led writes on in a transaction that it had begun'
export CORRAL_EPOCH=3

# A report that a node keeps is stored once, however often it arrives, and only for sandboxes of that node.
id=$(sql "select sandbox_id from sample_rows")
add() { # NODE NUMBER AGO_MS
    sql "select stored from add_samples('$1', 7, '{$id}', '{$2}', '{$3}'$(printf ", '{1}'%.0s" {1..11}))"
}
[ "$(add h1 5 20)$(add h1 4 30)" = 00 ] || say 'a sample that came before is new'
[ "$(add h2 6 5000)" = 0 ] || say "a sample of another's sandbox is taken"
for i in 1 2 3 4; do add h1 6 $((5000 + i)) >"$DB_HOME/add$i" & done
wait
[ "$(cat "$DB_HOME"/add? | sort | tr -d '\n')" = 0001 ] || say 'four at once'
[ "$(sql "select count(*), max(extract(epoch from now() - at)) < 60 from sample_rows")" = '2|t' ] || say 'samples'
# A day without a partition gets one; a sample that is too old, of an unknown sandbox, or of a moment that has
# one already is counted as refused.
today=sample_rows_$(date -u +%Y%m%d) old=sample_rows_$(date -u -d '3 days ago' +%Y%m%d)
sql "update sandboxes set created_at = now() - interval '30 days', started_at = now() - interval '29 days' where id = '$id';
    update sandbox_told set violation_at = violation_at - interval '29 days' where sandbox_id = '$id'; drop table $today"
[ "$(add h1 7 1)$(add h1 8 $((3 * 86400000)))" = 11 ] || say 'a sample without a partition'
[ "$(sql "select (select count(*) from $today), (select count(*) from $old)")" = '1|1' ] || say 'partitions'
refused() { # NODE ID NUMBERS AGOS RX
    sql "select stored || ' ' || refused from add_samples('$1', 7, '{$2}', '{$3}', '{$4}'$(printf ", '{1,1,1}'%.0s" {1..7}),
        '{$5}'$(printf ", '{1,1,1}'%.0s" {1..3}))"
}
[ "$(refused h1 "$id,$id,$id" 8,9,10 "1,$((8 * 86400000)),100" 1,1,1)" = '1 1' ] || say 'a sample that is too old'
[ "$(refused h1 "$id,sbx_none,$id" 11,12,13 9223372036854775807,1,200 1,1,1)" = '1 2' ] || say 'a sample of nobody'
[ "$(refused h2 "$id,$id,$id" 14,15,16 1,2,3 1,1,1)" = '0 3' ] || say "another node's samples"
sql "alter table sample_rows add check (rx_bytes <> 666)"
[ "$(refused h1 "$id,$id,$id" 17,18,19 300,400,500 1,666,1)" = '2 1' ] || say 'a sample that cannot be stored'
[ "$(add h1 20 50)" = 1 ] || say 'a sample after one that cannot be stored'
tell() { # NODE NUMBER OPENED AGO_MS ...
    local reports=
    for ((i = 2; i < $#; i += 3)); do
        reports+=",{\"sandbox_id\":\"$id\",\"number\":${!i},\"kind\":\"disk\",\"level\":\"warning\",\"percent\":1,\"limit\":1"
        local opened=$((i + 1)) ago=$((i + 2))
        reports+=",\"opened\":${!opened},\"ago_ms\":${!ago}}"
    done
    sql "select add_violations('$1', '[${reports:1}]')" >/dev/null
}
tell h1 8 true 60000 9 false 30000 & tell h1 8 true 60001 9 false 30001 10 true 1000 & tell h2 11 false 0
wait
tell h1 9 false 30500 10 true 1500
seen=$(sql "select string_agg(type || ' ' || (data->>'number') || ' ' || round(extract(epoch from now() - at)), ', ' order by seq)
    from events where type like 'violation%' and (data->>'number')::int > 7")
[[ $seen =~ ^'violation.opened 8 6'[0-9]', violation.closed 9 3'[0-9]', violation.opened 10 '[1-9]$ ]] || say "violations: $seen"

# A violation that cannot be stored does not affect others, and figures of a lying node do no harm.
sql "alter table events add check (data->>'number' is distinct from '13')"
batch=
for n in 12 13 14; do batch+=",{\"sandbox_id\":\"$id\",\"number\":$n,\"opened\":true,\"ago_ms\":9223372036854775807}"; done
batch+=",{\"sandbox_id\":\"sbx_none\",\"number\":15,\"opened\":true,\"ago_ms\":0}"
[ "$(sql "select add_violations('h1', '[${batch:1}]')")" = 2 ] || say 'a violation that cannot be stored'
[ "$(sql "select add_violations('h1', '[${batch:1}]')")" = 1 ] || say 'the same violations again'
[ "$(sql "select string_agg(data->>'number', ' ' order by seq) from events e join sandboxes s on s.id = e.sandbox_id
    where e.type like 'violation%' and (data->>'number')::int > 11 and e.at between s.created_at and now() - interval '1 second'")" = '12 14' ] ||
    say 'violations of a lying node'

# No closing is stored as earlier than its opening, however long each was on its way.
tell h1 20 true 100 21 false 150
tell h1 22 true 170 23 false 1000
[ "$(sql "select string_agg(data->>'number', ' ' order by at, seq) from events
    where type like 'violation%' and (data->>'number')::int between 20 and 23")" = '20 21 22 23' ] || say 'an episode closed before it opened'

# Checked at every insert, whatever makes it: a user has no more live sandboxes than the tier allows, or the
# insert fails.
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

# Scopes of a key are bits, whatever their order; one that stands there twice is not another one.
for try in '{read}:1' '{write}:2' '{admin}:4' '{exec}:8' '{read,exec}:9' '{write,read,read}:3' '{exec,exec}:8' '{}:0'; do
    sql "update api_keys set scopes = '${try%%:*}' where id = 'key_3'"
    [ "$(sql "select scopes from find_key('crl_3')")" = "${try#*:}" ] || say "the scopes $try"
done
sql "update api_keys set scopes = default where id = 'key_3'"
now() { sql "select string_agg(key_id || ' ' || scopes || coalesce(' ' || (remaining_ms > 0), ''), ', ' order by key_id) from keys_now('[\"key_2\", \"key_3\", \"key_9\"]')"; }
[ "$(now)" = 'key_2 3, key_3 3' ] || say "keys as they are now: $(now)"
sql "update api_keys set expires_at = now() + interval '1 hour', scopes = '{exec}' where id = 'key_2'; update api_keys set revoked_at = now() where id = 'key_3'"
[ "$(now)" = 'key_2 8 true' ] || say "keys that changed: $(now)"
sql "update api_keys set expires_at = now() where id = 'key_2'; update api_keys set revoked_at = null where id = 'key_3'"
[ "$(now)" = 'key_3 3' ] || say "a key that has expired: $(now)"
sql "update api_keys set expires_at = null, scopes = default where id = 'key_2'; update users set deleted_at = now() where id = 'usr_3'"
[ "$(now)" = 'key_2 3' ] || say "a key of a user who was removed: $(now)"
sql "update users set deleted_at = null where id = 'usr_3'"
if sql "update api_keys set scopes = '{root}' where id = 'key_3'" 2>/dev/null; then say 'a scope that there is not'; fi

# A create that waits while the functions are replaced is done by the new ones.
coproc gate { postgres_psql "$DB_DIR"; }
gate_pid=$! gate_in=${gate[1]}
waiting() { [ "$(sql "select count(*) from pg_locks where locktype = 'advisory' and objid = 3 and granted = $1")" = 1 ]; }
echo 'begin; select pg_advisory_xact_lock(20011, 3);' >&"$gate_in"
until waiting true; do :; done
"$client" "$DATABASE_URL" race usr_3 key_3 1 >"$DB_HOME/replaced" 2>&1 &
create=$!
until waiting false; do :; done
sql "update schema_migrations set sha256 = 'x' where number = 0"
[[ $(CORRAL_DATABASE_URL=$DATABASE_URL "$CORRAL_BUILD_ROOT/controller/corral-controller" migrate) == '1 applied,'* ]] || say 'not replaced'
printf 'commit;\n\\q\n' >&"$gate_in"
wait "$create" "$gate_pid"
[ "$(tail -1 "$DB_HOME/replaced")" = 'admitted 1 quota 0 other 0' ] || say "while functions were replaced: $(cat "$DB_HOME/replaced")"

# An admission takes the row of the member of the warm pool that has its id. On the member's node it starts in it; on another
# one the member is nobody's, and its id is not handed out again. Another create's admission of the id is refused.
member=sbx_0000000000000000000000000
sql "insert into users (id, name, tier) values ('usr_4', 'u4', 'free');
    insert into api_keys (id, user_id, name, prefix, last_four, sha256) values ('key_4', 'usr_4', '', 'crl_4', 'abcd', sha256('x'));
    insert into warm_members (id, node, image, storage_bytes, shm_bytes, memory_bytes)
        values ('${member}A', 'h1', 'i', 1, 0, 1), ('${member}B', 'elsewhere', 'i', 1, 0, 1)"
take() { # LETTER REQUEST
    sql "select a.outcome from admit((select jsonb_build_array(to_jsonb(s) || jsonb_build_object('id', '$member$1', 'user_id', 'usr_4',
            'key_id', 'key_4', 'node', 'h1', 'spec', '00', 'warm', true, 'request_id', '$2', 'lifetime_seconds', 60))
        from sandboxes s where user_id = 'usr_3' limit 1), '{\"max_total_sandboxes\": 1000}') a"
}
[ "$(take A r1) $(take B r2)" = 'admitted admitted' ] || say 'admissions of members'
[ "$(sql "select string_agg(state || ' ' || generation || ' ' || warm, ', ' order by id) from sandboxes where user_id = 'usr_4'")" = \
    'starting 2 true, pending 2 false' ] || say 'a member, and one of another node'
[ "$(sql 'select count(*) from warm_members')" = 0 ] || say "members that are nobody's have rows"
[ "$(take A r1) $(take A r3)" = 'admitted no_capacity' ] || say 'the same call, and one of another'

# How a node is recognised, what of it was revoked, and its removal.
joined() { # BOOT STATE FINGERPRINT ADDRESS
    sql "select outcome from node_joined(jsonb_build_object('name', 'marked', 'memory_bytes', 1, 'cpu_millis', 1, 'storage_bytes', 1,
        'sandboxes', 1, 'boot_id', '$1', 'state_id', '$2', 'fingerprint', '$3', 'address', '$4'))" >/dev/null
    sql "select coalesce((select string_agg(k, ' ' order by k) from jsonb_object_keys(data) k), '') from events
        where node = 'marked' order by seq desc limit 1"
}
[ -z "$(joined b1 s1 f1 a1)" ] || say 'a new node changes nothing'
[ -z "$(joined b1 s1 f1 a1)" ] || say 'a node without changes changes nothing'
[ "$(joined b2 s1 f1 a2)" = 'address boot_id' ] || say 'a boot and an address that changed'
[ "$(joined b2 s2 f2 a2)" = 'certificate state_id' ] || say 'a folder and a certificate that changed'
[ "$(sql "select fingerprints from nodes where name = 'marked'")" = '{f2,f1}' ] || say 'fingerprints are kept'
admin='{"user_id": "usr_1"}'
act() { sql "select outcome from $1('$2', '$admin')"; }
[ "$(act revoke_node nobody)" = not_found ] && [ "$(act remove_node nobody)" = not_found ] || say 'no such node'
[ "$(act revoke_node marked)" = ok ] || say 'revoke'
sql "select node_json(n)->>'reason' from nodes n where name = 'marked'" | grep -q revoked || say 'its row says so'
joined b2 s2 f2 a2 >/dev/null # an older join that arrives late
sql "select node_json(n)->>'reason' from nodes n where name = 'marked'" | grep -q revoked || say 'its row still says so'
joined b2 s2 f3 a2 >/dev/null
[ -z "$(sql "select node_json(n)->>'reason' from nodes n where name = 'marked'")" ] || say 'a new certificate ends the revocation'
[ "$(sql "select fingerprints from node_revocations where node = 'marked'")" = '{f2,f1}' ] || say 'revoked fingerprints are kept'
[ "$(act remove_node marked)" = conflict ] || say 'one that is connected is not removed'
sql "select set_node_health('marked', 'unreachable', '')" >/dev/null
sql "update sandboxes set node = 'marked' where id = (select min(id) from sandboxes where ended_at is null)"
[ "$(act remove_node marked)" = conflict ] || say 'a node with a live sandbox is not removed'
sql "update sandboxes set node = (select min(name) from nodes where name <> 'marked') where node = 'marked'"
[ "$(act remove_node marked)" = ok ] && [ "$(sql "select count(*) from nodes where name = 'marked'")" = 0 ] || say 'removed'
[ "$(sql "select count(*) from node_revocations where node = 'marked'")" = 1 ] || say 'the revocation outlives the removed node'

# A pause by the node becomes the desired state, unless a newer desired state exists.
one=$(sql "select id from sandboxes where user_id = 'usr_1' limit 1")
move() { # STATE [MORE]
    sql "select outcome from move_sandboxes(jsonb_build_array(jsonb_build_object('id', '$one', 'to', '$1'${2:-})))"
}
idle=", 'reason', 'idle', 'generation', 1"
desired() { sql "select state || ' ' || desired || ' ' || generation || coalesce(reason, '') from sandboxes where id = '$one'"; }
move starting >/dev/null; move running >/dev/null
[ "$(move paused "$idle")" = ok ] && [ "$(desired)" = 'paused paused 1' ] || say "idle: $(desired)"
[ "$(move paused "$idle")" = same ] || say 'idle again'
sql "select outcome from set_desired_state('$one', 'usr_1', 'running', '', '{\"user_id\": \"usr_1\"}')" >/dev/null
move running >/dev/null
[ "$(move paused "$idle")" = ok ] && [ "$(desired)" = 'paused running 2' ] || say "idle, late: $(desired)"
[ "$(move paused "${idle/%1/2}")" = same ] && [ "$(desired)" = 'paused paused 2' ] || say "idle, unheard: $(desired)"

# A sandbox that has not run is placed on another node, once, if that has room, and only from the state that
# the caller read.
insert() { # ID STATE
    sql "insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids,
        nofile, spec, expires_at) values ('$1', 'usr_3', 'key_3', 'free', 'i', 'h1', 100, 1, 1, 1, 1, 1, '', now() + interval '1 hour');
        $2"
}
# Each limit that a sandbox has counts when it is lowered below what the sandbox has.
insert sbx_00000000000000000000000009 ''
larger=$(sql "select string_agg(field, ' ' order by n) from sandboxes s, unnest(limit_keys()) with ordinality keys(field, n)
    where s.id = 'sbx_00000000000000000000000009'
    and not larger_than(s, jsonb_populate_record(null::limits_in_force, jsonb_build_object(field, 0)))")
[ "$larger" = lifetime_seconds ] || say "limits that do not count as lowered: $larger"
sql "delete from sandboxes where id = 'sbx_00000000000000000000000009'"
# The times of one sandbox are in order too.
four=sbx_00000000000000000000000004
move_at() { sql "select outcome || ' ' || state from move_sandboxes('[{\"id\":\"$four\",\"to\":\"$1\",\"reason\":\"exited\",\"$2_ago_ms\":$3}]')"; }
insert "$four" "update sandboxes set state = 'starting' where id = '$four'"
[ "$(move_at running started 10), $(move_at stopped ended 5000)" = 'ok running, ok stopped' ] || say 'moves'
[ "$(sql "select created_at <= started_at and started_at <= ended_at from sandboxes where id = '$four'")" = t ] ||
    say 'it ended before it started'
# The sentence of an early end mentions an extension only if there was one.
early=0
for extended in false true; do
    one_of=sbx_000000000000000000000001$((early++))X
    insert "$one_of" "update sandboxes set state = 'starting' where id = '$one_of';
        update sandboxes set state = 'running', extended = $extended where id = '$one_of'"
    sql "select from move_sandboxes('[{\"id\":\"$one_of\",\"to\":\"stopped\",\"reason\":\"expired\"}]')" >/dev/null
    said=$(sql "select detail from sandboxes where id = '$one_of'")
    case $extended in
    false) [[ $said == *'; its node ended it at 20'*', by its own count' ]] ;;
    true) [[ $said == *'; its node had not heard of the extension, and ended it at 20'* ]] ;;
    esac || say "the sentence of an early end, extended $extended: $said"
done
two=sbx_00000000000000000000000002 three=sbx_00000000000000000000000003
insert "$two" "update sandboxes set state = 'starting' where id = '$two'"
insert "$three" "update sandboxes set state = 'starting' where id = '$three'; update sandboxes set state = 'running' where id = '$three'"
sql "insert into nodes (name, admin_state, health, memory_bytes, cpu_millis, storage_bytes, sandboxes) values
    ('other', 'ready', 'ready', 150, 1000, 1000, 10), ('small', 'ready', 'ready', 99, 1000, 1000, 10),
    ('unhealthy', 'ready', 'unhealthy', 1000, 1000, 1000, 10)"
again() { # ID FROM TO GENERATION
    sql "select outcome || ' ' || coalesce((after).node || ' ' || (after).state || ' ' || (after).generation, '')
        from reschedule_sandbox('$1', '$2', '$3', $4, 'eu', 63, 'its disk is full')"
}
for try in "$two h1 small 1:no_capacity " "$two h1 unhealthy 1:no_capacity " "$two h1 nobody 1:no_capacity " "$two h1 h1 1:wrong_state " \
    "$two small other 1:wrong_state " "$two h1 other 2:wrong_state " "$three h1 other 1:wrong_state " \
    "$two h1 other 1:ok other starting 2" "$two h1 other 1:ok other starting 2" "$two other h1 2:wrong_state "; do
    # shellcheck disable=SC2086
    [ "$(again ${try%%:*})" = "${try#*:}" ] || say "reschedule $try: $(again ${try%%:*})"
done
[ "$(sql "select count(*) || ' ' || min(data::text) from events where type = 'sandbox.rescheduled'")" = \
    '1 {"node": "other", "detail": "its disk is full", "from_node": "h1"}' ] || say 'its one event'
[ "$(sql "select first_node || ' ' || region || ' ' || enforced from sandboxes where id = '$two'")" = 'h1 eu 63' ] || say 'its row'
[ "$(sql "select string_agg(rescheduled::text, ' ' order by id) from read_sandboxes('{$two,$three}')")" = 'true false' ] || say 'as it is read'
[ "$(sql "select rescheduled from live_sandboxes() where id = '$two'")" = t ] || say 'as a leader reads it'
sql "update sandboxes set state = 'failed', reason = 'start_failed', ended_at = now() where id = '$two'"
[ "$(again "$two" h1 other 2)" = 'wrong_state ' ] || say 'one that has ended is placed again'

wait_until() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do [ "$SECONDS" -lt "$end" ] || say "never: $*"; done
}
connected() { [ "$(sql "select count(*) from pg_stat_activity where application_name = 'corral'" 2>/dev/null)" = 3 ]; }

# Connections are killed with requests on the way: each request is answered once, and the connections come
# back.
"$client" "$DATABASE_URL" steady 120000 >"$DB_HOME/steady" 2>"$DB_HOME/steady.log" &
steady=$!
wait_until 20 connected
sql "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'corral'" >/dev/null
wait_until 20 connected
# The server stopped and started.
postgres_stop "$DB_DIR" immediate
postgres_start "$DB_DIR"
wait_until 20 connected
kill "$steady"
wait "$steady" || say "steady failed: $(cat "$DB_HOME/steady.log")"
read -r _ ok _ unavailable _ other _ ups <"$DB_HOME/steady"
[ "$ok" -gt 100 ] && [ "$unavailable" -gt 0 ] && [ "$other" = 0 ] && [ "$ups" -ge 2 ] || say "$(cat "$DB_HOME/steady")"
cat "$DB_HOME/steady"
