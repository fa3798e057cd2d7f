-- What right-sizing knows (controller/core/right_size.h decides by it). An hour's samples of a sandbox become one row of usage_windows
-- when they are packed; those that are not packed yet are made the same at each question. Nothing is kept for images, templates and
-- labels: what is asked about them is put together from their sandboxes' rows, so there is nothing that users could make many of.

-- The CPU limit that a sandbox had at a time; a limit that is lowered later does not make its earlier use look smaller.
create function cpu_limit_at(s sandboxes, moment timestamptz) returns bigint language sql stable as $$
    select coalesce((select e.cpu_millis from earlier_cpu_limits e where e.sandbox_id = s.id and e.until > moment
        order by e.until limit 1), s.cpu_millis)
$$;

-- Before the limit is changed. Of a sandbox that is changed again and again the latest 64 changes are remembered.
create function note_cpu_limit(s sandboxes) returns void language sql as $$
    insert into earlier_cpu_limits values (s.id, clock_timestamp(), s.cpu_millis) on conflict do nothing;
    delete from earlier_cpu_limits e where e.sandbox_id = s.id and e.until <= (select x.until from earlier_cpu_limits x
        where x.sandbox_id = s.id order by x.until desc offset 64 limit 1)
$$;

-- The greater of each two elements.
create function greater_of(a integer[], b integer[]) returns integer[] language sql immutable as $$
    select array_agg(greatest(x, y) order by n) from unnest(a, b) with ordinality u(x, y, n)
$$;

-- Samples of an hour of a sandbox as a row; those of ten seconds count as one (history.sql). Values that no honest node sends are cut to what fits; use of CPU is at most its limit.
create function usage_window(s sandboxes, hour timestamptz, taken sample_rows[]) returns usage_windows language plpgsql stable as $$
declare
    w usage_windows;
    changed boolean := exists (select from earlier_cpu_limits e where e.sandbox_id = s.id);
begin
    with minutes as materialized (
        select least(floor(date_part('epoch', t.at - hour) / 60), 59)::integer as minute, count(distinct floor_time(t.at, interval '10 seconds')) as samples,
            least(max(t.memory_unreclaimable_bytes) / 1024, 2147483647)::integer as memory,
            avg(least(greatest(t.cpu_centi, 0), 10000)) as cpu, max(t.disk_used_bytes) as disk, max(t.pids) as pids,
            min(t.at) as first_at, max(t.at) as last_at
        from unnest(taken) t group by 1)
    select s.id, hour, min(m.first_at), max(m.last_at), sum(m.samples), array_agg(case when m.minute >= 0 then greatest(m.memory, 0) end order by n),
        array_agg(case when m.minute >= 0 then least(round(m.cpu / 10000 * case when changed
            then greatest(cpu_limit_at(s, m.first_at), cpu_limit_at(s, m.last_at)) else s.cpu_millis end), 2147483647)::integer end order by n),
        greatest(max(m.disk), 0), greatest(max(m.pids), 0)
        into w from generate_series(0, 59) n left join minutes m on m.minute = n;
    return w;
end $$;

-- Adds samples to the row of their hour, in the transaction that packs them.
create function note_usage(id text, hour timestamptz, taken sample_rows[]) returns void language plpgsql as $$
declare
    s sandboxes;
begin
    select * into s from sandboxes x where x.id = note_usage.id;
    if not found then
        return;
    end if;
    perform make_partition((hour at time zone 'UTC')::date, 'usage_windows');
    insert into usage_windows as w select u.* from usage_window(s, hour, taken) u
        on conflict on constraint usage_windows_pkey do update set first_at = least(w.first_at, excluded.first_at),
            last_at = greatest(w.last_at, excluded.last_at), samples = w.samples + excluded.samples,
            memory_kib = greater_of(w.memory_kib, excluded.memory_kib), cpu_millis = greater_of(w.cpu_millis, excluded.cpu_millis),
            disk_bytes = greatest(w.disk_bytes, excluded.disk_bytes), pids = greatest(w.pids, excluded.pids);
end $$;

-- The latest hours of a sandbox, packed or not, at most so many.
create function usage_of_sandbox(s sandboxes, most integer) returns setof usage_windows language sql stable as $$
    select * from (
        select v.* from (
            select floor_time(r.at, interval '1 hour') as hour, array_agg(row(r.*)::sample_rows) as taken
            from sample_rows r where r.sandbox_id = s.id and r.at >= now() - interval '3 hours' group by 1) x, usage_window(s, x.hour, x.taken) v
        union all select * from usage_windows w where w.sandbox_id = s.id) u
    order by u.at desc limit most
$$;

-- --- questions ---

-- What is known of a subject: a sandbox, or all of a user's that have an image, a template or a label ("name=value"). A row of a sandbox, which
-- comes first, has its limits and how it ended; a row of an hour (samples above 0) has what was used. Arrays of limits: memory,
-- CPU, disk, processes. oom_bytes: the memory limit at which it ended, by the kernel or (frozen) by its node; 0: it did not.
create type right_size_row as (subject text, name text, live boolean, has bigint[], most bigint[], violations integer[], oom_bytes bigint, frozen boolean,
    at bigint, first_at bigint, last_at bigint, samples integer, memory_kib integer[], cpu_millis integer[], disk_bytes bigint, pids bigint);

