-- The history of sandboxes. Samples arrive as rows (samples.sql). When an hour is over, upkeep packs its rows: out of sample_rows, into a
-- block of that hour's samples, and into the points of its minutes and of the hour (a month's in one block), in one transaction. So
-- each sample is at all times either a row or in blocks, of all three kinds. A sample that arrives later is packed later, into the
-- same blocks. Points keep the least, mean and greatest value of their samples, and how much these weigh, so they can be merged.
--
-- A sandbox that somebody watches has a sample each second, others one each ten. So that a mean tells of the time, and not of the part
-- of it in which somebody watched, samples weigh by the ten seconds that they are in: all those of ten seconds as much as one.

-- --- blocks: also for other histories ---

-- Some series of equal length (`points`), packed. Small integers after a base, side by side, are what PostgreSQL compresses well.
create type packed_series as (points integer, base bigint[], narrow integer[], wide bigint[]);

-- values: the series, one after the other.
create function pack_series(vals bigint[], points integer) returns packed_series language plpgsql immutable as $$
declare
    p packed_series := (points, '{}', null, '{}');
    part bigint[];
    lowest bigint;
begin
    for k in 0 .. cardinality(vals) / points - 1 loop
        part := vals[k * points + 1:(k + 1) * points];
        lowest := (select min(x) from unnest(part) x);
        p.base := p.base || lowest;
        p.wide := p.wide || array(select x - lowest from unnest(part) x);
    end loop;
    if 2147483647 >= all (p.wide) then
        p.narrow := p.wide;
        p.wide := null;
    end if;
    return p;
end $$;

-- The k-th series of a block's values, counted from 0.
create function series_of(vals bigint[], points integer, k integer) returns bigint[] language sql immutable as $$
    select vals[k * points + 1:(k + 1) * points]
$$;

create function as_bigint(x double precision) returns bigint language sql immutable as $$
    select least(greatest(x, -9e18), 9e18)::bigint
$$;

create function ms_between(a timestamptz, b timestamptz) returns bigint language sql stable as $$
    select round(date_part('epoch', b - a) * 1000)::bigint
$$;

-- Which of several resolutions answers a question, and at which step, so that at most 1,000 points are answered and about 12,000 are
-- read: the finest that is kept for the whole range, of what can have history at all (from first_at to now). For each resolution,
-- finest first: widths, the seconds of a point (1: any moment); every, the seconds between two points; kept, the days it is kept.
-- begin_at and end_at: the range, extended to whole points.
create function history_scale(from_at timestamptz, to_at timestamptz, step integer, first_at timestamptz, widths integer[],
    every integer[], kept integer[], out chosen integer, out step_seconds integer, out begin_at timestamptz, out end_at timestamptz)
language plpgsql stable as $$
declare
    since timestamptz := greatest(from_at, first_at);
    seconds double precision := date_part('epoch', least(to_at, now()) - since);
    width integer;
begin
    select i into chosen from generate_subscripts(widths, 1) i where i = cardinality(widths)
        or (since >= ((now() at time zone 'UTC')::date - kept[i]) at time zone 'UTC' and seconds <= every[i] * 12000.0)
        order by i limit 1;
    width := widths[chosen];
    begin_at := case when width > 1 then floor_time(from_at, width * interval '1 second') else from_at end;
    end_at := case when width > 1 then ceil_time(to_at, width * interval '1 second') else to_at end;
    step_seconds := ceil(greatest(step, ceil(date_part('epoch', end_at - begin_at) / 1000)) / width)::integer * width;
end $$;

-- --- sandboxes ---

-- Of the samples of a moment, minute or hour. n: how many, those of ten seconds counted as one; cpu in hundredths of a percent, pids_avg in hundredths of a process;
-- network counters as they were last.
create type history_point as (at timestamptz, n bigint, memory_min bigint, memory_avg bigint, memory_max bigint, cpu_min bigint,
    cpu_avg bigint, cpu_max bigint, disk_min bigint, disk_avg bigint, disk_max bigint, pids_min bigint, pids_avg bigint,
    pids_max bigint, rx_bytes bigint, tx_bytes bigint);

create function unpack_samples(b sample_blocks) returns setof sample_rows language sql stable as $$
    select b.sandbox_id, b.at + (p.ms + b.base[1]) * interval '1 millisecond', p.v2 + b.base[2], p.v3 + b.base[3], p.v4 + b.base[4],
        (p.v5 + b.base[5])::integer, (p.v6 + b.base[6])::integer, p.v7 + b.base[7], p.v8 + b.base[8], p.v9 + b.base[9],
        p.v10 + b.base[10], p.v11 + b.base[11], p.v12 + b.base[12]
    from (select coalesce(b.narrow::bigint[], b.wide) as v, b.points as n offset 0) x,
        unnest(series_of(v, n, 0), series_of(v, n, 1), series_of(v, n, 2), series_of(v, n, 3), series_of(v, n, 4), series_of(v, n, 5),
            series_of(v, n, 6), series_of(v, n, 7), series_of(v, n, 8), series_of(v, n, 9), series_of(v, n, 10), series_of(v, n, 11))
            as p(ms, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12)
