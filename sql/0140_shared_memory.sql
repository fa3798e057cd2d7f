-- What /dev/shm of a sandbox holds: as its create said, or as all had it before there was a way to say.

alter table sandboxes add column shm_bytes bigint check (shm_bytes > 0);
alter type admission_request add attribute shm_bytes bigint;

create function default_shm_bytes(memory bigint) returns bigint language sql immutable as $$
    select least(67108864, memory / 2)
$$;

-- As 0009, with it among the limits.
create or replace function sandbox_json(s sandboxes) returns json language sql stable as $$
    select json_build_object(
        'id', s.id, 'name', s.name, 'state', s.state, 'reason', s.reason, 'detail', nullif(s.detail, ''),
        'exit_code', s.exit_code, 'image', s.image, 'node', s.node, 'region', s.region, 'runtime', s.runtime,
        'user', s.user_id, 'tier', s.tier, 'labels', s.labels, 'network', s.network,
        'limits', json_build_object('memory_bytes', s.memory_bytes, 'cpu_millis', s.cpu_millis,
            'cpu_shares', s.cpu_shares, 'storage_bytes', s.storage_bytes,
            'shm_bytes', coalesce(s.shm_bytes, default_shm_bytes(s.memory_bytes)), 'pids', s.pids, 'nofile', s.nofile),
        'enforced', enforced_json(s.enforced), 'warm', s.warm,
        'created_at', rfc3339(s.created_at), 'started_at', rfc3339(s.started_at),
        'expires_at', rfc3339(s.expires_at), 'ended_at', rfc3339(s.ended_at))
$$;

-- As 0010, with it.
create or replace function admit_one(ord integer, r admission_request, defaults jsonb, total bigint) returns admission
language plpgsql as $$
declare
    a asker;
    s sandboxes;
    seen idempotency_answer;
    n bigint;
begin
    select * into s from sandboxes where id = r.id;
    if found then
        return admitted(ord, s); -- the same call again, after its answer was lost
    end if;
    seen := idempotency_find(r.key_id, 'POST /sandbox', r.idempotency_key, decode(r.body_sha256, 'hex'));
    if seen.outcome is not null then
        return (ord, seen.outcome, null, null, null, seen.status, seen.body, seen.sandbox_id, null, null, null)::admission;
    end if;
    a := asker_of(r.key_id, r.user_id, defaults);
    if (a.u).id is null then
        return refused(ord, 'unauthenticated', null, null, null);
    end if;
    select count(*) into n from sandboxes where user_id = r.user_id and ended_at is null;
    if n >= (a.limits).max_sandboxes then
        return refused(ord, 'quota_exceeded', 'user', (a.limits).max_sandboxes, n);
    end if;
    select count(*) into n from sandboxes where key_id = r.key_id and ended_at is null;
    if n >= (a.limits).max_key_sandboxes then
        return refused(ord, 'quota_exceeded', 'api_key', (a.limits).max_key_sandboxes, n);
    end if;
    if total >= (defaults->>'max_total_sandboxes')::bigint then
        return refused(ord, 'quota_exceeded', 'system', (defaults->>'max_total_sandboxes')::bigint, total);
    end if;
    if not exists (select from nodes h where h.name = r.node and node_state(h) = 'ready')
            or not node_fits(r.node, r.memory_bytes, r.cpu_millis, r.storage_bytes, 1) then
        return refused(ord, 'no_capacity', null, null, null);
    end if;
    insert into sandboxes (id, user_id, key_id, tier, name, image, node, region, runtime, network, restart, labels,
        memory_bytes, cpu_millis, cpu_shares, storage_bytes, shm_bytes, pids, nofile, enforced, warm, spec, request_id,
        expires_at)
    values (r.id, r.user_id, r.key_id, (a.u).tier, r.name, r.image, r.node, r.region, r.runtime, r.network, r.restart, r.labels,
        r.memory_bytes, r.cpu_millis, r.cpu_shares, r.storage_bytes, nullif(r.shm_bytes, 0), r.pids, r.nofile, r.enforced, r.warm,
        decode(r.spec, 'hex'), r.request_id, clock_timestamp() + r.lifetime_seconds * interval '1 second')
    returning * into s;
    perform idempotency_keep(r.key_id, 'POST /sandbox', r.idempotency_key, decode(r.body_sha256, 'hex'), r.id, null, null);
    return admitted(ord, s);
end $$;
