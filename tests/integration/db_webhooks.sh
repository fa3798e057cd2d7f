#!/usr/bin/env bash
# Deliveries of webhooks: made once for each event that fits, bounded, handed out in turns, ended once; and how long that takes
# where there are many.
# usage: db_webhooks.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"
sql() { postgres_psql "$DB_DIR" -c 'set search_path = public, corral' -c "$1"; }
is() { # WHAT EXPECTED SQL
    local found
    found=$(sql "$3")
    [ "$found" = "$2" ] || say "$1: $found instead of $2"
}

sql "insert into users (id, name, tier, role) values ('usr_a', 'a', 'free', 'user'), ('usr_b', 'b', 'free', 'user'), ('usr_r', 'r', 'free', 'admin');
    create function hook(n integer, owner text, patterns text[]) returns text language sql as \$\$
        insert into webhooks (id, user_id, url, events, secret, secret_key, since)
        values ('whk_' || lpad(n::text, 26, '0'), owner, 'http://x', patterns, '', 'k', event_head()) returning id \$\$;
    create function make_all() returns bigint language plpgsql as \$\$
    declare m record; sum bigint := 0; begin
        loop select * into m from make_deliveries(200); sum := sum + m.made; exit when m.seen < 200; end loop; return sum;
    end \$\$;
    create function happen(owner text, what text, n integer) returns void language sql as \$\$
        select count(add_event(what, owner, null, null, '{}')) from generate_series(1, n) \$\$;
    create function due(busy jsonb) returns table (webhook_id text, n bigint) language sql as \$\$
        select right(webhook_id, 2), count(*) from due_deliveries(busy, 64, 4) group by 1 order by 1 \$\$;
    create function tried(n integer, outcome text, slow boolean default false) returns void language sql as \$\$
        select end_try(d.webhook_id, d.seq, jsonb_build_object('tries', d.tries, 'outcome', outcome, 'url', 'http://x', 'wait_ms', 60000, 'slow', slow, 'problem', 'p'))
        from (select * from webhook_deliveries where webhook_id = 'whk_' || lpad(n::text, 26, '0') and state = 'pending'
            and next_try_at <= clock_timestamp() order by seq limit 1) d \$\$;
    select happen('usr_a', 'sandbox.created', 3);
    select hook(1, 'usr_a', '{sandbox.*}'), hook(2, 'usr_a', '{sandbox.stopped,violation.*}'), hook(3, 'usr_b', '{*}'), hook(4, 'usr_r', '{node.*}')" >/dev/null

is 'events from before' 0 "select make_all()"
sql "select happen('usr_a', 'sandbox.created', 450), happen('usr_a', 'violation.opened', 2), happen(null, 'node.joined', 1)" >/dev/null
is 'deliveries' 453 "select make_all()"
is 'once more' 0 "select make_all()"
is 'of each' $'01|450\n02|2\n04|1' "select right(webhook_id, 2), count(*) from webhook_deliveries group by 1 order by 1"
# Two at once, as after a change of the leader that neither knows of, make each once.
sql "select happen('usr_b', 'sandbox.created', 400)" >/dev/null
for i in 1 2 3 4; do sql "select make_all()" >"$DB_HOME/made$i" & done
wait
[ "$(awk '{s += $1} END {print s}' "$DB_HOME"/made?)" = 400 ] || say "made at once: $(cat "$DB_HOME"/made?)"

# Turns: four of a webhook, without the busy ones; one of a webhook in trouble, not before a second has passed.
is 'due' $'01|4\n02|2\n03|4\n04|1' "select * from due('[]')"
is 'without the busy ones' 3 "select n from due((select jsonb_agg(webhook_id || ' ' || seq) from webhook_deliveries where webhook_id like '%01'
    and seq < (select max(seq) - 2 from webhook_deliveries where webhook_id like '%01'))) where webhook_id = '01'"
sql "select tried(1, 'retry')" >/dev/null
is 'in trouble, at once' $'02|2\n03|4\n04|1' "select * from due('[]')"
sql "update webhooks set last_try_at = now() - interval '2 seconds' where id like '%01'" >/dev/null
is 'in trouble' $'01|1\n02|2\n03|4\n04|1' "select * from due('[]')"
is 'those in trouble come last' 01 "select right(webhook_id, 2) from due_deliveries('[]', 64, 4) offset 7"
sql "select tried(1, 'delivered')" >/dev/null
is 'well again' 4 "select n from due('[]') where webhook_id = '01'"
sql "select tried(1, 'delivered', true)" >/dev/null
is 'slow' t "select slow and failing_since is null from webhooks where id like '%01'"

