-- Filters of the audit: {actor (the id or name of a user, or the id of a key), action, target, result, from, to, before
-- (the number of a row: those before it), limit}. Newest first, by the time and then the number, through the index of
-- the narrowest filter (0040). Null: from is later than to.

create index audit_at on audit (at, seq);
create index audit_of_user on audit (user_id, at, seq);
create index audit_of_key on audit (key_id, at, seq);
create index audit_of_action on audit (action, at, seq);
create index audit_of_target on audit (target, at, seq);
create index audit_not_ok on audit (result, at, seq) where result <> 'ok';

-- What may bind a column of the audit, the narrowest first; what is not the first must hold beside it.
create function audit_walk(filter jsonb) returns jsonb language plpgsql immutable as $$
declare
    narrow text;
    fits text[];
    col text;
begin
    foreach col in array array['target', 'key_id', 'user_id', 'result', 'action'] loop
        continue when not filter ? col;
        if narrow is null and (col <> 'result' or filter->>'result' <> 'ok') then
            narrow := col;
        else
            fits := fits || format('a.%I = $1->>%L', col, col);
        end if;
    end loop;
    return jsonb_build_object('from', 'audit a', 'shown', 'a',
        'key', concat_ws(', ', 'a.' || narrow || ' desc', 'a.at desc, a.seq desc'),
        'after', concat_ws(' and ', case when narrow is not null then bound_by(array['a.' || narrow], array[format('$1->>%L', narrow)]) end,
            case narrow when 'result' then 'a.result <> ''ok''' end, '(a.at, a.seq) < (($2).at, ($2).seq)',
            case when filter ? 'from' then 'a.at >= ($1->>''from'')::timestamptz' end),
        'fits', array_to_string(fits, ' and '));
end $$;

drop function list_audit(bigint, integer);
create function list_audit(filter jsonb) returns text language plpgsql stable as $$
declare
    after audit;
    most integer := (filter->>'limit')::integer;
    actor text := filter->>'actor';
    walk jsonb;
    found_rows audit[];
    next_cursor text;
begin
    if (filter->>'from')::timestamptz > (filter->>'to')::timestamptz then
        return null;
    end if;
    after.at := coalesce((filter->>'to')::timestamptz, 'infinity');
    after.seq := case when filter ? 'to' then -1 else 9223372036854775807 end;
    if filter ? 'before' then
        -- The row of the cursor may be gone; all that it led to is then gone too, or begins at the next.
        select a.at, (filter->>'before')::bigint into after.at, after.seq from audit a
            where a.seq <= (filter->>'before')::bigint order by a.seq desc limit 1;
        if not found then
            return page(null, null);
        end if;
    end if;
    if actor is not null then
        filter := filter || case when actor like 'key\_%' then jsonb_build_object('key_id', actor) else
            jsonb_build_object('user_id', coalesce((select u.id from users u where u.id = actor),
                (select u.id from users u where u.name = actor and u.deleted_at is null), actor)) end;
    end if;
    walk := audit_walk(filter);
    execute format('select array(%s)', walk_sql(walk)) into found_rows using filter, after, most + 1;
    if cardinality(found_rows) > most then
        next_cursor := found_rows[most].seq::text;
    elsif walk->>'fits' is not null then
        execute walk_stop_sql(walk || '{"shown": "a.seq::text"}') into next_cursor using filter, after;
    end if;
    return page((select json_agg(audit_json(a) order by a.at desc, a.seq desc) from unnest(found_rows[1:most]) a), next_cursor);
end $$;
