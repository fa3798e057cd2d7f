-- A list reads no more rows than it shows, however many have ended: the ids of a page through the index that fits what
-- is asked for, then their rows.

create index sandboxes_live_order on sandboxes (created_at, id) where ended_at is null;

create function sandbox_fits(s sandboxes, filter jsonb) returns boolean language sql immutable as $$
    select (not filter ? 'state' or s.state = filter->>'state') and (not filter ? 'labels' or s.labels @> (filter->'labels'))
$$;

-- filter: {owner (only this user's), user (likewise; an id or a name), state, labels, all, cursor, limit}.
create or replace function list_sandboxes(filter jsonb) returns text language plpgsql stable as $$
declare
    cursor_text text := filter->>'cursor';
    after_at timestamptz := '-infinity';
    after_id text := '';
    most integer := (filter->>'limit')::integer;
    owner text := filter->>'owner';
    ended boolean := coalesce((filter->>'all')::boolean, false);
    ids text[];
    items json;
    next_cursor text;
begin
    if cursor_text is not null then
        if cursor_text !~ '^[0-9]{1,17}-sbx_[0-9A-Z]{26}$' then
            return null;
        end if;
        after_at := 'epoch'::timestamptz + split_part(cursor_text, '-', 1)::bigint * interval '1 microsecond';
        after_id := split_part(cursor_text, '-', 2);
    end if;
    if filter ? 'user' then
        select u.id into owner from users u
            where (u.id = filter->>'user' or (u.name = filter->>'user' and u.deleted_at is null))
                and (not filter ? 'owner' or u.id = filter->>'owner')
            order by u.id = filter->>'user' desc limit 1;
        if not found then
            return page(null, null);
        end if;
    end if;
    if filter ? 'state' then
        ended := exists (select from sandbox_states where name = filter->>'state' and terminal);
    end if;
    if not ended then
        ids := array(select s.id from sandboxes s
            where s.ended_at is null and (s.created_at, s.id) > (after_at, after_id) and (owner is null or s.user_id = owner)
                and sandbox_fits(s, filter)
            order by s.created_at, s.id limit most + 1);
    elsif owner is not null then
        ids := array(select s.id from sandboxes s
            where s.user_id = owner and (s.created_at, s.id) > (after_at, after_id) and sandbox_fits(s, filter)
            order by s.created_at, s.id limit most + 1);
    else
        ids := array(select s.id from sandboxes s
            where (s.created_at, s.id) > (after_at, after_id) and sandbox_fits(s, filter)
            order by s.created_at, s.id limit most + 1);
    end if;
    if cardinality(ids) = 0 then
        return page(null, null);
    end if;
    select json_agg(sandbox_json(s) order by s.created_at, s.id) into items from sandboxes s where s.id = any(ids[1:most]);
    if cardinality(ids) > most then
        select sandbox_cursor(s) into next_cursor from sandboxes s where s.id = ids[most];
    end if;
    return page(items, next_cursor);
end $$;
