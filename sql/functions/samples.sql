-- Samples arrive as rows of sample_rows; history.sql packs them when their hour is over. A node keeps a sample
-- until it learns that the sample was committed, and may send it again; each is stored once. A node's numbers rise for ever, and
-- it sends them in order without gaps. So the highest stored number of a sandbox (sandbox_told) decides whether any other number is
-- new. Only its own node may report a sandbox's samples and violations.

-- The time of something that happened ago_ms ago by the node's count. Neither the node's clock nor its count is trusted: the
-- result is never before the sandbox's creation nor in the future.
create function told_at(created_at timestamptz, ago_ms bigint) returns timestamptz language sql stable as $$
    select date_trunc('milliseconds', greatest(least(created_at, now()),
        now() - least(greatest(ago_ms, 0), 3153600000000) * interval '1 millisecond'))
$$;

-- What a node tells is stored by one transaction at a time.
create function lock_node_told(from_node text) returns void language sql as $$
    select pg_advisory_xact_lock(20012, hashtext(from_node))
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

-- The least multiple of width that is not later than at, and the greatest that is not earlier; in UTC, whatever the session's zone.
create function floor_time(at timestamptz, width interval) returns timestamptz language sql immutable as $$
    select date_bin(width, at, '2000-01-01 00:00:00+00')
$$;

create function ceil_time(at timestamptz, width interval) returns timestamptz language sql immutable as $$
    select floor_time(at + width - interval '1 microsecond', width)
$$;

-- Of those of these sandboxes that are this node's, in no order: when they were created, and the highest number of a sample stored
-- so far, which this raises to the highest of numbers.
create function note_samples(from_node text, ids text[], numbers bigint[], agos bigint[], out known_ids text[], out born timestamptz[],
    out before bigint[])
language plpgsql as $$
declare
    given bigint;
begin
    with told as (select u.id, max(u.number) as number, max(u.ago) as ago from unnest($2, $3, $4) u(id, number, ago) group by u.id),
    noted as (
        update sandbox_told h set sample = greatest(h.sample, n.number),
            unpacked = least(h.unpacked, floor_time(told_at(s.created_at, n.ago), interval '1 hour'))
        from told n, sandboxes s, sandbox_told was
        where h.sandbox_id = n.id and s.id = n.id and s.node = from_node and was.sandbox_id = n.id
        returning n.id, s.created_at, was.sample)
    select coalesce(array_agg(o.id), '{}'), array_agg(o.created_at), array_agg(o.sample), (select count(*) from told)
        into known_ids, born, before, given from noted o;
    if cardinality(known_ids) = given then
        return;
    end if;
    -- The first samples of a sandbox.
    insert into sandbox_told (sandbox_id, sample, unpacked)
        select s.id, n.number, floor_time(told_at(s.created_at, n.ago), interval '1 hour')
        from (select u.id, max(u.number) as number, max(u.ago) as ago from unnest($2, $3, $4) u(id, number, ago) group by u.id) n
        join sandboxes s on s.id = n.id and s.node = from_node where s.id <> all (known_ids) order by s.id;
    select known_ids || array_agg(s.id), born || array_agg(s.created_at), before || array_agg(0::bigint) into known_ids, born, before
        from sandboxes s where s.id = any(ids) and s.id <> all (known_ids) and s.node = from_node;
end $$;

-- Stores the samples that are new, all or none; fails if a day has no partition. Skips a sample that is older than the days kept.
-- stored: how many were stored; known: how many were stored before. One call for a node at a time.
create function store_samples(from_node text, keep_days integer, id text[], number bigint[], ago_ms bigint[], memory_used bigint[],
    memory_unreclaimable bigint[], memory_limit bigint[], cpu integer[], throttled integer[], disk_used bigint[],
    disk_limit bigint[], rx bigint[], tx bigint[], pids bigint[], pids_limit bigint[], out stored integer, out known integer)
language plpgsql as $$
declare
    oldest timestamptz := ((now() at time zone 'UTC')::date - keep_days) at time zone 'UTC';
    oldest_ago bigint := ms_between(oldest, now());
    told record;
begin
    told := note_samples(from_node, id, number, ago_ms);
    insert into sample_rows
        select n.id, told_at(b.born, n.ago), mu, mun, ml, c, t, du, dl, r, x, p, pl
        from unnest($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
            as n(id, number, ago, mu, mun, ml, c, t, du, dl, r, x, p, pl)
        join unnest(told.known_ids, told.born, told.before) b(id, born, before) on b.id = n.id and n.number > b.before
        where n.ago <= oldest_ago or b.born >= oldest;
    get diagnostics stored = row_count;
    known := case when stored < cardinality(id) then (select count(*) from unnest($3, $4) n(id, number)
        join unnest(told.known_ids, told.before) b(id, before) on b.id = n.id and n.number <= b.before) else 0 end;
end $$;

-- A batch that store_samples refuses: makes the days that are missing, and stores what can be stored, sample by sample.
create function store_samples_singly(from_node text, keep_days integer, id text[], number bigint[], ago_ms bigint[],
    memory_used bigint[], memory_unreclaimable bigint[], memory_limit bigint[], cpu integer[], throttled integer[],
    disk_used bigint[], disk_limit bigint[], rx bigint[], tx bigint[], pids bigint[], pids_limit bigint[],
    out stored integer, out known integer)
language plpgsql as $$
declare
    one record;
begin
    perform lock_told(from_node, id); -- before the partitions, as packing does (upkeep_packing)
    perform make_partition(d.day, 'sample_rows') from (
        select distinct (told_at(s.created_at, n.ago) at time zone 'UTC')::date as day
        from unnest($3, $5) n(id, ago) join sandboxes s on s.id = n.id and s.node = from_node) d
        where d.day >= (now() at time zone 'UTC')::date - keep_days;
    stored := 0;
    known := 0;
    for i in 1 .. cardinality(id) loop
        begin
            one := store_samples($1, $2, $3[i:i], $4[i:i], $5[i:i], $6[i:i], $7[i:i], $8[i:i], $9[i:i], $10[i:i],
                $11[i:i], $12[i:i], $13[i:i], $14[i:i], $15[i:i], $16[i:i]);
            stored := stored + one.stored;
            known := known + one.known;
        exception when data_exception or integrity_constraint_violation then
            null;
        end;
    end loop;
end $$;

-- One array per column, one element per row. refused: samples that were not stored before and are not stored now: not this
-- node's to report, too old, or with a value that does not fit its column. The node does not send those again. A second call
-- with the same samples waits for the first, and then sees what was stored.
create function add_samples(from_node text, keep_days integer, id text[], number bigint[], ago_ms bigint[], memory_used bigint[],
    memory_unreclaimable bigint[], memory_limit bigint[], cpu integer[], throttled integer[], disk_used bigint[],
    disk_limit bigint[], rx bigint[], tx bigint[], pids bigint[], pids_limit bigint[],
    out stored integer, out refused integer)
language plpgsql as $$
declare
    done record;
begin
    perform lock_node_told(from_node);
    begin
        done := store_samples($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16);
    exception when data_exception or integrity_constraint_violation then
        done := store_samples_singly($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16);
    end;
    stored := done.stored;
    refused := cardinality(id) - done.known - stored;
end $$;
