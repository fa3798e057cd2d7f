-- What was taken, and had better be refused: the last administrator's end, a weak tag, a history that ends before it
-- begins.

create function last_admin(u users) returns boolean language sql stable as $$
    select u.role = 'admin' and not exists (
        select from users other where other.role = 'admin' and other.deleted_at is null and other.id <> u.id)
$$;

-- If-Match compares strongly (RFC 9110, 8.8.3.2): W/"…" is never the same.
create or replace function etag_holds(who jsonb, object text) returns boolean language sql immutable as $$
    select not who ? 'if_match' or trim(who->>'if_match') = '*'
        or object is not null and who->>'if_match' ~ ('(^|[^/])"' || md5(object) || '"')
$$;

create or replace function patch_user(user_id text, patch jsonb, who jsonb) returns act language plpgsql as $$
declare
    u users;
    a act;
begin
    perform gate_lock();
    select * into u from users where id = user_id and deleted_at is null for update;
    if found and not etag_holds(who, user_json(u)::text) then
        a := act_not('precondition_failed', changed_meanwhile());
    elsif found and patch->>'role' = 'user' and last_admin(u) then
        a := act_not('conflict', 'role: this is the last administrator; make another first');
    else
        a := patch_user_once(user_id, patch, who);
    end if;
    if a.outcome = 'ok' then
        select * into u from users where id = user_id;
        a.detail := user_notice(u);
    end if;
    return act_audited(who, 'user.patch', user_id, patch, a);
end $$;

create or replace function delete_user(user_id text, who jsonb) returns act language plpgsql as $$
declare
    old users;
begin
    perform gate_lock();
    select * into old from users where id = delete_user.user_id and deleted_at is null for update;
    if not found then
        return act_not('not_found', 'There is no such user');
    elsif exists (select from sandboxes s where s.user_id = old.id and s.ended_at is null) then
        return act_not('conflict', 'The user has live sandboxes; delete them first');
    elsif last_admin(old) then
        return act_not('conflict', 'This is the last administrator; make another first');
    end if;
    update api_keys k set revoked_at = now() where k.user_id = old.id and revoked_at is null;
    update users set deleted_at = now() where id = old.id;
    perform add_audit(who, 'user.delete', old.id, to_jsonb(old), null);
    return act_ok(null);
end $$;

-- Null: it ends before it begins.
alter function stats_history(text, timestamptz, timestamptz, integer) rename to stats_points;
create function stats_history(id text, from_at timestamptz, to_at timestamptz, step integer) returns text
language sql stable as $$
    select case when from_at <= to_at then stats_points(id, from_at, to_at, step) end
$$;
