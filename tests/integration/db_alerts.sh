#!/usr/bin/env bash
# Alerts in the database: what each kind measures, transitions that are written and told once, bounds, silences, the audit that is
# verified in steps.
# usage: db_alerts.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"

# The kinds are those of the controller, and each has a rule.
kinds=$(sed -n 's/^ALERT_KIND(\([a-z_]*\), "\([^"]*\)".*/\1 \2/p' "$root/controller/core/alert_kind.def" | sort)
[[ $(sql "select kind || ' ' || unit from alert_kinds()" | sort) == "$kinds" ]] || say 'alert_kinds() and alert_kind.def differ'
is "0" "select count(*) from alert_kinds() k full join alert_rules r using (kind) where r.name is null or k.unit is null"
is "0" "select count(*) from alert_rules r where alert_rule_fault(r) is not null"

# What the leader does with a rule, one subject after the other.
sql "create function look(rule text, given jsonb default '{}') returns text language sql as \$\$
        select string_agg(concat_ws(' ', replace(subject_kind, 'system', '') || ':' || subject, state, reading, round(value::numeric, 1), problem), ';')
        from alert_look(rule, given) where subject_kind <> 'others' \$\$;
    create function apply(rule text, kind text, subject text, was text, becomes text, tells boolean default false, value text default '7') returns text
        language sql as \$\$ select alert_apply(rule, (select version from alert_rules where name = rule), jsonb_build_array(jsonb_build_object(
            'subject_kind', kind, 'subject', subject, 'was', was, 'state', becomes, 'held_ms', 5, 'value', value::numeric, 'tells', tells,
            'detail', jsonb_build_object('reason', 'the disk is full', 'last_seen_at', 'then'))), null) \$\$;
    create function told() returns text language sql as \$\$ select string_agg(substr(type, 14) || ' ' || coalesce(node, '-'), ';' order by seq)
        from events where type like 'system.alert%' \$\$;
    insert into users (id, name, tier) values ('usr_0', 'zoe', 'free'), ('usr_1', 'max', 'free');
    insert into api_keys (id, user_id, name, prefix, last_four, sha256) values ('key_0', 'usr_0', '', 'crl_0', 'abcd', sha256('x'))" >/dev/null

# Nodes.
sql "insert into nodes (name, memory_bytes, cpu_millis, storage_bytes, sandboxes, health, reason)
    values ('a', 1, 1, 1, 1, 'unreachable', ''), ('b', 1, 1, 1, 1, 'unhealthy', 'the disk is full'), ('c', 1, 1, 1, 1, 'ready', '')" >/dev/null
is "node:a none value 1.0" "select look('node_lost')"
is "node:b none value 1.0" "select look('node_unhealthy')"

# From pending to firing to resolved, each told once, also where it is sent again.
is ok "select apply('node_lost', 'node', 'a', 'none', 'pending')"
is ok "select apply('node_lost', 'node', 'a', 'none', 'pending')"
is ok "select apply('node_lost', 'node', 'a', 'pending', 'pending')"
is "1 pending 5" "select count(*) || ' ' || max(state) || ' ' || max(held_ms) from alerts"
is "node:a pending value 1.0" "select look('node_lost')"
is "" "select coalesce(told(), '')"
for _ in 1 2 3; do sql "select apply('node_lost', 'node', 'a', 'pending', 'firing', true)" >/dev/null; done
is "firing a" "select told()"
is "node a does not answer, since then" "select summary from alerts"
sql "update nodes set health = 'ready' where name = 'a'" >/dev/null
is "node:a firing absent" "select look('node_lost')"
for _ in 1 2; do sql "select apply('node_lost', 'node', 'a', 'firing', 'resolved', true)" >/dev/null; done
is "firing a;resolved a" "select told()"
is "1 t t" "select count(*) || ' ' || bool_and(fired_at is not null)::text::char || ' ' || bool_and(resolved_at is not null)::text::char from alerts"
is "" "select coalesce(look('node_lost'), '')"
# The next is another episode; one that is pending and over leaves nothing.
sql "select apply('node_lost', 'node', 'a', 'none', 'pending'), apply('node_lost', 'node', 'a', 'pending', 'none')" >/dev/null
is 1 "select count(*) from alerts"
# A rule that was changed or disabled meanwhile takes nothing.
is stale "select alert_apply('node_lost', 0, '[]', null)"
is ok "select alert_apply('node_lost', 1, '[]', 'no answer')"
is "node_lost no answer t" "select name || ' ' || problem || ' ' || (problem_since is not null)::text::char from alert_rules where problem is not null"
is "problem||1" "select * from alert_counts()"
sql "select alert_apply('node_lost', 1, '[]', null)" >/dev/null
is "0 0" "select count(problem) || ' ' || count(problem_since) from alert_rules"

