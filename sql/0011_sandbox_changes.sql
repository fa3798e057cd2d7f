-- What changes a sandbox after its admission. Every function answers with an outcome ('ok', or an error's public
-- name), never by raising: one item that cannot be does not take others with it.

-- What the controller's heart needs of a row, beside the object for people.
create type sandbox_change as (outcome text, detail text, body text, id text, node text, state text, want text,
    want_reason text, generation bigint, remaining_ms bigint, memory_bytes bigint, cpu_millis bigint, cpu_shares bigint,
    storage_bytes bigint, pids bigint, nofile bigint);

create function changed(s sandboxes) returns sandbox_change language sql volatile as $$
    select ('ok', '', sandbox_json(s)::text, s.id, s.node, s.state, s.want, coalesce(s.want_reason, ''), s.generation,
        remaining_ms(s.expires_at), s.memory_bytes, s.cpu_millis, s.cpu_shares, s.storage_bytes, s.pids, s.nofile)::sandbox_change
$$;

create function not_changed(outcome text, detail text) returns sandbox_change language sql immutable as $$
    select (outcome, detail, null, null, null, null, null, null, null, null, null, null, null, null, null, null)::sandbox_change
$$;

-- Moves states by compare and set. moves: [{id, from [] (optional: only from one of these), to, reason, detail,
-- exit_code, enforced, started_ago_ms, ended_ago_ms, figures}]. One row an element, in order:
--   ok            moved; event has what to tell
--   same          it is in that state already: nothing was added
--   wrong_state   not a legal move, or not from there; state says where it is
--   not_found
create type sandbox_moved as (ord integer, outcome text, state text, body text, event text, user_id text);

create function move_one(ord integer, m jsonb) returns sandbox_moved language plpgsql as $$
declare
    s sandboxes;
    e events;
    target text := m->>'to';
    ends boolean;
begin
    select * into s from sandboxes where id = m->>'id' for update;
    if not found then
        return (ord, 'not_found', null, null, null, null)::sandbox_moved;
    elsif s.state = target then
        return (ord, 'same', s.state, sandbox_json(s)::text, null, s.user_id)::sandbox_moved;
    elsif not exists (select from sandbox_moves v where v.from_state = s.state and v.to_state = target)
            or (m ? 'from' and not m->'from' ? s.state) then
        return (ord, 'wrong_state', s.state, sandbox_json(s)::text, null, s.user_id)::sandbox_moved;
    end if;
    select terminal into ends from sandbox_states where name = target;
    update sandboxes set
        state = target,
        reason = case when ends then coalesce(m->>'reason', want_reason) end,
        detail = coalesce(m->>'detail', ''),
        exit_code = coalesce((m->>'exit_code')::integer, exit_code),
        enforced = coalesce((m->>'enforced')::integer, enforced),
        figures = coalesce(m->'figures', figures),
        started_at = coalesce(started_at, case when m ? 'started_ago_ms'
            then greatest(created_at, clock_timestamp() - (m->>'started_ago_ms')::bigint * interval '1 millisecond') end),
        ended_at = case when ends then greatest(created_at, clock_timestamp()
            - coalesce((m->>'ended_ago_ms')::bigint, 0) * interval '1 millisecond') end
        where id = s.id returning * into s;
    select * into e from events where sandbox_id = s.id order by seq desc limit 1;
    return (ord, 'ok', s.state, sandbox_json(s)::text, event_json(e)::text, s.user_id)::sandbox_moved;
end $$;

create function move_sandboxes(moves jsonb) returns setof sandbox_moved language plpgsql as $$
declare
    item record;
begin
    -- Always in the same order of ids, so that two batches never wait for each other.
    perform from sandboxes where id in (select value->>'id' from jsonb_array_elements(moves)) order by id for update;
    for item in select value, ordinality from jsonb_array_elements(moves) with ordinality order by ordinality loop
        return next move_one((item.ordinality - 1)::integer, item.value);
    end loop;
end $$;

-- The row, locked; owner null: anybody's. An administrator's touch of another's is audited.
create function sandbox_for_change(sandbox_id text, owner text) returns sandboxes language sql as $$
    select * from sandboxes where id = sandbox_id and (owner is null or user_id = owner) for update
$$;

create function audit_sandbox(who jsonb, s sandboxes, action text, before jsonb, after jsonb) returns void
language plpgsql as $$
begin
    if who->>'user_id' is distinct from s.user_id then
        perform add_audit(who, action, s.id, before, after);
    end if;
end $$;

-- What is wanted of it from now on: 'gone', 'paused' or 'running' (again). The same again changes nothing.
create function want_sandbox(sandbox_id text, owner text, new_want text, why text, who jsonb) returns sandbox_change
language plpgsql as $$
declare
    s sandboxes;
begin
    s := sandbox_for_change(sandbox_id, owner);
    if s.id is null then
        return not_changed('not_found', 'There is no such sandbox');
    elsif s.ended_at is not null then
        if new_want = 'gone' then
            return changed(s);
        end if;
        return not_changed('wrong_state', 'The sandbox has ended: it is ' || s.state);
    elsif s.want = new_want then
        return changed(s);
    elsif s.want = 'gone' or (new_want <> 'gone' and s.state not in ('running', 'paused')) then
        return not_changed('wrong_state', 'Not possible while the sandbox is ' || s.state);
    end if;
    update sandboxes set want = new_want, want_reason = nullif(why, ''), generation = generation + 1,
        state = case when new_want = 'gone' then 'stopping' else state end where id = s.id returning * into s;
    perform audit_sandbox(who, s, 'sandbox.' || new_want, null, jsonb_build_object('reason', why));
    return changed(s);
