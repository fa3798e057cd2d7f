-- What happened. Event numbers are assigned under a lock that is held until the commit, so events become visible in the order
-- of their numbers: a reader that has seen number n can never miss a lower one.

-- Returns 0 if id is no event's id.
create function event_seq_of(id text) returns bigint language sql immutable as $$
    select case when id ~ '^evt_[0-9]{19}$' and id <= 'evt_9223372036854775807' then substr(id, 5)::bigint else 0 end
$$;

create function add_event(type text, user_id text, sandbox_id text, node text, data jsonb)
returns bigint language plpgsql as $$
declare
    seq bigint;
begin
    perform pg_advisory_xact_lock(20011, 2);
    seq := nextval('event_seq');
    insert into events values (seq, type, clock_timestamp(), user_id, sandbox_id, node, data);
    return seq;
end $$;

-- filter: {owner, sandbox_id, after (an event's id), limit}. Oldest first. The cursor is the last event's id.
create function list_events(filter jsonb) returns list_page language plpgsql stable as $$
declare
    after_seq bigint := 0;
    most integer := (filter->>'limit')::integer;
    narrow text := case when filter ? 'sandbox_id' then 'e.sandbox_id' when filter ? 'owner' then 'e.user_id' end;
    walk jsonb;
    found_rows events[];
begin
    if filter ? 'after' then
        after_seq := event_seq_of(filter->>'after');
        if after_seq = 0 then
            return null;
        end if;
    end if;
    walk := jsonb_build_object('from', 'events e', 'shown', 'e', 'key', concat_ws(', ', narrow, 'e.seq'),
        'after', concat_ws(' and ', case when narrow is not null then bound_by(array[narrow], array['$1']) end, 'e.seq > $2'));
    execute format('select array(%s)', walk_sql(walk)) into found_rows
        using case narrow when 'e.sandbox_id' then filter->>'sandbox_id' else filter->>'owner' end, after_seq, most + 1;
    if narrow = 'e.sandbox_id' and filter ? 'owner' and exists (
            select from unnest(found_rows) e where e.user_id is distinct from filter->>'owner') then
        return page(null, null); -- a sandbox has one user for ever
    end if;
    return page((select json_agg(event_json(e) order by e.seq) from unnest(found_rows[1:most]) e),
        case when cardinality(found_rows) > most then event_id(found_rows[most].seq) end);
end $$;
