-- The API's objects as JSON, in the shapes of the API's description. Each is made in one place; C passes the text on unread.

create function rfc3339(t timestamptz) returns text language sql stable as $$
    select to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

-- The last one that RFC 3339 can write.
create function last_time() returns timestamptz language sql immutable as $$
    select timestamptz '9999-12-31 23:59:59.999Z'
$$;

create function remaining_ms(t timestamptz) returns bigint language sql volatile as $$
    select greatest(0, floor(extract(epoch from t - clock_timestamp()) * 1000))::bigint
$$;

-- bits: as in common/model/node_wire.h. Stable, as what it calls is: PostgreSQL inlines no function that is said to be less volatile.
create function enforced_json(bits integer) returns json language sql stable as $$
    select json_build_object(
        'memory', case when bits & 1 <> 0 then 'enforced' else 'advisory' end,
        'cpu', case when bits & 2 <> 0 then 'enforced' else 'advisory' end,
        'disk', case when bits & 4 <> 0 then 'enforced' else 'advisory' end,
        'pids', case when bits & 8 <> 0 then 'enforced' else 'advisory' end,
        'nofile', case when bits & 16 <> 0 then 'enforced' else 'advisory' end,
        'network', case when bits & 32 <> 0 then 'enforced' else 'advisory' end)
$$;

-- The size of /dev/shm if the create did not give one.
create function default_shm_bytes(memory bigint) returns bigint language sql immutable as $$
    select least(67108864, memory / 2)
$$;

create function sandbox_json(s sandboxes) returns json language sql stable as $$
    select json_build_object(
        'id', s.id, 'name', s.name, 'state', s.state, 'reason', s.reason, 'detail', nullif(s.detail, ''),
        'exit_code', s.exit_code, 'image', s.image, 'template', s.template, 'node', s.node, 'region', s.region, 'runtime', s.runtime,
        'user', s.user_id, 'tier', s.tier, 'labels', s.labels, 'network', s.network, 'exec', s.exec,
        'limits', json_build_object({{limits: 'NAME', s.NAME}},
            'shm_bytes', coalesce(s.shm_bytes, default_shm_bytes(s.memory_bytes))),
        'image_digest', s.image_digest, 'enforced', enforced_json(s.enforced), 'warm', s.warm, 'start_ms', coalesce(s.start_ms, '{}'),
        'created_at', rfc3339(s.created_at), 'started_at', rfc3339(s.started_at),
        'expires_at', rfc3339(s.expires_at), 'ended_at', rfc3339(s.ended_at))
$$;

create function event_id(seq bigint) returns text language sql immutable as $$
    select 'evt_' || lpad(seq::text, 19, '0')
$$;

create function event_json(e events) returns json language sql stable as $$
    select case when e.sandbox_id is not null
        then json_build_object('id', event_id(e.seq), 'type', e.type, 'at', rfc3339(e.at),
            'sandbox_id', e.sandbox_id, 'data', e.data)
        else json_build_object('id', event_id(e.seq), 'type', e.type, 'at', rfc3339(e.at),
            'node', e.node, 'data', e.data) end
$$;

create function user_json(u users) returns json language sql stable as $$
    select json_build_object('id', u.id, 'name', u.name, 'tier', u.tier, 'role', u.role,
        'overrides', u.overrides, 'created_at', rfc3339(u.created_at))
$$;

create function key_json(k api_keys) returns json language sql stable as $$
    select json_build_object('id', k.id, 'user', k.user_id, 'name', k.name, 'prefix', k.prefix,
        'last_four', k.last_four, 'scopes', k.scopes, 'max_sandboxes', k.max_sandboxes,
        'created_at', rfc3339(k.created_at), 'expires_at', rfc3339(k.expires_at),
        'revoked_at', rfc3339(k.revoked_at), 'last_used_at', rfc3339(k.last_used_at))
$$;

create function tier_json(t tiers) returns json language sql stable as $$
    select to_json(t)
