-- What an administrator tried and was not let do is on record too: one row with the error's public name as its
-- result. An act of two parameters is called as act_audited(who, action, target, null, delete_user(…)).

-- asked: what the request said, without secrets. An act that went well has written its own row.
create function act_audited(who jsonb, action text, target text, asked jsonb, a act) returns act language plpgsql as $$
begin
    if a.outcome <> 'ok' then
        perform add_audit(who, action, target, null, asked, a.outcome);
    end if;
    return a;
end $$;

create or replace function create_user(u jsonb, who jsonb) returns act language plpgsql as $$
declare
    a act := act_seen(who);
begin
    if a.outcome is null then
        a := act_kept(who, create_user_once(u, who));
    end if;
    return act_audited(who, 'user.create', u->>'id', u, a);
end $$;

create or replace function create_key(k jsonb, who jsonb) returns act language plpgsql as $$
declare
    a act := act_seen(who);
begin
    if a.outcome is null then
        a := act_kept(who, create_key_once(k, who));
    end if;
    return act_audited(who, 'key.create', k->>'id', k - 'sha256', a);
end $$;

create or replace function create_tier(fields jsonb, who jsonb) returns act language plpgsql as $$
declare
    a act := act_seen(who);
begin
    if a.outcome is null then
        a := act_kept(who, create_tier_once(fields, who));
    end if;
    return act_audited(who, 'tier.create', fields->>'name', fields, a);
end $$;

-- Old rows go by themselves, and that they went is on record. Returns how many.
create function audit_expire(older_than timestamptz, who jsonb) returns bigint language plpgsql as $$
declare
    removed bigint := audit_prune(older_than);
begin
    if removed > 0 then
        perform add_audit(who, 'audit.prune', rfc3339(older_than), null, jsonb_build_object('removed', removed));
    end if;
    return removed;
end $$;
