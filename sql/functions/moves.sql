-- What nodes report of a sandbox's state, and the sentence of its end. Every function returns an outcome ('ok', or an error's
-- public name) and never raises: one impossible item does not abort the others.

-- Moves states by compare and set. moves: [{id, from [] (optional: only from one of these), to, reason, detail, exit_code,
-- enforced, exec, started_ago_ms, ended_ago_ms, start_ms, figures}]. Returns one row per element, in order:
--   ok            moved; event is the event of the move
--   same          it is in that state already: nothing was changed
--   wrong_state   not a legal move, or not from there; state says where it is
--   not_found
create type sandbox_moved as (ord integer, outcome text, state text, body text, event text, user_id text);

-- The sandbox's lifetime in seconds, by the count that does not jump where clock_shift is known.
create function lifetime_of(s sandboxes) returns numeric language sql immutable as $$
    select trim_scale(round(extract(epoch from s.expires_at - s.created_at - s.clock_shift), 1))
$$;

create function late_of(s sandboxes) returns numeric language sql immutable as $$
    select trim_scale(round(coalesce((s.ending->>'late_ms')::numeric / 1000, extract(epoch from s.ended_at - s.expires_at)), 1))
$$;

-- Every end has a sentence with figures. If the node's detail does not explain the end, the database makes the sentence from
-- what it knows: the lifetime that ended, and who ended the sandbox.
create function end_sentence(s sandboxes) returns text language sql stable as $$
    select case s.reason
        when 'expired' then format('its lifetime of %s s ended at %s', lifetime_of(s), rfc3339(s.expires_at)) || case
            when late_of(s) > 2 then format('; its node was hindered, and ended it %s s later', late_of(s))
            when late_of(s) >= -1 then ''
            when s.ending is null or (s.ending->>'unheard')::boolean
                then format('; its node had not heard of the extension, and ended it at %s', rfc3339(s.ended_at))
            else format('; its node ended it %s s before that, by its own count', -late_of(s)) end
        when 'node_lost' then format('its node %s was unreachable when its lifetime of %s s ended at %s', s.node,
            lifetime_of(s), rfc3339(s.expires_at))
        when 'deleted' then format('its user deleted it; it had lived for %s s', greatest(0, lifetime_of(s) + late_of(s)))
        when 'admin' then format('an administrator ended it; it had lived for %s s',
            greatest(0, lifetime_of(s) + late_of(s)))
        else '' end
$$;

-- The node counts how late an end was: m->'late_ms'. If that count disagrees with the clock by more than a statement ever
-- waits, the clock was set and nobody has noticed yet; expires_at is then moved here.
create function move_one_state(ord integer, m jsonb) returns sandbox_moved language plpgsql as $$
declare
    s sandboxes;
    e events;
    target text := m->>'to';
    ends boolean;
    over timestamptz;
    due timestamptz;
begin
    select * into s from sandboxes where id = m->>'id' for update;
    if not found then
        return (ord, 'not_found', null, null, null, null)::sandbox_moved;
    elsif s.state = target then
        return (ord, 'same', s.state, sandbox_json(s)::text, null, s.user_id)::sandbox_moved;
    end if;
    select t.terminal into ends from sandbox_moves v join sandbox_states t on t.name = v.to_state
        where v.from_state = s.state and v.to_state = target;
    if not found or (m ? 'from' and not m->'from' ? s.state) then
        return (ord, 'wrong_state', s.state, sandbox_json(s)::text, null, s.user_id)::sandbox_moved;
    end if;
    due := s.expires_at;
    if ends then
        over := clock_timestamp() - coalesce((m->>'ended_ago_ms')::bigint, 0) * interval '1 millisecond';
        if m ? 'late_ms' and over >= s.created_at and over - due - (m->>'late_ms')::bigint * interval '1 millisecond'
                not between interval '-2 seconds' and interval '15 seconds' then
            due := over - (m->>'late_ms')::bigint * interval '1 millisecond';
        end if;
    end if;
    update sandboxes set
        state = target,
        reason = case when ends then coalesce(m->>'reason', desired_reason) end,
        detail = coalesce(m->>'detail', ''),
        exit_code = coalesce((m->>'exit_code')::integer, exit_code),
        enforced = coalesce((m->>'enforced')::integer, enforced),
        exec = coalesce(m->>'exec', exec),
        figures = coalesce(m->'figures', figures),
        warm = coalesce((m->>'warm')::boolean, warm),
        started_at = coalesce(started_at, case when m ? 'started_ago_ms'
            then greatest(created_at, clock_timestamp() - (m->>'started_ago_ms')::bigint * interval '1 millisecond') end),
        start_ms = coalesce(start_ms, m->'start_ms'), -- of its first start; a later move may repeat it
        ended_at = case when ends then greatest(s.created_at + least(s.clock_shift, interval '0'), over) end,
        ending = case when m ? 'late_ms' then jsonb_build_object('late_ms', m->'late_ms', 'unheard', m->'unheard') end,
        clock_shift = clock_shift + (due - expires_at),
        expires_at = due
        where id = s.id returning * into s;
    select * into e from events where sandbox_id = s.id order by seq desc limit 1;
    return (ord, 'ok', s.state, sandbox_json(s)::text, event_json(e)::text, s.user_id)::sandbox_moved;
end $$;

-- A move to 'paused' with the reason 'idle' was made by the node alone. It becomes the desired state, unless a newer generation
-- exists. So a resume is a change of the desired state, and an extension of the lifetime does not wake the sandbox. This also
-- holds if the row is paused already: the node may have resumed and paused again without the database hearing of the resume.
create function move_one(ord integer, m jsonb) returns sandbox_moved language plpgsql as $$
declare
    moved sandbox_moved := move_one_state(ord, m);
begin
    if moved.outcome in ('ok', 'same') and m->>'to' = 'paused' and m->>'reason' = 'idle' then
        update sandboxes set desired = 'paused'
            where id = m->>'id' and desired = 'running' and generation = (m->>'generation')::bigint;
    end if;
    return moved;
end $$;

create function move_sandboxes(moves jsonb) returns setof sandbox_moved language plpgsql as $$
declare
    item record;
begin
    -- Lock in the order of ids, so that two batches cannot deadlock. One move locks its row itself.
    if jsonb_array_length(moves) > 1 then
        perform from sandboxes where id in (select value->>'id' from jsonb_array_elements(moves)) order by id for update;
    end if;
    for item in select value, ordinality from jsonb_array_elements(moves) with ordinality order by ordinality loop
        return next move_one((item.ordinality - 1)::integer, item.value);
    end loop;
end $$;