$$;

-- width: of a point.
create function unpack_points(at timestamptz, points integer, base bigint[], narrow integer[], wide bigint[], width interval)
returns setof history_point language sql stable as $$
    select $1 + (p.i + base[1]) * width, p.n + base[2], m0 + base[3], m1 + base[4], m2 + base[5], c0 + base[6], c1 + base[7],
        c2 + base[8], d0 + base[9], d1 + base[10], d2 + base[11], p0 + base[12], p1 + base[13], p2 + base[14], rx + base[15],
        tx + base[16]
    from (select coalesce(narrow::bigint[], wide) as v, points as k offset 0) x,
        unnest(series_of(v, k, 0), series_of(v, k, 1), series_of(v, k, 2), series_of(v, k, 3), series_of(v, k, 4), series_of(v, k, 5),
            series_of(v, k, 6), series_of(v, k, 7), series_of(v, k, 8), series_of(v, k, 9), series_of(v, k, 10), series_of(v, k, 11),
            series_of(v, k, 12), series_of(v, k, 13), series_of(v, k, 14), series_of(v, k, 15))
            as p(i, n, m0, m1, m2, c0, c1, c2, d0, d1, d2, p0, p1, p2, rx, tx)
$$;

-- A sample as a point of one.
create function points_of(s sample_rows[]) returns setof history_point language sql stable as $$
    select at, 1::bigint, memory_used_bytes, memory_used_bytes, memory_used_bytes, cpu_centi::bigint, cpu_centi::bigint,
        cpu_centi::bigint, disk_used_bytes, disk_used_bytes, disk_used_bytes, pids, as_bigint(pids * 100.0::double precision), pids,
        rx_bytes, tx_bytes
    from unnest(s)
$$;

-- The same, but one of all samples of ten seconds. Samples that are packed later than others of the same ten seconds count once more:
-- a node sends those of a sandbox in their order, so that is one of them at most.
create function weighed_points_of(s sample_rows[]) returns setof history_point language sql stable as $$
    select min(at), 1::bigint, min(memory_used_bytes), as_bigint(avg(memory_used_bytes)::double precision), max(memory_used_bytes),
        min(cpu_centi)::bigint, as_bigint(avg(cpu_centi)::double precision), max(cpu_centi)::bigint,
        min(disk_used_bytes), as_bigint(avg(disk_used_bytes)::double precision), max(disk_used_bytes),
        min(pids), as_bigint(avg(pids)::double precision * 100.0), max(pids), max(rx_bytes), max(tx_bytes)
    from unnest(s) group by floor_time(at, interval '10 seconds')
$$;

-- Adds samples to the block of their hour, which holds 4,000 at most: what is beyond that is in the points only.
create function pack_samples(id text, hour timestamptz, taken sample_rows[]) returns void language plpgsql as $$
declare
    count integer;
    vals bigint[];
begin
    with known as (select u.* from sample_blocks b, unpack_samples(b) u where b.sandbox_id = id and b.at = hour),
    all_of as (select x.* from (select * from known union all select * from unnest(taken)) x order by x.at limit 4000)
    select count(*), array_agg(ms_between(hour, at)) || array_agg(memory_used_bytes) || array_agg(memory_unreclaimable_bytes)
        || array_agg(memory_limit_bytes) || array_agg(cpu_centi::bigint) || array_agg(throttled_centi::bigint)
        || array_agg(disk_used_bytes) || array_agg(disk_limit_bytes) || array_agg(rx_bytes) || array_agg(tx_bytes)
        || array_agg(pids) || array_agg(pids_limit) into count, vals from all_of;
    perform make_partition((hour at time zone 'UTC')::date, 'sample_blocks');
    insert into sample_blocks select id, hour, (pack_series(vals, count)).*
        on conflict on constraint sample_blocks_pkey do update set points = excluded.points, base = excluded.base,
            narrow = excluded.narrow, wide = excluded.wide;
end $$;

-- Merges samples into the points of a block (of minute_blocks or hour_blocks) that begins at begin_at.
create function pack_points(tab text, id text, begin_at timestamptz, width interval, taken sample_rows[]) returns void
language plpgsql as $$
declare
    count integer;
    vals bigint[];
