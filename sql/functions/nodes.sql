-- The nodes: what they report of themselves, and administrators' acts on them, each with its audit row in the same transaction.
-- A certificate can be stolen: a node that comes back with other marks causes an event, and revoking refuses every certificate
-- issued until then.

-- {"boot_id": {"from", "to"}, …}: the marks of a node that differ from before. A mark that was unknown before is no change.
create function node_changes(old nodes, boot_id text, state_id text, address text, fingerprint text) returns jsonb
language sql immutable as $$
    select coalesce(jsonb_object_agg(what, jsonb_build_object('from', was, 'to', is_now)), '{}')
    from (values ('boot_id', old.boot_id, boot_id), ('state_id', old.state_id, state_id), ('address', old.address, address),
        ('certificate', coalesce(old.fingerprints[1], ''), fingerprint)) x(what, was, is_now)
    where was <> '' and is_now <> '' and was <> is_now
$$;

-- A node has introduced itself. facts: the columns of nodes, and fingerprint. What an administrator set stays. health is
-- 'ready', or 'unhealthy' with a reason.
create function node_joined(facts jsonb) returns act language plpgsql as $$
declare
    f nodes := jsonb_populate_record(null::nodes, '{"admin_state": "ready", "health": "ready", "reason": "",
        "region": "", "labels": {}, "used": {}, "enforces": 0, "docker_version": "", "docker_api_version": "",
        "runtimes": [], "agent_version": "", "boot_id": "", "state_id": "", "address": ""}' || facts);
    fingerprint text := coalesce(facts->>'fingerprint', '');
    old nodes;
    was text;
    changes jsonb;
    n nodes;
begin
    select * into old from nodes x where name = f.name for update;
    if found then
        was := node_state(old);
        changes := node_changes(old, f.boot_id, f.state_id, f.address, fingerprint);
    end if;
    f.fingerprints := case when fingerprint = '' then coalesce(old.fingerprints, '{}')
        else (array[fingerprint] || array_remove(coalesce(old.fingerprints, '{}'), fingerprint))[1:16] end;
    insert into nodes (name, health, reason, region, labels, memory_bytes, cpu_millis, storage_bytes, sandboxes, enforces,
        docker_version, docker_api_version, runtimes, agent_version, boot_id, state_id, address, fingerprints)
    values (f.name, f.health, f.reason, f.region, f.labels, f.memory_bytes, f.cpu_millis, f.storage_bytes, f.sandboxes,
        f.enforces, f.docker_version, f.docker_api_version, f.runtimes, f.agent_version, f.boot_id, f.state_id, f.address,
        f.fingerprints)
    on conflict (name) do update set health = f.health, reason = f.reason, region = f.region, labels = f.labels,
        memory_bytes = f.memory_bytes, cpu_millis = f.cpu_millis, storage_bytes = f.storage_bytes,
        sandboxes = f.sandboxes, enforces = f.enforces, docker_version = f.docker_version,
        docker_api_version = f.docker_api_version, runtimes = f.runtimes, agent_version = f.agent_version,
        boot_id = f.boot_id, state_id = f.state_id, address = f.address, fingerprints = f.fingerprints,
        revoked_at = case when exists (select from node_revocations r where r.node = f.name
            and fingerprint = any(r.fingerprints)) then nodes.revoked_at end,
        last_seen_at = now() returning * into n;
    if was is null then
        perform add_event('node.joined', null, null, f.name, '{}');
    elsif was = 'unreachable' or (was = 'unhealthy' and f.health = 'ready') then
        perform add_event('node.returned', null, null, f.name, '{}');
    end if;
    if changes <> '{}' then
        perform add_event('node.changed', null, null, f.name, changes);
    end if;
    if f.health = 'unhealthy' and was is distinct from 'unhealthy' then
        perform add_event('node.unhealthy', null, null, f.name, jsonb_build_object('reason', f.reason));
    end if;
    return act_ok(node_json(n));
end $$;

-- Sets a node's health: 'ready', 'unreachable' or 'unhealthy'. One event per change.
create function set_node_health(node_name text, new_health text, why text) returns act language plpgsql as $$
declare
    old nodes;
    n nodes;
