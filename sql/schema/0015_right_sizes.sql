-- What sandboxes used, as right-sizing reads it (functions/right_sizes.sql): a row for each sandbox and hour, made in the
-- transaction that packs the samples of that hour, so each sample counts once.
create table usage_windows (
    sandbox_id  text not null,
    at          timestamptz not null,   -- when the hour begins
    first_at    timestamptz not null,
    last_at     timestamptz not null,
    samples     integer not null,
    memory_kib  integer[] not null,     -- the peak of each minute; null: no samples
    cpu_millis  integer[] not null,     -- the mean of each minute
    disk_bytes  bigint not null,        -- the peak of the hour
    pids        bigint not null,
    primary key (sandbox_id, at)
) partition by range (at);

-- The CPU limits that a sandbox had before its present one: samples tell CPU in percent of the limit at that time.
create table earlier_cpu_limits (
    sandbox_id  text not null references sandboxes on delete cascade,
    until       timestamptz not null,
    cpu_millis  bigint not null,
    primary key (sandbox_id, until)
);

select hold_table_to_epoch(tab) from unnest('{usage_windows,earlier_cpu_limits}'::regclass[]) tab;
