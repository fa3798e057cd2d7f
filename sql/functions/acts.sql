-- What administrators' acts share. who: {user_id, key_id, address, request_id, idempotency_key, route, body_sha256 (hex),
-- if_match}. An administrator may repeat a POST with its Idempotency-Key, and a change may name the version that it applies to.

-- repeated: the body is the answer to an earlier request with the same Idempotency-Key.
create type act as (outcome text, detail text, body text, repeated boolean);

create function act_ok(body json) returns act language sql immutable as $$
    select ('ok', '', body::text, false)::act
$$;

create function act_not(outcome text, detail text) returns act language sql immutable as $$
    select (outcome, detail, null, false)::act
$$;

-- The stored answer to this request; its outcome is null if the request is new.
create function act_seen(who jsonb) returns act language plpgsql as $$
declare
    seen idempotency_answer;
begin
    if not who ? 'idempotency_key' then
        return null;
    end if;
    seen := idempotency_find(who->>'key_id', who->>'route', who->>'idempotency_key', decode(who->>'body_sha256', 'hex'));
    if seen.outcome = 'replay' then
        return ('ok', '', seen.body, true)::act;
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

-- An act that an administrator tried and was refused is audited too: one row with the error's public name as its result. Use:
-- act_audited(who, action, target, null, delete_user(…)). asked: what the request said, without secrets. A successful act has
-- already written its own row.
create function act_audited(who jsonb, action text, target text, asked jsonb, a act) returns act language plpgsql as $$
begin
    if a.outcome <> 'ok' then
        perform add_audit(who, action, target, null, asked, a.outcome);
    end if;
    return a;
end $$;

-- Whether If-Match holds for an object (RFC 9110, 13.1.1). The tag is the MD5 of the object's text. Comparison is strong
-- (8.8.3.2): W/"…" never matches.
create function etag_holds(who jsonb, object text) returns boolean language sql immutable as $$
    select not who ? 'if_match' or trim(who->>'if_match') = '*'
        or object is not null and who->>'if_match' ~ ('(^|[^/])"' || md5(object) || '"')
$$;

create function changed_meanwhile() returns text language sql immutable as $$
    select 'It was changed since its ETag was read; read it again'
$$;

-- Normalizes a name that is searched for: names are stored in one form of Unicode (name_is_normal).
create function name_as_stored(filter jsonb, field text) returns jsonb language sql immutable as $$
    select case when filter ? field then filter || jsonb_build_object(field, normalize(filter->>field, NFC)) else filter end
$$;