# Capacity: by the trend of what is reserved; known from a tenth of the window on, and where all of it is reserved.
is "resource:cpu none unknown there is no history of the system;resource:memory none unknown there is no history of the system;resource:sandboxes none unknown there is no history of the system;resource:storage none unknown there is no history of the system" \
    "select look('capacity_short')"
sql "create function sample(ago interval, memory bigint, cpu bigint) returns void language sql as \$\$
        insert into system_samples (at, epoch, kind, name, covered_ms, gauges, creates, start_ms)
        select now() - ago, 1, 'system', '', 60000, array[1000, 1000, 1000, 1000, memory, cpu, 500, 400] || array_fill(0::bigint, array[20]), 0, 0 \$\$;
    update alert_rules set window_seconds = 36000 where kind = 'capacity_short';
    select sample(i * interval '1 minute', 500 - i, 1000) from generate_series(0, 30) i" >/dev/null
is "resource:cpu none value 0.0;resource:memory none unknown the history of the system is shorter than a tenth of the window" \
    "select split_part(look, ';', 1) || ';' || split_part(look, ';', 2) from look('capacity_short')"
sql "select sample(i * interval '1 minute', 500 - i, 1000) from generate_series(31, 120) i" >/dev/null
is "resource:cpu none value 0.0;resource:memory none value 0.3;resource:sandboxes none value 3650.0;resource:storage none value 3650.0" \
    "select look('capacity_short')" # 500 left at one a minute: 0.35 days
sql "select apply('capacity_short', 'resource', 'memory', 'none', 'pending', false, '0.347')" >/dev/null
is "memory: all of it will be reserved in 0.3 days, by the trend of the last 10 h" "select summary from alerts where rule = 'capacity_short'"
sql "update alert_rules set window_seconds = 2678400 where kind = 'capacity_short'; delete from alerts where rule = 'capacity_short'" >/dev/null
is "unknown" "select reading from alert_look('capacity_short', '{}') where subject = 'memory'"

# Bursts.
happen() { sql "select add_event('$1', '$2', null, null, '{}') from generate_series(1, $3)" >/dev/null; }
happen violation.opened usr_0 3
happen violation.closed usr_0 3
is ": none value 3.0" "select look('violation_rate')"
happen sandbox.egress_denied usr_0 2
happen sandbox.egress_denied usr_1 4
is "user:usr_1 none value 4.0;user:usr_0 none value 2.0" "select look('egress_denied')"
sql "update events set at = at - interval '6 minutes' where user_id = 'usr_1' and type = 'sandbox.egress_denied'" >/dev/null
is "user:usr_0 none value 2.0" "select look('egress_denied')"
sql "select apply('egress_denied', 'user', 'usr_0', 'none', 'firing', true, '120')" >/dev/null
is "120 connections of sandboxes of user usr_0 were denied within 5 min" "select summary from alerts where rule = 'egress_denied'"
is ": none value 120.0" "select look('refused_keys', '{\"refused\": 120, \"watched_ms\": 5000}')"
is ": none unknown the controller has not counted for a whole window yet" "select look('refused_keys', '{\"refused\": 7, \"watched_ms\": 5000}')"
is ": none value 7.0" "select look('refused_keys', '{\"refused\": 7, \"watched_ms\": 300000}')"

