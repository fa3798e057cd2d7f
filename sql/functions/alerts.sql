-- Alerts: what the leader reads and writes as it evaluates a rule (controller/alerts/alerts.h), and what administrators see and
-- change. alert_values.sql has what is measured.

-- The kinds, as in controller/core/alert_kind.def. gathers: something is written before each evaluation.
create function alert_kinds() returns table (kind text, unit text, below boolean, gathers boolean) language sql immutable as $$
    values ('capacity_short', 'days', true, false), ('node_lost', '', false, false), ('node_unhealthy', '', false, false),
        ('violation_rate', '', false, false), ('user_unusual', 'deviations', false, true), ('refused_keys', '', false, false),
        ('egress_denied', '', false, false), ('audit_broken', '', false, true), ('database_size', 'bytes', false, false),
        ('database_growth', 'bytes a day', false, true), ('certificate_expiry', 'days', true, false)
$$;

create function alert_rules_max() returns integer language sql immutable as $$
    select 50
$$;

-- How many may be open, in all and of a rule. What a rule finds beyond is one alert, of the subject kind 'others'.
create function alerts_open_max() returns integer language sql immutable as $$
    select 1000
$$;

create function alerts_of_rule_max() returns integer language sql immutable as $$
    select 100
$$;

-- How many that are resolved are kept: a rule that an administrator made too nervous fills no disk.
create function alerts_resolved_max() returns integer language sql immutable as $$
    select 20000
$$;

create function alert_id(seq bigint) returns text language sql immutable as $$
    select 'alr_' || lpad(seq::text, 19, '0')
$$;

create function alert_seq_of(id text) returns bigint language sql immutable as $$
    select case when id ~ '^alr_[0-9]{19}$' and id <= 'alr_9223372036854775807' then substr(id, 5)::bigint end
$$;

create function alert_unit(of_kind text) returns text language sql immutable as $$
    select k.unit from alert_kinds() k where k.kind = of_kind
$$;

-- The silence of a subject that holds, else that of its rule.
create function alert_silence(of_rule text, of_subject_kind text, of_subject text) returns alert_silences language sql stable as $$
    select s.* from alert_silences s where s.rule = of_rule and s.until > now()
        and (s.subject_kind, s.subject) in ((of_subject_kind, of_subject), ('', ''))
    order by s.subject_kind desc limit 1
$$;

create function silence_json(s alert_silences) returns json language sql stable as $$
    select case when s.rule is not null then json_build_object('until', rfc3339(s.until), 'by', s.by_user, 'comment', s.comment,
        'whole_rule', s.subject_kind = '') end
$$;

create function alert_json(a alerts) returns json language sql stable as $$
    select json_build_object('id', alert_id(a.seq), 'rule', a.rule, 'kind', a.kind, 'severity', a.severity, 'state', a.state,
        'subject_kind', a.subject_kind, 'subject', a.subject, 'value', a.value, 'threshold', a.threshold, 'unit', alert_unit(a.kind),
        'summary', a.summary, 'problem', a.problem, 'since', rfc3339(a.since), 'fired_at', rfc3339(a.fired_at),
        'resolved_at', rfc3339(a.resolved_at), 'updated_at', rfc3339(a.updated_at),
        'silence', case when a.state <> 'resolved' then silence_json(alert_silence(a.rule, a.subject_kind, a.subject)) end)
$$;

create function alert_rule_json(r alert_rules) returns json language sql stable as $$
    select json_build_object('name', r.name, 'kind', r.kind, 'enabled', r.enabled, 'severity', r.severity,
        'threshold', r.threshold, 'clear', coalesce(r.clear, r.threshold), 'unit', k.unit, 'below', k.below,
        'hold_seconds', r.hold_seconds, 'clear_seconds', r.clear_seconds, 'window_seconds', r.window_seconds,
        'interval_seconds', r.interval_seconds, 'evaluated_at', rfc3339(r.evaluated_at), 'problem', r.problem,
        'problem_since', rfc3339(r.problem_since), 'pending', (select count(*) from alerts a where a.rule = r.name and a.state = 'pending'),
        'firing', (select count(*) from alerts a where a.rule = r.name and a.state = 'firing'),
        'silence', silence_json(alert_silence(r.name, '', '')))
    from alert_kinds() k where k.kind = r.kind
