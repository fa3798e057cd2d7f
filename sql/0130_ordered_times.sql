-- The times of one sandbox are in order, whatever way its host's words took: each is told as so long ago, and one word may
-- have been a few milliseconds longer on its way than the next. Created, started, ended; an episode's opening before its
-- closing, both after the start.

create function sandbox_times_in_order() returns trigger language plpgsql as $$
begin
    new.started_at := greatest(new.created_at, new.started_at);
    new.ended_at := greatest(new.created_at, new.started_at, new.ended_at);
    return new;
end $$;

create trigger sandbox_times_started before update on sandboxes
    for each row when (new.started_at is distinct from old.started_at and new.started_at < new.created_at)
    execute function sandbox_times_in_order();
create trigger sandbox_times before update on sandboxes
    for each row when (new.ended_at is distinct from old.ended_at
        and new.ended_at < greatest(new.created_at, new.started_at)) execute function sandbox_times_in_order();

update sandboxes set ended_at = greatest(created_at, started_at) where ended_at < greatest(created_at, started_at);

-- As 0030; no closing is told before its opening, none of them before the start.
alter table sandbox_told add column violation_at timestamptz;

create or replace function store_violations(host text, news jsonb) returns integer language plpgsql as $$
declare
    fresh events[];
    stored integer;
begin
    fresh := array(select row(0, case when (v.item->>'opened')::boolean then 'violation.opened' else 'violation.closed' end,
            greatest(t.violation_at, max(told_at(coalesce(s.started_at, s.created_at), (v.item->>'ago_ms')::bigint))
                over (partition by s.id order by v.n)), s.user_id, s.id, null,
            v.item - 'sandbox_id' - 'opened' - 'ago_ms')::events
        from jsonb_array_elements(news) with ordinality v(item, n)
        join sandboxes s on s.id = v.item->>'sandbox_id' and s.node = host
        join sandbox_told t on t.sandbox_id = s.id and (v.item->>'number')::bigint > t.violation
        order by v.n);
    if cardinality(fresh) = 0 then
        return 0;
    end if;
    update sandbox_told t set violation = greatest(t.violation, f.number), violation_at = f.at
        from (select x.sandbox_id, max((x.data->>'number')::bigint) as number, max(x.at) as at from unnest(fresh) x
            group by 1) f
        where t.sandbox_id = f.sandbox_id;
    perform pg_advisory_xact_lock(20011, 2);
    insert into events select nextval('event_seq'), x.type, x.at, x.user_id, x.sandbox_id, x.node, x.data
        from unnest(fresh) with ordinality x(seq, type, at, user_id, sandbox_id, node, data, n) order by x.n;
    get diagnostics stored = row_count;
    return stored;
end $$;
