-- The figures in which the leader finds what to advise (controller/core/advice_figures.h). Each question reads a bounded number of
-- rows: days of 51 areas, an hour of samples, the newest sandboxes.

-- The newest sandboxes of which a question takes account, in all.
create function advice_sandboxes_max() returns integer language sql immutable as $$
    select 20000
$$;

-- How many nodes, images or regions a question answers.
create function advice_names_max() returns integer language sql immutable as $$
    select 1000
$$;

-- The figures of some gauges, by their numbers.
create function figures_at(figures double precision[], numbers integer[]) returns double precision[] language sql immutable as $$
    select array[figures[numbers[1]], figures[numbers[2]], figures[numbers[3]], figures[numbers[4]]]
$$;

-- The numbers of the gauges of all four resources.
create function resource_numbers(out capacity integer[], out reserved integer[], out used integer[]) language sql immutable as $$
    select array_agg(g.capacity order by g.capacity), array_agg(g.reserved order by g.capacity), array_agg(g.used order by g.capacity)
    from resource_gauges() g
$$;

-- The means of each gauge of each name of a kind, weighted by samples.
create function mean_gauges(of_span integer, of_kind text, of_name text, since interval) returns table (name text, mean double precision[])
language sql stable as $$
    select x.name, array_agg(x.mean order by x.n) from (
        select f.name, u.n, sum(u.mean * f.samples) / nullif(sum(f.samples) filter (where u.mean is not null), 0) as mean
        from figures_between(of_span, of_kind, case when of_name is not null then array[of_name] end, now() - since, now()) f,
            unnest(f.mean) with ordinality u(mean, n)
        group by 1, 2) x
    group by 1
$$;

-- For each day that is over: what was reserved at the most, and the capacity; of the system (name '') and of the first 50 regions.
create function advice_days(most integer) returns table (name text, day double precision, capacity double precision[],
    reserved double precision[]) language sql stable as $$
    with g as materialized (select * from resource_numbers()),
    names as (select distinct r.name from system_rollups r where r.span = 86400 and r.kind = 'region' and r.at >= now() - most * interval '1 day'
            order by 1 limit 50),
    days as (select r.* from system_rollups r where r.span = 86400 and r.kind = 'system' and r.name = '' and r.at >= now() - most * interval '1 day'
        union all select r.* from names n join system_rollups r on r.span = 86400 and r.kind = 'region' and r.name = n.name
            and r.at >= now() - most * interval '1 day')
    select d.name, floor(extract(epoch from d.at) / 86400)::double precision, figures_at(d.mean, g.capacity),
        figures_at(d.high::double precision[], g.reserved)
    from days d, g order by 1, 2
$$;

-- The means of the last hour of each node.
create function advice_nodes() returns table (name text, region text, ready boolean, cordoned boolean, known boolean,
    capacity double precision[], reserved double precision[], used double precision[]) language sql stable as $$
    select n.name, n.region, n.admin_state = 'ready' and n.health = 'ready', n.admin_state = 'cordoned' and n.health = 'ready', m.name is not null,
        figures_at(m.mean, g.capacity), figures_at(m.mean, g.reserved), figures_at(m.mean, g.used)
    from resource_numbers() g cross join (select * from nodes order by name limit advice_names_max()) n left join mean_gauges(0, 'node', null, interval '1 hour') m using (name)
    order by 1
$$;