$$;

-- As the audit shows it, and as its version is compared: what an administrator sets.
create function alert_rule_set(r alert_rules) returns jsonb language sql immutable as $$
    select to_jsonb(r) - '{version,evaluated_at,problem,problem_since}'::text[]
$$;

-- --- words ---

create function alert_bytes(n double precision) returns text language sql immutable as $$
    select case when n >= 1099511627776 then round((n / 1099511627776)::numeric, 1) || ' TiB'
        when n >= 1073741824 then round((n / 1073741824)::numeric, 1) || ' GiB' else round((n / 1048576)::numeric, 1) || ' MiB' end
$$;

create function alert_span(seconds integer) returns text language sql immutable as $$
    select case when seconds % 86400 = 0 then format('%s d', seconds / 86400) when seconds % 3600 = 0 then format('%s h', seconds / 3600)
        when seconds % 60 = 0 then format('%s min', seconds / 60) else format('%s s', seconds) end
$$;

create function alert_user(subject text, detail jsonb) returns text language sql immutable as $$
    select coalesce(detail->>'name', subject)
$$;

create function alert_summary(r alert_rules, subject_kind text, subject text, value double precision, detail jsonb) returns text
language sql immutable as $$
    select case when subject_kind = 'others' then format('%s more subjects of the rule %s, which are not listed one by one', value, r.name)
        else case r.kind
        when 'capacity_short' then case when value <= 0 then format('%s: all of it is reserved', subject)
            else format('%s: all of it will be reserved in %s days, by the trend of the last %s', subject, round(value::numeric, 1),
                alert_span(r.window_seconds)) end
        when 'node_lost' then format('node %s does not answer, since %s', subject, detail->>'last_seen_at')
        when 'node_unhealthy' then format('node %s takes no sandboxes: %s', subject, detail->>'reason')
        when 'violation_rate' then format('%s violations opened within %s', value, alert_span(r.window_seconds))
        when 'user_unusual' then case detail->>'measure'
            when 'creates' then format('user %s created %s sandboxes within an hour; usual are %s', alert_user(subject, detail),
                detail->>'now', round((detail->>'usual')::numeric, 1))
            else format('the sandboxes of user %s have %s of memory; usual are %s', alert_user(subject, detail),
                alert_bytes((detail->>'now')::double precision), alert_bytes((detail->>'usual')::double precision)) end
        when 'refused_keys' then format('%s requests without a valid key were refused within %s', value, alert_span(r.window_seconds))
        when 'egress_denied' then format('%s connections of sandboxes of user %s were denied within %s', value,
            alert_user(subject, detail), alert_span(r.window_seconds))
        when 'audit_broken' then format('the chain of the audit does not verify: %s', detail->>'problem')
        when 'database_size' then format('the database has %s', alert_bytes(value))
        when 'database_growth' then format('the database grows by %s a day', alert_bytes(value))
        when 'certificate_expiry' then format('%s %s at %s', case when subject_kind = 'node' then 'the certificate of node ' || subject
            else 'the certificate of the controller (' || subject || ')' end,
            case when value < 0 then 'ended' else 'ends' end, detail->>'ends_at') end end
$$;

-- --- evaluation ---

create function alert_watched_rules() returns table (name text, kind text, version bigint, below boolean, gathers boolean,
    threshold bigint, clear bigint, hold_seconds integer, clear_seconds integer, window_seconds integer, interval_seconds integer)
language sql stable as $$
    select r.name, r.kind, r.version, k.below, k.gathers, r.threshold, coalesce(r.clear, r.threshold), r.hold_seconds,
        r.clear_seconds, r.window_seconds, r.interval_seconds
    from alert_rules r join alert_kinds() k on k.kind = r.kind where r.enabled order by r.name
