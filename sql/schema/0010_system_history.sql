-- The history of the system. system_samples: as the leader wrote them, a partition a day (make_partition()). system_rollups: the
-- same, an hour or a day in a row, made by upkeep. usage_rollups: what users did in an hour or a day, from the rows of
-- sandboxes, since these go earlier.

create table system_samples (
    at          timestamptz not null,
    epoch       bigint not null,    -- of the leadership that took it: a sample that is sent again is stored once
    kind        text not null,      -- system, node, region or tier
    name        text not null,      -- of the node, region or tier; '' of the system
    covered_ms  bigint not null,    -- what is counted happened in so much time before
    gauges      bigint[] not null,  -- in the order of system_gauges(); null: it does not apply
    creates     bigint not null,
    starts      bigint[],           -- how many took so long, by the buckets of controller/core/starts.c; null: none
    start_ms    bigint not null,    -- their sum
    refusals    jsonb,              -- {code: how many}; null: none
    primary key (kind, name, at, epoch)
) partition by range (at);

create table system_rollups (
    span        integer not null check (span in (3600, 86400)), -- seconds
    kind        text not null,
    name        text not null,
    at          timestamptz not null,   -- its beginning
    samples     integer not null,
    covered_ms  bigint not null,
    low         bigint[] not null,
    mean        double precision[] not null,
    high        bigint[] not null,
    creates     bigint not null,
    starts      bigint[],
    start_ms    bigint not null,
    refusals    jsonb,
    primary key (span, kind, name, at)
);

create index system_rollups_at on system_rollups (at);

create table usage_rollups (
    span        integer not null check (span in (3600, 86400)), -- seconds
    at          timestamptz not null,   -- its beginning
    hours       integer not null,   -- of so many it is made
    creates     integer not null,
    ends        integer not null,
    peak        integer not null,   -- the most that were live at once
    users       bigint[] not null,  -- hashtextextended() of the ids of those who had a live sandbox
    lifetimes   bigint[] not null,  -- of those that ended, by the buckets of lifetime_bounds()
    images      jsonb not null,     -- {image: creates}, of the busiest
    primary key (span, at)
);

select hold_table_to_epoch('system_samples');
select hold_table_to_epoch('system_rollups');
select hold_table_to_epoch('usage_rollups');

do $$
declare
    today date := (now() at time zone 'UTC')::date;
    day date;
begin
    for day in select generate_series(today - 1, today + 7, '1 day')::date loop
        execute format('create table %I partition of system_samples for values from (%L) to (%L)',
            'system_samples_' || to_char(day, 'YYYYMMDD'), day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
    end loop;
end $$;
