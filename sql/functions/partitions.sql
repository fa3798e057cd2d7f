-- Tables of history have partitions: of a day, or of a month where rows are few. Upkeep makes them ahead of time and drops them whole
-- (next_detach). A missing one is created when a row needs it. Attaching and detaching take no lock that blocks a reader or an
-- insert (PostgreSQL's manual, 5.11.2.2).

create function partitioned_tables() returns text[] language sql immutable as $$
    select '{sample_rows,sample_blocks,minute_blocks,hour_blocks,usage_windows,activity,system_samples}'::text[]
$$;

-- The first day of the partition that has this day, and of the next one.
create function partition_begin(day date, tab text) returns date language sql immutable as $$
    select case when tab = 'hour_blocks' then date_trunc('month', day::timestamp)::date else day end
$$;

create function partition_end(day date, tab text) returns date language sql immutable as $$
    select case when tab = 'hour_blocks' then (date_trunc('month', day::timestamp) + interval '1 month')::date else day + 1 end
$$;

create function partition_name(day date, tab text) returns text language sql immutable as $$
    select tab || '_' || to_char(partition_begin(day, tab), 'YYYYMMDD')
$$;

create function is_partition(name text, tab text) returns boolean language sql stable as $$
    select exists (select from pg_inherits i where i.inhparent = tab::regclass and i.inhrelid = to_regclass(name))
$$;

-- Returns whether the partition is new. The table is created first and then attached: CREATE … PARTITION OF would block every
-- reader.
create function make_partition(day date, tab text) returns boolean language plpgsql as $$
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
        execute format('create table %I (like %I including defaults including constraints)', name, tab);
    end if;
    execute format('alter table %I attach partition %I for values from (%L) to (%L)',
        tab, name, partition_begin(day, tab)::text || ' 00:00:00+00', partition_end(day, tab)::text || ' 00:00:00+00');
    return true;
end $$;

-- Creates the partitions from yesterday to days_ahead; existing ones stay. Returns how many are new.
create function ensure_partitions(days_ahead integer) returns integer language sql as $$
    select count(*)::integer from (select make_partition((now() at time zone 'UTC')::date + i, tab) as made
        from generate_series(-1, days_ahead) i, unnest(partitioned_tables()) tab) x where made
$$;

-- The existing partitions of a table, each with its first day, including detached ones that are not dropped yet.
create function table_days(tab text) returns table (name text, day date, attached boolean, pending boolean)
language sql stable as $$
    select c.relname::text, to_date(right(c.relname, 8), 'YYYYMMDD'), i.inhrelid is not null,
        coalesce(i.inhdetachpending, false)
    from pg_class c left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = tab::regclass
    where c.relname ~ ('^' || tab || '_[0-9]{8}$') and c.relkind = 'r'
        and c.relnamespace = (select p.relnamespace from pg_class p where p.oid = tab::regclass)
$$;

-- Past their retention, partitions go. Returns the next statement for that, to be run by itself, outside any transaction; null if no
-- day is too old. A detach that somebody interrupted is finished first: only one can be pending at a time.
create function next_detach(keep_days integer, tab text) returns text language sql stable as $$
    select case when pending then format('alter table %I detach partition %I finalize', tab, name)
        when attached then format('alter table %I detach partition %I concurrently', tab, name)
        else format('drop table %I', name) end
    from table_days(tab) where pending or partition_end(day, tab) <= (upkeep_now() at time zone 'UTC')::date - keep_days
    order by not pending, day limit 1
$$;

-- When the oldest partition of a table is due to go, as the steps of upkeep count; null: there is none.
create function partition_due_at(keep_days integer, tab text) returns timestamptz language sql stable as $$
    select partition_end(min(day), tab)::timestamp at time zone 'UTC' + keep_days * interval '1 day' from table_days(tab)
$$;

-- How much of the days ahead is missing, at least one table's.
create function days_ahead_missing(days_ahead integer) returns bigint language sql stable as $$
    select count(distinct i) from generate_series(0, days_ahead) i, unnest(partitioned_tables()) tab
    where not is_partition(partition_name((now() at time zone 'UTC')::date + i, tab), tab)
$$;
