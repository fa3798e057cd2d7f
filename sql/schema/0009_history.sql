-- The history of sandboxes: samples arrive as rows, and are packed into blocks of many points (functions/history.sql). Each kind of
-- block has a retention time of its own; partitions are made ahead and dropped whole (functions/partitions.sql). What is in samples,
-- where they were kept before, is read until its days go.

-- Samples that are not packed yet, a partition a day. A row is found by its sandbox alone: a hash is the index that costs a
-- sample least.
create table sample_rows (
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
    pids_limit              bigint not null
) partition by range (at);
create index sample_rows_of_sandbox on sample_rows using hash (sandbox_id);

-- Samples as they were taken: a block for each sandbox and hour.
create table sample_blocks (
    sandbox_id  text not null,
    at          timestamptz not null,       -- when its period begins
    points      integer not null check (points > 0),
    base        bigint[] not null,          -- the least value of each series
    narrow      integer[],                  -- the values less those, series after series
    wide        bigint[],                   -- the same where integer is too small
    primary key (sandbox_id, at),
    check ((narrow is null) <> (wide is null))
) partition by range (at);

-- Points of a minute: a block for each sandbox and hour. Points of an hour: one for each sandbox and month.
create table minute_blocks (like sample_blocks including all) partition by range (at);
create table hour_blocks (like sample_blocks including all) partition by range (at);

select hold_table_to_epoch(tab) from unnest('{sample_rows,sample_blocks,minute_blocks,hour_blocks}'::regclass[]) tab;

-- The hour from which on a sandbox has rows in sample_rows; null: it has none.
alter table sandbox_told add column unpacked timestamptz;
create index sandbox_told_unpacked on sandbox_told (unpacked) where unpacked is not null;
