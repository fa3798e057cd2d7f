-- The history of the system: samples, their rollups by the hour and the day, and the questions about them. Every question reads
-- a bounded number of rows: at most some 10,000 samples or hours, or the days of 100 nodes.

-- The gauges of a sample, in their order: the rows of controller/core/system_gauge.def.
create function system_gauges() returns table (number integer, part text, path text, name text) language sql immutable as $$
    select row_number() over ()::integer, * from (values
        ('resources', 'capacity', 'memory_bytes'), ('resources', 'capacity', 'cpu_millis'),
        ('resources', 'capacity', 'storage_bytes'), ('resources', 'capacity', 'sandboxes'),
        ('resources', 'reserved', 'memory_bytes'), ('resources', 'reserved', 'cpu_millis'),
        ('resources', 'reserved', 'storage_bytes'), ('resources', 'reserved', 'sandboxes'),
        ('resources', 'used', 'memory_bytes'), ('resources', 'used', 'cpu_millis'),
        ('resources', 'used', 'storage_bytes'), ('resources', 'used', 'sandboxes'),
        ('sandboxes', 'sandboxes', 'pending'), ('sandboxes', 'sandboxes', 'starting'), ('sandboxes', 'sandboxes', 'running'),
        ('sandboxes', 'sandboxes', 'paused'), ('sandboxes', 'sandboxes', 'stopping'), ('sandboxes', 'sandboxes', 'lost'),
        ('nodes', 'nodes', 'ready'), ('nodes', 'nodes', 'cordoned'), ('nodes', 'nodes', 'draining'),
        ('nodes', 'nodes', 'unreachable'), ('nodes', 'nodes', 'unhealthy'),
        ('queues', 'queues', 'starts'), ('queues', 'queues', 'starts_longest_ms'), ('queues', 'queues', 'creates'),
        ('queues', 'queues', 'waiters'), ('queues', 'queues', 'database')) g(part, path, name)
$$;

-- The resources of nodes, with the numbers of their gauges.
create function resource_gauges() returns table (name text, capacity integer, reserved integer, used integer) language sql immutable as $$
    select c.name, c.number, r.number, u.number from system_gauges() c join system_gauges() r using (name) join system_gauges() u using (name)
    where c.path = 'capacity' and r.path = 'reserved' and u.path = 'used'
$$;

-- A sample, or a rollup of several.
create type system_figures as (kind text, name text, at timestamptz, samples integer, covered_ms bigint, low bigint[], mean double precision[],
    high bigint[], creates bigint, starts bigint[], start_ms bigint, refusals jsonb);

-- Up to when all samples are in rollups of this span.
create function rolled_until(of_span integer) returns timestamptz language sql stable as $$
    select coalesce((select max(r.at) + of_span * interval '1 second' from system_rollups r
        where r.span = of_span and r.kind = 'system' and r.name = ''), '-infinity')
$$;

-- The figures from rollups of this span (0: from samples), and from finer ones where these are not made yet. of_kind null: of all
-- kinds; names null: of all names.
create function figures_between(of_span integer, of_kind text, names text[], from_at timestamptz, to_at timestamptz)
returns setof system_figures language plpgsql stable as $$
declare
    days timestamptz := case when of_span >= 86400 then rolled_until(86400) else '-infinity' end;
    hours timestamptz := case when of_span >= 3600 then rolled_until(3600) else '-infinity' end;
