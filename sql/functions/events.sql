-- What happened. Event numbers are assigned under a lock that is held until the commit, so events become visible in the order
-- of their numbers: a reader that has seen number n can never miss a lower one.

-- The number of an event by its id; null if id is no event's id.
create function event_seq_of(id text) returns bigint language sql immutable as $$
    select case when id ~ '^evt_[0-9]{19}$' and id <= 'evt_9223372036854775807' then substr(id, 5)::bigint end
$$;

-- The order of locks, for all who take several: the gate (admission.sql); Idempotency-Keys; rows of sandboxes, nodes, users, keys, webhooks or alerts; what a node told
-- (samples.sql); the epoch (hold_to_epoch in attached.sql), which an insert into events would take otherwise after the numbers; the
-- numbers; the head of the audit. So of two transactions that hold one and wait for the other there is none.
create function lock_event_numbers() returns void language plpgsql as $$
begin
    if coalesce(current_setting('corral.epoch', true), '') <> '' then
        perform pg_advisory_xact_lock_shared(20011, 4);
    end if;
    perform pg_advisory_xact_lock(20011, 2);
end $$;

create function add_event(type text, user_id text, sandbox_id text, node text, data jsonb)
returns bigint language plpgsql as $$
declare
    seq bigint;
begin
    perform lock_event_numbers();
    seq := nextval('event_seq');
    insert into events values (seq, type, clock_timestamp(), user_id, sandbox_id, node, data);
    return seq;
end $$;

-- stopped: the number at which a walk that skips rows stopped because of its bound; null: it did not.
create type events_found as (found events[], stopped bigint);

-- The events after this number, oldest first. filter: {owner, sandbox_id, type (how it begins)}.
create function find_events(filter jsonb, after_seq bigint, most integer) returns events_found language plpgsql stable as $$
declare
    narrow text := case when filter ? 'sandbox_id' then 'e.sandbox_id' when filter ? 'owner' then 'e.user_id' end;
    whose text := case narrow when 'e.sandbox_id' then filter->>'sandbox_id' else filter->>'owner' end;
    walk jsonb := jsonb_build_object('from', 'events e', 'shown', 'e', 'key', concat_ws(', ', narrow, 'e.seq'),
        'after', concat_ws(' and ', case when narrow is not null then bound_by(array[narrow], array['$1']) end, 'e.seq > $2'),
        'fits', case when filter ? 'type' then format('starts_with(e.type, %L)', filter->>'type') end);
    f events_found;
begin
    execute format('select array(%s)', walk_sql(walk)) into f.found using whose, after_seq, most;
    if filter ? 'type' and cardinality(f.found) < most then
        execute format('select (s.e).seq from (%s) s', walk_stop_sql(walk)) into f.stopped using whose, after_seq;
    end if;
    return f;
end $$;

-- filter: as in find_events, and {user (an id or a name), after (an event's id), limit}. Oldest first. The cursor is the id of the last
-- event that was walked.
create function list_events(filter jsonb) returns list_page language plpgsql stable as $$
declare
    after_seq bigint := case when filter ? 'after' then event_seq_of(filter->>'after') else 0 end;
    most integer := (filter->>'limit')::integer;
    f events_found;
begin
    if after_seq is null then
        return null;
    end if;
    filter := owned(filter);
    f := find_events(filter, after_seq, most + 1);
    if filter ? 'sandbox_id' and filter ? 'owner' and exists (
            select from unnest(f.found) e where e.user_id is distinct from filter->>'owner') then
        return page(null, null); -- a sandbox has one user for ever
    end if;
    return page((select json_agg(event_json(e) order by e.seq) from unnest(f.found[1:most]) e),
        event_id(case when cardinality(f.found) > most then f.found[most].seq else f.stopped end));
end $$;

-- The number that every event to come is above.
create function event_head() returns bigint language sql stable as $$
    select greatest((select max(e.seq) from events e), (select f.seq from event_floor f))
$$;

-- A user is told the numbers of events of others only if they are older than this: newer ones would tell how much others do. It is
-- half as old as the oldest event, so a position before it stays good for long.
create function event_middle() returns timestamptz language sql stable as $$
    select now() - (now() - (select min(e.at) from events e)) / 2
$$;

create function event_head_of(owner text) returns bigint language sql stable as $$
    select greatest((select e.seq from events e where e.user_id = any (array[owner]) order by e.user_id desc, e.seq desc limit 1),
        (select e.seq from events e where e.at < date_trunc('hour', event_middle()) order by e.at desc, e.seq desc limit 1),
        (select f.seq from event_floor f))
$$;

-- Whether it is known what came after this number. owner null: for somebody who sees everybody's events.
create function event_known(number bigint, owner text) returns boolean language sql stable as $$
    select exists (select from event_floor f where f.seq = number or (owner is null and f.seq < number and number = event_head()))
        or exists (select from events e where e.seq = number and e.seq > (select f.seq from event_floor f)
            and (owner is null or e.user_id = owner or e.at < event_middle()))
$$;

-- Where a stream begins: after the event that filter.after names (an id), or now. filter: also {owner, user}. owner: whose events it
-- shows, null for everybody's. shown: the position as its client is told it; a later one than `after`, where the owner has no events
-- between. fault: 'invalid' (no event's id); 'events_gone': it is not known what came after that event, since that was removed, or is
-- of another database.
create function event_start(filter jsonb) returns table (begins bigint, head bigint, shown bigint, owner text, fault text)
language plpgsql stable as $$
begin
    head := event_head();
    begins := case when filter ? 'after' then event_seq_of(filter->>'after') else head end;
    owner := owned(filter)->>'owner';
    shown := case when owner is null or exists (select from events e where e.user_id = event_start.owner and e.seq > begins)
        then begins when filter ? 'after' then greatest(begins, event_head_of(owner)) else event_head_of(owner) end;
    fault := case when begins is null then 'invalid'
        when filter ? 'after' and not event_known(begins, filter->>'owner') then 'events_gone' end;
    return next;
end $$;

-- A page of a stream: the events after this number, and a last row without a body whose number is how far the page reached: every
-- event up to there that fits the filter was seen. Its type is 'gone' where events after after_seq were removed.
create function event_page(filter jsonb, after_seq bigint, most integer)
returns table (seq bigint, type text, user_id text, sandbox_id text, body text) language plpgsql stable as $$
declare
    f events_found;
begin
    if after_seq < (select o.seq from event_floor o) then
        return query select event_head(), 'gone', null::text, null::text, null::text;
        return;
    end if;
    f := find_events(filter, after_seq, most);
    return query select e.seq, e.type, e.user_id, e.sandbox_id, event_json(e)::text from unnest(f.found) e order by e.seq;
    return query select case when cardinality(f.found) = most then f.found[most].seq
        else coalesce(f.stopped, greatest(after_seq, event_head())) end, null::text, null::text, null::text, null::text;
end $$;
