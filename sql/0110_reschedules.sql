-- A create whose host cannot start it, for reasons of its own, is placed on another, once, before it has run.

alter table sandboxes add column first_node text; -- where it was placed first; null: it was placed once

-- Moves the row, with what it reserves, from a host to another. Compare and set, by the generation, which rises; the
-- state stays, since what the first host began is undone there. Passes the gate, as a create does: the other host is to
-- have room for it. The same again, after its answer was lost, is told how the row is now. Outcomes: ok; no_capacity;
-- wrong_state where it has run, ended, is wanted gone, was changed or is elsewhere; not_found.
create function reschedule_sandbox(sandbox_id text, old_node text, new_node text, at_generation bigint, new_region text,
    bits integer, why text) returns sandbox_change language plpgsql as $$
declare
    s sandboxes;
begin
    perform gate_lock();
    select * into s from sandboxes where id = sandbox_id for update;
    if not found then
        return not_changed('not_found', 'There is no such sandbox');
    elsif s.node = new_node and s.first_node = old_node and s.generation > at_generation then
        return changed(s);
    elsif s.state not in ('pending', 'starting') or s.want <> 'running' or s.generation <> at_generation
            or s.node <> old_node or s.first_node is not null or new_node = old_node then
        return not_changed('wrong_state', 'The sandbox is ' || s.state);
    elsif not exists (select from nodes h where h.name = new_node and node_state(h) = 'ready')
            or not node_fits(new_node, s.memory_bytes, s.cpu_millis, s.storage_bytes, 1) then
        return not_changed('no_capacity', 'The other host has no room for that');
    end if;
    update sandboxes set node = new_node, first_node = old_node, region = new_region, enforced = bits,
        generation = generation + 1 where id = s.id returning * into s;
    perform add_event('sandbox.rescheduled', s.user_id, s.id, null, jsonb_strip_nulls(jsonb_build_object(
        'from_node', old_node, 'node', new_node, 'detail', nullif(why, ''))));
    return changed(s);
end $$;

-- As before, and whether it was placed a second time: its host may then not have heard of it, whatever its state.
drop function live_sandboxes();
create function live_sandboxes() returns table (id text, user_id text, key_id text, tier text, node text, region text,
    state text, want text, want_reason text, generation bigint, remaining_ms bigint, age_ms bigint, memory_bytes bigint,
    cpu_millis bigint, cpu_shares bigint, storage_bytes bigint, pids bigint, nofile bigint, restart text,
    rescheduled boolean, spec bytea)
language sql volatile as $$
    select s.id, s.user_id, s.key_id, s.tier, s.node, s.region, s.state, s.want, coalesce(s.want_reason, ''), s.generation,
        remaining_ms(s.expires_at), (extract(epoch from clock_timestamp() - s.created_at) * 1000)::bigint,
        s.memory_bytes, s.cpu_millis, s.cpu_shares, s.storage_bytes, s.pids, s.nofile, s.restart,
        s.first_node is not null, s.spec
    from sandboxes s where s.ended_at is null order by s.created_at, s.id
$$;

drop function read_sandboxes(text[]);
create function read_sandboxes(ids text[]) returns table (id text, user_id text, key_id text, tier text, node text,
    region text, state text, want text, want_reason text, generation bigint, remaining_ms bigint, age_ms bigint,
    memory_bytes bigint, cpu_millis bigint, cpu_shares bigint, storage_bytes bigint, pids bigint, nofile bigint,
    restart text, rescheduled boolean, spec bytea, body text)
language sql volatile as $$
    select s.id, s.user_id, s.key_id, s.tier, s.node, s.region, s.state, s.want, coalesce(s.want_reason, ''), s.generation,
        remaining_ms(s.expires_at), (extract(epoch from clock_timestamp() - s.created_at) * 1000)::bigint,
        s.memory_bytes, s.cpu_millis, s.cpu_shares, s.storage_bytes, s.pids, s.nofile, s.restart,
        s.first_node is not null, s.spec, sandbox_json(s)::text
    from sandboxes s where s.id = any(ids)
$$;