# A try that is told twice counts once; one that the receiver ended for good disables the webhook, once.
is 'told twice' '1|pending' "with d as (select * from webhook_deliveries where webhook_id like '%02' order by seq limit 1), told as (
    select end_try(d.webhook_id, d.seq, '{\"tries\": 0, \"outcome\": \"retry\", \"wait_ms\": 0, \"slow\": false}') from d, generate_series(1, 2))
    select 1, 'pending' from told group by 1"
is 'once' '1|pending' "select tries, state from webhook_deliveries where webhook_id like '%02' order by seq limit 1"
sql "select tried(2, 'gone'); select tried(2, 'gone')" >/dev/null
is 'disabled' 'f|p|1' "select enabled, disabled_reason, (select count(*) from events where type = 'webhook.disabled') from webhooks where id like '%02'"
sql "update webhooks set enabled = true, url = 'http://y' where id like '%02'; update webhook_deliveries set state = 'pending', next_try_at = now(), ended_at = null,
    tries = 0 where webhook_id like '%02'; select tried(2, 'gone')" >/dev/null
is 'gone is the URL of before' 't|pending|1' "select w.enabled, d.state, d.tries from webhooks w join webhook_deliveries d on d.webhook_id = w.id where w.id like '%02' and d.tries > 0"
is 'URLs are shown without what may be secret' 'https://x.example:8/… (sha256 b8247e60) http://x/ http://x/' \
    "select url_shown('https://x.example:8/a/TOKEN?b') || ' ' || url_shown('http://x/') || ' ' || url_shown('http://x')"
sql "update webhooks set enabled = false where id like '%02'" >/dev/null
is 'of a disabled one nothing is due' 0 "select count(*) from due('[]') where webhook_id = '02'"

# The bound: the oldest are given up, and can be replayed.
sql "select happen('usr_b', 'sandbox.created', 4700)" >/dev/null
is 'made' 4700 "select make_all()"
is 'bounded' $'dead|100\npending|5000' "select state, count(*) from webhook_deliveries where webhook_id like '%03' group by 1 order by 1"
is 'the oldest' t "select max(seq) filter (where state = 'dead') < min(seq) filter (where state = 'pending') from webhook_deliveries where webhook_id like '%03'"
is 'replayed' '{"replayed" : 100}' "select body from replay_deliveries((select id from webhooks where id like '%03'), null, null, '{}')"

# What ended is bounded, too.
sql "update webhook_deliveries set state = 'dead', next_try_at = null, ended_at = now() where webhook_id like '%03'" >/dev/null
is 'ended ones' 100 "select removed from upkeep_webhooks(100, '')"
is 'by age' 5002 "select removed from upkeep_deliveries(-1, 10000, '')"

# Many webhooks with something waiting, twenty of each user: looking for what is due, and making deliveries, stays short.
sql "insert into users (id, name, tier) select 'usr_' || n, 'u' || n, 'free' from generate_series(1, 100) n;
    select hook(n, 'usr_' || 1 + n % 100, '{sandbox.*}') from generate_series(1000, 2999) n;
    insert into webhook_deliveries (webhook_id, seq, type, body) select id, s, 'sandbox.created', repeat('x', 500)
        from webhooks, generate_series(1, 5) s on conflict do nothing;
    analyze" >/dev/null
short() { # WHAT SQL
    local ms
    ms=$(postgres_psql "$DB_DIR" -c 'set search_path = public, corral' -c "explain (analyze, costs off, summary) $2" |
        sed -n 's/^Execution Time: \([0-9]*\).*/\1/p')
    echo "$1: $ms ms"
    [ "$ms" -lt 3000 ] || say "$1 takes $ms ms"
}
short 'due of 2000 webhooks' "select * from due_deliveries('[]', 64, 4)"
sql "select happen('usr_1', 'sandbox.created', 200)" >/dev/null
short '200 events to 20 webhooks each' "select * from make_deliveries(200)"
sql "select happen('usr_r', 'sandbox.created', 200)" >/dev/null
short '200 events that fit none' "select * from make_deliveries(200)"
