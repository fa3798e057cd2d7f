-- The gate. Whatever makes a sandbox live or larger passes here, one transaction at a time (advisory lock 20011, 3). So no
-- concurrency takes a count past the limit in force, which is read under the lock. Creates that wait together are one call and
-- one commit. Code under a lock that everybody waits for (this one, the events' numbers, the audit's chain, a tier's or a
-- user's row) reads only live rows and its own rows, never ended ones.

create function gate_lock() returns void language sql as $$
    select pg_advisory_xact_lock(20011, 3)
$$;

-- Whether the node has room for this much more. A node without a row has none. In plpgsql, which keeps its plan: a function in
-- SQL that cannot be inlined is parsed and planned at each call.
create function node_fits(node_name text, memory bigint, cpu bigint, storage bigint, count integer) returns boolean
language plpgsql stable as $$
begin
    return coalesce((
        select r.memory + $2 <= n.memory_bytes and r.cpu + $3 <= n.cpu_millis and r.storage + $4 <= n.storage_bytes
            and r.sandboxes + $5 <= n.sandboxes
        from nodes n, lateral (select coalesce(sum(s.memory_bytes), 0) as memory, coalesce(sum(s.cpu_millis), 0) as cpu,
            coalesce(sum(s.storage_bytes), 0) as storage, count(*) as sandboxes
            from sandboxes s where s.node = n.name and s.ended_at is null) r
        where n.name = $1), false);
end $$;

-- made: the row that was written. status, body and sandbox_id: what the same request was answered before.
create type admission as (ord integer, outcome text, scope text, max bigint, used bigint, status integer, body text,
    sandbox_id text, made sandbox_row);

create type admission_request as (id text, user_id text, key_id text, name text, image text, node text, region text,
    runtime text, network text, restart text, labels jsonb, {{limits: NAME bigint}}, enforced integer, warm boolean, lifetime_seconds bigint, spec text,
    request_id text, idempotency_key text, body_sha256 text, address text,
    shm_bytes bigint, env_key text, image_ref text, image_digest text, any_tier boolean, template text);

create function admitted(ord integer, s sandboxes) returns admission language sql volatile as $$
    select (ord, 'admitted', null, null, null, null, null, null, row_of(s, sandbox_json(s)::text, null))::admission
$$;

create function refused(ord integer, outcome text, scope text, max bigint, used bigint) returns admission
language sql immutable as $$
    select (ord, outcome, scope, max, used, null, null, null, null)::admission
$$;

-- The user and key of a request, with the limits in force; null if the key or the user is no longer valid.
create type asker as (u users, k api_keys, limits limits_in_force);

create function asker_of(key_id text, user_id text, defaults jsonb) returns asker language plpgsql stable as $$
declare
    a asker;
    u users;
    k api_keys;
    t tiers;
begin
    select * into k from api_keys x where x.id = asker_of.key_id and x.user_id = asker_of.user_id
        and x.revoked_at is null and (x.expires_at is null or x.expires_at > now());
    select * into u from users x where x.id = asker_of.user_id and x.deleted_at is null;
    if k.id is null or u.id is null then
        return null;
    end if;
    select * into t from tiers where name = u.tier;
    a.u := u;
    a.k := k;
    a.limits := limits_of(u, t, k.max_sandboxes, defaults);
    return a;
end $$;

-- s: the row with this id, null: there is none.
create function admit_one(ord integer, r admission_request, s sandboxes, defaults jsonb, total bigint) returns admission
language plpgsql as $$
declare
    a asker;
    seen idempotency_answer;
    n bigint;
    taken boolean;
begin
    if s.id is not null and (s.user_id, s.key_id, s.request_id) is distinct from (r.user_id, r.key_id, r.request_id) then
        return refused(ord, 'no_capacity', null, null, null); -- of a member of the warm pool that another has taken over
    elsif s.id is not null then
        return admitted(ord, s); -- the same call, repeated after its answer was lost
    end if;
    seen := idempotency_find(r.key_id, 'POST /sandbox', r.idempotency_key, decode(r.body_sha256, 'hex'));
    if seen.outcome is not null then
        return (ord, seen.outcome, null, null, null, seen.status, seen.body, seen.sandbox_id, null)::admission;
    end if;
    a := asker_of(r.key_id, r.user_id, defaults);
    if (a.u).id is null then
        return refused(ord, 'unauthenticated', null, null, null);
    end if;
    if not coalesce(r.any_tier, false) and not image_allowed((select t.images from tiers t where t.name = (a.u).tier), r.image_ref) then
        return refused(ord, 'registry_not_allowed', null, null, null);
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
    -- A member of the warm pool becomes the sandbox: its container is generation 1. Where the sandbox is placed on another
    -- node, the member is nobody's: without its row no controller hands out the id again.
    delete from warm_members where id = r.id returning node = r.node into taken;
    taken := coalesce(taken, false);
    insert into sandboxes (id, user_id, key_id, tier, name, image, node, region, runtime, network, restart, labels,
        {{limits: NAME}}, shm_bytes, enforced, warm, state, generation, spec, env_key, request_id,
        expires_at, image_ref, image_digest, template)
    values (r.id, r.user_id, r.key_id, (a.u).tier, r.name, r.image, r.node, r.region, r.runtime, r.network, r.restart, r.labels,
        {{limits: r.NAME}}, nullif(r.shm_bytes, 0), r.enforced, taken,
        case when taken then 'starting' else 'pending' end, case when r.warm then 2 else 1 end, decode(r.spec, 'hex'), nullif(r.env_key, ''), r.request_id, clock_timestamp() + r.lifetime_seconds * interval '1 second',
        r.image_ref, nullif(r.image_digest, ''), nullif(r.template, ''))
    returning * into s;
    if exists (select from images i where i.ref = r.image_ref and (i.used_at is null or i.used_at < now() - interval '1 minute')) then
        update images i set used_at = now() where i.ref = r.image_ref;
    end if;
    perform idempotency_keep(r.key_id, 'POST /sandbox', r.idempotency_key, decode(r.body_sha256, 'hex'), r.id, null, null);
    return admitted(ord, s);
end $$;

create function audit_created(r admission_request) returns void language sql as $$
    select add_audit(jsonb_build_object('user_id', r.user_id, 'key_id', r.key_id, 'address', r.address,
            'request_id', r.request_id), 'sandbox.create', r.id, null, jsonb_strip_nulls(jsonb_build_object(
            'name', nullif(r.name, ''), 'template', nullif(r.template, ''), 'image', r.image, 'node', r.node, 'network', r.network,
            'runtime', nullif(r.runtime, ''), {{limits: 'NAME', r.NAME}}, 'lifetime_seconds', r.lifetime_seconds)))
$$;

-- requests: a JSON array of admission_request. Returns one row per element, in order.
create function admit(requests jsonb, defaults jsonb) returns setof admission language plpgsql as $$
declare
    total bigint;
    item jsonb;
    r admission_request;
    s sandboxes; -- it is there: the same call, repeated after its answer was lost
    a admission;
    i integer := 0;
begin
    perform gate_lock();
    if requests @? '$[*].idempotency_key' then
        perform idempotency_lock(k.key_id, k.keys) from (select x->>'key_id' as key_id, array_agg(x->>'idempotency_key') as keys
            from jsonb_array_elements(requests) x where x->>'idempotency_key' <> '' group by 1 order by 1) k;
    end if;
    select count(*) into total from sandboxes where ended_at is null;
    for item in select * from jsonb_array_elements(requests) loop
        r := jsonb_populate_record(null::admission_request, item);
        select * into s from sandboxes where id = r.id;
        a := admit_one(i, r, s, defaults, total);
        if a.outcome = 'admitted' and s.id is null then
            total := total + 1;
            perform audit_created(r);
        end if;
        return next a;
        i := i + 1;
    end loop;
end $$;
