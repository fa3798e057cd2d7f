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

alter function patch_user_once(text, jsonb, jsonb) rename to patch_user_fields;
create function patch_user_once(user_id text, patch jsonb, who jsonb) returns act language plpgsql as $$
begin
    if patch->>'role' = 'user'
            and exists (select from users u where u.id = user_id and u.deleted_at is null and last_admin(u)) then
        return act_not('conflict', 'role: this is the last administrator; make another first');
    end if;
    return patch_user_fields(user_id, patch, who);
end $$;

-- As delete_user, but for the last administrator. Live sandboxes are told first.
create function remove_user(user_id text, who jsonb) returns act language plpgsql as $$
begin
    perform gate_lock();
    if exists (select from users u where u.id = remove_user.user_id and u.deleted_at is null and last_admin(u))
            and not exists (select from sandboxes s where s.user_id = remove_user.user_id and s.ended_at is null) then
        return act_not('conflict', 'This is the last administrator; make another first');
    end if;
    return delete_user(user_id, who);
end $$;

-- Null: it ends before it begins.
alter function stats_history(text, timestamptz, timestamptz, integer) rename to stats_points;
create function stats_history(id text, from_at timestamptz, to_at timestamptz, step integer) returns text
language sql stable as $$
    select case when from_at <= to_at then stats_points(id, from_at, to_at, step) end
$$;
