-- The warm pool: containers that stand ready on nodes, each with the id of the sandbox that will take it over. A row is there
-- from before its container is made until that is gone, or until admit() makes a sandbox of it. It counts against no quota.

create table warm_members (
    id              text primary key check (id ~ '^sbx_[0-9A-HJKMNP-TV-Z]{26}$'),
    node            text not null,
    image           text not null, -- the whole name
    storage_bytes   bigint not null check (storage_bytes >= 0),
    shm_bytes       bigint not null check (shm_bytes >= 0),
    memory_bytes    bigint not null check (memory_bytes >= 0),
    made_at         timestamptz not null default now()
);

create index warm_members_of_node on warm_members (node);

select hold_table_to_epoch('warm_members');