begin
    return query select r.kind, r.name, r.at, r.samples, r.covered_ms, r.low, r.mean, r.high, r.creates, r.starts, r.start_ms, r.refusals
        from system_rollups r where r.span = 86400 and r.at >= from_at and r.at < least(to_at, days)
            and (of_kind is null or r.kind = of_kind) and (names is null or r.name = any(names));
    return query select r.kind, r.name, r.at, r.samples, r.covered_ms, r.low, r.mean, r.high, r.creates, r.starts, r.start_ms, r.refusals
        from system_rollups r where r.span = 3600 and r.at >= greatest(from_at, days) and r.at < least(to_at, hours)
            and (of_kind is null or r.kind = of_kind) and (names is null or r.name = any(names));
    return query select s.kind, s.name, s.at, 1, s.covered_ms, s.gauges, s.gauges::double precision[], s.gauges, s.creates, s.starts, s.start_ms, s.refusals
        from system_samples s where s.at >= greatest(from_at, hours) and s.at < to_at
            and (of_kind is null or s.kind = of_kind) and (names is null or s.name = any(names));
end $$;

-- --- writing ---

-- Makes the rollup of this span that begins at a time, again where it is there: a late sample may have come.
create function roll_system(of_span integer, from_at timestamptz) returns void language sql as $$
    insert into system_rollups
    with f as materialized (select * from figures_between(case of_span when 3600 then 0 else 3600 end, null, null, from_at,
            from_at + of_span * interval '1 second')),
    gauges as (select kind, name, array_agg(low order by n) as low, array_agg(mean order by n) as mean, array_agg(high order by n) as high
        from (select f.kind, f.name, n, min(f.low[n]) as low, max(f.high[n]) as high,
                sum(f.mean[n] * f.samples) / nullif(sum(f.samples) filter (where f.mean[n] is not null), 0) as mean
            from f, generate_series(1, (select count(*)::integer from system_gauges())) n group by 1, 2, 3) x group by 1, 2),
    starts as (select kind, name, array_agg(many order by n) as starts
        from (select f.kind, f.name, n, sum(many)::bigint as many from f, unnest(f.starts) with ordinality u(many, n) group by 1, 2, 3) x
        group by 1, 2),
    refusals as (select kind, name, jsonb_object_agg(code, many) as refusals
        from (select f.kind, f.name, code, sum(many::bigint) as many from f, jsonb_each_text(f.refusals) u(code, many) group by 1, 2, 3) x
        group by 1, 2),
    sums as (select kind, name, sum(samples)::integer as samples, sum(covered_ms)::bigint as covered_ms, sum(creates)::bigint as creates,
            sum(start_ms)::bigint as start_ms from f group by 1, 2)
    select of_span, kind, name, from_at, samples, covered_ms, low, mean, high, creates, starts, start_ms, refusals
    from sums join gauges using (kind, name) left join starts using (kind, name) left join refusals using (kind, name)
    on conflict (span, kind, name, at) do update set samples = excluded.samples, covered_ms = excluded.covered_ms, low = excluded.low,
        mean = excluded.mean, high = excluded.high, creates = excluded.creates, starts = excluded.starts,
        start_ms = excluded.start_ms, refusals = excluded.refusals
$$;

-- Nobody rolls up an hour while a late sample of it comes.
create function lock_rollups() returns void language sql as $$
    select pg_advisory_xact_lock(20011, 32)
$$;

-- rows: as system_sample_take() of controller/core/system_sample.h writes them. counts_only: without gauges, of a lead that is over. A sample that comes again changes nothing. Returns
-- how many rows are new.
create function add_system_sample(at_ms bigint, of_epoch bigint, covered bigint, counts_only boolean, rows jsonb) returns integer language plpgsql as $$
declare
    sampled_at timestamptz := to_timestamp(at_ms / 1000.0);
    stored integer;
