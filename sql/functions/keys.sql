-- API keys: administrators' acts on them, each with its audit row in the same transaction, and the lookup that authenticates.

-- k: {id, user_id, name, prefix, last_four, sha256 (hex), scopes, max_sandboxes, expires_at}.
create function create_key_once(k jsonb, who jsonb) returns act language plpgsql as $$
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

create function create_key(k jsonb, who jsonb) returns act language plpgsql as $$
declare
    a act := act_seen(who);
begin
    if a.outcome is null then
        a := act_kept(who, create_key_once(k, who));
    end if;
    return act_audited(who, 'key.create', k->>'id', k - 'sha256', a);
end $$;

-- patch: any of name, scopes, max_sandboxes, expires_at; null removes the key's own limit, or its expiry.
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
        k.max_sandboxes), null), key_json(k)::text, false)::act;
end $$;

create function patch_key(user_id text, key_id text, patch jsonb, who jsonb) returns act language sql as $$
    select act_audited(who, 'key.patch', key_id, patch, patch_key_once(user_id, key_id, patch, who))
$$;

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

-- --- a user's own keys ---

-- How many rows a user who makes keys may have, revoked ones that are kept for a while included.
create function own_keys_max() returns integer language sql immutable as $$
    select 200
$$;

create function scopes_of(scopes jsonb) returns text[] language sql immutable as $$
    select array(select jsonb_array_elements_text(scopes))
$$;

-- What these scopes allow, as bits: write has exec in it.
create function scope_bits_allowed(scopes text[]) returns integer language sql immutable as $$
    select scope_bits(scopes) | case when 'write' = any (scopes) then 8 else 0 end
$$;

-- A key that makes another one gives no more than it has: scopes, live sandboxes, time. What is not said is as its own.
create function as_own_key(k jsonb, own api_keys) returns jsonb language sql stable as $$
    select jsonb_build_object('scopes', to_jsonb(own.scopes), 'max_sandboxes', own.max_sandboxes, 'expires_at', own.expires_at)
        || jsonb_strip_nulls(k)
$$;

create function own_key_fault(k jsonb, own api_keys) returns act language sql stable as $$
    select case when scope_bits(scopes_of(k->'scopes')) & ~scope_bits_allowed(own.scopes) <> 0
            then act_not('forbidden', 'scopes: a key gives no scope that it does not have itself')
        when (k->>'max_sandboxes')::bigint > own.max_sandboxes
            then act_not('forbidden', format('max_sandboxes: the key that asks may have %s', own.max_sandboxes))
        when (k->>'expires_at')::timestamptz > own.expires_at
            then act_not('forbidden', format('expires_at: the key that asks expires at %s', rfc3339(own.expires_at)))
        when (select count(*) from api_keys x where x.user_id = own.user_id) >= own_keys_max()
            then act_not('conflict', format('You have %s keys, with those that were revoked lately; no more can be made', own_keys_max())) end
$$;

create function create_own_key_once(k jsonb, who jsonb) returns act language plpgsql as $$
declare
    own api_keys;
    fault act;
begin
    perform from users u where u.id = who->>'user_id' for no key update;
    select * into own from api_keys x where x.id = who->>'key_id' and x.user_id = who->>'user_id' and x.revoked_at is null;
    if not found then
        return act_not('unauthenticated', 'The key is not valid any more');
    end if;
    k := as_own_key(k, own);
    fault := own_key_fault(k, own);
    if fault.outcome is not null then
        return fault;
    end if;
    return create_key_once(k, who);
end $$;

create function create_own_key(k jsonb, who jsonb) returns act language plpgsql as $$
declare
    a act := act_seen(who);
begin
    if a.outcome is null then
        a := act_kept(who, create_own_key_once(k, who));
    end if;
    return act_audited(who, 'key.create', k->>'id', k - 'sha256', a);
end $$;

-- Also itself; but none that may do what it may not.
create function revoke_own_key(key_id text, who jsonb) returns act language plpgsql as $$
begin
    if exists (select from api_keys k, api_keys own where k.id = key_id and k.user_id = who->>'user_id' and own.id = who->>'key_id'
            and scope_bits(k.scopes) & ~scope_bits_allowed(own.scopes) <> 0) then
        return act_not('forbidden', 'A key revokes no key with a scope that it does not have itself');
    end if;
    return revoke_key(who->>'user_id', key_id, who);
end $$;

create function list_keys(owner text, after text, most integer) returns list_page language sql stable as $$
    with rows as (select * from api_keys where user_id = owner and id > coalesce(after, '') order by id limit most + 1),
    shown as (select * from rows order by id limit most)
    select case when exists (select from users where id = owner and deleted_at is null) then
        page((select json_agg(key_json(s::api_keys) order by id) from shown s),
            case when (select count(*) from rows) > most then (select max(id) from shown) end) end
$$;

create function keys_used(ids jsonb) returns void language sql as $$
    update api_keys set last_used_at = now() where id in (select jsonb_array_elements_text(ids))
$$;

-- As enum scope_bit of controller/core/caller.h.
create function scope_bits(scopes text[]) returns integer language sql immutable as $$
    select coalesce(bit_or(case s when 'read' then 1 when 'write' then 2 when 'admin' then 4 when 'exec' then 8 else 0 end), 0)
    from unnest(scopes) s
$$;

create function key_holds(k api_keys, u users) returns boolean language sql stable as $$
    select k.revoked_at is null and (k.expires_at is null or k.expires_at > now()) and u.deleted_at is null
$$;

-- For authentication: the row of this prefix, if the key, its user and their tier are valid now.
create function find_key(key_prefix text) returns table (sha256 text, user_id text, user_name text, key_id text,
    tier text, admin boolean, scopes integer, remaining_ms bigint, tier_limits bigint[], overrides bigint[])
language sql volatile as $$
    select encode(k.sha256, 'hex'), u.id, u.name, k.id, t.name, u.role = 'admin', scope_bits(k.scopes),
        case when k.expires_at is not null then remaining_ms(k.expires_at) end,
        limits_in(to_jsonb(t)), limits_in(u.overrides)
    from api_keys k join users u on u.id = k.user_id join tiers t on t.name = u.tier
    where k.prefix = key_prefix and key_holds(k, u)
$$;

-- Of the keys in whose name something goes on: what those that are valid may do now.
create function keys_now(ids jsonb) returns table (key_id text, admin boolean, scopes integer, remaining_ms bigint)
language sql volatile as $$
    select k.id, u.role = 'admin', scope_bits(k.scopes), case when k.expires_at is not null then remaining_ms(k.expires_at) end
    from api_keys k join users u on u.id = k.user_id
    where k.id in (select jsonb_array_elements_text(ids)) and key_holds(k, u)
$$;

-- Guessing API keys costs the database nothing: controllers know the prefixes of all existing keys, and are notified of each
-- new one.
create function live_key_prefixes(most integer) returns text language sql stable as $$
    select string_agg(substr(prefix, 5), '') from (
        select prefix from api_keys where revoked_at is null and (expires_at is null or expires_at > now()) limit most) k
$$;