# Certificates: that of a node that is away is not known.
given='{"certificates": [{"subject_kind": "node", "subject": "b", "ends_s": 5000000000}, {"subject_kind": "certificate", "subject": "api", "ends_s": 0}]}'
is "certificate:api -1 node:b 1" "select string_agg(subject_kind || ':' || subject || ' ' || sign(value), ' ') from alert_look('certificate_expiry', '$given') where subject_kind <> 'others'"
sql "select apply('certificate_expiry', 'node', 'a', 'none', 'firing')" >/dev/null
is "node:a firing unknown the node is not connected" "select look('certificate_expiry')"
sql "delete from nodes where name = 'a'" >/dev/null
is "node:a firing absent" "select look('certificate_expiry')"

# The database: its size, and how it grows.
is "t" "select value between 5000000 and 1e10 from alert_look('database_size', '{}') where subject_kind = 'system'"
is ": none unknown sizes of less than an hour are known" "select look('database_growth')"
sql "select alert_gather('database_growth'), alert_gather('database_growth')" >/dev/null
is "1" "select count(*) from alert_sizes"
is ": none unknown sizes of less than an hour are known" "select look('database_growth')"
sql "insert into alert_sizes values (now() - interval '2 hours', pg_database_size(current_database()) - 1000000)" >/dev/null
is t "select value between 11e6 and 24e6 from alert_look('database_growth', '{}') where subject_kind = 'system'"

# A user's use against their own past: a day of hours with three creates each, then a burst.
sql "create function make(n int, at timestamptz) returns void language sql as \$\$
        insert into sandboxes (id, user_id, key_id, tier, image, node, memory_bytes, cpu_millis, cpu_shares, storage_bytes, pids, nofile,
            spec, created_at, expires_at)
        select 'sbx_' || upper(lpad(n || 'Z' || i, 26, '0')), 'usr_0', 'key_0', 'free', 'i', 'b', 1048576, 1, 1, 1, 1, 1, '', at, at + interval '30 days'
        from generate_series(1, 3) i \$\$;
    select make(h, date_trunc('hour', now()) - h * interval '1 hour' + interval '1 minute') from generate_series(1, 24) h;
    update alert_baseline_until set at = date_trunc('hour', now()) - interval '24 hours'" >/dev/null
for _ in {1..24}; do sql "select alert_gather('user_unusual')" >/dev/null; done
is "creates 3 24" "select measure || ' ' || round(mean) || ' ' || hours from alert_baselines where measure = 'creates'"
is "$(sql "select date_trunc('hour', now())")" "select at from alert_baseline_until"
sql "select alert_gather('user_unusual')" >/dev/null
is "24" "select max(hours) from alert_baselines"
is "" "select look('user_unusual') where look('user_unusual') like '%usr_0 none value %[1-9]_.%'"
sql "select make(100 + h, now() - interval '1 second') from generate_series(1, 12) h" >/dev/null
is "user:usr_0 none value" "select substr(look('user_unusual'), 1, 21)"
is "t zoe creates" "select (value > 8)::text::char || ' ' || (detail->>'name') || ' ' || (detail->>'measure') from alert_look('user_unusual', '{}') where subject = 'usr_0'"