begin
    perform lock_rollups();
    if counts_only and exists (select from system_samples s where s.kind = 'system' and s.name = '' and s.epoch = of_epoch and s.at > sampled_at) then
        return 0; -- the sample whose counts these are was written after all
    end if;
    perform make_partition((sampled_at at time zone 'UTC')::date, 'system_samples');
    insert into system_samples
        select sampled_at, of_epoch, r.kind, r.name, covered,
            array(select case when not counts_only then g::bigint end from jsonb_array_elements_text(r.gauges) g),
            r.creates, case when r.starts is not null then array(select b::bigint from jsonb_array_elements_text(r.starts) b) end,
            r.start_ms, r.refusals
        from jsonb_to_recordset(rows) as r(kind text, name text, gauges jsonb, creates bigint, starts jsonb, start_ms bigint, refusals jsonb)
        where not counts_only or r.creates > 0 or r.starts is not null or r.refusals is not null
        on conflict do nothing;
    get diagnostics stored = row_count;
    if stored > 0 and sampled_at < rolled_until(3600) then
        perform roll_system(3600, date_trunc('hour', sampled_at, 'UTC'));
    end if;
    if stored > 0 and sampled_at < rolled_until(86400) then
        perform roll_system(86400, date_trunc('day', sampled_at, 'UTC'));
    end if;
    return stored;
end $$;

-- --- rollups ---

-- The beginning of the next hour that is over and has samples that are in no rollup; null: there is none. The last sample of an
-- hour may be on its way for some minutes.
create function next_hour() returns timestamptz language sql stable as $$
    select h from (select date_trunc('hour', min(s.at), 'UTC') as h from system_samples s
        where s.kind = 'system' and s.name = '' and s.at >= rolled_until(3600)) x where h + interval '65 minutes' <= now()
$$;

-- The same of days, whose hours are made first.
create function next_day() returns timestamptz language sql stable as $$
    select d from (select date_trunc('day', min(r.at), 'UTC') as d from system_rollups r
        where r.span = 3600 and r.kind = 'system' and r.name = '' and r.at >= rolled_until(86400)) x
    where d + interval '1 day 10 minutes' <= now() and coalesce(next_hour() >= d + interval '1 day', true)
$$;

-- The next hour whose use is not stored yet. Those of more than a week ago, when no upkeep ran, are left out.
create function next_usage_hour() returns timestamptz language sql stable as $$
    select h from (select greatest(max(at) + interval '1 hour', date_trunc('hour', now(), 'UTC') - interval '7 days',
            (select date_trunc('hour', min(created_at), 'UTC') from sandboxes)) as h
        from usage_rollups where span = 3600) x where h + interval '65 minutes' <= now() and exists (select from sandboxes)
$$;

-- The next day whose hours of use are all stored, and which is not.
create function next_usage_day() returns timestamptz language sql stable as $$
    select d from (select date_trunc('day', min(h.at), 'UTC') as d, max(h.at) as last from usage_rollups h where h.span = 3600
            and h.at >= coalesce((select max(r.at) + interval '1 day' from usage_rollups r where r.span = 86400), '-infinity')) x
    where last >= d + interval '23 hours'
$$;

-- Makes rollups for a fifth of a second. seen: `most` where more remain.
create function upkeep_rollups(keep_days integer, most integer, after text) returns upkept language plpgsql as $$
declare
    until timestamptz := clock_timestamp() + interval '0.2 s';
    made bigint := 0;
    hour timestamptz;
    day timestamptz;
    used timestamptz;
    used_day timestamptz;
begin
    perform lock_rollups();
    loop
        hour := next_hour();
        day := case when hour is null then next_day() end;
        used := next_usage_hour();
        used_day := case when used is null then next_usage_day() end;
        if hour is not null then
            perform roll_system(3600, hour);
        elsif day is not null then
            perform roll_system(86400, day);
        end if;
        if used is not null then
            insert into usage_rollups select * from usage_of(used);
        elsif used_day is not null then
            insert into usage_rollups select * from usage_of_day(used_day);
        end if;
        exit when coalesce(hour, day, used, used_day) is null;
        made := made + (coalesce(hour, day) is not null)::integer + (coalesce(used, used_day) is not null)::integer;
        if clock_timestamp() >= until then
            return (most, made, '')::upkept;
        end if;
    end loop;
    return (0, made, '')::upkept;
end $$;

