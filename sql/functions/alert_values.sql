-- What each kind of alert measures. alert_values(rule) has a row for each subject that may be alarming, the most alarming first, at
-- most `most` of them: a subject without a row is fine. value null: it is not known, and problem says why. What has to be written
-- to be measured, alert_gather writes before.

create type alert_value as (subject_kind text, subject text, value double precision, problem text, detail jsonb);

-- For the lists of things that are counted: events of this type within the window.
create function events_counted_max() returns integer language sql immutable as $$
    select 100000
$$;

-- --- nodes ---

create function alert_nodes(in_health text, most integer) returns setof alert_value language sql stable as $$
    select 'node', n.name, 1::double precision, null::text, jsonb_build_object('reason', n.reason, 'last_seen_at', rfc3339(n.last_seen_at))
    from nodes n where n.health = in_health order by n.name limit most
$$;

-- --- capacity ---

-- The trend is the least-squares line through what was reserved, by the minute or, of a window of more than a day, by the hour. It is
-- known from a tenth of the window on. Ten years stand for never.
create function alert_capacity(window_seconds integer) returns setof alert_value language sql stable as $$
    with f as materialized (select extract(epoch from x.at)::double precision / 86400 as day, x.mean
        from figures_between(case when window_seconds > 86400 then 3600 else 0 end, 'system', '{""}',
            now() - window_seconds * interval '1 second', now()) x),
    t as (select g.name, regr_slope(f.mean[g.reserved], f.day) as slope, max(f.day) - min(f.day) as days,
            (array_agg(f.mean[g.capacity] order by f.day desc))[1] as capacity,
            (array_agg(f.mean[g.reserved] order by f.day desc))[1] as reserved
        from resource_gauges() g left join f on true group by g.name),
    k as (select t.*, case when t.days is null then 'there is no history of the system'
            when t.capacity is null or t.capacity <= 0 then 'no node has room'
            when t.reserved >= t.capacity then null
            when t.days * 86400 * 10 < window_seconds then 'the history of the system is shorter than a tenth of the window' end as problem
        from t)
    select 'resource', split_part(k.name, '_', 1), case when k.problem is not null then null when k.reserved >= k.capacity then 0
        when k.slope > 0 then least(3650, (k.capacity - k.reserved) / k.slope) else 3650 end, k.problem, null::jsonb
    from k order by 3 nulls last, 2
$$;

-- --- bursts ---

create function alert_violations(window_seconds integer) returns setof alert_value language sql stable as $$
    select 'system', '', (select count(*) from (select from events e where e.type = 'violation.opened'
        and e.at > now() - window_seconds * interval '1 second' limit events_counted_max()) x)::double precision, null::text, null::jsonb
$$;

create function alert_egress(window_seconds integer, most integer) returns setof alert_value language sql stable as $$
    select 'user', x.user_id, count(*)::double precision, null::text, jsonb_build_object('name', (select u.name from users u where u.id = x.user_id))
    from (select e.user_id from events e where e.type = 'sandbox.egress_denied' and e.at > now() - window_seconds * interval '1 second'
        limit events_counted_max()) x
    where x.user_id is not null group by x.user_id order by 3 desc, 2 limit most
$$;

-- given: {refused, watched_ms}, as the controller counted. A window that was not watched as a whole can show a burst, but not that
-- there is none.
create function alert_refused(given jsonb, threshold bigint, window_seconds integer) returns setof alert_value language sql immutable as $$
    select 'system', '', case when w.whole or (given->>'refused')::bigint >= threshold then (given->>'refused')::double precision end,
        case when not w.whole and (given->>'refused')::bigint < threshold
            then 'the controller has not counted for a whole window yet' end, null::jsonb
    from (select (given->>'watched_ms')::bigint >= window_seconds * 1000::bigint) w(whole)
$$;

-- --- a user's use ---

create function alert_measures(at timestamptz) returns table (user_id text, measure text, value double precision)
language sql stable as $$
    select s.user_id, 'creates', count(*)::double precision from sandboxes s
        where s.created_at > at - interval '1 hour' and s.created_at <= at group by 1
    union all
    select s.user_id, 'memory_bytes', sum(s.memory_bytes)::double precision from sandboxes s where s.ended_at is null group by 1
