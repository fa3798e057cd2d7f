-- What nodes report about violations. For each sandbox only the highest stored number is remembered, as for samples, so past
-- events are not searched. Everything that can be prepared is prepared before taking the lock of the events' numbers. A report
-- that cannot be stored, whatever it contains, does not block the others.

-- Stores the reports that are new, all or none. A closing never gets an earlier time than its opening, and no report an earlier
-- time than the sandbox's start. Returns how many were stored.
create function store_violations(from_node text, reports jsonb) returns integer language plpgsql as $$
declare
    fresh events[];
    stored integer;
begin
    fresh := array(select row(0, case when (v.item->>'opened')::boolean then 'violation.opened' else 'violation.closed' end,
            greatest(t.violation_at, max(told_at(coalesce(s.started_at, s.created_at), (v.item->>'ago_ms')::bigint))
                over (partition by s.id order by v.n)), s.user_id, s.id, null,
            v.item - 'sandbox_id' - 'opened' - 'ago_ms')::events
        from jsonb_array_elements(reports) with ordinality v(item, n)
        join sandboxes s on s.id = v.item->>'sandbox_id' and s.node = from_node
        join sandbox_told t on t.sandbox_id = s.id and (v.item->>'number')::bigint > t.violation
        order by v.n);
    if cardinality(fresh) = 0 then
        return 0;
    end if;
    update sandbox_told t set violation = greatest(t.violation, f.number), violation_at = f.at
        from (select x.sandbox_id, max((x.data->>'number')::bigint) as number, max(x.at) as at from unnest(fresh) x
            group by 1) f
        where t.sandbox_id = f.sandbox_id;
    perform lock_event_numbers();
    insert into events select nextval('event_seq'), x.type, x.at, x.user_id, x.sandbox_id, x.node, x.data
        from unnest(fresh) with ordinality x(seq, type, at, user_id, sandbox_id, node, data, n) order by x.n;
    get diagnostics stored = row_count;
    return stored;
end $$;

-- reports: [{sandbox_id, opened, number, ago_ms, kind, level, percent, limit, swings}], ordered by number: an opening comes before
-- its closing. An event has the time when it happened, not when the report came. Known reports are skipped. Returns how many
-- could not be stored, or were not this node's to report; the node does not send those again.
create function add_violations(from_node text, reports jsonb) returns integer language plpgsql as $$
declare
    v jsonb;
    refused integer;
begin
    perform lock_node_told(from_node);
    perform lock_told(from_node, array(select x->>'sandbox_id' from jsonb_array_elements(reports) x));
    select count(*) into refused from jsonb_array_elements(reports) x
        where not exists (select from sandboxes s where s.id = x->>'sandbox_id' and s.node = from_node);
    begin
        perform store_violations(from_node, reports);
    exception when data_exception or integrity_constraint_violation then
        for v in select item from jsonb_array_elements(reports) with ordinality as x(item, n) order by n loop
            begin
                perform store_violations(from_node, jsonb_build_array(v));
            exception when data_exception or integrity_constraint_violation then
                refused := refused + 1;
            end;
        end loop;
    end;
    return refused;
end $$;
