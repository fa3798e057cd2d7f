-- Lists. A cursor is the sort key of the last item, so pages stay correct while rows are added and removed. An invalid cursor
-- returns null, which the controller answers as invalid. The cost of a page depends only on what it shows. The SQL of a page is
-- made from the filters that were given and is planned with their values: a plan for one filter is never reused for another.
-- Each filter has an index in the order of the page. With several filters, the page walks the index of the narrowest and skips
-- rows that do not fit the others, at most walk_most() rows. The page may then be shorter than its limit, or empty, with a
-- cursor that continues from there.

-- body: the answer's text. next_cursor: the same cursor as in body, for the link to the next page; null: the last page.
create type list_page as (body text, next_cursor text);

create function page(items json, next_cursor text) returns list_page language sql immutable as $$
    select (json_build_object('items', coalesce(items, '[]'), 'next_cursor', next_cursor)::text, next_cursor)::list_page
$$;

create function walk_most() returns integer language sql immutable as $$
    select 2000
$$;

-- The leading column of an index is bound as = any (array[value]), which the planner does not treat as a constant. The order
-- then has to begin with that column, so no other index seems to give the same order more cheaply. walk: {shown, from, key (of
-- the order), after (where the page begins), fits (further conditions; null: none)}. Parameters: $1 the filter, $2 the row
-- after which the page begins, $3 how many rows.
create function walk_sql(walk jsonb) returns text language sql immutable as $$
    select format(case when walk->>'fits' is null then 'select %s from %s where %s order by %s limit $3'
        else 'select shown from (select %1$s as shown, (%5$s) as fits from %2$s where %3$s order by %4$s limit walk_most()) w
            where fits limit $3' end, walk->>'shown', walk->>'from', walk->>'after', walk->>'key', walk->>'fits')
$$;

-- The row at which the walk stopped because of its bound; no row if it reached the end.
create function walk_stop_sql(walk jsonb) returns text language sql immutable as $$
    select format('select %s from %s where %s order by %s offset walk_most() - 1 limit 1', walk->>'shown', walk->>'from',
        walk->>'after', walk->>'key')
$$;

create function bound_by(columns text[], vals text[]) returns text language sql immutable as $$
    select string_agg(case n when 1 then format('%s = any (array[%s])', c, v) else format('%s = %s', c, v) end, ' and ' order by n)
    from unnest(columns, vals) with ordinality as x(c, v, n)
$$;

-- The filter with the owner that its user (an id or a name) stands for, if it has one; '' where the caller may not see that user, or
-- there is none.
create function owned(filter jsonb) returns jsonb language sql stable as $$
    select case when filter ? 'user' then filter || jsonb_build_object('owner', coalesce(
        (select u.id from users u where (u.id = filter->>'user' or (u.name = filter->>'user' and u.deleted_at is null))
                and (not filter ? 'owner' or u.id = filter->>'owner')
            order by u.id = filter->>'user' desc limit 1), '')) else filter end
$$;

-- By its name, of any version, or by NAME@NUMBER.
create function of_template() returns text language sql immutable as $$
    select '$1->>''template'' in (s.template, split_part(s.template, ''@'', 1))'
$$;

-- A walk by one label that includes ended sandboxes. filter: as in sandboxes_walk.
create function labelled_walk(filter jsonb) returns jsonb language sql immutable as $$
    select jsonb_build_object('from', 'sandbox_labels l', 'shown', 'l.sandbox_id',
        'key', case when filter ? 'owner' then 'l.user_id' else 'l.name' end || ', l.created_at, l.sandbox_id',
        'after', bound_by(
            case when filter ? 'owner' then array['l.user_id'] else '{}'::text[] end || array['l.name', 'l.value'],
            case when filter ? 'owner' then array['$1->>''owner'''] else '{}'::text[] end || array['$1->>''label''', '$1->>''value'''])
            || ' and (l.created_at, l.sandbox_id) > (($2).created_at, ($2).id)',
        'fits', case when filter ? 'state' or filter ? 'template' then
            '(select ' || concat_ws(' and ', case when filter ? 'state' then 's.state = $1->>''state''' end,
                case when filter ? 'template' then of_template() end) || ' from sandboxes s where s.id = l.sandbox_id)' end)
$$;

-- Which rows a page of sandboxes walks. filter: {owner, state, label, value, template, ended (include ended ones)}.
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
    if filter ? 'template' then
        fits := fits || of_template();
    end if;
    return jsonb_build_object('from', 'sandboxes s', 'shown', 's.id', 'key', concat_ws(', ', columns[1], key),
        'after', concat_ws(' and ', bound_by(columns, vals), after), 'fits', array_to_string(fits, ' and '));
end $$;

create function sandbox_cursor(s sandboxes) returns text language sql immutable as $$
    select (extract(epoch from s.created_at) * 1000000)::bigint || '-' || s.id
$$;

-- filter: {owner (only this user's), user (the same, by id or name), state, labels (one), template, all, cursor, limit}.
create function list_sandboxes(filter jsonb) returns list_page language plpgsql stable as $$
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
    filter := owned(filter);
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