$$;

-- Each subject that has a value or an open alert, the most alarming first, then, last, the subject that stands for others. reading:
-- 'value'; 'unknown' (problem says why); 'absent': nothing alarming is known of it. room: how many alerts may begin.
create function alert_look(rule_name text, given jsonb) returns table (subject_kind text, subject text, state text, held_ms bigint,
    cleared_ms bigint, told boolean, silenced boolean, reading text, value double precision, problem text, detail jsonb, room bigint)
language plpgsql as $$
declare
    r alert_rules;
    most constant integer := alerts_open_max();
begin
    select * into r from alert_rules x where x.name = rule_name;
    if not found then
        return;
    end if;
    return query with found as materialized (select row_number() over () as n, v.* from alert_values(r, given, most) v),
        -- Where all may not have been listed, one that is not listed is not known to be fine.
        listed as (select count(*) < most as whole from found),
        open as (select a.* from alerts a where a.rule = r.name and a.state <> 'resolved'),
        room as (select greatest(0, least(alerts_of_rule_max() - (select count(*) from open),
            alerts_open_max() - (select count(*) from alerts a where a.state <> 'resolved'))) as n)
    select x.subject_kind, x.subject, x.state, x.held_ms, x.cleared_ms, x.told,
        (alert_silence(r.name, x.subject_kind, x.subject)).rule is not null, x.reading, x.value, x.problem, x.detail, room.n
    from (select coalesce(f.subject_kind, o.subject_kind) as subject_kind, coalesce(f.subject, o.subject) as subject,
            coalesce(o.state, 'none') as state, coalesce(o.held_ms, 0) as held_ms, o.cleared_ms, coalesce(o.told, false) as told,
            case when f.value is not null then 'value' when f.subject is not null or not listed.whole then 'unknown' else 'absent' end as reading,
            f.value, coalesce(f.problem, case when f.subject is null and not listed.whole then 'too many others' end) as problem,
            f.detail, f.n
        from listed cross join found f full join open o on o.subject_kind = f.subject_kind and o.subject = f.subject
        where coalesce(f.subject_kind, o.subject_kind) <> 'others'
        union all
        select 'others', '', coalesce(o.state, 'none'), coalesce(o.held_ms, 0), o.cleared_ms, coalesce(o.told, false), 'absent',
            null, null, null, null from (values (1)) one left join open o on o.subject_kind = 'others') x, room
    order by x.subject_kind = 'others', x.n nulls last;
end $$;

create function tell_alert(a alerts) returns void language sql as $$
    select add_event(case a.state when 'firing' then 'system.alert_firing' else 'system.alert_resolved' end, null, null, case when a.subject_kind = 'node' then a.subject end,
        jsonb_build_object('alert_id', alert_id(a.seq), 'rule', a.rule, 'kind', a.kind, 'severity', a.severity,
            'subject_kind', a.subject_kind, 'subject', a.subject, 'value', a.value, 'threshold', a.threshold,
            'summary', a.summary, 'since', rfc3339(a.since)))
$$;

-- c: {subject_kind, subject, was (the state that this follows), state, held_ms, cleared_ms, value, problem, detail, tells}. If the
-- alert is not in the state any more in which it was read, nothing happens: a change that is sent twice is made once.
create function change_alert(r alert_rules, c jsonb) returns void language plpgsql as $$
declare
    a alerts;
    at timestamptz := clock_timestamp();
    tells boolean := (c->>'tells')::boolean;
    words text := case when c ? 'value' -- else nothing is known of it to say
        then alert_summary(r, c->>'subject_kind', c->>'subject', (c->>'value')::double precision, c->'detail') end;
