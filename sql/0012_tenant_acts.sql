-- What administrators do to users, keys, tiers and nodes, each with its audit row in the same transaction.
-- who: {user_id, key_id, address, request_id}.

create type act as (outcome text, detail text, body text);

create function act_ok(body json) returns act language sql immutable as $$
    select ('ok', '', body::text)::act
$$;
create function act_not(outcome text, detail text) returns act language sql immutable as $$
    select (outcome, detail, null)::act
$$;

-- The first override that is not a known limit with a whole number that fits it; null where all are well.
create function overrides_fault(overrides jsonb) returns text language sql immutable as $$
    select format('overrides/%s: not a limit, or not a whole number that it can take', key)
    from jsonb_each(overrides) where value <> 'null' and not coalesce(
        key in ('max_sandboxes', 'max_key_sandboxes', 'memory_bytes', 'cpu_millis', 'cpu_shares', 'storage_bytes',
                'pids', 'nofile', 'lifetime_seconds')
        and jsonb_typeof(value) = 'number'
        and case when jsonb_typeof(value) = 'number' then value::numeric = trunc(value::numeric)
            and value::numeric between case when key like 'max_%' then 0 else 1 end and 1e15 end, false)
    order by key limit 1
$$;

-- user: {id, name, tier, role, overrides}.
create function create_user(u jsonb, who jsonb) returns act language plpgsql as $$
declare
    made users;
    fault text := overrides_fault(coalesce(u->'overrides', '{}'));
begin
    if fault is not null then
        return act_not('invalid', fault);
    elsif not exists (select from tiers where name = u->>'tier') then
        return act_not('invalid', 'tier: there is no such tier');
    end if;
    insert into users (id, name, tier, role, overrides) values (u->>'id', u->>'name', u->>'tier',
        coalesce(u->>'role', 'user'), jsonb_strip_nulls(coalesce(u->'overrides', '{}')))
        on conflict do nothing returning * into made;
    if not found then
        return act_not('conflict', 'name: another user has this name');
    end if;
    perform add_audit(who, 'user.create', made.id, null, to_jsonb(made));
    return act_ok(user_json(made));
end $$;

-- patch: any of name, tier, role, overrides (a null value removes that override; the others stay).
create function patch_user(user_id text, patch jsonb, who jsonb) returns act language plpgsql as $$
declare
    old users;
    new users;
    fault text := overrides_fault(coalesce(patch->'overrides', '{}'));
begin
    perform gate_lock();
    select * into old from users where id = user_id and deleted_at is null for update;
    if not found then
        return act_not('not_found', 'There is no such user');
    elsif fault is not null then
        return act_not('invalid', fault);
    elsif patch ? 'tier' and not exists (select from tiers where name = patch->>'tier') then
        return act_not('invalid', 'tier: there is no such tier');
    elsif exists (select from users where name = patch->>'name' and id <> user_id and deleted_at is null) then
        return act_not('conflict', 'name: another user has this name');
    end if;
    update users set name = coalesce(patch->>'name', name), tier = coalesce(patch->>'tier', tier),
        role = coalesce(patch->>'role', role),
        overrides = jsonb_strip_nulls(overrides || coalesce(patch->'overrides', '{}'))
        where id = user_id returning * into new;
    perform add_audit(who, 'user.patch', user_id, to_jsonb(old), to_jsonb(new));
    return act_ok(user_json(new));
end $$;

-- Refused while any of its sandboxes is live. Its keys are revoked.
create function delete_user(user_id text, who jsonb) returns act language plpgsql as $$
declare
    old users;
begin
    perform gate_lock();
    select * into old from users where id = delete_user.user_id and deleted_at is null for update;
    if not found then
        return act_not('not_found', 'There is no such user');
    elsif exists (select from sandboxes s where s.user_id = old.id and s.ended_at is null) then
        return act_not('conflict', 'The user has live sandboxes; delete them first');
    end if;
    update api_keys k set revoked_at = now() where k.user_id = old.id and revoked_at is null;
    update users set deleted_at = now() where id = old.id;
    perform add_audit(who, 'user.delete', old.id, to_jsonb(old), null);
    return act_ok(null);
end $$;

-- k: {id, user_id, name, prefix, last_four, sha256 (hex), scopes, max_sandboxes, expires_at}.
create function create_key(k jsonb, who jsonb) returns act language plpgsql as $$
declare
    made api_keys;
begin
    perform from users where id = k->>'user_id' and deleted_at is null for share;
    if not found then
        return act_not('not_found', 'There is no such user');
    elsif (k->>'expires_at')::timestamptz <= now() then
        return act_not('invalid', 'expires_at: lies in the past');
    end if;
    insert into api_keys (id, user_id, name, prefix, last_four, sha256, scopes, max_sandboxes, expires_at)
    values (k->>'id', k->>'user_id', k->>'name', k->>'prefix', k->>'last_four', decode(k->>'sha256', 'hex'),
        coalesce((select array_agg(x) from jsonb_array_elements_text(case when jsonb_typeof(k->'scopes') = 'array'
            then k->'scopes' end) x), '{read,write}'),
        (k->>'max_sandboxes')::integer, (k->>'expires_at')::timestamptz) returning * into made;
    perform add_audit(who, 'key.create', made.id, null, to_jsonb(made) - 'sha256');
    return act_ok(key_json(made));
