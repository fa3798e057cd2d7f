-- What administrators do to users, each act with its audit row in the same transaction.

-- user: {id, name, tier, role, overrides}.
create function create_user_once(u jsonb, who jsonb) returns act language plpgsql as $$
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

create function create_user(u jsonb, who jsonb) returns act language plpgsql as $$
declare
    a act := act_seen(who);
begin
    if a.outcome is null then
        a := act_kept(who, create_user_once(u, who));
    end if;
    return act_audited(who, 'user.create', u->>'id', u, a);
end $$;

create function last_admin(u users) returns boolean language sql stable as $$
    select u.role = 'admin' and not exists (
        select from users other where other.role = 'admin' and other.deleted_at is null and other.id <> u.id)
$$;

-- patch: any of name, tier, role, overrides (null removes that override; the others stay).
create function patch_user_fields(user_id text, patch jsonb, who jsonb) returns act language plpgsql as $$
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

create function patch_user_once(user_id text, patch jsonb, who jsonb) returns act language plpgsql as $$
begin
    if patch->>'role' = 'user'
            and exists (select from users u where u.id = user_id and u.deleted_at is null and last_admin(u)) then
        return act_not('conflict', 'role: this is the last administrator; make another first');
    end if;
    return patch_user_fields(user_id, patch, who);
end $$;

create function patch_user(user_id text, patch jsonb, who jsonb) returns act language plpgsql as $$
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

-- Refused while the user has a live sandbox. Revokes the user's keys.
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
    delete from templates t where t.user_id = old.id;
    perform add_audit(who, 'user.delete', old.id, to_jsonb(old), null);
    return act_ok(null);
end $$;

-- The same as delete_user, but refuses the last administrator. A user with live sandboxes gets that error first.
create function remove_user(user_id text, who jsonb) returns act language plpgsql as $$
begin
    perform gate_lock();
    if exists (select from users u where u.id = remove_user.user_id and u.deleted_at is null and last_admin(u))
            and not exists (select from sandboxes s where s.user_id = remove_user.user_id and s.ended_at is null) then
        return act_not('conflict', 'This is the last administrator; make another first');
    end if;
    return delete_user(user_id, who);
end $$;

create function list_users(after text, most integer) returns list_page language sql stable as $$
    with rows as (select * from users where deleted_at is null and id > coalesce(after, '') order by id limit most + 1),
    shown as (select * from rows order by id limit most)
    select page((select json_agg(user_json(s::users) order by id) from shown s),
        case when (select count(*) from rows) > most then (select max(id) from shown) end)
$$;