begin
    execute format('with given as (
            select p.* from %1$I b, unpack_points(b.at, b.points, b.base, b.narrow, b.wide, $3) p where b.sandbox_id = $1 and b.at = $2
            union all select * from weighed_points_of($4)),
        merged as (select floor_time(at, $3) as at, sum(n)::bigint as n,
            min(memory_min) as m0, as_bigint(sum(memory_avg * n::double precision) / sum(n)) as m1, max(memory_max) as m2,
            min(cpu_min) as c0, as_bigint(sum(cpu_avg * n::double precision) / sum(n)) as c1, max(cpu_max) as c2,
            min(disk_min) as d0, as_bigint(sum(disk_avg * n::double precision) / sum(n)) as d1, max(disk_max) as d2,
            min(pids_min) as p0, as_bigint(sum(pids_avg * n::double precision) / sum(n)) as p1, max(pids_max) as p2,
            max(rx_bytes) as rx, max(tx_bytes) as tx from given group by 1 order by 1)
        select count(*), array_agg(ms_between($2, at) / ms_between($2, $2 + $3)) || array_agg(n) || array_agg(m0) || array_agg(m1)
            || array_agg(m2) || array_agg(c0) || array_agg(c1) || array_agg(c2) || array_agg(d0) || array_agg(d1) || array_agg(d2)
            || array_agg(p0) || array_agg(p1) || array_agg(p2) || array_agg(rx) || array_agg(tx) from merged', tab)
        into count, vals using id, begin_at, width, taken;
    perform make_partition((begin_at at time zone 'UTC')::date, tab);
    execute format('insert into %1$I select $1, $2, (pack_series($3, $4)).* on conflict on constraint %1$s_pkey do update
        set points = excluded.points, base = excluded.base, narrow = excluded.narrow, wide = excluded.wide', tab)
        using id, begin_at, vals, count;
end $$;

-- Packs rows of an hour of a sandbox, 4,000 at most. Returns how many.
create function pack_hour(id text, hour timestamptz) returns integer language plpgsql as $$
declare
    until timestamptz := hour + interval '1 hour';
    taken sample_rows[];
begin
    until := coalesce((select s.at from sample_rows s where s.sandbox_id = id and s.at >= hour and s.at < until
        order by s.at offset 4000 limit 1), until);
    with gone as (delete from sample_rows s where s.sandbox_id = id and s.at >= hour and s.at < until returning s.*)
    select array_agg(row(g.*)::sample_rows) into taken from gone g;
    if taken is null then
        return 0;
    end if;
    perform pack_samples(id, hour, taken);
    perform note_usage(id, hour, taken);
    perform pack_points('minute_blocks', id, hour, interval '1 minute', taken);
    perform pack_points('hour_blocks', id, date_trunc('month', hour at time zone 'UTC') at time zone 'UTC', interval '1 hour', taken);
    return cardinality(taken);
end $$;

-- Hours that are over, and so much longer that nearly all of their samples have arrived, are packed.
create function packing_until() returns timestamptz language sql stable as $$
    select floor_time(now() - interval '2 minutes', interval '1 hour')
$$;

-- Since when the oldest hour waits to be packed; null: none does.
create function packing_due_at() returns timestamptz language sql stable as $$
    select min(unpacked) + interval '1 hour 2 minutes' from sandbox_told where unpacked is not null
$$;

-- Packs the oldest hour of a sandbox whose row of sandbox_told the caller holds. Rows from before `kept` are left to go with their
-- days. Returns how many rows were packed.
create function pack_next(id text, since timestamptz, kept timestamptz) returns integer language plpgsql as $$
declare
    hour timestamptz;
    done integer := 0;
begin
    since := greatest(since, kept);
    hour := (select floor_time(min(s.at), interval '1 hour') from sample_rows s where s.sandbox_id = id and s.at >= since);
    if hour < packing_until() then
        done := pack_hour(id, hour);
        hour := (select floor_time(min(s.at), interval '1 hour') from sample_rows s where s.sandbox_id = id and s.at >= hour);
    end if;
    update sandbox_told set unpacked = hour where sandbox_id = id;
    return done;
end $$;

-- Samples that are not packed yet.
create function rows_of(id text, from_at timestamptz, to_at timestamptz) returns sample_rows[] language sql stable as $$
    select array(
        select s from sample_rows s where s.sandbox_id = id and s.at >= from_at and s.at < to_at
        union all select row(s.*)::sample_rows from samples s where s.sandbox_id = id and s.at >= from_at and s.at < to_at)
$$;

-- Whether there are so many samples in a range, as of a sandbox that was watched for hours, that the minutes are to answer instead.
create function too_many_samples(id text, from_at timestamptz, to_at timestamptz) returns boolean language sql stable as $$
    select (select coalesce(sum(b.points), 0) from sample_blocks b
            where b.sandbox_id = id and b.at > from_at - interval '1 hour' and b.at < to_at)
        + (select count(*) from sample_rows s where s.sandbox_id = id and s.at >= from_at and s.at < to_at) > 13000
$$;

-- What is known of a sandbox in a range, at a resolution: 1 (each sample), 60 or 3600 seconds. Rows that are not packed yet are
-- points of a sample, or of ten seconds. In no order.
create function history_points(id text, from_at timestamptz, to_at timestamptz, width integer) returns setof history_point
language plpgsql stable as $$
begin
    if width = 1 then
        return query select p.* from points_of(rows_of(id, from_at, to_at)) p;
        return query execute 'select p.* from points_of(array(select u from sample_blocks b, unpack_samples(b) u where
            b.sandbox_id = $1 and b.at > $2 - interval ''1 hour'' and b.at < $3 and u.at >= $2 and u.at < $3)) p' using id, from_at, to_at;
    else
        return query select p.* from weighed_points_of(rows_of(id, from_at, to_at)) p;
        return query execute format('select p.* from %I b, unpack_points(b.at, b.points, b.base, b.narrow, b.wide, $4) p
            where b.sandbox_id = $1 and b.at > $2 - %L::interval and b.at < $3 and p.at >= $2 and p.at < $3',
            case width when 60 then 'minute_blocks' else 'hour_blocks' end, case width when 60 then '1 hour' else '31 days' end)
            using id, from_at, to_at, width * interval '1 second';
    end if;