create function upkeep_system_rollups(keep_days integer, most integer, after text) returns upkept language sql as $$
    select upkeep_rows('system_rollups', 'at', days_ago(keep_days), most, after)
$$;

create function upkeep_usage_rollups(keep_days integer, most integer, after text) returns upkept language sql as $$
    select upkeep_rows('usage_rollups', 'at', days_ago(keep_days), most, after)
$$;

-- --- what users do ---

-- Seconds; the last bucket has no bound.
create function lifetime_bounds() returns bigint[] language sql immutable as $$
    select '{10,30,60,300,600,1800,3600,7200,14400,28800,43200,86400,172800,604800,2592000}'::bigint[]
$$;

-- The buckets into which these values fall, in the order of bounds, and one more for what is above.
create function buckets_of(items bigint[], bounds bigint[]) returns bigint[] language sql immutable as $$
    select array_agg(many order by n) from (select n, count(v) as many
        from generate_series(1, cardinality(bounds) + 1) n left join unnest(items) v
            on (n = 1 or v > bounds[n - 1]) and (n > cardinality(bounds) or v <= bounds[n]) group by n) x
$$;

-- The value below which a share of what is in the buckets lies, interpolated within its bucket; of the last bucket its lower
-- bound. Null where they are empty.
create function share_below(counts bigint[], bounds bigint[], share double precision) returns numeric language plpgsql immutable as $$
declare
    rank double precision := 0;
    up_to bigint := 0;
    low bigint;
begin
    for n in 1 .. coalesce(cardinality(counts), 0) loop
        rank := rank + share * counts[n];
    end loop;
    for n in 1 .. coalesce(cardinality(counts), 0) loop
        if counts[n] > 0 and up_to + counts[n] >= rank then
            low := case when n > 1 then bounds[n - 1] else 0 end;
            return case when n > cardinality(bounds) then low
                else round((low + (bounds[n] - low) * (rank - up_to) / counts[n])::numeric, 1) end;
        end if;
        up_to := up_to + counts[n];
    end loop;
    return null;
end $$;

-- What users did in the hour that begins at a time. Reads what is live, and what ended since.
create function usage_of(hour timestamptz) returns usage_rollups language sql stable as $$
    with s as materialized (
        select user_id, image, created_at, ended_at from sandboxes
            where ended_at is null and created_at < hour + interval '1 hour'
        union all select user_id, image, created_at, ended_at from sandboxes
            where ended_at >= hour and created_at < hour + interval '1 hour'),
    moments as (select greatest(created_at, hour) as at, 1 as more from s
        union all select ended_at, -1 from s where ended_at < hour + interval '1 hour'),
    many as (select sum(sum(more)) over (order by at) as live from moments group by at),
    images as (select image, count(*) as many from s where created_at >= hour group by image order by 2 desc, 1 limit 50)
    select 3600, hour, 1, (select count(*)::integer from s where created_at >= hour),
        (select count(*)::integer from s where ended_at < hour + interval '1 hour'), (select coalesce(max(live), 0)::integer from many),
        array(select distinct hashtextextended(user_id, 0) from s),
        buckets_of(array(select extract(epoch from ended_at - created_at)::bigint from s where ended_at < hour + interval '1 hour'),
            lifetime_bounds()),
        (select coalesce(jsonb_object_agg(image, images.many), '{}') from images)
$$;

-- The same of a day, from its hours.
create function usage_of_day(day timestamptz) returns usage_rollups language sql stable as $$
    with h as materialized (select * from usage_rollups where span = 3600 and at >= day and at < day + interval '1 day'),
    images as (select image, sum(many::bigint) as many from h, jsonb_each_text(h.images) i(image, many) group by 1 order by 2 desc, 1 limit 50)
    select 86400, day, (select count(*)::integer from h), (select sum(creates)::integer from h), (select sum(ends)::integer from h),
        (select max(peak) from h), array(select distinct u from h, unnest(h.users) u),
        (select array_agg(many order by n) from (select n, sum(many)::bigint as many from h, unnest(h.lifetimes) with ordinality l(many, n) group by 1) x),
        (select coalesce(jsonb_object_agg(image, images.many), '{}') from images)