$$;

-- What a measure varies by at least: less than that is nothing unusual.
create function alert_least(measure text, mean double precision) returns double precision language sql immutable as $$
    select greatest(mean / 4, case measure when 'creates' then 2 else 268435456 end)
$$;

create function alert_unusual(most integer) returns setof alert_value language sql stable as $$
    select 'user', x.user_id, x.far, null::text, jsonb_build_object('name', (select u.name from users u where u.id = x.user_id),
        'measure', x.measure, 'now', x.value, 'usual', x.mean)
    from (select distinct on (m.user_id) m.*, b.mean,
            (m.value - b.mean) / greatest(sqrt(b.variance), alert_least(m.measure, b.mean)) as far
        from alert_measures(now()) m join alert_baselines b using (user_id, measure) where b.hours >= 24
        order by m.user_id, far desc) x
    where x.far > 0 order by x.far desc, x.user_id limit most
$$;

-- Takes the hour that ended into the mean and the variance of each user, also of those that did nothing in it. One hour at a time;
-- hours more than a day ago are left out.
create function alert_gather_use() returns void language plpgsql as $$
declare
    done timestamptz;
begin
    select u.at into done from alert_baseline_until u for update;
    done := greatest(done, date_trunc('hour', now()) - interval '1 day') + interval '1 hour';
    if done > now() then
        return;
    end if;
    insert into alert_baselines as b
        select user_id, measure, coalesce(m.value, 0), 0, 1 from alert_measures(done) m
            full join (select x.user_id, x.measure from alert_baselines x) k using (user_id, measure)
    on conflict (user_id, measure) do update set
        mean = b.mean + (excluded.mean - b.mean) * greatest(1.0 / (b.hours + 1), 1.0 / 168),
        variance = (1 - greatest(1.0 / (b.hours + 1), 1.0 / 168)) * (b.variance
            + greatest(1.0 / (b.hours + 1), 1.0 / 168) * (excluded.mean - b.mean) ^ 2),
        hours = least(b.hours + 1, 1000000);
    delete from alert_baselines b where not exists (select from users u where u.id = b.user_id and u.deleted_at is null);
    update alert_baseline_until set at = done;
end $$;

-- --- the audit ---

-- Verifies the next rows, at most `most`. A whole pass begins every so many seconds; until then it goes on with the rows that are
-- new. What a pass found stays until a later one ends without.
create function alert_gather_audit(every_seconds integer, most integer) returns void language plpgsql as $$
declare
    p alert_audit;
    chain audit_chain;
    a audit;
    n integer := 0;
    fault text;
begin
    select * into p from alert_audit for update;
    select * into chain from audit_chain;
    if p.started_at is null or p.seq < chain.anchor_seq
            or p.finished_at is not null and p.started_at <= clock_timestamp() - every_seconds * interval '1 second' then
        p := (true, chain.anchor_seq, chain.anchor_hash, clock_timestamp(), null, false, p.known, p.problem);
    end if;
    if p.found then
        return;
    end if;
    for a in select * from audit x where x.seq > p.seq and (x.seq <= chain.head_seq or x.at < now() - interval '1 minute')
            order by x.seq limit most loop
        fault := case when a.seq > chain.head_seq then format('row %s was put in after the end', a.seq)
            when a.seq > p.seq + 1 then format('row %s is missing', p.seq + 1)
            when a.hash is distinct from audit_hash(p.hash, a) then format('row %s was changed', a.seq) end;
        exit when fault is not null;
        p.seq := a.seq;
        p.hash := a.hash;
        n := n + 1;
    end loop;
    if fault is null and n < most and (p.seq, p.hash) is distinct from (chain.head_seq, chain.head_hash) then
        fault := format('rows at the end, from %s on, are missing or changed', p.seq + 1);
    end if;
    if fault is not null and (select c.anchor_seq from audit_chain c) > p.seq then
        p.started_at := null; -- upkeep removed these rows meanwhile
    elsif fault is not null then
        p.found := true;
        p.problem := fault;
    elsif n < most and p.finished_at is null then
        p.problem := null;
    end if;
    if p.found or n < most and p.started_at is not null then
        p.finished_at := coalesce(p.finished_at, clock_timestamp());
        p.known := true;
    end if;
    update alert_audit set seq = p.seq, hash = p.hash, started_at = p.started_at, finished_at = p.finished_at, found = p.found,
        known = p.known, problem = p.problem;
