-- A day of samples is made where it is missing, also by a sample that needs it, and is given away without anybody
-- waiting: attaching and detaching take no lock that a reader or an insert minds (PostgreSQL's manual, 5.11.2.2).

create function partition_name(day date) returns text language sql immutable as $$
    select 'samples_' || to_char(day, 'YYYYMMDD')
$$;

create function is_partition(name text) returns boolean language sql stable as $$
    select exists (select from pg_inherits i where i.inhparent = 'samples'::regclass and i.inhrelid = to_regclass(name))
$$;

-- Whether it is new. The table is made beside, then attached: CREATE … PARTITION OF would stop every reader.
create function make_partition(day date) returns boolean language plpgsql as $$
declare
    name text := partition_name(day);
begin
    if is_partition(name) then
        return false;
    end if;
    perform pg_advisory_xact_lock(20011, 30);
    if is_partition(name) then
        return false;
    end if;
    if to_regclass(name) is null then
        execute format('create table %I (like samples including defaults)', name);
    end if;
    execute format('alter table samples attach partition %I for values from (%L) to (%L)',
        name, day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
    return true;
end $$;

-- Creates the partitions from yesterday to days_ahead; what is there stays. Returns how many are new.
create or replace function ensure_partitions(days_ahead integer) returns integer language sql as $$
    select count(*)::integer from (select make_partition((now() at time zone 'UTC')::date + i) as made
        from generate_series(-1, days_ahead) i) x where made
$$;

-- Stores those that are new. All or none. A sample from before the days that are kept, or of a moment that has one
-- already, is left out. Returns how many were stored.
create function store_samples(host text, keep_days integer, id text[], number bigint[], ago_ms bigint[], memory_used bigint[],
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
        join sandboxes s on s.id = n.id and s.node = host
        join sandbox_told h on h.sandbox_id = n.id and n.number > h.sample
        where told_at(s.created_at, n.ago) >= (now() at time zone 'UTC')::date - keep_days);
    perform make_partition(day) from (select distinct (f.at at time zone 'UTC')::date as day from unnest(fresh) f) d;
    insert into samples select * from unnest(fresh) on conflict do nothing;
    get diagnostics stored = row_count;
    update sandbox_told h set sample = n.number
    from (select u.id, max(u.number) as number from unnest($3, $4) as u(id, number) group by u.id) n, sandboxes s
    where h.sandbox_id = n.id and h.sample < n.number and s.id = n.id and s.node = host;
    return stored;
end $$;

-- One array a column, one row an element. refused: those that were not stored before and are not now: not this host's
-- to tell, too old, of a moment that has one, or with a value that no column takes. They come no more.
drop function add_samples(text, text[], bigint[], bigint[], bigint[], bigint[], bigint[], integer[], integer[], bigint[],
    bigint[], bigint[], bigint[], bigint[], bigint[]);
create function add_samples(host text, keep_days integer, id text[], number bigint[], ago_ms bigint[], memory_used bigint[],
    memory_unreclaimable bigint[], memory_limit bigint[], cpu integer[], throttled integer[], disk_used bigint[],
    disk_limit bigint[], rx bigint[], tx bigint[], pids bigint[], pids_limit bigint[],
    out stored integer, out refused integer)
language plpgsql as $$
declare
    known integer;
begin
    perform lock_told(host, id);
    select count(*) into known from unnest($3, $4) u(id, number) join sandboxes s on s.id = u.id and s.node = host
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
