-- What users and administrators change of a sandbox after its admission. Every function returns an outcome ('ok', or an error's
-- public name). Every act on a sandbox is audited, by its own user as by an administrator: create, delete, pause, resume,
-- patch, each with the values before and after.

-- after: the row, where the outcome is ok.
create type sandbox_change as (outcome text, detail text, after sandbox_row);

create function changed(s sandboxes) returns sandbox_change language sql volatile as $$
    select ('ok', '', row_of(s, sandbox_json(s)::text, null))::sandbox_change
$$;

create function not_changed(outcome text, detail text) returns sandbox_change language sql immutable as $$
    select (outcome, detail, null)::sandbox_change
$$;

-- Returns the row, locked. owner null: any user's.
create function sandbox_for_change(sandbox_id text, owner text) returns sandboxes language sql as $$
    select * from sandboxes where id = sandbox_id and (owner is null or user_id = owner) for update
$$;

-- Sets the desired state: 'gone', 'paused' or 'running' (again). Setting the same state again changes nothing. If somebody else
-- than its user deletes a sandbox, the reason is 'admin'.
create function set_desired_state(sandbox_id text, owner text, new_desired text, why text, who jsonb) returns sandbox_change
language plpgsql as $$
declare
    s sandboxes;
    was text;
begin
    s := sandbox_for_change(sandbox_id, owner);
    if s.id is null then
        return not_changed('not_found', 'There is no such sandbox');
    elsif s.ended_at is not null then
        if new_desired = 'gone' then
            return changed(s);
        end if;
        return not_changed('wrong_state', 'The sandbox has ended: it is ' || s.state);
    elsif s.desired = new_desired then
        return changed(s);
    elsif s.desired = 'gone' or (new_desired <> 'gone' and s.state not in ('running', 'paused')) then
        return not_changed('wrong_state', 'Not possible while the sandbox is ' || s.state);
    end if;
    if new_desired = 'gone' and why = 'deleted' and who->>'user_id' <> s.user_id then
        why := 'admin';
    end if;
    was := s.state;
    update sandboxes set desired = new_desired, desired_reason = nullif(why, ''), generation = generation + 1,
        state = case when new_desired = 'gone' then 'stopping' else state end where id = s.id returning * into s;
    perform add_audit(who, 'sandbox.' || case new_desired when 'gone' then 'delete' when 'paused' then 'pause' else 'resume' end,
        s.id, jsonb_build_object('state', was),
        jsonb_strip_nulls(jsonb_build_object('desired', new_desired, 'reason', nullif(why, ''))));
    return changed(s);
end $$;

-- What a patch may change, as the audit shows it.
create function patchable_json(s sandboxes) returns jsonb language sql stable as $$
    select jsonb_build_object('name', s.name, 'labels', s.labels, {{live limits: 'NAME', s.NAME}},
        'expires_at', rfc3339(s.expires_at))
$$;

-- Why a patch is refused; null if it is not. The lifetime that a tier allows counts from the sandbox's creation, whatever the
-- clock said then.
create function patch_fault(s sandboxes, patch jsonb, until timestamptz, defaults jsonb) returns sandbox_change
language plpgsql as $$
declare
    u users;
    l limits_in_force;
    latest timestamptz;
    wrong text;
begin
    select * into u from users where id = s.user_id;
    l := limits_of(u, (select t from tiers t where t.name = u.tier), null, defaults);
    latest := s.created_at + s.clock_shift + l.lifetime_seconds * interval '1 second';
    wrong := coalesce(
        {{live limits: above('NAME', (patch->>'NAME')::bigint, l.NAME)}},
        case when until > s.expires_at and until > latest
            then format('expires_at: the tier allows %s s from created_at, extensions included: until %s',
                l.lifetime_seconds, rfc3339(latest)) end);
    if wrong is not null then
        return not_changed('above_tier_limit', wrong);
    elsif until <= clock_timestamp() and until <> s.expires_at then
        return not_changed('invalid', 'expires_at: lies in the past; delete the sandbox instead');
    end if;
    return null;
end $$;

