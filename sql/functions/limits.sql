-- The limits in force, the live sandboxes above them, and which values a limit may have. Lowering a limit below what is live
-- stops new sandboxes only, and the answer says so: the detail of a successful act is a notice.

-- The limits in force for a user and a key. defaults: the installation's values, for limits that neither override, key nor tier
-- sets ({max_sandboxes, max_key_sandboxes, memory_bytes, …}).
create type limits_in_force as (max_sandboxes bigint, max_key_sandboxes bigint, {{tier limits: NAME bigint}});

create function limits_of(u users, t tiers, key_max integer, defaults jsonb) returns limits_in_force
language sql immutable as $$
    select (
        coalesce((u.overrides->>'max_sandboxes')::bigint, t.max_sandboxes, (defaults->>'max_sandboxes')::bigint),
        coalesce(key_max, (u.overrides->>'max_key_sandboxes')::bigint, t.max_key_sandboxes,
                 (defaults->>'max_key_sandboxes')::bigint),
        {{tier limits: coalesce((u.overrides->>'NAME')::bigint, t.NAME, (defaults->>'NAME')::bigint)}}
    )::limits_in_force
$$;

-- The limits as arrays, as the controller reads them, in the order of common/model/limit.def.
-- The lifetime comes last for tiers and overrides; a sandbox's array has none.
create function limits_of_sandbox(s sandboxes) returns bigint[] language sql immutable as $$
    select array[{{limits: s.NAME}}]
$$;

create function limit_keys() returns text[] language sql immutable as $$
    select array[{{tier limits: 'NAME'}}]
$$;

-- The limits of an object that has them as members: a tier, or overrides.
create function limits_in(o jsonb) returns bigint[] language sql immutable as $$
    select array_agg((o->>key)::bigint order by n) from unnest(limit_keys()) with ordinality x(key, n)
$$;

-- What so many sandboxes may have together; the largest number there is, where it is more.
create function in_all(l limits_in_force, one bigint) returns bigint language sql immutable as $$
    select case when l.max_sandboxes::numeric * one > 9223372036854775807 then 9223372036854775807 else l.max_sandboxes * one end
$$;

create function quota_usage(user_id text, key_id text, defaults jsonb) returns json language plpgsql stable as $$
declare
    u users;
    t tiers;
    l limits_in_force;
    n record;
begin
    select * into u from users where id = user_id and deleted_at is null;
    if not found then
        return null;
    end if;
    select * into t from tiers where name = u.tier;
    l := limits_of(u, t, (select max_sandboxes from api_keys k where k.id = quota_usage.key_id), defaults);
    select count(*) as sandboxes, count(*) filter (where s.key_id = quota_usage.key_id) as key_sandboxes,
        coalesce(sum(s.memory_bytes), 0)::bigint as memory, coalesce(sum(s.cpu_millis), 0)::bigint as cpu,
        coalesce(sum(s.storage_bytes), 0)::bigint as storage
        into n from sandboxes s where s.user_id = u.id and s.ended_at is null;
    return json_build_object(
        'user', json_build_object('id', u.id, 'name', u.name, 'tier', u.tier),
        'limits', json_build_object('sandboxes', l.max_sandboxes, 'api_key_sandboxes', l.max_key_sandboxes,
            'memory_bytes', in_all(l, l.memory_bytes), 'cpu_millis', in_all(l, l.cpu_millis),
            'storage_bytes', in_all(l, l.storage_bytes)),
        'used', json_build_object('sandboxes', n.sandboxes, 'api_key_sandboxes', n.key_sandboxes,
            'memory_bytes', n.memory, 'cpu_millis', n.cpu, 'storage_bytes', n.storage),
        'remaining', json_build_object('sandboxes', greatest(0, l.max_sandboxes - n.sandboxes),
            'api_key_sandboxes', greatest(0, least(l.max_key_sandboxes - n.key_sandboxes, l.max_sandboxes - n.sandboxes)),
            'memory_bytes', greatest(0, in_all(l, l.memory_bytes) - n.memory),
            'cpu_millis', greatest(0, in_all(l, l.cpu_millis) - n.cpu),
            'storage_bytes', greatest(0, in_all(l, l.storage_bytes) - n.storage)),
        'per_sandbox', json_build_object({{quota limits: 'NAME', l.NAME}}));