end $$;

create function revoke_key(user_id text, key_id text, who jsonb) returns act language plpgsql as $$
declare
    old api_keys;
begin
    select * into old from api_keys k where k.id = key_id and k.user_id = revoke_key.user_id for update;
    if not found then
        return act_not('not_found', 'There is no such key');
    elsif old.revoked_at is null then
        update api_keys set revoked_at = now() where id = old.id;
        perform add_audit(who, 'key.revoke', old.id, to_jsonb(old) - 'sha256', null);
    end if;
    return act_ok(null);
end $$;

-- fields: the columns of tiers, all of them for a new one; null falls back to the installation's default.
create function create_tier(fields jsonb, who jsonb) returns act language plpgsql as $$
declare
    made tiers;
begin
    insert into tiers select * from jsonb_populate_record(null::tiers, '{"warm_starts": true}' || fields)
        on conflict do nothing returning * into made;
    if not found then
        return act_not('conflict', 'name: another tier has this name');
    end if;
    perform add_audit(who, 'tier.create', made.name, null, to_jsonb(made));
    return act_ok(tier_json(made));
exception when check_violation or not_null_violation or data_exception then
    return act_not('invalid', 'A value does not fit its limit');
end $$;

-- Lowering a limit below what runs stops new sandboxes only.
create function patch_tier(tier_name text, patch jsonb, who jsonb) returns act language plpgsql as $$
declare
    old tiers;
    new tiers;
begin
    perform gate_lock();
    select * into old from tiers where name = tier_name for update;
    if not found then
        return act_not('not_found', 'There is no such tier');
    end if;
    new := jsonb_populate_record(old, patch - 'name');
    update tiers set max_sandboxes = new.max_sandboxes, max_key_sandboxes = new.max_key_sandboxes,
        memory_bytes = new.memory_bytes, cpu_millis = new.cpu_millis, cpu_shares = new.cpu_shares,
        storage_bytes = new.storage_bytes, pids = new.pids, nofile = new.nofile,
        lifetime_seconds = new.lifetime_seconds, warm_starts = new.warm_starts where name = tier_name;
    perform add_audit(who, 'tier.patch', tier_name, to_jsonb(old), to_jsonb(new));
    return act_ok(tier_json(new));
exception when check_violation or not_null_violation or data_exception then
    return act_not('invalid', 'A value does not fit its limit');
end $$;

create function delete_tier(tier_name text, who jsonb) returns act language plpgsql as $$
declare
    old tiers;
begin
    delete from tiers where name = tier_name returning * into old;
    if not found then
        return act_not('not_found', 'There is no such tier');
    end if;
    perform add_audit(who, 'tier.delete', tier_name, to_jsonb(old), null);
    return act_ok(null);
exception when foreign_key_violation then
    return act_not('conflict', 'Users are on this tier; move them first');
end $$;

-- A host says what it is. facts: the columns of nodes. What an administrator set stays; health is 'ready', or
-- 'sick' with a reason.
create function node_joined(facts jsonb) returns act language plpgsql as $$
declare
    f nodes := jsonb_populate_record(null::nodes, '{"admin_state": "ready", "health": "ready", "reason": "",
        "region": "", "labels": {}, "used": {}, "enforces": 0, "docker_version": "", "docker_api_version": "",
        "runtimes": [], "agent_version": "", "boot_id": ""}' || facts);
    old text;
    n nodes;
begin
    select node_state(x) into old from nodes x where name = f.name for update;
    insert into nodes (name, health, reason, region, labels, memory_bytes, cpu_millis, storage_bytes, sandboxes, enforces,
        docker_version, docker_api_version, runtimes, agent_version, boot_id)
    values (f.name, f.health, f.reason, f.region, f.labels, f.memory_bytes, f.cpu_millis, f.storage_bytes, f.sandboxes,
        f.enforces, f.docker_version, f.docker_api_version, f.runtimes, f.agent_version, f.boot_id)
    on conflict (name) do update set health = f.health, reason = f.reason, region = f.region, labels = f.labels,
        memory_bytes = f.memory_bytes, cpu_millis = f.cpu_millis, storage_bytes = f.storage_bytes,
        sandboxes = f.sandboxes, enforces = f.enforces, docker_version = f.docker_version,
        docker_api_version = f.docker_api_version, runtimes = f.runtimes, agent_version = f.agent_version,
        boot_id = f.boot_id, last_seen_at = now() returning * into n;
    if old is null then
        perform add_event('node.joined', null, null, f.name, '{}');
    elsif old = 'unreachable' or (old = 'sick' and f.health = 'ready') then
        perform add_event('node.returned', null, null, f.name, '{}');
    end if;
    if f.health = 'sick' and old is distinct from 'sick' then
        perform add_event('node.sick', null, null, f.name, jsonb_build_object('reason', f.reason));
    end if;
    return act_ok(node_json(n));
end $$;

-- How a host is: 'ready', 'unreachable' or 'sick'. One event a change.
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

-- What an administrator wants of a host: 'ready' (uncordon), 'cordoned' or 'draining'.
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

-- Heartbeats, many at once: [{name, used {…}}].
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