$$;

-- The stored days (where days are asked for) and hours, and those since then that are not stored yet: at most two hours, or
-- upkeep is behind.
create function usage_between(of_span integer, from_at timestamptz, to_at timestamptz) returns setof usage_rollups
language plpgsql stable as $$
declare
    days timestamptz := case when of_span >= 86400 then coalesce((select max(at) + interval '1 day' from usage_rollups
        where span = 86400), '-infinity') else '-infinity' end;
    hour timestamptz := greatest(from_at, coalesce((select max(at) + interval '1 hour' from usage_rollups where span = 3600), '-infinity'),
        date_trunc('hour', now(), 'UTC') - interval '2 hours');
begin
    return query select * from usage_rollups where span = 86400 and at >= from_at and at < least(to_at, days);
    return query select * from usage_rollups where span = 3600 and at >= greatest(from_at, days) and at < to_at;
    while hour < least(to_at, now()) loop
        return query select * from usage_of(hour);
        hour := hour + interval '1 hour';
    end loop;
end $$;

-- --- questions ---

-- The mean of what is few has a decimal.
create function figures_json(low bigint, mean double precision, high bigint) returns json language sql immutable as $$
    select json_build_object('min', low, 'avg', round(mean::numeric, case when high < 1000 then 1 else 0 end), 'max', high)
$$;

create function start_json(counts bigint[], sum_ms bigint, bounds bigint[]) returns json language sql stable as $$
    select json_build_object('count', n, 'avg_ms', round(sum_ms::numeric / nullif(n, 0), 1), 'p50_ms', share_below(counts, bounds, 0.5),
        'p95_ms', share_below(counts, bounds, 0.95), 'p99_ms', share_below(counts, bounds, 0.99))
    from (select coalesce(sum(c), 0) as n from unnest(counts) c) x
$$;

-- The points of one part, for the kind and its names: {name: [point]}.
create function gauge_series(of_part text, of_kind text, names text[], of_span integer, from_at timestamptz, to_at timestamptz, step bigint)
returns table (name text, points json) language sql stable as $$
    with f as materialized (select *, date_bin(step * interval '1 second', at, from_at) as bin
        from figures_between(of_span, of_kind, names, from_at, to_at)),
    leaves as (select f.name, f.bin, g.number, g.path, g.name as leaf, min(f.low[g.number]) as low, max(f.high[g.number]) as high,
            sum(f.mean[g.number] * f.samples) / sum(f.samples) filter (where f.mean[g.number] is not null) as mean
        from f, system_gauges() g where g.part = of_part group by 1, 2, 3, 4, 5 having max(f.high[g.number]) is not null),
    groups as (select l.name, l.bin, min(number) as number, l.path, json_object_agg(leaf, figures_json(low, mean, high) order by number) as figures
        from leaves l group by 1, 2, 4),
    covered as (select f.name, bin, round(sum(covered_ms) / 1000.0, 1) as seconds from f group by 1, 2)
    select p.name, json_agg(point order by bin) from (
        select g.name, g.bin, jsonb_build_object('at', rfc3339(g.bin), 'covered_seconds', c.seconds)
            || jsonb_object_agg(g.path, g.figures) as point
        from groups g join covered c on c.name = g.name and c.bin = g.bin group by g.name, g.bin, c.seconds) p group by 1
$$;