end $$;

-- The first override that is not a known limit with a valid whole number; null if all are valid.
create function overrides_fault(overrides jsonb) returns text language sql immutable as $$
    select format('overrides/%s: not a limit, or not a whole number that it can take', key)
    from jsonb_each(overrides) where value <> 'null' and not coalesce(
        key = any ('{max_sandboxes,max_key_sandboxes}'::text[] || limit_keys())
        and jsonb_typeof(value) = 'number'
        and case when jsonb_typeof(value) = 'number' then value::numeric = trunc(value::numeric)
            and value::numeric between case when key like 'max_%' then 0 else 1 end and 1e15 end, false)
    order by key limit 1
$$;

create function violation_levels(levels jsonb) returns text language sql immutable as $$
    select string_agg(coalesce(levels->>key, '0'), ' ' order by n) from unnest(violation_keys()) with ordinality x(key, n)
$$;

-- Merged like users' overrides: null removes one level; null instead of the object removes all.
create function merged_levels(old jsonb, patch jsonb) returns jsonb language sql immutable as $$
    select case when jsonb_typeof(patch) = 'object' then nullif(jsonb_strip_nulls(coalesce(old, '{}') || patch), '{}') end
$$;

create function above(field text, asked bigint, most bigint) returns text language sql immutable as $$
    select case when asked > most then format('%s: %s is above the limit of the tier, %s', field, asked, most) end
$$;

-- A sentence if more sandboxes are live than the limit allows; null otherwise.
create function above_count(live bigint, most bigint) returns text language sql immutable as $$
    select case when live > most then format('%s sandboxes live, and %s may: those that live go on, new ones are refused',
        live, most) end
$$;

create function above_size(live bigint) returns text language sql immutable as $$
    select case when live > 0 then format('%s live sandboxes are larger than a new one may be: they keep what they have', live) end
$$;

-- Whether this sandbox has more than these limits allow.
create function larger_than(s sandboxes, l limits_in_force) returns boolean language sql immutable as $$
    select coalesce(true = any (array[{{limits: s.NAME > l.NAME}}]), false)
$$;

create function notice(a text, b text) returns text language sql immutable as $$
    select coalesce(a || '; ' || b, a, b, '')
$$;

create function user_notice(u users) returns text language plpgsql stable as $$
declare
    l limits_in_force := limits_of(u, (select t from tiers t where t.name = u.tier), null, '{}');
    live bigint;
    larger bigint;
begin
    select count(*), count(*) filter (where larger_than(s, l)) into live, larger
        from sandboxes s where s.user_id = u.id and s.ended_at is null;
    return notice(above_count(live, l.max_sandboxes), above_size(larger));
end $$;

-- Some users may be above the limit by an override of their own, so the notice names no single number. The query starts from
-- the live sandboxes and then finds their users, whatever the planner believes about table sizes.
create function tier_notice(t tiers) returns text language plpgsql stable as $$
declare
    users_above bigint;
    larger bigint;
begin
    with owners as materialized (select distinct s.user_id from sandboxes s where s.ended_at is null),
    live as (
        select l.max_sandboxes as most, n.live, n.large
        from owners o
        cross join lateral (select x from users x where x.id = o.user_id and x.tier = t.name offset 0) u
        cross join lateral limits_of(u.x, t, null, '{}') l
        cross join lateral (select count(*) as live, count(*) filter (where larger_than(s, l)) as large
            from sandboxes s where s.user_id = o.user_id and s.ended_at is null) n)
    select count(*) filter (where live.live > most), coalesce(sum(large), 0) into users_above, larger from live;
    return notice(case when users_above > 0 then format(
        'users of this tier with more sandboxes than they may have: %s; those that live go on, new ones are refused',
        users_above) end, above_size(larger));
end $$;
