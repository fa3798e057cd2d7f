-- Who leads, and whether the database takes writes.

-- Returns the new epoch if the lock was free; null if another controller leads.
create function lead(id text) returns bigint language plpgsql as $$
declare
    result bigint;
begin
    if not pg_try_advisory_lock(20011, 1) then
        return null;
    end if;
    perform pg_advisory_xact_lock(20011, 4);
    update leadership set epoch = epoch + 1, leader = id, since = now() returning epoch into result;
    return result;
end $$;

-- Fails if the database takes no writes: if it is read-only, or if its disk is full. A full disk still accepts what fits into
-- existing pages, so the probe also writes a temporary file of half a MiB.
create function write_probe() returns void language plpgsql set work_mem = '64kB' as $$
begin
    update write_probe set at = now();
    perform count(*) from (select i from generate_series(1, 20000) i order by i desc) x;
end $$;
