-- The sandboxes, and the moves that their states may make. The tables of states and moves say what
-- common/sandbox_state.def says (a test compares them).

create table sandbox_states (
    name     text primary key,
    terminal boolean not null
);
insert into sandbox_states values
    ('pending', false), ('starting', false), ('running', false), ('paused', false), ('stopping', false),
    ('lost', false), ('stopped', true), ('failed', true);

create table sandbox_moves (
    from_state  text not null references sandbox_states,
    to_state    text not null references sandbox_states,
    event       text not null,
    primary key (from_state, to_state)
);
insert into sandbox_moves values
    ('pending', 'starting', 'sandbox.starting'),
    ('pending', 'stopping', 'sandbox.stopping'),
    ('pending', 'failed', 'sandbox.failed'),
    ('pending', 'lost', 'sandbox.lost'),
    ('starting', 'running', 'sandbox.started'),
    ('starting', 'stopping', 'sandbox.stopping'),
    ('starting', 'stopped', 'sandbox.stopped'),
    ('starting', 'failed', 'sandbox.failed'),
    ('starting', 'lost', 'sandbox.lost'),
    ('running', 'paused', 'sandbox.paused'),
    ('running', 'stopping', 'sandbox.stopping'),
    ('running', 'stopped', 'sandbox.stopped'),
    ('running', 'lost', 'sandbox.lost'),
    ('paused', 'running', 'sandbox.resumed'),
    ('paused', 'stopping', 'sandbox.stopping'),
    ('paused', 'stopped', 'sandbox.stopped'),
    ('paused', 'lost', 'sandbox.lost'),
    ('stopping', 'stopped', 'sandbox.stopped'),
    ('stopping', 'failed', 'sandbox.failed'),
    ('lost', 'starting', 'sandbox.returned'),
    ('lost', 'running', 'sandbox.returned'),
    ('lost', 'paused', 'sandbox.returned'),
    ('lost', 'stopping', 'sandbox.returned'),
    ('lost', 'stopped', 'sandbox.stopped'),
    ('lost', 'failed', 'sandbox.failed');

-- A row is live until ended_at is set. The limits are also what it reserves on its node. spec is what the
-- node needs to make it, packed by the controller and opaque here.
create table sandboxes (
    id                      text primary key check (id ~ '^sbx_[0-9A-HJKMNP-TV-Z]{26}$'),
    user_id                 text not null references users,
    key_id                  text not null references api_keys,
    tier                    text not null,
    name                    text not null default '',
    image                   text not null,
    node                    text not null,
    region                  text not null default '',
    runtime                 text not null default '',
    network                 text not null default 'none' check (network in ('none', 'egress')),
    restart                 text not null default 'never' check (restart in ('never', 'elsewhere')),
    labels                  jsonb not null default '{}' check (jsonb_typeof(labels) = 'object'),
    memory_bytes            bigint not null check (memory_bytes >= 0),
    cpu_millis              bigint not null check (cpu_millis >= 0),
    cpu_shares              bigint not null check (cpu_shares >= 0),
    storage_bytes           bigint not null check (storage_bytes >= 0),
    pids                    bigint not null check (pids >= 0),
    nofile                  bigint not null check (nofile >= 0),
    enforced                integer not null default 0,
    warm                    boolean not null default false,
    state                   text not null default 'pending' references sandbox_states,
    reason                  text check (reason in ('deleted', 'expired', 'idle', 'exited', 'oom_killed',
                                'memory_critical', 'admin', 'node_lost', 'start_failed', 'image_unavailable',
                                'no_capacity', 'orphaned')),
    detail                  text not null default '',
    exit_code               integer,
    figures                 jsonb,
    want                    text not null default 'running' check (want in ('running', 'paused', 'gone')),
    want_reason             text,
    generation              bigint not null default 1 check (generation > 0),
    spec                    bytea not null,
    request_id              text not null default '',
    created_at              timestamptz not null default clock_timestamp(),
    started_at              timestamptz,
    expires_at              timestamptz not null,
    ended_at                timestamptz,
    check ((ended_at is not null) = (state in ('stopped', 'failed')))
);

create index sandboxes_live_user on sandboxes (user_id) where ended_at is null;
create index sandboxes_live_key on sandboxes (key_id) where ended_at is null;
create index sandboxes_live_node on sandboxes (node) where ended_at is null;
create index sandboxes_of_user on sandboxes (user_id, created_at, id);
create index sandboxes_order on sandboxes (created_at, id);
create index sandboxes_labels on sandboxes using gin (labels jsonb_path_ops);
