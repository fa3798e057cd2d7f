-- Lists and single objects. A cursor is the sort key of the last item, so that pages stay right while rows come
-- and go; one that does not parse answers null, which the controller calls invalid.

create function page(items json, next_cursor text) returns text language sql immutable as $$
    select json_build_object('items', coalesce(items, '[]'), 'next_cursor', next_cursor)::text
$$;

create function sandbox_cursor(s sandboxes) returns text language sql immutable as $$
    select (extract(epoch from s.created_at) * 1000000)::bigint || '-' || s.id
$$;

-- filter: {owner (only this user's), state, labels, all, cursor, limit}; owner may be an id or a name.
create function list_sandboxes(filter jsonb) returns text language plpgsql stable as $$
declare
    cursor_text text := filter->>'cursor';
    after_at timestamptz := '-infinity';
    after_id text := '';
    most integer := (filter->>'limit')::integer;
    found_rows sandboxes[];
begin
    if cursor_text is not null then
        if cursor_text !~ '^[0-9]{1,17}-sbx_[0-9A-Z]{26}$' then
            return null;
        end if;
        after_at := 'epoch'::timestamptz + split_part(cursor_text, '-', 1)::bigint * interval '1 microsecond';
        after_id := split_part(cursor_text, '-', 2);
    end if;
    select array_agg(x.s order by (x.s).created_at, (x.s).id) into found_rows from (
        select s from sandboxes s
        where (s.created_at, s.id) > (after_at, after_id)
            and (not filter ? 'owner' or s.user_id = filter->>'owner')
            and (not filter ? 'user' or s.user_id in (select u.id from users u where u.id = filter->>'user'
                or (u.name = filter->>'user' and u.deleted_at is null)))
            and (not filter ? 'state' or s.state = filter->>'state')
            and (not filter ? 'labels' or s.labels @> (filter->'labels'))
            and (s.ended_at is null or filter ? 'state' or coalesce((filter->>'all')::boolean, false))
        order by s.created_at, s.id limit most + 1) x;
    return page((select json_agg(sandbox_json(r) order by n) from unnest(found_rows) with ordinality
            as x(id, user_id, key_id, tier, name, image, node, region, runtime, network, restart, labels, memory_bytes,
                 cpu_millis, cpu_shares, storage_bytes, pids, nofile, enforced, warm, state, reason, detail, exit_code,
                 figures, want, want_reason, generation, spec, request_id, created_at, started_at, expires_at, ended_at, n),
            lateral (select found_rows[n] as r) y where n <= most),
        case when cardinality(found_rows) > most then sandbox_cursor(found_rows[most]) end);
end $$;

-- filter: {owner, sandbox_id, after (an event's id), limit}. Oldest first. The cursor is the last event's id.
create function list_events(filter jsonb) returns text language plpgsql stable as $$
declare
    after_seq bigint := 0;
    most integer := (filter->>'limit')::integer;
    items json;
    last_seq bigint;
    more boolean;
begin
    if filter ? 'after' then
        after_seq := event_seq_of(filter->>'after');
        if after_seq = 0 then
            return null;
        end if;
    end if;
    with rows as (
        select e.* from events e
        where e.seq > after_seq and (not filter ? 'owner' or e.user_id = filter->>'owner')
            and (not filter ? 'sandbox_id' or e.sandbox_id = filter->>'sandbox_id')
        order by e.seq limit most + 1),
    shown as (select * from rows order by seq limit most)
    select (select json_agg(event_json(s::events) order by s.seq) from shown s), (select max(seq) from shown),
        (select count(*) from rows) > most into items, last_seq, more;
    return page(items, case when more then event_id(last_seq) end);
end $$;

create function list_users(after text, most integer) returns text language sql stable as $$
    with rows as (select * from users where deleted_at is null and id > coalesce(after, '') order by id limit most + 1),
    shown as (select * from rows order by id limit most)
    select page((select json_agg(user_json(s::users) order by id) from shown s),
        case when (select count(*) from rows) > most then (select max(id) from shown) end)
$$;

create function list_keys(owner text, after text, most integer) returns text language sql stable as $$
    with rows as (select * from api_keys where user_id = owner and id > coalesce(after, '') order by id limit most + 1),
    shown as (select * from rows order by id limit most)
    select case when exists (select from users where id = owner and deleted_at is null) then
        page((select json_agg(key_json(s::api_keys) order by id) from shown s),
            case when (select count(*) from rows) > most then (select max(id) from shown) end) end
$$;

create function list_tiers() returns text language sql stable as $$
    select page((select json_agg(tier_json(t) order by name) from tiers t), null)
$$;

create function list_nodes(after text, most integer) returns text language sql stable as $$
    with rows as (select * from nodes where name > coalesce(after, '') order by name limit most + 1),
    shown as (select * from rows order by name limit most)
    select page((select json_agg(node_json(s::nodes) order by name) from shown s),
        case when (select count(*) from rows) > most then (select max(name) from shown) end)
$$;

-- Newest first; the cursor is the number of the last row shown.
create function list_audit(before_seq bigint, most integer) returns text language sql stable as $$
    with rows as (select * from audit where before_seq is null or seq < before_seq order by seq desc limit most + 1),
    shown as (select * from rows order by seq desc limit most)
    select page((select json_agg(audit_json(s::audit) order by seq desc) from shown s),
        case when (select count(*) from rows) > most then (select min(seq)::text from shown) end)
$$;

-- Series of one sandbox, a point a step that has samples; what is missing is left out.
create function stats_history(id text, from_at timestamptz, to_at timestamptz, step integer) returns text
language sql stable as $$
    with points as (
        select date_bin(step * interval '1 second', at, from_at) as bin,
            min(p.memory) as m0, avg(p.memory) as m1, max(p.memory) as m2,
            min(cpu_centi) as c0, avg(cpu_centi) as c1, max(cpu_centi) as c2,
            min(p.disk) as d0, avg(p.disk) as d1, max(p.disk) as d2,
            min(pids) as p0, avg(pids) as p1, max(pids) as p2,
            max(rx_bytes) as rx, max(tx_bytes) as tx
        from samples s, lateral (select memory_used_bytes as memory, disk_used_bytes as disk) p
        where s.sandbox_id = $1 and at >= from_at and at < to_at group by 1)
    select json_build_object('from', rfc3339(from_at), 'to', rfc3339(to_at), 'step_seconds', step,
        'points', coalesce(json_agg(json_build_object('at', rfc3339(bin),
            'memory', json_build_object('min', m0, 'avg', round(m1), 'max', m2),
            'cpu', json_build_object('min', round(c0 / 100.0, 2), 'avg', round(c1 / 100, 2), 'max', round(c2 / 100.0, 2)),
            'disk', json_build_object('min', d0, 'avg', round(d1), 'max', d2),
            'pids', json_build_object('min', p0, 'avg', round(p1, 1), 'max', p2),
            'network', json_build_object('rx_bytes', rx, 'tx_bytes', tx)) order by bin), '[]'))::text
    from points
$$;

-- What proves a key: the row of its prefix, where it, its user and their tier are valid now.
create function find_key(key_prefix text) returns table (sha256 text, user_id text, user_name text, key_id text,
    tier text, admin boolean, scopes integer, remaining_ms bigint, tier_limits bigint[], overrides bigint[])
language sql volatile as $$
    select encode(k.sha256, 'hex'), u.id, u.name, k.id, t.name, u.role = 'admin',
        (select sum(case s when 'read' then 1 when 'write' then 2 else 4 end)::integer from unnest(k.scopes) s),
        case when k.expires_at is not null then remaining_ms(k.expires_at) end,
        array[t.memory_bytes, t.cpu_millis, t.cpu_shares, t.storage_bytes, t.pids, t.nofile, t.lifetime_seconds],
        array[(u.overrides->>'memory_bytes')::bigint, (u.overrides->>'cpu_millis')::bigint,
              (u.overrides->>'cpu_shares')::bigint, (u.overrides->>'storage_bytes')::bigint,
              (u.overrides->>'pids')::bigint, (u.overrides->>'nofile')::bigint,
              (u.overrides->>'lifetime_seconds')::bigint]
    from api_keys k join users u on u.id = k.user_id join tiers t on t.name = u.tier
    where k.prefix = key_prefix and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
        and u.deleted_at is null
$$;