-- The starts of the last day by node, by image, and (name '') of all; medians of those that took no member of the warm pool. A look-up
-- of an image that is there takes milliseconds: one that takes a second is a pull.
create function advice_starts() returns table (of_image boolean, name text, many double precision, warm double precision,
    control_ms double precision, turn_ms double precision, disk_ms double precision, docker_ms double precision, whole_ms double precision,
    pulls double precision, pull_ms double precision, pull_sum_ms double precision) language sql stable as $$
    with s as materialized (select s.node, s.image, s.warm, t.* from (select * from sandboxes where created_at > now() - interval '1 day'
            order by created_at desc, id desc limit advice_sandboxes_max()) s,
        lateral (select sum(v::bigint) filter (where k in ('admission', 'dispatch')) as control, sum(v::bigint) filter (where k = 'turn') as turn,
                sum(v::bigint) filter (where k in ('volume', 'copy')) as disk, sum(v::bigint) filter (where k in ('create', 'start')) as docker,
                sum(v::bigint) as whole, sum(v::bigint) filter (where k = 'image') as image_ms
            from jsonb_each_text(s.start_ms) t(k, v)) t
        where s.start_ms is not null)
    select grouping(s.image) = 0, coalesce(s.image, s.node, ''), count(*)::double precision, (count(*) filter (where s.warm))::double precision,
        coalesce(percentile_cont(0.5) within group (order by s.control) filter (where not s.warm), 0),
        coalesce(percentile_cont(0.5) within group (order by s.turn) filter (where not s.warm), 0),
        coalesce(percentile_cont(0.5) within group (order by s.disk) filter (where not s.warm), 0),
        coalesce(percentile_cont(0.5) within group (order by s.docker) filter (where not s.warm), 0),
        coalesce(percentile_cont(0.5) within group (order by s.whole) filter (where not s.warm), 0),
        (count(*) filter (where s.image_ms >= 1000))::double precision,
        coalesce(percentile_cont(0.5) within group (order by s.image_ms) filter (where s.image_ms >= 1000), 0),
        coalesce(sum(s.image_ms) filter (where s.image_ms >= 1000), 0)::double precision
    from s group by grouping sets ((s.node), (s.image), ()) having count(*) > 0 order by 3 desc, 2 limit advice_names_max()
$$;

-- A tier's sandboxes of the last week, its users now, and the means of the week.
create function advice_tiers(defaults jsonb) returns table (name text, memory_limit double precision, max_sandboxes double precision,
    creates double precision, users double precision, memory_most double precision, ended double precision, killed double precision,
    live_users double precision, full_users double precision, known boolean, capacity double precision[], reserved double precision[],
    used double precision[]) language sql stable as $$
    with recent as materialized (select s.tier, s.user_id, s.memory_bytes, s.reason from sandboxes s where s.created_at > now() - interval '7 days'
            order by s.created_at desc, s.id desc limit advice_sandboxes_max()),
    made as (select r.tier, count(*) as creates, count(distinct r.user_id) as users, max(r.memory_bytes) as memory_most, count(r.reason) as ended,
            count(*) filter (where r.reason in ('oom_killed', 'memory_critical')) as killed from recent r group by 1),
    live as materialized (select s.user_id, count(*) as many from sandboxes s where s.ended_at is null group by 1),
    full_ones as (select u.tier, count(*) as live_users,
            count(*) filter (where l.many >= (limits_of(u, t, null, defaults)).max_sandboxes) as full_users
        from live l join users u on u.id = l.user_id join tiers t on t.name = u.tier group by 1),
    means as (select * from mean_gauges(86400, 'tier', null, interval '7 days'))
    select t.name, (limits_of(null::users, t, null, defaults)).memory_bytes::double precision,
        (limits_of(null::users, t, null, defaults)).max_sandboxes::double precision, coalesce(m.creates, 0)::double precision,
        coalesce(m.users, 0)::double precision, coalesce(m.memory_most, 0)::double precision, coalesce(m.ended, 0)::double precision,
        coalesce(m.killed, 0)::double precision, coalesce(f.live_users, 0)::double precision, coalesce(f.full_users, 0)::double precision,
        w.name is not null, figures_at(w.mean, g.capacity), figures_at(w.mean, g.reserved), figures_at(w.mean, g.used)
    from resource_numbers() g cross join (select * from tiers order by name limit advice_names_max()) t left join made m on m.tier = t.name left join full_ones f on f.tier = t.name
        left join means w on w.name = t.name
    order by 1
$$;

-- Creates and refusals of a day, queues of an hour.
create function advice_queues() returns table (known boolean, creates double precision, no_capacity double precision,
    database_mean double precision, creates_mean double precision) language sql stable as $$
    with f as (select * from figures_between(3600, 'system', '{""}', now() - interval '1 day', now())),
    h as (select mean from mean_gauges(0, 'system', '', interval '1 hour')),
    g as (select min(number) filter (where name = 'database') as database, min(number) filter (where name = 'creates') as creates
        from system_gauges() where path = 'queues')
    select count(*) > 0, coalesce(sum(f.creates), 0)::double precision, coalesce(sum((f.refusals->>'no_capacity')::bigint), 0)::double precision,
        coalesce((select h.mean[g.database] from h, g), 0), coalesce((select h.mean[g.creates] from h, g), 0)
    from f
$$;