$$;

create function audit_json(a audit) returns json language sql stable as $$
    select json_build_object('id', a.seq, 'at', rfc3339(a.at), 'user', a.user_id, 'key', a.key_id,
        'address', a.address, 'request_id', a.request_id, 'action', a.action, 'target', a.target,
        'before', a.before, 'after', a.after, 'result', a.result, 'hash', encode(a.hash, 'hex'))
$$;

create function node_state(n nodes) returns text language sql stable as $$
    select case when n.health <> 'ready' then n.health else n.admin_state end
$$;

create function reserved_json(node_name text) returns json language sql stable as $$
    select json_build_object('memory_bytes', coalesce(sum(memory_bytes), 0), 'cpu_millis', coalesce(sum(cpu_millis), 0),
        'storage_bytes', coalesce(sum(storage_bytes), 0), 'sandboxes', count(*))
    from sandboxes where ended_at is null and (node_name is null or node = node_name)
$$;

create function node_json(n nodes) returns json language sql stable as $$
    select json_build_object('name', n.name, 'state', node_state(n),
        'reason', case when n.revoked_at is not null then 'Its certificates were revoked; corral-controller pki issue gives a new one'
            else nullif(n.reason, '') end,
        'region', n.region, 'labels', n.labels,
        'capacity', json_build_object('memory_bytes', n.memory_bytes, 'cpu_millis', n.cpu_millis,
            'storage_bytes', n.storage_bytes, 'sandboxes', n.sandboxes),
        'reserved', reserved_json(n.name), 'warm', warm_json(n.name),
        'used', json_build_object('memory_bytes', coalesce((n.used->>'memory_bytes')::bigint, 0),
            'cpu_millis', coalesce((n.used->>'cpu_millis')::bigint, 0),
            'storage_bytes', coalesce((n.used->>'storage_bytes')::bigint, 0),
            'sandboxes', coalesce((n.used->>'sandboxes')::bigint, 0)),
        'enforces', enforced_json(n.enforces),
        'docker', json_build_object('version', n.docker_version, 'api_version', n.docker_api_version,
            'runtimes', n.runtimes),
        'agent_version', n.agent_version, 'last_seen_at', rfc3339(n.last_seen_at))
$$;

-- The part of the system's statistics that comes from the database.
create function system_stats(total_limit bigint) returns table (sandboxes json, nodes json, capacity json, reserved json,
    leader json, schema_version integer) language sql stable as $$
    with live as (select * from sandboxes where ended_at is null)
    select json_build_object(
            'by_state', (select coalesce(json_object_agg(name, n), '{}') from (select st.name, count(l.id) as n
                from sandbox_states st left join live l on l.state = st.name where not st.terminal group by 1 order by 1) x),
            'by_tier', (select coalesce(json_object_agg(tier, n), '{}') from (select tier, count(*) as n from live group by 1 order by 1) x),
            'by_node', (select coalesce(json_object_agg(node, n), '{}') from (select node, count(*) as n from live group by 1 order by 1) x),
            'by_region', (select coalesce(json_object_agg(region, n), '{}') from (select region, count(*) as n from live group by 1 order by 1) x),
            'total', (select count(*) from live), 'limit', total_limit),
        json_build_object('by_state', (select coalesce(json_object_agg(st, n), '{}')
            from (select node_state(n) as st, count(*) as n from nodes n group by 1 order by 1) x)),
        (select json_build_object('memory_bytes', coalesce(sum(memory_bytes), 0), 'cpu_millis', coalesce(sum(cpu_millis), 0),
            'storage_bytes', coalesce(sum(storage_bytes), 0), 'sandboxes', coalesce(sum(n.sandboxes), 0)) from nodes n),
        reserved_json(null),
        (select json_build_object('id', leader, 'epoch', epoch, 'since', rfc3339(since)) from leadership),
        (select max(number) from schema_migrations)
$$;