create function count_series(of_part text, of_kind text, names text[], of_span integer, from_at timestamptz, to_at timestamptz, step bigint,
    bounds bigint[]) returns table (name text, points json) language sql stable as $$
    with f as materialized (select *, date_bin(step * interval '1 second', at, from_at) as bin
        from figures_between(of_span, of_kind, names, from_at, to_at)),
    sums as (select f.name, bin, round(sum(covered_ms) / 1000.0, 1) as seconds, sum(creates) as creates, sum(start_ms)::bigint as start_ms
        from f group by 1, 2),
    refusals as (select x.name, x.bin, json_object_agg(code, many order by code) as refusals
        from (select f.name, bin, code, sum(many::bigint) as many from f, jsonb_each_text(f.refusals) u(code, many) group by 1, 2, 3) x
        group by 1, 2),
    starts as (select x.name, x.bin, array_agg(many order by n) as counts
        from (select f.name, bin, n, sum(many)::bigint as many from f, unnest(f.starts) with ordinality u(many, n) group by 1, 2, 3) x
        group by 1, 2)
    select s.name, json_agg(case of_part when 'creates'
            then json_build_object('at', rfc3339(s.bin), 'covered_seconds', s.seconds, 'creates', s.creates,
                'refusals', coalesce(r.refusals, '{}'))
            else json_build_object('at', rfc3339(s.bin), 'covered_seconds', s.seconds,
                'starts', start_json(t.counts, s.start_ms, bounds)) end order by s.bin)
    from sums s left join refusals r on r.name = s.name and r.bin = s.bin left join starts t on t.name = s.name and t.bin = s.bin
    group by 1
$$;

-- What users did: points, and what only the whole range has. from_at and step are whole hours or days.
create function usage_json(of_span integer, from_at timestamptz, to_at timestamptz, step bigint) returns json language sql stable as $$
    with h as materialized (select *, date_bin(step * interval '1 second', at, from_at) as bin from usage_between(of_span, from_at, to_at)),
    points as (select h.bin, sum(creates) as creates, sum(ends) as ends, max(peak) as peak, sum(hours) as hours,
            case when count(*) = 1 then max(cardinality(h.users))
                else (select count(*) from (select distinct u from h i, unnest(i.users) u where i.bin = h.bin) x) end as users
        from h group by 1),
    ended as (select array_agg(many order by n) as counts from (select n, sum(many)::bigint as many
        from h, unnest(h.lifetimes) with ordinality l(many, n) group by 1) x),
    clock as (select extract(hour from at at time zone 'UTC')::integer as hour, sum(creates) as creates,
            round(avg(cardinality(users)), 1) as users from usage_between(3600, from_at, to_at) group by 1)
    select json_build_object(
        'points', (select coalesce(json_agg(json_build_object('at', rfc3339(p.bin), 'covered_seconds', hours * 3600, 'activity',
            json_build_object('creates', creates, 'ends', ends, 'peak', peak, 'active_users', users)) order by p.bin), '[]')
            from points p),
        'active_users', (select count(*) from (select distinct u from h, unnest(h.users) u) x), 'peak', (select max(peak) from h),
        'lifetimes', (select json_build_object('count', coalesce((select sum(c) from unnest(counts) c), 0),
            'p50_seconds', share_below(counts, lifetime_bounds(), 0.5), 'p90_seconds', share_below(counts, lifetime_bounds(), 0.9),
            'p99_seconds', share_below(counts, lifetime_bounds(), 0.99)) from ended),
        'images', (select coalesce(json_agg(json_build_object('image', image, 'creates', many) order by many desc, image), '[]')
            from (select image, sum(n::bigint) as many from h, jsonb_each_text(h.images) i(image, n) group by 1 order by 2 desc, 1 limit 20) x),
        'hours', (select coalesce(json_agg(json_build_object('hour', hour, 'creates', creates, 'active_users', users) order by hour), '[]')
            from clock))
$$;