begin
    if c->>'was' = 'none' then
        insert into alerts (rule, kind, severity, subject_kind, subject, state, told, value, threshold, summary, since, fired_at, updated_at)
        values (r.name, r.kind, r.severity, c->>'subject_kind', c->>'subject', c->>'state', tells, (c->>'value')::double precision,
            r.threshold, coalesce(words, r.name), at, case when c->>'state' = 'firing' then at end, at)
        on conflict do nothing returning * into a;
    elsif c->>'state' = 'none' then
        delete from alerts x where x.rule = r.name and x.subject_kind = c->>'subject_kind' and x.subject = c->>'subject' and x.state = 'pending';
    else
        update alerts x set state = c->>'state', held_ms = (c->>'held_ms')::bigint, cleared_ms = (c->>'cleared_ms')::bigint,
            told = x.told or tells, value = coalesce((c->>'value')::double precision, x.value), problem = c->>'problem',
            summary = case when c->>'state' <> 'resolved' then coalesce(words, x.summary) else x.summary end,
            severity = r.severity, threshold = r.threshold, updated_at = at,
            fired_at = case when c->>'state' = 'firing' then coalesce(x.fired_at, at) else x.fired_at end,
            resolved_at = case when c->>'state' = 'resolved' then at end
            where x.rule = r.name and x.subject_kind = c->>'subject_kind' and x.subject = c->>'subject' and x.state = c->>'was'
                and x.state <> 'resolved' and not (tells and c->>'state' = 'firing' and x.told)
            returning * into a;
    end if;
    if tells and a.seq is not null then
        perform tell_alert(a);
    end if;
end $$;

create function bound_resolved_alerts() returns void language sql as $$
    delete from alerts x where x.seq = any (array(select a.seq from alerts a where a.state = 'resolved'
        order by a.resolved_at desc offset alerts_resolved_max() limit 1000))
$$;

-- What became of a rule's subjects. why: why it could not be evaluated (then nothing changes); null: it was. Answers 'stale' if the
-- rule was changed since it was read.
create function alert_apply(rule_name text, rule_version bigint, changes jsonb, why text) returns text language plpgsql as $$
declare
    r alert_rules;
    c jsonb;
begin
    update alert_rules x set evaluated_at = case when why is null then now() else x.evaluated_at end, problem = why,
        problem_since = case when why is not null then coalesce(x.problem_since, now()) end
        where x.name = rule_name and x.version = rule_version and x.enabled returning * into r;
    if not found then
        return 'stale';
    end if;
    for c in select value from jsonb_array_elements(changes) loop
        perform change_alert(r, c);
    end loop;
    if exists (select from jsonb_array_elements(changes) x where x.value->>'state' = 'resolved') then
        perform bound_resolved_alerts();
    end if;
    return 'ok';
end $$;

create function alert_counts() returns table (state text, severity text, alerts bigint) language sql stable as $$
    select a.state, a.severity, count(*) from alerts a where a.state <> 'resolved' group by 1, 2
    union all
    select 'problem', '', count(*) from alert_rules r where r.enabled and r.problem is not null
$$;

-- --- what administrators do ---

-- Ends what is open of a rule that is not evaluated any more.
create function end_alerts_of(rule_name text) returns void language plpgsql as $$
declare
    a alerts;
begin
    delete from alerts x where x.rule = rule_name and x.state = 'pending';
    for a in update alerts x set state = 'resolved', resolved_at = clock_timestamp(), updated_at = clock_timestamp(), problem = null
            where x.rule = rule_name and x.state = 'firing' returning * loop
        if a.told then
            perform tell_alert(a);
        end if;
    end loop;
end $$;

create function alert_rule_fault(r alert_rules) returns text language sql immutable as $$
    select case when k.below and r.clear < r.threshold then 'clear: must not be below the threshold, of a rule that fires below it'
        when not k.below and r.clear > r.threshold then 'clear: must not be above the threshold'
        -- As much as a controller counts (controller/core/burst.h): a longer window would never be watched as a whole.
        when r.kind = 'refused_keys' and r.window_seconds > 3600 then 'window_seconds: must not be above 3600, of a rule of this kind' end
    from alert_kinds() k where k.kind = r.kind
$$;

