-- Images: which ones nodes are to hold and hold, what their names stand for, the credentials of registries, and which images
-- the users of a tier may run.

-- The password is sealed by the controller, as secrets of webhooks are; the subject is "registry:" and the name.
create table registries (
    name        text primary key,          -- with its port, as in the whole name of an image
    username    text not null,
    secret      bytea not null,
    secret_key  text not null,
    created_at  timestamptz not null default now(),
    changed_at  timestamptz not null default now()
);

-- ref is a whole name (docker.io/library/alpine:latest). digest is what it stands for on every node; null: no node has said yet.
-- A name that has moved in its registry changes nothing until somebody asks for it (generation rises).
create table images (
    ref         text primary key,
    digest      text check (digest ~ '^sha256:[0-9a-f]{64}$'),
    pinned      boolean not null default false,   -- nodes never remove it by themselves
    placed      jsonb,                            -- {nodes, region, labels}: where it is to be; null: where it is used
    removing    boolean not null default false,   -- nodes are to remove it; the row goes with its last copy
    resolving   boolean not null default false,   -- a node is to ask the registry what it stands for; the others wait for that
    generation  bigint not null default 1 check (generation > 0),
    asked_at    timestamptz,                      -- when somebody last asked for it; null: it came with a sandbox
    used_at     timestamptz,                      -- when a sandbox with it was last created
    created_at  timestamptz not null default now()
);

create index images_of_interest on images (ref) where pinned or placed is not null or removing;

-- What nodes report of their images. digest null: it came from no registry.
create table node_images (
    ref             text not null references images on delete cascade,
    node            text not null references nodes on delete cascade,
    state           text not null check (state in ('waiting', 'pulling', 'present', 'failed')),
    generation      bigint not null default 0,    -- of the order that this is about; 0: it was there without one
    digest          text,
    image_id        text,
    size_bytes      bigint not null default 0 check (size_bytes >= 0),
    done_bytes      bigint not null default 0 check (done_bytes >= 0),
    total_bytes     bigint not null default 0 check (total_bytes >= 0),
    layers          jsonb not null default '[]',  -- of a pull under way: [{id, state, done_bytes, total_bytes}]
    problem         text,
    in_use          boolean not null default false,
    used_at         timestamptz,
    prune_at        timestamptz,                  -- a prune asked the node to remove it
    changed_at      timestamptz not null default now(),
    primary key (ref, node)
) with (fillfactor = 70);

create index node_images_of_node on node_images (node);

-- Which images users of the tier may run: beginnings or whole names with * for any characters; null: all that `registries` allows.
alter table tiers add column images text[];

-- The whole name of its image, and the digest that ran; null where they are not known.
alter table sandboxes add column image_ref text;
alter table sandboxes add column image_digest text;
create index sandboxes_live_image on sandboxes (image_ref) where ended_at is null;

select hold_table_to_epoch('registries');
select hold_table_to_epoch('images');
select hold_table_to_epoch('node_images');