begin
    select * into old from nodes where name = node_name for update;
    if not found then
        return act_not('not_found', 'There is no such node');
    end if;
    update nodes set health = new_health, reason = why,
        last_seen_at = case when new_health = 'unreachable' then last_seen_at else now() end
        where name = node_name returning * into n;
    if old.health <> new_health then
        perform add_event('node.' || case new_health when 'ready' then 'returned' else new_health end, null, null,
            node_name, jsonb_build_object('reason', why));
    end if;
    return act_ok(node_json(n));
end $$;

-- Sets the state that an administrator chose for a node: 'ready' (uncordon), 'cordoned' or 'draining'.
create function set_node_admin(node_name text, new_state text, who jsonb) returns act language plpgsql as $$
declare
    old nodes;
    n nodes;
begin
    select * into old from nodes where name = node_name for update;
    if not found then
        return act_not('not_found', 'There is no such node');
    end if;
    update nodes set admin_state = new_state where name = node_name returning * into n;
    if old.admin_state <> new_state then
        if new_state <> 'ready' then
            perform add_event('node.' || new_state, null, null, node_name, '{}');
        else
            perform add_event('node.returned', null, null, node_name, '{"reason": "uncordoned"}');
        end if;
        perform add_audit(who, 'node.' || new_state, node_name, jsonb_build_object('state', old.admin_state),
            jsonb_build_object('state', new_state));
    end if;
    return act_ok(node_json(n));
end $$;

-- Heartbeats of many nodes at once: [{name, used {…}}].
create function touch_nodes(seen jsonb) returns integer language plpgsql as $$
declare
    n integer;
begin
    update nodes set last_seen_at = now(), used = coalesce(x.used, nodes.used)
        from (select value->>'name' as name, value->'used' as used from jsonb_array_elements(seen) order by 1) x
        where nodes.name = x.name;
    get diagnostics n = row_count;
    return n;
end $$;

-- Refuses every certificate issued to the node until now. Its row says so until the node comes with a newer one.
create function revoke_node(node_name text, who jsonb) returns act language plpgsql as $$
declare
    n nodes;
begin
    update nodes set revoked_at = clock_timestamp() where name = node_name returning * into n;
    if not found then
        return act_not('not_found', 'There is no such node');
    end if;
    insert into node_revocations values (node_name, date_trunc('second', clock_timestamp()), n.fingerprints)
    on conflict (node) do update set issued_until = excluded.issued_until,
        fingerprints = (excluded.fingerprints || node_revocations.fingerprints)[1:64];
    perform add_event('node.revoked', null, null, node_name, '{}');
    perform add_audit(who, 'node.revoke', node_name, null, jsonb_build_object('fingerprints', to_jsonb(n.fingerprints)));
    return act_ok(node_json(n));
end $$;

-- Removes a node that is unreachable and has no live sandboxes.
create function remove_node(node_name text, who jsonb) returns act language plpgsql as $$
declare
    n nodes;
    live bigint;
begin
    select * into n from nodes where name = node_name for update;
    if not found then
        return act_not('not_found', 'There is no such node');
    end if;
    select count(*) into live from sandboxes where node = node_name and ended_at is null;
    if live > 0 then
        return act_not('conflict', format('%s sandboxes live on it; drain it first', live));
    elsif n.health <> 'unreachable' then
        return act_not('conflict', 'It is connected; stop its agent, or revoke its certificates first');
    end if;
    delete from warm_members where node = node_name;
    perform images_of_removed(node_name);
    delete from nodes where name = node_name;
    perform add_event('node.removed', null, null, node_name, '{}');
    perform add_audit(who, 'node.delete', node_name, node_json(n)::jsonb, null);
    return act_ok(null);
end $$;

-- If an item of a node's message breaks a bound, the item is left out, or a number in it is lowered, and the rest is processed.
-- This event reports it, with the first such item.
create function node_left_out(node_name text, count bigint, first text) returns act language plpgsql as $$
begin
    perform add_event('system.item_left_out', null, null, node_name,
        jsonb_build_object('count', count, 'first', first));
    return act_ok(null);
end $$;

create function list_nodes(after text, most integer) returns list_page language sql stable as $$
    with rows as (select * from nodes where name > coalesce(after, '') order by name limit most + 1),
    shown as (select * from rows order by name limit most)
    select page((select json_agg(node_json(s::nodes) order by name) from shown s),
        case when (select count(*) from rows) > most then (select max(name) from shown) end)
$$;