create function create_alert_rule_once(fields jsonb, who jsonb) returns act language plpgsql as $$
declare
    r alert_rules := jsonb_populate_record(null::alert_rules, '{"enabled": true, "severity": "warning", "hold_seconds": 0,
        "clear_seconds": 60, "window_seconds": 3600, "interval_seconds": 60, "version": 1}' || fields);
begin
    if alert_rule_fault(r) is not null then
        return act_not('invalid', alert_rule_fault(r));
    end if;
    lock table alert_rules in share row exclusive mode;
    if (select count(*) from alert_rules) >= alert_rules_max() then
        return act_not('conflict', format('There are %s rules already; remove one first', alert_rules_max()));
    end if;
    insert into alert_rules values (r.*) on conflict do nothing returning * into r;
    if not found then
        return act_not('conflict', 'name: another rule has this name');
    end if;
    perform add_audit(who, 'alert_rule.create', r.name, null, alert_rule_set(r));
    return act_ok(alert_rule_json(r));
end $$;

create function create_alert_rule(fields jsonb, who jsonb) returns act language plpgsql as $$
declare
    a act := act_seen(who);
begin
    if a.outcome is null then
        a := act_kept(who, create_alert_rule_once(fields, who));
    end if;
    return act_audited(who, 'alert_rule.create', fields->>'name', fields, a);
end $$;

-- A change begins nothing again: what is open goes on under the changed rule. One that is disabled ends what it has open.
create function patch_alert_rule(rule_name text, patch jsonb, who jsonb) returns act language plpgsql as $$
declare
    old alert_rules;
    r alert_rules;
begin
    select * into old from alert_rules x where x.name = rule_name for update;
    if not found then
        return act_not('not_found', 'There is no such rule');
    elsif not etag_holds(who, alert_rule_json(old)::text) then
        return act_not('precondition_failed', changed_meanwhile());
    end if;
    r := jsonb_populate_record(old, patch);
    if alert_rule_fault(r) is not null then
        return act_not('invalid', alert_rule_fault(r));
    end if;
    update alert_rules x set enabled = r.enabled, severity = r.severity, threshold = r.threshold, clear = r.clear,
        hold_seconds = r.hold_seconds, clear_seconds = r.clear_seconds, window_seconds = r.window_seconds,
        interval_seconds = r.interval_seconds, version = x.version + 1,
        problem = case when r.enabled then x.problem end, problem_since = case when r.enabled then x.problem_since end
        where x.name = rule_name returning * into r;
    if not r.enabled then
        perform end_alerts_of(r.name);
    end if;
    perform add_audit(who, 'alert_rule.patch', r.name, alert_rule_set(old), alert_rule_set(r));
    return act_ok(alert_rule_json(r));
end $$;

create function delete_alert_rule(rule_name text, who jsonb) returns act language plpgsql as $$
declare
    old alert_rules;
begin
    delete from alert_rules x where x.name = rule_name returning * into old;
    if not found then
        return act_not('not_found', 'There is no such rule');
    end if;
    perform end_alerts_of(old.name);
    delete from alert_silences s where s.rule = old.name;
    perform add_audit(who, 'alert_rule.delete', old.name, alert_rule_set(old), null);
    return act_ok(null);
end $$;

create function put_silence(s alert_silences, who jsonb, target text) returns void language plpgsql as $$
begin
    insert into alert_silences values (s.*) on conflict (rule, subject_kind, subject) do update
        set until = excluded.until, by_user = excluded.by_user, comment = excluded.comment, created_at = excluded.created_at;
    perform add_audit(who, 'alert.silence', target, null, jsonb_build_object('rule', s.rule, 'subject_kind', s.subject_kind,
        'subject', s.subject, 'until', rfc3339(s.until), 'comment', s.comment));
end $$;

-- body: {duration_seconds, comment}
create function silence_of(of_rule text, of_subject_kind text, of_subject text, body jsonb, who jsonb) returns alert_silences
language sql stable as $$
    select (of_rule, of_subject_kind, of_subject, now() + (body->>'duration_seconds')::integer * interval '1 second',
        coalesce((select u.name from users u where u.id = who->>'user_id'), ''), coalesce(body->>'comment', ''), now())::alert_silences