end $$;

-- The series of one sandbox: one point per step that has samples; other steps are left out. kept: for how many days samples, minutes
-- and hours are kept. Null if the range ends before it begins.
create function stats_history(id text, from_at timestamptz, to_at timestamptz, step integer, kept integer[]) returns text
language plpgsql stable as $$
declare
    scale record;
    born timestamptz;
begin
    if from_at > to_at then
        return null;
    end if;
    born := (select s.created_at from sandboxes s where s.id = $1);
    scale := history_scale(from_at, to_at, step, born, '{1,60,3600}', '{10,60,3600}', kept);
    if scale.chosen = 1 and too_many_samples($1, scale.begin_at, scale.end_at) then
        scale := history_scale(from_at, to_at, step, born, '{1,60,3600}', '{0,60,3600}', kept);
    end if;
    return (with weighed as (
        select date_bin(scale.step_seconds * interval '1 second', at, scale.begin_at) as bin,
            case when scale.chosen = 1 then 1.0 else sum(n)::double precision end as n,
            min(memory_min) as m0, sum(memory_avg * n::double precision) / sum(n) as m1, max(memory_max) as m2,
            min(cpu_min) as c0, sum(cpu_avg * n::double precision) / sum(n) as c1, max(cpu_max) as c2,
            min(disk_min) as d0, sum(disk_avg * n::double precision) / sum(n) as d1, max(disk_max) as d2,
            min(pids_min) as p0, sum(pids_avg * n::double precision) / sum(n) as p1, max(pids_max) as p2,
            max(rx_bytes) as rx, max(tx_bytes) as tx
        from history_points($1, scale.begin_at, scale.end_at, ('{1,60,3600}'::integer[])[scale.chosen])
        group by 1, case when scale.chosen = 1 then floor_time(at, interval '10 seconds') else at end),
    points as (
        select bin, sum(w.n) as n, min(m0) as m0, sum(m1 * w.n) as m1, max(m2) as m2, min(c0) as c0, sum(c1 * w.n) as c1, max(c2) as c2,
            min(d0) as d0, sum(d1 * w.n) as d1, max(d2) as d2, min(p0) as p0, sum(p1 * w.n) as p1, max(p2) as p2, max(rx) as rx, max(tx) as tx
        from weighed w group by bin)
    select json_build_object('from', rfc3339(scale.begin_at), 'to', rfc3339(least(scale.end_at, last_time())), 'step_seconds', scale.step_seconds,
        'points', coalesce(json_agg(json_build_object('at', rfc3339(bin),
            'memory', json_build_object('min', m0, 'avg', round((m1 / n)::numeric), 'max', m2),
            'cpu', json_build_object('min', round(c0 / 100.0, 2), 'avg', round((c1 / n / 100)::numeric, 2), 'max', round(c2 / 100.0, 2)),
            'disk', json_build_object('min', d0, 'avg', round((d1 / n)::numeric), 'max', d2),
            'pids', json_build_object('min', p0, 'avg', round((p1 / n / 100)::numeric, 1), 'max', p2),
            'network', json_build_object('rx_bytes', rx, 'tx_bytes', tx)) order by bin), '[]'))::text
    from points);
end $$;
