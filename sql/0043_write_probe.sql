-- Whether the database takes writes: not where it is read-only, nor where its disk is full. A full disk still takes
-- what fits into pages that are there, so the probe also writes a file of half a MiB, which goes at its end.

create table write_probe (
    one boolean primary key default true check (one),
    at  timestamptz not null
);
insert into write_probe values (true, now());

create function write_probe() returns void language plpgsql set work_mem = '64kB' as $$
begin
    update write_probe set at = now();
    perform count(*) from (select i from generate_series(1, 20000) i order by i desc) x;
end $$;