# The audit is verified in steps, new rows as they come, all of it again once a window; what was found stays until a pass ends without.
found() { sql "select coalesce(string_agg(concat_ws(' ', value, problem), ''), '') || coalesce(' ' || (select problem from alert_audit), '') from alert_audit_found()"; }
step() { sql "select alert_gather_audit($1, $2)" >/dev/null; }
finds() { [[ $(found) == "$1" ]] || say "expected '$1', got '$(found)'"; }
sql "select add_audit('{}', 'act', n::text, null, null) from generate_series((select head_seq + 1 from audit_chain), 25) n" >/dev/null
finds 'the audit is being verified for the first time'
step 3600 10; step 3600 10
finds 'the audit is being verified for the first time'
step 3600 10
finds 0
is "25 f" "select seq || ' ' || found::text::char from alert_audit"
sql "select add_audit('{}', 'act', 'more', null, null)" >/dev/null
step 3600 10
is "26" "select seq from alert_audit"
sql "update audit set target = 'other' where seq = 7" >/dev/null
step 3600 10
finds 0 # it was before; the next pass finds it
step 0 100
finds '1 row 7 was changed'
step 3600 100
finds '1 row 7 was changed'
sql "update audit set target = '7' where seq = 7" >/dev/null
step 0 5
finds '1 row 7 was changed'
step 3600 100
finds 0
sql "delete from audit where seq = 20" >/dev/null
step 0 100
finds '1 row 20 is missing'
sql "select audit_prune(now() + interval '1 hour', 20)" >/dev/null # the anchor moves past it
step 3600 100
finds 0
sql "update audit set seq = 1000 where seq = 26" >/dev/null
step 0 100
finds '1 rows at the end, from 26 on, are missing or changed'
sql "update audit set seq = 26 where seq = 1000" >/dev/null
step 0 100
finds 0

# Bounds: of a rule at most 100 are open; the rest are one.
sql "delete from alerts; insert into nodes (name, memory_bytes, cpu_millis, storage_bytes, sandboxes, health)
    select 'n' || i, 1, 1, 1, 1, 'unreachable' from generate_series(1, 150) i" >/dev/null
is "151 100 others" "select count(*) || ' ' || max(room) || ' ' || (array_agg(subject_kind))[count(*)] from alert_look('node_lost', '{}')"
sql "select apply('node_lost', 'node', 'n' || i, 'none', 'firing') from generate_series(1, 90) i" >/dev/null
is 10 "select max(room) from alert_look('node_lost', '{}')"
sql "insert into alerts (rule, kind, severity, subject_kind, subject, state, threshold, summary, since, updated_at)
    select 'r' || i, 'node_lost', 'info', 'node', 'x', 'pending', 1, '', now(), now() from generate_series(1, 906) i" >/dev/null
is 4 "select max(room) from alert_look('node_lost', '{}')"
sql "select apply('node_lost', 'others', '', 'none', 'firing', true, '60')" >/dev/null
is "60 more subjects of the rule node_lost, which are not listed one by one" "select summary from alerts where subject_kind = 'others'"
is "firing|critical|91;pending|info|906;problem||0" "select string_agg(state || '|' || severity || '|' || alerts, ';' order by state) from alert_counts()"

# Silences: of a subject, and of a rule; they are no longer than they say.
id=$(sql "select alert_id(seq) from alerts where subject = 'n1'")
who='{"user_id": "usr_0"}'
acts() { sql "select outcome || ' ' || coalesce(detail, '') from $1" || true; }
[[ $(acts "silence_alert('$id', '{\"duration_seconds\": 60, \"comment\": \"known\"}', '$who')") == 'ok ' ]] || say silence
is "n1" "select string_agg(subject, ' ') from alert_look('node_lost', '{}') where silenced"
is "zoe known false" "select concat_ws(' ', s->>'by', s->>'comment', s->>'whole_rule') from (select alert_json(a)->'silence' s from alerts a where subject = 'n1') x"
[[ $(acts "unsilence_alert('$id', '$who')") == 'ok ' ]] || say unsilence
[[ $(acts "silence_alert_rule('node_lost', '{\"duration_seconds\": 60}', '$who')") == 'ok ' ]] || say 'silence of a rule'
is 151 "select count(*) from alert_look('node_lost', '{}') where silenced"
sql "update alert_silences set until = now()" >/dev/null
is 0 "select count(*) from alert_look('node_lost', '{}') where silenced"
[[ $(acts "silence_alert('alr_1', '{\"duration_seconds\": 60}', '$who')") == 'not_found '* ]] || say 'a silence of nothing'