end $$;

create function alert_audit_found() returns setof alert_value language sql stable as $$
    select 'system', '', case when a.problem is not null then 1 when a.known then 0 end::double precision,
        case when a.problem is null and not a.known then 'the audit is being verified for the first time' end,
        jsonb_build_object('problem', a.problem)
    from alert_audit a
$$;

-- --- the database ---

create function alert_size() returns setof alert_value language sql volatile as $$
    select 'system', '', pg_database_size(current_database())::double precision, null::text, null::jsonb
$$;

create function alert_gather_size() returns void language plpgsql as $$
begin
    if not exists (select from alert_sizes z where z.at > now() - interval '1 hour') then
        insert into alert_sizes values (now(), pg_database_size(current_database())) on conflict do nothing;
        delete from alert_sizes z where z.at < now() - interval '32 days' or z.at > now() + interval '1 hour';
    end if;
end $$;

-- From the oldest size within the window.
create function alert_growth(window_seconds integer) returns setof alert_value language sql volatile as $$
    select 'system', '', case when f.known then (pg_database_size(current_database()) - f.bytes) * 86400
            / extract(epoch from now() - f.at)::double precision end,
        case when f.known is not true then 'sizes of less than an hour are known' end, null::jsonb
    from (values (1)) one left join lateral (select z.*, z.at < now() - interval '1 hour' as known from alert_sizes z
        where z.at > now() - window_seconds * interval '1 second' and z.at < now() order by z.at limit 1) f on true
$$;

-- --- certificates ---

-- given: {certificates: [{subject_kind, subject, ends_s or problem}]}. That of a node that is not in session is not known.
create function alert_certificates(given jsonb, rule_name text, most integer) returns setof alert_value language sql stable as $$
    select * from (
        select c.subject_kind, c.subject, ((c.ends_s - extract(epoch from now())) / 86400)::double precision, c.problem,
            jsonb_build_object('ends_at', rfc3339(to_timestamp(c.ends_s)))
        from jsonb_to_recordset(given->'certificates') c(subject_kind text, subject text, ends_s bigint, problem text)
        union all
        select 'node', a.subject, null::double precision, 'the node is not connected', null::jsonb from alerts a join nodes n on n.name = a.subject
        where a.rule = rule_name and a.subject_kind = 'node' and a.state <> 'resolved' and not exists (
            select from jsonb_to_recordset(given->'certificates') c(subject_kind text, subject text)
            where c.subject_kind = 'node' and c.subject = n.name)) x(subject_kind, subject, value, problem, detail)
    order by value nulls first, subject limit most
$$;

-- --- all ---

-- What is written before a rule is evaluated, where its kind needs it.
create function alert_gather(rule_name text) returns void language plpgsql as $$
declare
    r alert_rules;
begin
    select * into r from alert_rules x where x.name = rule_name;
    case r.kind
        when 'audit_broken' then perform alert_gather_audit(r.window_seconds, 2000);
        when 'user_unusual' then perform alert_gather_use();
        when 'database_growth' then perform alert_gather_size();
        else null;
    end case;
end $$;

create function alert_values(r alert_rules, given jsonb, most integer) returns setof alert_value language plpgsql as $$
begin
    case r.kind
        when 'capacity_short' then return query select * from alert_capacity(r.window_seconds);
        when 'node_lost' then return query select * from alert_nodes('unreachable', most);
        when 'node_unhealthy' then return query select * from alert_nodes('unhealthy', most);
        when 'violation_rate' then return query select * from alert_violations(r.window_seconds);
        when 'user_unusual' then return query select * from alert_unusual(most);
        when 'refused_keys' then return query select * from alert_refused(given, r.threshold, r.window_seconds);
        when 'egress_denied' then return query select * from alert_egress(r.window_seconds, most);
        when 'audit_broken' then return query select * from alert_audit_found();
        when 'database_size' then return query select * from alert_size();
        when 'database_growth' then return query select * from alert_growth(r.window_seconds);
        when 'certificate_expiry' then return query select * from alert_certificates(given, r.name, most);
    end case;
end $$;
