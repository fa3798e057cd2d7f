-- A page costs what it shows, whatever there is beside it and whatever was asked before. The SQL of a page is made of
-- the filters that were given, and planned with their values: a plan that fits one filter is never kept for another.
-- Each filter has an index in the order of the page. Where filters are given together, the page walks the index of the
-- narrowest and leaves out what does not fit the others, walk_most() rows at most: it may then be shorter than its
-- limit, or empty, with a cursor that goes on from there.

create function walk_most() returns integer language sql immutable as $$
    select 2000
$$;

-- The leading column of an index is bound as = any (array[value]), which the planner does not take for a constant: the
-- order then begins with that column, and no other index looks as if it gave the same order cheaper.
-- walk: {shown, from, key (of the order), after (where the page begins), fits (what else must hold; null: nothing)}, with the
-- parameters $1 the filter, $2 the row after which the page begins, $3 how many.
create function walk_sql(walk jsonb) returns text language sql immutable as $$
    select format(case when walk->>'fits' is null then 'select %s from %s where %s order by %s limit $3'
        else 'select shown from (select %1$s as shown, (%5$s) as fits from %2$s where %3$s order by %4$s limit walk_most()) w
            where fits limit $3' end, walk->>'shown', walk->>'from', walk->>'after', walk->>'key', walk->>'fits')
$$;

-- Where the walk stopped before its end, having met its bound; no row where it came to the end.
create function walk_stop_sql(walk jsonb) returns text language sql immutable as $$
    select format('select %s from %s where %s order by %s offset walk_most() - 1 limit 1', walk->>'shown', walk->>'from',
        walk->>'after', walk->>'key')
$$;

-- The labels of a sandbox, a row each, for pages of those that have one.
create table sandbox_labels (
    sandbox_id  text not null references sandboxes on delete cascade,
    name        text not null,
    value       text not null,
    user_id     text not null,
    created_at  timestamptz not null,
    primary key (sandbox_id, name)
);

create function sandbox_is_labelled() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        delete from sandbox_labels l where l.sandbox_id = new.id;
    end if;
    insert into sandbox_labels select new.id, x.key, x.value, new.user_id, new.created_at from jsonb_each_text(new.labels) x;
    return null;
end $$;

create trigger sandbox_labelled after insert on sandboxes
    for each row when (new.labels <> '{}') execute function sandbox_is_labelled();
create trigger sandbox_labels_changed after update of labels on sandboxes
    for each row when (old.labels is distinct from new.labels) execute function sandbox_is_labelled();

insert into sandbox_labels select s.id, x.key, x.value, s.user_id, s.created_at from sandboxes s, jsonb_each_text(s.labels) x;
create index sandbox_labels_order on sandbox_labels (name, value, created_at, sandbox_id);
create index sandbox_labels_of_user on sandbox_labels (user_id, name, value, created_at, sandbox_id);
drop index sandboxes_labels;

create index sandboxes_ended_state on sandboxes (state, created_at, id) where ended_at is not null;
create index sandboxes_ended_state_of_user on sandboxes (user_id, state, created_at, id) where ended_at is not null;
create index users_live on users (id) where deleted_at is null;
create index users_admins on users (id) where role = 'admin' and deleted_at is null;
create index api_keys_of_user on api_keys (user_id, id);
drop index api_keys_user;

drop function sandbox_fits(sandboxes, jsonb);

create function bound_by(columns text[], vals text[]) returns text language sql immutable as $$
    select string_agg(case n when 1 then format('%s = any (array[%s])', c, v) else format('%s = %s', c, v) end, ' and ' order by n)
    from unnest(columns, vals) with ordinality as x(c, v, n)
$$;

-- Of those that ended too, by one label. filter: as sandboxes_walk.
create function labelled_walk(filter jsonb) returns jsonb language sql immutable as $$
    select jsonb_build_object('from', 'sandbox_labels l', 'shown', 'l.sandbox_id',
        'key', case when filter ? 'owner' then 'l.user_id' else 'l.name' end || ', l.created_at, l.sandbox_id',
        'after', bound_by(
            case when filter ? 'owner' then array['l.user_id'] else '{}'::text[] end || array['l.name', 'l.value'],
            case when filter ? 'owner' then array['$1->>''owner'''] else '{}'::text[] end || array['$1->>''label''', '$1->>''value'''])
            || ' and (l.created_at, l.sandbox_id) > (($2).created_at, ($2).id)',
        'fits', case when filter ? 'state' then
            '(select s.state from sandboxes s where s.id = l.sandbox_id) = $1->>''state''' end)
$$;

-- Which rows a page of sandboxes walks. filter: {owner, state, label, value, ended (also those that ended)}.
create function sandboxes_walk(filter jsonb) returns jsonb language plpgsql immutable as $$
declare
    ended boolean := (filter->>'ended')::boolean;
    key text := 's.created_at, s.id';
    after text := '(s.created_at, s.id) > (($2).created_at, ($2).id)';
    columns text[] := '{}';
    vals text[] := '{}';
    fits text[];
begin
    if ended and filter ? 'label' then
        return labelled_walk(filter);
    elsif filter ? 'owner' and ended then
        columns := array['s.user_id'];
        vals := array['$1->>''owner'''];
    elsif filter ? 'owner' then
        after := after || ' and s.user_id = $1->>''owner''';
    end if;
    if not ended then
        after := after || ' and s.ended_at is null';
        fits := case when filter ? 'state' then array['s.state = $1->>''state'''] end;
    elsif filter ? 'state' then
        columns := columns || array['s.state'];
        vals := vals || array['$1->>''state'''];
        after := after || ' and s.ended_at is not null';
    end if;
    if filter ? 'label' then
        fits := fits || array['s.labels @> jsonb_build_object($1->>''label'', $1->>''value'')'];
    end if;
    return jsonb_build_object('from', 'sandboxes s', 'shown', 's.id', 'key', concat_ws(', ', columns[1], key),
        'after', concat_ws(' and ', bound_by(columns, vals), after), 'fits', array_to_string(fits, ' and '));
end $$;

-- filter: {owner (only this user's), user (likewise; an id or a name), state, labels (one), all, cursor, limit}.
create or replace function list_sandboxes(filter jsonb) returns text language plpgsql stable as $$
declare
    after sandboxes;
    most integer := (filter->>'limit')::integer;
    walk jsonb;
    ids text[];
    last text;
begin
    after.created_at := '-infinity';
    after.id := '';
    if filter ? 'cursor' then
        if filter->>'cursor' !~ '^[0-9]{1,17}-sbx_[0-9A-Z]{26}$' then
            return null;
        end if;
        after.created_at := 'epoch'::timestamptz + split_part(filter->>'cursor', '-', 1)::bigint * interval '1 microsecond';
        after.id := split_part(filter->>'cursor', '-', 2);
    end if;
    if filter ? 'user' then
        filter := filter || (select jsonb_build_object('owner', coalesce(
            (select u.id from users u where (u.id = filter->>'user' or (u.name = filter->>'user' and u.deleted_at is null))
                    and (not filter ? 'owner' or u.id = filter->>'owner')
                order by u.id = filter->>'user' desc limit 1), '')));
    end if;
    if filter ? 'labels' then
        filter := filter || (select jsonb_build_object('label', x.key, 'value', x.value)
            from jsonb_each_text(filter->'labels') x limit 1);
    end if;
    walk := sandboxes_walk(filter || jsonb_build_object('ended', case when filter ? 'state'
        then exists (select from sandbox_states where name = filter->>'state' and terminal)
        else coalesce((filter->>'all')::boolean, false) end));
    execute format('select array(%s)', walk_sql(walk)) into ids using filter, after, most + 1;
    if cardinality(ids) > most then
        last := ids[most];
    elsif walk->>'fits' is not null then
        execute walk_stop_sql(walk) into last using filter, after;
    end if;
    return page((select json_agg(sandbox_json(s) order by s.created_at, s.id) from sandboxes s where s.id = any(ids[1:most])),
        (select sandbox_cursor(s) from sandboxes s where s.id = last));
end $$;

-- filter: {owner, sandbox_id, after (an event's id), limit}. Oldest first. The cursor is the last event's id.
create or replace function list_events(filter jsonb) returns text language plpgsql stable as $$
declare
    after_seq bigint := 0;
    most integer := (filter->>'limit')::integer;
    narrow text := case when filter ? 'sandbox_id' then 'e.sandbox_id' when filter ? 'owner' then 'e.user_id' end;
    walk jsonb;
    found_rows events[];
begin
    if filter ? 'after' then
        after_seq := event_seq_of(filter->>'after');
        if after_seq = 0 then
            return null;
        end if;
    end if;
    walk := jsonb_build_object('from', 'events e', 'shown', 'e', 'key', concat_ws(', ', narrow, 'e.seq'),
        'after', concat_ws(' and ', case when narrow is not null then bound_by(array[narrow], array['$1']) end, 'e.seq > $2'));
    execute format('select array(%s)', walk_sql(walk)) into found_rows
        using case narrow when 'e.sandbox_id' then filter->>'sandbox_id' else filter->>'owner' end, after_seq, most + 1;
    if narrow = 'e.sandbox_id' and filter ? 'owner' and exists (
            select from unnest(found_rows) e where e.user_id is distinct from filter->>'owner') then
        return page(null, null); -- a sandbox has one user for ever
    end if;
    return page((select json_agg(event_json(e) order by e.seq) from unnest(found_rows[1:most]) e),
        case when cardinality(found_rows) > most then event_id(found_rows[most].seq) end);
end $$;
