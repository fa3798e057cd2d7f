-- Who leads, and what the leader reads of the live rows.

-- Returns the new epoch if the lock was free; null if another controller leads.
create function lead(id text) returns bigint language plpgsql as $$
declare
    result bigint;
begin
    if not pg_try_advisory_lock(20011, 1) then
        return null;
    end if;
    perform pg_advisory_xact_lock(20011, 4);
    update leadership set epoch = epoch + 1, leader = id, since = now() returning epoch into result;
    return result;
end $$;

-- What a leader compares with its own state: just enough to show that something changed.
create function sandbox_marks() returns table (id text, generation bigint, state text) language sql volatile as $$
    select s.id, s.generation, s.state from sandboxes s where s.ended_at is null
$$;

-- All that a controller reads when it begins to lead. rescheduled: the sandbox was placed a second time, and its new node may
-- not know of it, whatever its state.
create function live_sandboxes() returns table (id text, user_id text, key_id text, tier text, node text, region text,
    state text, desired text, desired_reason text, generation bigint, remaining_ms bigint, age_ms bigint, limits bigint[],
    restart text, rescheduled boolean, spec bytea)
language sql volatile as $$
    select s.id, s.user_id, s.key_id, s.tier, s.node, s.region, s.state, s.desired, coalesce(s.desired_reason, ''), s.generation,
        remaining_ms(s.expires_at), (extract(epoch from clock_timestamp() - s.created_at) * 1000)::bigint,
        limits_of_sandbox(s), s.restart,
        s.first_node is not null, s.spec
    from sandboxes s where s.ended_at is null order by s.created_at, s.id
$$;

-- The same as live_sandboxes for these ids, also for ended ones, and with the object for people.
create function read_sandboxes(ids text[]) returns table (id text, user_id text, key_id text, tier text, node text,
    region text, state text, desired text, desired_reason text, generation bigint, remaining_ms bigint, age_ms bigint,
    limits bigint[], restart text, rescheduled boolean, spec bytea, body text)
language sql volatile as $$
    select s.id, s.user_id, s.key_id, s.tier, s.node, s.region, s.state, s.desired, coalesce(s.desired_reason, ''), s.generation,
        remaining_ms(s.expires_at), (extract(epoch from clock_timestamp() - s.created_at) * 1000)::bigint,
        limits_of_sandbox(s), s.restart,
        s.first_node is not null, s.spec, sandbox_json(s)::text
    from sandboxes s where s.id = any(ids)
$$;

-- Fails if the database takes no writes: if it is read-only, or if its disk is full. A full disk still accepts what fits into
-- existing pages, so the probe also writes a temporary file of half a MiB.
create function write_probe() returns void language plpgsql set work_mem = '64kB' as $$
begin
    update write_probe set at = now();
    perform count(*) from (select i from generate_series(1, 20000) i order by i desc) x;
end $$;