$$;

create function silence_alert(alert text, body jsonb, who jsonb) returns act language plpgsql as $$
declare
    a alerts;
begin
    select * into a from alerts x where x.seq = alert_seq_of(alert);
    if not found then
        return act_not('not_found', 'There is no such alert');
    elsif a.state = 'resolved' then
        return act_not('wrong_state', 'The alert is resolved');
    end if;
    perform put_silence(silence_of(a.rule, a.subject_kind, a.subject, body, who), who, alert);
    return act_ok(alert_json(a));
end $$;

create function unsilence_alert(alert text, who jsonb) returns act language plpgsql as $$
declare
    a alerts;
begin
    select * into a from alerts x where x.seq = alert_seq_of(alert);
    if not found then
        return act_not('not_found', 'There is no such alert');
    end if;
    delete from alert_silences s where s.rule = a.rule and s.subject_kind = a.subject_kind and s.subject = a.subject;
    if found then
        perform add_audit(who, 'alert.unsilence', alert, null, null);
    end if;
    return act_ok(null);
end $$;

create function silence_alert_rule(rule_name text, body jsonb, who jsonb) returns act language plpgsql as $$
declare
    r alert_rules;
begin
    select * into r from alert_rules x where x.name = rule_name;
    if not found then
        return act_not('not_found', 'There is no such rule');
    end if;
    perform put_silence(silence_of(r.name, '', '', body, who), who, r.name);
    return act_ok(alert_rule_json(r));
end $$;

create function unsilence_alert_rule(rule_name text, who jsonb) returns act language plpgsql as $$
begin
    if not exists (select from alert_rules x where x.name = rule_name) then
        return act_not('not_found', 'There is no such rule');
    end if;
    delete from alert_silences s where s.rule = rule_name and s.subject_kind = '';
    if found then
        perform add_audit(who, 'alert.unsilence', rule_name, null, null);
    end if;
    return act_ok(null);
end $$;

-- filter: {state, severity, rule, all (resolved ones, too), cursor (an id), limit}. Newest first. Null: the cursor is no id. At most
-- alerts_open_max() that are open and alerts_resolved_max() that are resolved are walked.
create function list_alerts(filter jsonb) returns list_page language plpgsql stable as $$
declare
    before bigint := case when filter ? 'cursor' then alert_seq_of(filter->>'cursor') else 9223372036854775807 end;
    most integer := (filter->>'limit')::integer;
    found_rows alerts[];
begin
    if before is null then
        return null;
    end if;
    if (filter->>'all')::boolean or filter->>'state' = 'resolved' then
        found_rows := array(select a from alerts a where a.seq < before and (not filter ? 'state' or a.state = filter->>'state')
            and (not filter ? 'severity' or a.severity = filter->>'severity') and (not filter ? 'rule' or a.rule = filter->>'rule')
            order by a.seq desc limit most + 1);
    else
        found_rows := array(select a from alerts a where a.state <> 'resolved' and a.seq < before
            and (not filter ? 'state' or a.state = filter->>'state') and (not filter ? 'severity' or a.severity = filter->>'severity')
            and (not filter ? 'rule' or a.rule = filter->>'rule') order by a.seq desc limit most + 1);
    end if;
    return page((select json_agg(alert_json(a) order by a.seq desc) from unnest(found_rows[1:most]) a),
        case when cardinality(found_rows) > most then alert_id(found_rows[most].seq) end);
end $$;

create function list_alert_rules(after text, most integer) returns list_page language sql stable as $$
    with rows as (select * from alert_rules r where r.name > coalesce(after, '') order by r.name limit most + 1),
    shown as (select * from rows order by name limit most)
    select page((select json_agg(alert_rule_json(s::alert_rules) order by name) from shown s),
        case when (select count(*) from rows) > most then (select max(name) from shown) end)
$$;