-- The names of this kind that have figures in a range: found by steps through the index, a name each.
create function system_names(of_kind text, from_at timestamptz, to_at timestamptz) returns setof text language sql stable as $$
    with recursive rolled(name) as (
        (select r.name from system_rollups r where r.span = 3600 and r.kind = of_kind order by r.name limit 1)
        union all select (select r.name from system_rollups r where r.span = 3600 and r.kind = of_kind and r.name > x.name
            order by r.name limit 1) from rolled x where x.name is not null)
    select x.name from rolled x where x.name is not null and exists (select from system_rollups r
        where r.span = 3600 and r.kind = of_kind and r.name = x.name and r.at >= date_trunc('hour', from_at, 'UTC') and r.at < to_at)
    union select s.name from system_samples s where s.kind = of_kind and s.at >= greatest(from_at, rolled_until(3600)) and s.at < to_at
$$;

-- Whether hours of this range have no samples any more.
create function is_only_rolled(from_at timestamptz, to_at timestamptz) returns boolean language sql stable as $$
    select exists (select from system_rollups r where r.span = 3600 and r.kind = 'system' and r.name = '' and r.at < to_at
        and r.at >= date_trunc('hour', from_at, 'UTC') and r.at + interval '1 hour' <= coalesce((select min(s.at) from system_samples s
            where s.kind = 'system' and s.name = ''), 'infinity'))
$$;

-- At most 1,000 points, of at most 100 names: if the step gives more, it grows to fit, and step_seconds says the result. A long range
-- is read from rollups: then it begins and ends with whole hours or days, and the step is as many of them. Null if the range ends
-- before it begins.
create function system_history(from_at timestamptz, to_at timestamptz, step bigint, of_part text, of_kind text, only_name text,
    bounds bigint[]) returns text language plpgsql stable as $$
declare
    names text[];
    left_out integer := 0;
    many integer;
    seconds double precision := extract(epoch from to_at - from_at);
    of_span integer;
    unit interval;
    shown json;
    usage json;
begin
    if from_at > to_at then
        return null;
    end if;
    names := case when of_part = 'activity' then '{""}' else array(select n from system_names(of_kind, from_at, to_at) n
        where only_name is null or n = only_name order by n) end;
    left_out := greatest(cardinality(names) - 100, 0);
    names := names[1:100];
    many := greatest(cardinality(names), 1);
    of_span := case when step >= 86400 or seconds * many > case of_part when 'activity' then 3600000 else 36000000 end then 86400
        when step >= 3600 or of_part = 'activity' or seconds * many > 604800 or is_only_rolled(from_at, to_at) then 3600 else 0 end;
    if of_span > 0 then
        unit := of_span * interval '1 second';
        from_at := date_bin(unit, from_at, '2000-01-01 00:00Z');
        to_at := date_bin(unit, to_at + unit - interval '1 microsecond', '2000-01-01 00:00Z');
        seconds := extract(epoch from to_at - from_at);
    end if;
    step := greatest(step, ceil(seconds / (1000 / many)), 1);
    step := case when of_span > 0 then ceil(step::numeric / of_span)::bigint * of_span else step end;
    if of_part = 'activity' then
        usage := usage_json(of_span, from_at, to_at, step);
        shown := json_build_array(json_build_object('name', '', 'points', usage->'points'));
    elsif of_part in ('creates', 'starts') then
        select json_agg(json_build_object('name', s.name, 'points', s.points) order by s.name) into shown
            from count_series(of_part, of_kind, names, of_span, from_at, to_at, step, bounds) s;
    else
        select json_agg(json_build_object('name', s.name, 'points', s.points) order by s.name) into shown
            from gauge_series(of_part, of_kind, names, of_span, from_at, to_at, step) s;
    end if;
    return (jsonb_build_object('from', rfc3339(from_at), 'to', rfc3339(least(to_at, last_time())), 'step_seconds', step, 'part', of_part, 'by', of_kind,
        'left_out', left_out, 'series', coalesce(shown, '[]')) || case when usage is null then '{}' else jsonb_build_object('activity',
        usage::jsonb - 'points') end)::text;
end $$;