end $$;

create function above(field text, asked bigint, most bigint) returns text language sql immutable as $$
    select case when asked > most then format('%s: %s is above the limit of the tier, %s', field, asked, most) end
$$;

-- patch: any of memory_bytes, cpu_millis, cpu_shares, name, labels, lifetime_seconds (from now), expires_at.
create function patch_sandbox(sandbox_id text, owner text, patch jsonb, defaults jsonb, who jsonb) returns sandbox_change
language plpgsql as $$
declare
    s sandboxes;
    old sandboxes;
    u users;
    l limits_in_force;
    wrong text;
    until timestamptz;
begin
    perform gate_lock();
    s := sandbox_for_change(sandbox_id, owner);
    old := s;
    if s.id is null then
        return not_changed('not_found', 'There is no such sandbox');
    elsif s.ended_at is not null or s.want = 'gone' then
        return not_changed('wrong_state', 'The sandbox has ended: it is ' || s.state);
    end if;
    select * into u from users where id = s.user_id;
    l := limits_of(u, (select t from tiers t where t.name = u.tier), null, '{}');
    until := coalesce((patch->>'expires_at')::timestamptz,
                      clock_timestamp() + (patch->>'lifetime_seconds')::bigint * interval '1 second', s.expires_at);
    wrong := coalesce(
        above('memory_bytes', (patch->>'memory_bytes')::bigint, l.memory_bytes),
        above('cpu_millis', (patch->>'cpu_millis')::bigint, l.cpu_millis),
        above('cpu_shares', (patch->>'cpu_shares')::bigint, l.cpu_shares),
        case when until > s.expires_at and until > s.created_at + l.lifetime_seconds * interval '1 second'
            then format('expires_at: the tier allows %s s from created_at, extensions included: until %s',
                l.lifetime_seconds, rfc3339(s.created_at + l.lifetime_seconds * interval '1 second')) end);
    if wrong is not null then
        return not_changed('above_tier_limit', wrong);
    elsif until <= clock_timestamp() and until <> s.expires_at then
        return not_changed('invalid', 'expires_at: lies in the past; delete the sandbox instead');
    end if;
    s.memory_bytes := coalesce((patch->>'memory_bytes')::bigint, s.memory_bytes);
    s.cpu_millis := coalesce((patch->>'cpu_millis')::bigint, s.cpu_millis);
    s.cpu_shares := coalesce((patch->>'cpu_shares')::bigint, s.cpu_shares);
    if not node_fits(s.node, greatest(0, s.memory_bytes - old.memory_bytes), greatest(0, s.cpu_millis - old.cpu_millis), 0, 0)
            and (s.memory_bytes > old.memory_bytes or s.cpu_millis > old.cpu_millis) then
        return not_changed('no_capacity', 'The host of the sandbox has no room for that');
    end if;
    update sandboxes set memory_bytes = s.memory_bytes, cpu_millis = s.cpu_millis, cpu_shares = s.cpu_shares,
        name = coalesce(patch->>'name', name), labels = coalesce(patch->'labels', labels), expires_at = until,
        generation = generation + case when (s.memory_bytes, s.cpu_millis, s.cpu_shares, until)
            is distinct from (old.memory_bytes, old.cpu_millis, old.cpu_shares, old.expires_at) then 1 else 0 end
        where id = s.id returning * into s;
    if until <> old.expires_at then
        perform add_event('sandbox.extended', s.user_id, s.id, null, jsonb_build_object(
            'from', rfc3339(old.expires_at), 'expires_at', rfc3339(until)));
    end if;
    if (s.memory_bytes, s.cpu_millis, s.cpu_shares) is distinct from (old.memory_bytes, old.cpu_millis, old.cpu_shares) then
        perform add_event('sandbox.resized', s.user_id, s.id, null, jsonb_build_object('memory_bytes', s.memory_bytes,
            'cpu_millis', s.cpu_millis, 'cpu_shares', s.cpu_shares));
    end if;
    perform audit_sandbox(who, s, 'sandbox.patch', null, patch);
    return changed(s);
end $$;

-- All that a controller takes up when it begins to lead.
create function live_sandboxes() returns table (id text, user_id text, key_id text, tier text, node text, region text,
    state text, want text, want_reason text, generation bigint, remaining_ms bigint, age_ms bigint, memory_bytes bigint,
    cpu_millis bigint, cpu_shares bigint, storage_bytes bigint, pids bigint, nofile bigint, restart text, spec bytea)
language sql volatile as $$
    select s.id, s.user_id, s.key_id, s.tier, s.node, s.region, s.state, s.want, coalesce(s.want_reason, ''), s.generation,
        remaining_ms(s.expires_at), (extract(epoch from clock_timestamp() - s.created_at) * 1000)::bigint,
        s.memory_bytes, s.cpu_millis, s.cpu_shares, s.storage_bytes, s.pids, s.nofile, s.restart, s.spec
    from sandboxes s where s.ended_at is null order by s.created_at, s.id
$$;