# Rules: added, changed, disabled (which ends what is open), removed; each is audited.
[[ $(acts "create_alert_rule('{\"name\": \"mine\", \"kind\": \"database_size\", \"threshold\": 5}', '$who')") == 'ok ' ]] || say create
[[ $(acts "create_alert_rule('{\"name\": \"mine\", \"kind\": \"database_size\", \"threshold\": 5}', '$who')") == conflict* ]] || say 'created twice'
[[ $(acts "create_alert_rule('{\"name\": \"bad\", \"kind\": \"database_size\", \"threshold\": 5, \"clear\": 6}', '$who')") == 'invalid clear'* ]] || say 'a clear above'
[[ $(acts "create_alert_rule('{\"name\": \"bad\", \"kind\": \"certificate_expiry\", \"threshold\": 5, \"clear\": 4}', '$who')") == 'invalid clear'* ]] || say 'a clear below'
[[ $(acts "patch_alert_rule('mine', '{\"threshold\": 6}', '$who')") == 'ok ' ]] || say patch
[[ $(acts "patch_alert_rule('refused_keys', '{\"window_seconds\": 3601}', '$who')") == 'invalid window_seconds: must not be above 3600'* ]] || say 'a window that is never watched as a whole'
is "6 2" "select threshold || ' ' || version from alert_rules where name = 'mine'"
sql "delete from events" >/dev/null
sql "update alerts set told = subject in ('n1', 'n2') where rule = 'node_lost'" >/dev/null
[[ $(acts "patch_alert_rule('node_lost', '{\"enabled\": false}', '$who')") == 'ok ' ]] || say disable
is "resolved n1;resolved n2" "select told()"
is 0 "select count(*) from alerts where rule = 'node_lost' and state <> 'resolved'"
is 0 "select count(*) from alert_watched_rules() where name = 'node_lost'"
[[ $(acts "delete_alert_rule('mine', '$who')") == 'ok ' && $(acts "delete_alert_rule('mine', '$who')") == not_found* ]] || say delete
is "alert_rule.create alert_rule.delete alert_rule.patch alert_rule.patch" "select string_agg(action, ' ' order by action) from audit where result = 'ok' and action like 'alert\\_rule%'"

# The list: in pages, newest first.
sql "create function walk(filter jsonb) returns text language plpgsql as \$\$
    declare page json; n int := 0;
    begin
        loop
            select body into page from list_alerts(filter || case when page is null then '{}' else jsonb_build_object('cursor', page->>'next_cursor') end);
            n := n + json_array_length(page->'items');
            if page->>'next_cursor' is null then return n; end if;
        end loop;
    end \$\$" >/dev/null
is 906 "select walk('{\"all\": false, \"limit\": 100}')"
is 997 "select walk('{\"all\": true, \"limit\": 100}')"
is 91 "select walk('{\"all\": false, \"state\": \"resolved\", \"limit\": 40}')"
is 0 "select walk('{\"all\": false, \"severity\": \"critical\", \"limit\": 40}')"
is 1 "select walk('{\"all\": false, \"rule\": \"r7\", \"limit\": 40}')"
is "" "select coalesce((list_alerts('{\"cursor\": \"x\", \"limit\": 1}')).body, '')"

# Resolved ones go after their term, and past their bound.
sql "update alerts set resolved_at = now() - interval '91 days' where state = 'resolved' and subject <> 'n1';
    update upkeep_clock set reached = now(); insert into upkeep_clock values ('x', 0, now()) on conflict do nothing" >/dev/null
is 90 "select removed from upkeep_alerts(90, 500, '')"
is 0 "select count(*) from alert_silences where until < now() - interval '1 day'"
