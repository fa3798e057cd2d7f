-- An administrator's POST may be repeated with its Idempotency-Key, and a change may name the version that it is
-- meant for. who: also {idempotency_key, route, body_sha256 (hex), if_match}. The acts themselves stay as they were,
-- and are called from here.

-- The answer that is kept for this request: its outcome is null where it is new.
create function act_seen(who jsonb) returns act language plpgsql as $$
declare
    seen idempotency_answer;
begin
    if not who ? 'idempotency_key' then
        return null;
    end if;
    seen := idempotency_find(who->>'key_id', who->>'route', who->>'idempotency_key', decode(who->>'body_sha256', 'hex'));
    if seen.outcome = 'replay' then
        return act_ok(seen.body::json);
    elsif seen.outcome is not null then
        return act_not('idempotency_mismatch', 'This Idempotency-Key was used for another body; take a new one');
    end if;
    return null;
end $$;

create function act_kept(who jsonb, a act) returns act language plpgsql as $$
begin
    if a.outcome = 'ok' and who ? 'idempotency_key' then
        perform idempotency_keep(who->>'key_id', who->>'route', who->>'idempotency_key',
            decode(who->>'body_sha256', 'hex'), null, 201, a.body);
    end if;
    return a;
end $$;

alter function create_user(jsonb, jsonb) rename to create_user_once;
create function create_user(u jsonb, who jsonb) returns act language plpgsql as $$
declare
    seen act := act_seen(who);
begin
    return case when seen.outcome is not null then seen else act_kept(who, create_user_once(u, who)) end;
end $$;

alter function create_key(jsonb, jsonb) rename to create_key_once;
create function create_key(k jsonb, who jsonb) returns act language plpgsql as $$
declare
    seen act := act_seen(who);
begin
    return case when seen.outcome is not null then seen else act_kept(who, create_key_once(k, who)) end;
end $$;

alter function create_tier(jsonb, jsonb) rename to create_tier_once;
create function create_tier(fields jsonb, who jsonb) returns act language plpgsql as $$
declare
    seen act := act_seen(who);
begin
    return case when seen.outcome is not null then seen else act_kept(who, create_tier_once(fields, who)) end;
end $$;

-- Whether If-Match holds for an object: RFC 9110, section 13.1.1. The tag is the MD5 of the object's text.
create function etag_holds(who jsonb, object text) returns boolean language sql immutable as $$
    select not who ? 'if_match' or trim(who->>'if_match') = '*'
        or object is not null and position('"' || md5(object) || '"' in who->>'if_match') > 0
$$;

create function changed_meanwhile() returns text language sql immutable as $$
    select 'It was changed since its ETag was read; read it again'
$$;

alter function patch_user(text, jsonb, jsonb) rename to patch_user_once;
create function patch_user(user_id text, patch jsonb, who jsonb) returns act language plpgsql as $$
declare
    u users;
begin
    perform gate_lock();
    select * into u from users where id = user_id and deleted_at is null for update;
    if found and not etag_holds(who, user_json(u)::text) then
        return act_not('precondition_failed', changed_meanwhile());
    end if;
    return patch_user_once(user_id, patch, who);
end $$;

alter function patch_tier(text, jsonb, jsonb) rename to patch_tier_once;
create function patch_tier(tier_name text, patch jsonb, who jsonb) returns act language plpgsql as $$
declare
    t tiers;
begin
    perform gate_lock();
    select * into t from tiers where name = tier_name for update;
    if found and not etag_holds(who, tier_json(t)::text) then
        return act_not('precondition_failed', changed_meanwhile());
    end if;
    return patch_tier_once(tier_name, patch, who);
end $$;

alter function patch_sandbox(text, text, jsonb, jsonb, jsonb) rename to patch_sandbox_once;
create function patch_sandbox(sandbox_id text, owner text, patch jsonb, defaults jsonb, who jsonb) returns sandbox_change
language plpgsql as $$
declare
    s sandboxes;
begin
    perform gate_lock();
    s := sandbox_for_change(sandbox_id, owner);
    if s.id is not null and not etag_holds(who, sandbox_json(s)::text) then
        return not_changed('precondition_failed', changed_meanwhile());
    end if;
    return patch_sandbox_once(sandbox_id, owner, patch, defaults, who);
end $$;
