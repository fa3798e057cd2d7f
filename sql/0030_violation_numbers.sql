-- What a host tells of violations is stored by the highest number of a sandbox, as its samples are: no look into the
-- events of the past. All that can be known before is, before the lock of the events' numbers is taken, and one that
-- cannot be stored (whatever its host says) takes no others with it.

alter table sandbox_samples rename to sandbox_told;
alter table sandbox_told rename column highest to sample;
alter table sandbox_told add column violation bigint not null default 0;

-- Of those that live: what their hosts may tell again.
insert into sandbox_told (sandbox_id, violation)
    select s.id, coalesce((select max((e.data->>'number')::bigint) from events e
        where e.sandbox_id = s.id and e.type like 'violation.%'), 0)
    from sandboxes s where s.ended_at is null
    on conflict (sandbox_id) do update set violation = excluded.violation;

-- When something was that its host says was so long ago. A host's clock and counting are not ours: nothing lies before
-- its sandbox was made, nor in the future.
create function told_at(created_at timestamptz, ago_ms bigint) returns timestamptz language sql stable as $$
    select date_trunc('milliseconds', greatest(least(created_at, now()),
        now() - least(greatest(ago_ms, 0), 3153600000000) * interval '1 millisecond'))
$$;

-- The rows of these sandboxes of the host, locked, always in the same order. Whoever brings the same at the same time
-- waits here, and then sees what was stored.
create function lock_told(host text, ids text[]) returns void language plpgsql as $$
begin
    insert into sandbox_told (sandbox_id) select s.id from sandboxes s
        where s.id = any(ids) and s.node = host and not exists (select from sandbox_told t where t.sandbox_id = s.id)
        order by s.id on conflict do nothing;
    perform from sandbox_told t where t.sandbox_id = any(ids) order by t.sandbox_id for update;
end $$;

-- Those of the news that are new. All or none. Returns how many were stored.
create function store_violations(host text, news jsonb) returns integer language plpgsql as $$
declare
    fresh events[];
    stored integer;
begin
    fresh := array(select row(0, case when (v.item->>'opened')::boolean then 'violation.opened' else 'violation.closed' end,
            told_at(s.created_at, (v.item->>'ago_ms')::bigint), s.user_id, s.id, null,
            v.item - 'sandbox_id' - 'opened' - 'ago_ms')::events
        from jsonb_array_elements(news) with ordinality v(item, n)
        join sandboxes s on s.id = v.item->>'sandbox_id' and s.node = host
        join sandbox_told t on t.sandbox_id = s.id and (v.item->>'number')::bigint > t.violation
        order by v.n);
    if cardinality(fresh) = 0 then
        return 0;
    end if;
    update sandbox_told t set violation = greatest(t.violation, f.number)
        from (select x.sandbox_id, max((x.data->>'number')::bigint) as number from unnest(fresh) x group by 1) f
        where t.sandbox_id = f.sandbox_id;
    perform pg_advisory_xact_lock(20011, 2);
    insert into events select nextval('event_seq'), x.type, x.at, x.user_id, x.sandbox_id, x.node, x.data
        from unnest(fresh) with ordinality x(seq, type, at, user_id, sandbox_id, node, data, n) order by x.n;
    get diagnostics stored = row_count;
    return stored;
end $$;

-- Each {sandbox_id, opened, number, ago_ms, kind, level, percent, limit, swings}, in the order of their numbers: an
-- opening comes before its closing. An event tells when it happened, not when it was heard of. What is known is left
-- out. Returns how many could not be stored, or were not this host's to tell: they come no more.
drop function add_violations(text, jsonb);
drop function add_violation(jsonb);
create function add_violations(host text, news jsonb) returns integer language plpgsql as $$
declare
    v jsonb;
    refused integer;
begin
    perform lock_told(host, array(select x->>'sandbox_id' from jsonb_array_elements(news) x));
    select count(*) into refused from jsonb_array_elements(news) x
        where not exists (select from sandboxes s where s.id = x->>'sandbox_id' and s.node = host);
    begin
        perform store_violations(host, news);
    exception when data_exception or integrity_constraint_violation then
        for v in select item from jsonb_array_elements(news) with ordinality as x(item, n) order by n loop
            begin
                perform store_violations(host, jsonb_build_array(v));
            exception when data_exception or integrity_constraint_violation then
                refused := refused + 1;
            end;
        end loop;
    end;
    return refused;
end $$;

-- As the levels of violations, for a tier: the least time between two ends of a kind.
create or replace function violation_keys() returns text[] language sql immutable as $$
    select array['memory_warning', 'memory_critical', 'memory_clear', 'cpu_warning', 'cpu_clear', 'cpu_seconds',
        'disk_warning', 'disk_clear', 'pids_warning', 'pids_clear', 'episode_seconds']
$$;

create or replace function violations_fault(levels jsonb) returns text language sql immutable as $$
    select coalesce(
        (select format('violations/%s: not a level, or not a whole number that it can take', key)
            from jsonb_each(levels) where not (key = any (violation_keys()) and jsonb_typeof(value) = 'number'
                and case when jsonb_typeof(value) = 'number' then value::numeric = trunc(value::numeric)
                    and value::numeric between 1 and case when key like '%_seconds' then 3600 else 100 end end)
            order by key limit 1),
        (select format('violations/%s: must be below %s', low, high)
            from (values ('memory_clear', 'memory_warning'), ('cpu_clear', 'cpu_warning'), ('disk_clear', 'disk_warning'),
                ('pids_clear', 'pids_warning')) x(low, high)
            where (levels->>low)::numeric >= (levels->>high)::numeric limit 1),
        case when (levels->>'memory_critical')::numeric < (levels->>'memory_warning')::numeric
            then 'violations/memory_critical: must not be below memory_warning' end)
$$;
