-- A limit that is lowered below what lives stops new sandboxes only, and the answer says so: the detail of an act
-- that went well is a notice. Keys can be changed. Pages of tiers.

-- What lives above a limit on the number; null where nothing does.
create function above_count(live bigint, most bigint) returns text language sql immutable as $$
    select case when live > most then format('%s sandboxes live, and %s may: those that live go on, new ones are refused',
        live, most) end
$$;

create function above_size(live bigint) returns text language sql immutable as $$
    select case when live > 0 then format('%s live sandboxes are larger than a new one may be: they keep what they have', live) end
$$;

-- How many of these sandboxes hold more than these limits allow.
create function larger_than(s sandboxes, l limits_in_force) returns boolean language sql immutable as $$
    select coalesce(s.memory_bytes > l.memory_bytes or s.cpu_millis > l.cpu_millis or s.storage_bytes > l.storage_bytes
        or s.pids > l.pids or s.nofile > l.nofile, false)
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

create function tier_notice(t tiers) returns text language plpgsql stable as $$
declare
    users_above bigint;
    larger bigint;
begin
    with live as (
        select u.id, l.max_sandboxes as most, count(s.id) as n, count(*) filter (where larger_than(s, l)) as large
        from users u cross join lateral limits_of(u, t, null, '{}') l join sandboxes s on s.user_id = u.id
        where u.tier = t.name and s.ended_at is null group by u.id, l.max_sandboxes)
    select count(*) filter (where n > most), coalesce(sum(large), 0) into users_above, larger from live;
    return notice(case when users_above > 0 then format(
        '%s users have more sandboxes than %s: those that live go on, new ones are refused', users_above, t.max_sandboxes) end,
        above_size(larger));
end $$;

create or replace function patch_user(user_id text, patch jsonb, who jsonb) returns act language plpgsql as $$
declare
    u users;
    a act;
begin
    perform gate_lock();
    select * into u from users where id = user_id and deleted_at is null for update;
    if found and not etag_holds(who, user_json(u)::text) then
        a := act_not('precondition_failed', changed_meanwhile());
    else
        a := patch_user_once(user_id, patch, who);
    end if;
    if a.outcome = 'ok' then
        select * into u from users where id = user_id;
        a.detail := user_notice(u);
    end if;
    return act_audited(who, 'user.patch', user_id, patch, a);
end $$;

create or replace function patch_tier(tier_name text, patch jsonb, who jsonb) returns act language plpgsql as $$
declare
    t tiers;
    a act;
begin
    perform gate_lock();
    select * into t from tiers where name = tier_name for update;
    if found and not etag_holds(who, tier_json(t)::text) then
        a := act_not('precondition_failed', changed_meanwhile());
    else
        a := patch_tier_once(tier_name, patch, who);
    end if;
    if a.outcome = 'ok' then
        select * into t from tiers where name = tier_name;
        a.detail := tier_notice(t);
    end if;
    return act_audited(who, 'tier.patch', tier_name, patch, a);
end $$;

-- patch: any of name, scopes, max_sandboxes, expires_at; null takes away the key's own limit, or its end.
create function patch_key_once(user_id text, key_id text, patch jsonb, who jsonb) returns act language plpgsql as $$
declare
    old api_keys;
    k api_keys;
begin
    perform gate_lock();
    select * into old from api_keys x where x.id = key_id and x.user_id = patch_key_once.user_id for update;
    if not found then
        return act_not('not_found', 'There is no such key');
    elsif old.revoked_at is not null then
        return act_not('conflict', 'The key is revoked, and stays so; make a new one');
    elsif not etag_holds(who, key_json(old)::text) then
        return act_not('precondition_failed', changed_meanwhile());
    elsif (patch->>'expires_at')::timestamptz <= now() then
        return act_not('invalid', 'expires_at: lies in the past; revoke the key instead');
    end if;
    update api_keys x set name = coalesce(patch->>'name', name),
        scopes = coalesce((select array_agg(v) from jsonb_array_elements_text(patch->'scopes') v), scopes),
        max_sandboxes = case when patch ? 'max_sandboxes' then (patch->>'max_sandboxes')::integer else max_sandboxes end,
        expires_at = case when patch ? 'expires_at' then (patch->>'expires_at')::timestamptz else expires_at end
        where x.id = old.id returning * into k;
    perform add_audit(who, 'key.patch', k.id, to_jsonb(old) - 'sha256', to_jsonb(k) - 'sha256');
    return ('ok', notice(above_count((select count(*) from sandboxes s where s.key_id = k.id and s.ended_at is null),
        k.max_sandboxes), null), key_json(k)::text)::act;
end $$;

create function patch_key(user_id text, key_id text, patch jsonb, who jsonb) returns act language sql as $$
    select act_audited(who, 'key.patch', key_id, patch, patch_key_once(user_id, key_id, patch, who))
$$;

drop function list_tiers();
create function list_tiers(after text, most integer) returns text language sql stable as $$
    with rows as (select * from tiers where name > coalesce(after, '') order by name limit most + 1),
    shown as (select * from rows order by name limit most)
    select page((select json_agg(tier_json(s::tiers) order by name) from shown s),
        case when (select count(*) from rows) > most then (select max(name) from shown) end)
$$;
