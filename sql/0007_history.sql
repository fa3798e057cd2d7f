-- Samples of sandboxes, a partition a day so that old ones go by dropping a table; and the system's own metrics.

create table samples (
    sandbox_id              text not null,
    at                      timestamptz not null,
    memory_used_bytes       bigint not null,
    memory_unreclaimable_bytes bigint not null,
    memory_limit_bytes      bigint not null,
    cpu_centi               integer not null,
    throttled_centi         integer not null,
    disk_used_bytes         bigint not null,
    disk_limit_bytes        bigint not null,
    rx_bytes                bigint not null,
    tx_bytes                bigint not null,
    pids                    bigint not null,
    pids_limit              bigint not null,
    primary key (sandbox_id, at)
) partition by range (at);

create table system_metrics (
    at      timestamptz primary key,
    data    jsonb not null
);

-- Creates the partitions from yesterday to days_ahead; what is there stays. Returns how many are new.
create function ensure_partitions(days_ahead integer) returns integer language plpgsql as $$
declare
    today date := (now() at time zone 'UTC')::date;
    day date;
    made integer := 0;
begin
    perform pg_advisory_xact_lock(20011, 4);
    for i in -1 .. days_ahead loop
        day := today + i;
        if to_regclass('samples_' || to_char(day, 'YYYYMMDD')) is null then
            execute format('create table %I partition of samples for values from (%L) to (%L)',
                'samples_' || to_char(day, 'YYYYMMDD'), day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
            made := made + 1;
        end if;
    end loop;
    return made;
end $$;

-- Drops the partitions that hold only what is older than keep_days. Returns how many.
create function drop_partitions(keep_days integer) returns integer language plpgsql as $$
declare
    part text;
    dropped integer := 0;
begin
    for part in select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent = 'samples'::regclass
            and c.relname < 'samples_' || to_char((now() at time zone 'UTC')::date - keep_days, 'YYYYMMDD') loop
        execute format('drop table %I', part);
        dropped := dropped + 1;
    end loop;
    return dropped;
end $$;

select ensure_partitions(7);

-- One array a column, one row an element. A sample that no partition takes (a clock far off) is left out, one
-- that is there already stays. Returns how many were stored.
create function add_samples(id text[], ago_ms bigint[], memory_used bigint[], memory_unreclaimable bigint[],
    memory_limit bigint[], cpu integer[], throttled integer[], disk_used bigint[], disk_limit bigint[],
    rx bigint[], tx bigint[], pids bigint[], pids_limit bigint[])
returns integer language plpgsql as $$
declare
    stored integer;
begin
    insert into samples
    select u.id, date_trunc('milliseconds', now() - u.ago * interval '1 millisecond'), mu, mun, ml, c, t, du, dl, r, x, p, pl
    from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        as u(id, ago, mu, mun, ml, c, t, du, dl, r, x, p, pl)
    where u.ago between 0 and 3600000
    on conflict do nothing;
    get diagnostics stored = row_count;
    return stored;
end $$;