create function unix_seconds(moment timestamptz) returns bigint language sql stable as $$
    select floor(date_part('epoch', moment))::bigint
$$;

-- How often a sandbox was near a limit, by kind.
create function violations_of(id text) returns integer[] language sql stable as $$
    select array[count(*) filter (where kind = 'memory'), count(*) filter (where kind = 'cpu'), count(*) filter (where kind = 'disk'),
        count(*) filter (where kind = 'pids')]::integer[]
    from (select e.data->>'kind' as kind from events e where e.sandbox_id = id and e.type = 'violation.opened' limit 1000) x
$$;

create function limits_by_kind(l limits_in_force) returns bigint[] language sql immutable as $$
    select array[l.memory_bytes, l.cpu_millis, l.storage_bytes, l.pids]
$$;

create function right_size_row_of(subject text, name text, s sandboxes, most bigint[]) returns right_size_row language sql stable as $$
    select (subject, name, s.ended_at is null, array[s.memory_bytes, s.cpu_millis, s.storage_bytes, s.pids], most, violations_of(s.id),
        case when s.reason in ('oom_killed', 'memory_critical') then s.memory_bytes else 0 end, coalesce(s.reason = 'memory_critical', false),
        unix_seconds(coalesce(s.ended_at, s.created_at)), 0, 0, 0, null, null, 0, 0)::right_size_row
$$;

create function right_size_hour_of(subject text, name text, w usage_windows) returns right_size_row language sql stable as $$
    select (subject, name, false, null, null, null, 0, false, unix_seconds(w.at), unix_seconds(w.first_at), unix_seconds(w.last_at), w.samples,
        array_replace(w.memory_kib, null, -1), array_replace(w.cpu_millis, null, -1), w.disk_bytes, w.pids)::right_size_row
$$;

create function limits_of_user(of_user text, defaults jsonb) returns bigint[] language sql stable as $$
    select limits_by_kind(limits_of(u, (select t from tiers t where t.name = u.tier), null, defaults)) from users u where u.id = of_user
$$;

-- Of a sandbox, live or ended; its latest 200 hours. owner null: of all users. No row: there is none.
create function right_size_of_sandbox(of_id text, owner text, defaults jsonb) returns setof right_size_row language plpgsql stable as $$
declare
    s sandboxes;
begin
    select * into s from sandboxes x where x.id = of_id and (owner is null or x.user_id = owner);
    if not found then
        return;
    end if;
    return next right_size_row_of('sandbox', s.id, s, limits_of_user(s.user_id, defaults));
    return query select r.* from usage_of_sandbox(s, 200) w, right_size_hour_of('sandbox', s.id, w) r order by w.at;
end $$;

-- Of a user's live sandboxes, and of their images, templates and labels, by the 200 newest sandboxes of the last eight days. What there is
-- more of is left out: above 50 sandboxes, and 10 images, 10 templates and 20 labels (those of most use stay); of each sandbox its latest
-- 24 hours, of each other subject its latest 100.
create function right_sizes_of_user(of_user text, defaults jsonb) returns setof right_size_row language plpgsql stable as $$
declare
    most bigint[] := limits_of_user(of_user, defaults);
begin
    return query
    with own as materialized (
        select s from sandboxes s where s.user_id = of_user and (s.ended_at is null or s.created_at >= now() - interval '8 days')
        order by s.created_at desc, s.id desc limit 200),
    used as materialized (select (o.s).id as id, w from own o, usage_of_sandbox(o.s, 24) w),
    members as materialized (
        select 'sandbox' as subject, (s).id as name, s from own where (s).ended_at is null
        union all select 'image', (s).image, s from own
        union all select 'template', split_part((s).template, '@', 1), s from own where (s).template is not null
        union all select 'label', l.key || '=' || l.value, s from own, jsonb_each_text((s).labels) l),
    ranked as (
        select m.subject, m.name, row_number() over (partition by m.subject order by sum(n.hours) desc, m.name) as place
        from members m left join lateral (select count(*) as hours from used u where u.id = (m.s).id) n on true group by 1, 2),
    kept as materialized (
        select m.* from members m join ranked r using (subject, name)
        where r.place <= case m.subject when 'sandbox' then 50 when 'label' then 20 else 10 end),
    heads as materialized (select 0 as part, (k.s).created_at as at, right_size_row_of(k.subject, k.name, k.s, most) as r from kept k),
    hours as materialized (
        select 1 as part, (x.w).at, right_size_hour_of(x.subject, x.name, x.w) as r
        from (select k.subject, k.name, u.w, row_number() over (partition by k.subject, k.name order by (u.w).at desc) as place
            from kept k join used u on u.id = (k.s).id) x where x.place <= 100)
    select (a.r).* from (select * from heads union all select * from hours) a order by (a.r).subject <> 'sandbox', (a.r).subject, (a.r).name, a.part, a.at;
end $$;
