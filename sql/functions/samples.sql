-- Samples, one partition per day. A node keeps a sample until it learns that the sample was committed, and may send it again;
-- each is stored once. A node's numbers rise for ever, and it sends them in order without gaps. So the highest stored number of
-- a sandbox (sandbox_told) decides whether any other number is new. Only its own node may report a sandbox's samples and
-- violations. A missing day is created when needed, also by a sample that needs it. Attaching and detaching a day take no lock
-- that blocks a reader or an insert (PostgreSQL's manual, 5.11.2.2).

-- The time of something that happened ago_ms ago by the node's count. Neither the node's clock nor its count is trusted: the
-- result is never before the sandbox's creation nor in the future.
create function told_at(created_at timestamptz, ago_ms bigint) returns timestamptz language sql stable as $$
    select date_trunc('milliseconds', greatest(least(created_at, now()),
        now() - least(greatest(ago_ms, 0), 3153600000000) * interval '1 millisecond'))
$$;

-- Locks the rows of this node's sandboxes, always in the same order. A second transaction with the same reports waits here, and
-- then sees what was stored.
create function lock_told(from_node text, ids text[]) returns void language plpgsql as $$
begin
    insert into sandbox_told (sandbox_id) select s.id from sandboxes s
        where s.id = any(ids) and s.node = from_node and not exists (select from sandbox_told t where t.sandbox_id = s.id)
        order by s.id on conflict do nothing;
    perform from sandbox_told t where t.sandbox_id = any(ids) order by t.sandbox_id for update;
end $$;

-- tab: samples, or another table with a partition a day (activity).
create function partition_name(day date, tab text default 'samples') returns text language sql immutable as $$
    select tab || '_' || to_char(day, 'YYYYMMDD')
$$;

create function is_partition(name text, tab text default 'samples') returns boolean language sql stable as $$
    select exists (select from pg_inherits i where i.inhparent = tab::regclass and i.inhrelid = to_regclass(name))
$$;

-- Returns whether the partition is new. The table is created first and then attached: CREATE … PARTITION OF would block every
-- reader.
create function make_partition(day date, tab text default 'samples') returns boolean language plpgsql as $$
declare
    name text := partition_name(day, tab);
begin
    if is_partition(name, tab) then
        return false;
    end if;
    perform pg_advisory_xact_lock(20011, 30);
    if is_partition(name, tab) then
        return false;
    end if;
    if to_regclass(name) is null then
        execute format('create table %I (like %I including defaults)', name, tab);
    end if;
    execute format('alter table %I attach partition %I for values from (%L) to (%L)',
        tab, name, day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
    return true;
end $$;

-- Creates the partitions from yesterday to days_ahead; existing ones stay. Returns how many are new.
create function ensure_partitions(days_ahead integer) returns integer language sql as $$
    select count(*)::integer from (select make_partition((now() at time zone 'UTC')::date + i, tab) as made
        from generate_series(-1, days_ahead) i, unnest('{samples,activity}'::text[]) tab) x where made
$$;

-- Stores the samples that are new, all or none. Skips a sample that is older than the days kept, or whose moment already has a
-- sample. Returns how many were stored.
create function store_samples(from_node text, keep_days integer, id text[], number bigint[], ago_ms bigint[], memory_used bigint[],
    memory_unreclaimable bigint[], memory_limit bigint[], cpu integer[], throttled integer[], disk_used bigint[],
    disk_limit bigint[], rx bigint[], tx bigint[], pids bigint[], pids_limit bigint[])
returns integer language plpgsql as $$
declare
    fresh samples[];
    stored integer;
begin
    fresh := array(select row(n.id, told_at(s.created_at, n.ago), mu, mun, ml, c, t, du, dl, r, x, p, pl)::samples
        from unnest($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
            as n(id, number, ago, mu, mun, ml, c, t, du, dl, r, x, p, pl)
        join sandboxes s on s.id = n.id and s.node = from_node
        join sandbox_told h on h.sandbox_id = n.id and n.number > h.sample
        where told_at(s.created_at, n.ago) >= (now() at time zone 'UTC')::date - keep_days);
    perform make_partition(day) from (select distinct (f.at at time zone 'UTC')::date as day from unnest(fresh) f) d;
    insert into samples select * from unnest(fresh) on conflict do nothing;
    get diagnostics stored = row_count;
    update sandbox_told h set sample = n.number
    from (select u.id, max(u.number) as number from unnest($3, $4) as u(id, number) group by u.id) n, sandboxes s
    where h.sandbox_id = n.id and h.sample < n.number and s.id = n.id and s.node = from_node;
    return stored;
end $$;

-- One array per column, one element per row. refused: samples that were not stored before and are not stored now: not this
-- node's to report, too old, for a moment that has one, or with a value that does not fit its column. The node does not send
-- those again.
create function add_samples(from_node text, keep_days integer, id text[], number bigint[], ago_ms bigint[], memory_used bigint[],
    memory_unreclaimable bigint[], memory_limit bigint[], cpu integer[], throttled integer[], disk_used bigint[],
    disk_limit bigint[], rx bigint[], tx bigint[], pids bigint[], pids_limit bigint[],
    out stored integer, out refused integer)
language plpgsql as $$
declare
    known integer;
begin
    perform lock_told(from_node, id);
    select count(*) into known from unnest($3, $4) u(id, number) join sandboxes s on s.id = u.id and s.node = from_node
        join sandbox_told h on h.sandbox_id = u.id and u.number <= h.sample;
    begin
        stored := store_samples($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16);
    exception when data_exception or integrity_constraint_violation then
        stored := 0;
        for i in 1 .. cardinality(id) loop
            begin
                stored := stored + store_samples($1, $2, $3[i:i], $4[i:i], $5[i:i], $6[i:i], $7[i:i], $8[i:i], $9[i:i],
                    $10[i:i], $11[i:i], $12[i:i], $13[i:i], $14[i:i], $15[i:i], $16[i:i]);
            exception when data_exception or integrity_constraint_violation then
                null;
            end;
        end loop;
    end;
    refused := cardinality(id) - known - stored;
end $$;

-- The series of one sandbox: one point per step that has samples; other steps are left out.
create function stats_points(id text, from_at timestamptz, to_at timestamptz, step integer) returns text
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

-- At most 1,000 points: if the step gives more, the step grows to fit, and step_seconds says the result. Null if the range ends
-- before it begins.
create function stats_history(id text, from_at timestamptz, to_at timestamptz, step integer) returns text
language sql stable as $$
    select case when from_at <= to_at then stats_points(id, from_at, to_at,
        greatest(step, ceil(extract(epoch from to_at - from_at) / 1000)::integer)) end
$$;

-- The existing days of a table, including detached ones that are not dropped yet.
create function table_days(tab text) returns table (name text, day date, attached boolean, pending boolean)
language sql stable as $$
    select c.relname::text, to_date(right(c.relname, 8), 'YYYYMMDD'), i.inhrelid is not null,
        coalesce(i.inhdetachpending, false)
    from pg_class c left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = tab::regclass
    where c.relname ~ ('^' || tab || '_[0-9]{8}$') and c.relkind = 'r'
        and c.relnamespace = (select p.relnamespace from pg_class p where p.oid = tab::regclass)
$$;

create function sample_days() returns table (name text, day date, attached boolean, pending boolean)
language sql stable as $$
    select * from table_days('samples')
$$;