-- patch: any of the limits that are live, name, labels, lifetime_seconds (from now), expires_at. defaults: as for admit: the
-- limits that neither the user nor the tier sets.
create function patch_sandbox(sandbox_id text, owner text, patch jsonb, defaults jsonb, who jsonb) returns sandbox_change
language plpgsql as $$
declare
    s sandboxes;
    old sandboxes;
    fault sandbox_change;
    until timestamptz;
    resized boolean;
begin
    perform gate_lock();
    old := sandbox_for_change(sandbox_id, owner);
    if old.id is null then
        return not_changed('not_found', 'There is no such sandbox');
    elsif not etag_holds(who, sandbox_json(old)::text) then
        return not_changed('precondition_failed', changed_meanwhile());
    elsif old.ended_at is not null or old.desired = 'gone' then
        return not_changed('wrong_state', 'The sandbox has ended: it is ' || old.state);
    end if;
    until := coalesce((patch->>'expires_at')::timestamptz,
                      clock_timestamp() + (patch->>'lifetime_seconds')::bigint * interval '1 second', old.expires_at);
    fault := patch_fault(old, patch, until, defaults);
    if fault.outcome is not null then
        if patch ? 'lifetime_seconds' then
            fault.detail := regexp_replace(fault.detail, '^expires_at: ', 'lifetime_seconds: ');
        end if;
        return fault;
    end if;
    s := old;
    select {{live limits: coalesce((patch->>'NAME')::bigint, s.NAME)}} into {{live limits: s.NAME}};
    if (s.memory_bytes > old.memory_bytes or s.cpu_millis > old.cpu_millis) and not node_fits(s.node,
            greatest(0, s.memory_bytes - old.memory_bytes), greatest(0, s.cpu_millis - old.cpu_millis), 0, 0) then
        return not_changed('no_capacity', 'The node of the sandbox has no room for that');
    end if;
    resized := ({{live limits: s.NAME}}) is distinct from ({{live limits: old.NAME}});
    if s.cpu_millis <> old.cpu_millis then
        perform note_cpu_limit(old);
    end if;
    update sandboxes set {{live limits: NAME = s.NAME}},
        name = coalesce(patch->>'name', name), labels = coalesce(patch->'labels', labels), expires_at = until,
        extended = extended or until > old.expires_at,
        generation = generation + case when resized or until <> old.expires_at then 1 else 0 end
        where id = s.id returning * into s;
    if until <> old.expires_at then
        perform add_event('sandbox.extended', s.user_id, s.id, null, jsonb_build_object(
            'from', rfc3339(old.expires_at), 'expires_at', rfc3339(until)));
    end if;
    if resized then
        perform add_event('sandbox.resized', s.user_id, s.id, null, jsonb_build_object({{live limits: 'NAME', s.NAME}}));
    end if;
    perform add_audit(who, 'sandbox.patch', s.id, patchable_json(old), patchable_json(s));
    return changed(s);
end $$;

-- If a node, for reasons of its own, cannot start a sandbox that has not run yet, the sandbox is placed on another node, once.
-- Moves the row, with what it reserves, to another node. Compare and set by the generation, which rises. The state stays: what
-- the first node began is undone there. Passes the gate as a create does, since the other node must have room. A repeated call,
-- after its answer was lost, returns the row as it is now. Outcomes: ok; no_capacity; wrong_state (it has run or ended, its
-- desired state is gone, it was changed, or it is on another node); not_found.
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
    elsif s.state not in ('pending', 'starting') or s.desired <> 'running' or s.generation <> at_generation
            or s.node <> old_node or s.first_node is not null or new_node = old_node then
        return not_changed('wrong_state', 'The sandbox is ' || s.state);
    elsif not exists (select from nodes h where h.name = new_node and node_state(h) = 'ready')
            or not node_fits(new_node, s.memory_bytes, s.cpu_millis, s.storage_bytes, 1) then
        return not_changed('no_capacity', 'The other node has no room for that');
    end if;
    update sandboxes set node = new_node, first_node = old_node, region = new_region, enforced = bits,
        generation = generation + 1 where id = s.id returning * into s;
    perform add_event('sandbox.rescheduled', s.user_id, s.id, null, jsonb_strip_nulls(jsonb_build_object(
        'from_node', old_node, 'node', new_node, 'detail', nullif(why, ''))));
    return changed(s);
end $$;
