-- Who did what: the chain of rows (schema/0001_baseline.sql), its verification, reading and removal.

create function audit_hash(previous bytea, a audit) returns bytea language sql stable as $$
    select sha256(previous || convert_to(jsonb_build_array(a.seq, extract(epoch from a.at)::numeric(20, 6), a.user_id,
        a.key_id, a.address, a.request_id, a.action, a.target, a.before, a.after, a.result)::text, 'UTF8'))
$$;

-- Appends one row in the transaction of the act itself. The row lock of the chain's head keeps the order.
create function add_audit(who jsonb, action text, target text, before jsonb, after jsonb, result text default 'ok')
returns void language plpgsql as $$
declare
    head audit_chain;
    a audit;
begin
    select * into head from audit_chain for update;
    a := (head.head_seq + 1, clock_timestamp(), coalesce(who->>'user_id', ''), coalesce(who->>'key_id', ''),
          coalesce(who->>'address', ''), coalesce(who->>'request_id', ''), action, coalesce(target, ''),
          before, after, result, '');
    a.hash := audit_hash(head.head_hash, a);
    insert into audit values (a.*);
    update audit_chain set head_seq = a.seq, head_hash = a.hash;
end $$;

-- Verifies the chain after a row with this number and hash (null: from its beginning), until a time. seq, problem: the first row that
-- differs from what was written; null: none was found. reached, hash: where the next call goes on; null: the end was reached, or a
-- problem found.
create function audit_check(after_seq bigint, after_hash bytea, until timestamptz) returns table (seq bigint, problem text, checked bigint,
    reached bigint, hash bytea) language plpgsql as $$
declare
    chain audit_chain;
    a audit;
    expected bigint;
    previous bytea;
begin
    select * into chain from audit_chain;
    expected := chain.anchor_seq;
    previous := chain.anchor_hash;
    checked := 0;
    if after_seq > chain.anchor_seq then
        expected := after_seq;
        previous := after_hash;
    else
        seq := (select min(x.seq) from audit x where x.seq <= chain.anchor_seq);
        if seq is not null then
            problem := 'a row was put in';
            return next;
            return;
        end if;
    end if;
    for a in select * from audit x where x.seq > expected and (x.seq <= chain.head_seq or x.at < now() - interval '1 minute') order by x.seq loop
        if checked % 100 = 99 and clock_timestamp() > until then
            reached := expected;
            hash := previous;
            return next;
            return;
        end if;
        expected := expected + 1;
        problem := case when a.seq > chain.head_seq then 'a row was put in after the end' when a.seq > expected then 'the row is missing'
            when a.hash is distinct from audit_hash(previous, a) then 'the row was changed' end;
        if problem is not null then
            seq := case when a.seq > chain.head_seq then a.seq else expected end;
            return next;
            return;
        end if;
        previous := a.hash;
        checked := checked + 1;
    end loop;
    if expected <> chain.head_seq or previous <> chain.head_hash then
        seq := expected + 1;
        problem := 'rows at the end are missing or changed';
    end if;
    return next;
end $$;

-- The whole chain: null columns if it is intact.
create function audit_verify() returns table (seq bigint, problem text, checked bigint) language sql as $$
    select c.seq, c.problem, c.checked from audit_check(null, null, 'infinity') c
$$;

-- after_row: "number-hash" of an earlier answer's `next`; null: the beginning.
create function verify_audit(after_row text, most interval) returns text language plpgsql as $$
declare
    c record;
begin
    select * into c from audit_check(split_part(after_row, '-', 1)::bigint, decode(split_part(after_row, '-', 2), 'hex'), clock_timestamp() + most);
    return json_build_object('intact', c.problem is null, 'complete', c.reached is null and c.problem is null, 'checked', c.checked,
        'row', c.seq, 'problem', c.problem, 'next', c.reached || '-' || encode(c.hash, 'hex'))::text;
end $$;

-- Removes rows older than older_than from the beginning of the chain, at most `most` of them, and moves the anchor, so that the
-- rest can still be verified. Appending waits only for that last step. Returns the number removed.
create function audit_prune(older_than timestamptz, most integer default 10000) returns bigint language plpgsql as $$
declare
    anchor bigint;
    last record;
    removed bigint;
begin
    perform pg_advisory_xact_lock(20011, 32);
    select anchor_seq into anchor from audit_chain;
    select * into last from (select a.seq, a.at, a.hash from audit a where a.seq > anchor order by a.seq limit most) x
        where x.at < older_than order by x.seq desc limit 1;
    if not found then
        return 0;
    end if;
    delete from audit a where a.seq > anchor and a.seq <= last.seq;
    get diagnostics removed = row_count;
    update audit_chain set anchor_seq = last.seq, anchor_hash = last.hash;
    return removed;
end $$;

-- Removes old rows and audits the removal. Returns how many were removed.
create function audit_expire(older_than timestamptz, who jsonb, most integer default 10000) returns bigint language plpgsql as $$
declare
    removed bigint := audit_prune(older_than, most);
begin
    if removed > 0 then
        perform add_audit(who, 'audit.prune', rfc3339(older_than), null, jsonb_build_object('removed', removed));
    end if;
    return removed;
end $$;

-- Chooses the column of the audit that the page walks by, the narrowest filter first; the other filters must hold beside it.
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

-- filter: {actor (id or name of a user, or id of a key), action, target, result, from, to, before (only rows before this
-- number), limit}. Newest first, by time and then number, through the index of the narrowest filter. The cursor is the number
-- of the last row shown. Returns null if from is later than to.
create function list_audit(filter jsonb) returns list_page language plpgsql stable as $$
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
        -- The cursor's row may be gone; then all rows that it led to are gone too, or the next existing one begins the page.
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

-- target: the node that cleaned up by itself, '' for a cleanup of all nodes. numbers: {node: number} of the reports that counts
-- contains. Returns null and writes nothing if the node's report was recorded before.
create function add_cleanup(who jsonb, target text, numbers jsonb, counts jsonb) returns text language plpgsql as $$
declare
    fresh integer;
begin
    insert into node_cleanups as s select h.key, h.value::bigint from jsonb_each_text(numbers) h
        on conflict (node) do update set number = excluded.number where s.number < excluded.number;
    get diagnostics fresh = row_count;
    if target <> '' and fresh = 0 then
        return null;
    end if;
    perform add_audit(who, 'system.cleanup', target, null, counts);
    return 'written';
end $$;
