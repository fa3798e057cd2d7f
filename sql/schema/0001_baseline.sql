-- The tables, with what hangs on them: constraints, indexes, triggers, and the rows that are there from the beginning.
-- What the triggers and checks call is in ../attached.sql, all other functions are in ../functions.

-- Who uses Corral: tiers (what is allowed), users, and their API keys.
-- A null column of a tier or of a user's overrides falls back: user -> tier -> the installation's default.

create table tiers (
    name                text primary key check (name ~ '^[a-z][a-z0-9_-]{0,31}$'),
    max_sandboxes       integer check (max_sandboxes >= 0),
    max_key_sandboxes   integer check (max_key_sandboxes >= 0),
    memory_bytes        bigint check (memory_bytes > 0),
    cpu_millis          integer check (cpu_millis > 0),
    cpu_shares          integer check (cpu_shares between 2 and 262144),
    storage_bytes       bigint check (storage_bytes > 0),
    pids                integer check (pids > 0),
    nofile              integer check (nofile > 0),
    lifetime_seconds    bigint check (lifetime_seconds > 0),
    warm_starts         boolean not null default true,
    -- Where violations begin and end for its sandboxes; null, or a level that is missing: as the node is configured. A
    -- sandbox takes them with it when it is created.
    violations          jsonb check (violations_fault(violations) is null)
);

insert into tiers values
    ('free',        2,  2,  268435456,  500,  512,  1073741824, 128,  1024,   7200, true),
    ('pro',        10, 10, 1073741824, 1000, 1024,  5368709120, 256,  4096,  86400, true),
    ('enterprise', 50, 50, 2147483648, 2000, 2048, 10737418240, 512, 16384, 604800, true);

-- A deleted user stays as a row, for what its sandboxes and the audit say; its name becomes free.
create table users (
    id          text primary key,
    name        text not null check (length(name) between 1 and 63),
    tier        text not null references tiers,
    role        text not null default 'user' check (role in ('user', 'admin')),
    overrides   jsonb not null default '{}' check (jsonb_typeof(overrides) = 'object'),
    created_at  timestamptz not null default now(),
    deleted_at  timestamptz
);

create unique index users_name on users (name) where deleted_at is null;
create index users_live on users (id) where deleted_at is null;
create index users_admins on users (id) where role = 'admin' and deleted_at is null;
create index users_deleted on users (id) where deleted_at is not null;
create index users_of_tier on users (tier); -- also for the foreign key, when a tier is deleted

-- A key is found by its public prefix and proved by its hash; the key itself is never stored.
create table api_keys (
    id              text primary key,
    user_id         text not null references users,
    name            text not null,
    prefix          text not null unique,
    last_four       text not null check (length(last_four) = 4),
    sha256          bytea not null check (length(sha256) = 32),
    scopes          text[] not null default '{read,write}' check (scopes <@ '{read,write,admin}'),
    max_sandboxes   integer check (max_sandboxes >= 0),
    expires_at      timestamptz,
    revoked_at      timestamptz,
    last_used_at    timestamptz,
    created_at      timestamptz not null default now()
);

create index api_keys_of_user on api_keys (user_id, id);
create index api_keys_that_end on api_keys (id) where revoked_at is not null or expires_at is not null;

create trigger tiers_changed after update on tiers
    for each row execute function tell_key_changed();
create trigger users_changed after update of tier, role, overrides, deleted_at on users
    for each row execute function tell_key_changed();
create trigger api_keys_changed after update of revoked_at, expires_at, scopes, sha256 on api_keys
    for each row execute function tell_key_changed();
create trigger api_keys_added after insert on api_keys
    for each row execute function tell_key_added();
create trigger normal_name before insert or update of name on users
    for each row when (new.name is not NFC normalized) execute function name_is_normal();
create trigger normal_name before insert or update of name on api_keys
    for each row when (new.name is not NFC normalized) execute function name_is_normal();

-- The nodes. What an administrator wants of one (admin_state) and how it is (health) are two things, so that a
-- cordoned node that was away is still cordoned when it returns.

create table nodes (
    name                text primary key check (name ~ '^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$'),
    admin_state         text not null default 'ready' check (admin_state in ('ready', 'cordoned', 'draining')),
    health              text not null default 'ready' check (health in ('ready', 'unreachable', 'unhealthy')),
    reason              text not null default '',
    region              text not null default '',
    labels              jsonb not null default '{}' check (jsonb_typeof(labels) = 'object'),
    memory_bytes        bigint not null,
    cpu_millis          bigint not null,
    storage_bytes       bigint not null,
    sandboxes           bigint not null,
    used                jsonb not null default '{}',
    enforces            integer not null default 0,
    docker_version      text not null default '',
    docker_api_version  text not null default '',
    runtimes            jsonb not null default '[]',
    agent_version       text not null default '',
    boot_id             text not null default '',
    joined_at           timestamptz not null default now(),
    last_seen_at        timestamptz not null default now(),
    -- By what it is known.
    state_id            text not null default '',
    address             text not null default '',
    fingerprints        text[] not null default '{}', -- of its certificates, the newest first
    revoked_at          timestamptz                   -- until it comes with a new certificate
);

create trigger node_marked after update on nodes
    for each row when (old.admin_state is distinct from new.admin_state) execute function tell_marked();

-- Kept when the node's row goes: a name that comes back is not forgiven. Certificates say when they were issued
-- in whole seconds, so issued_until is one.
create table node_revocations (
    node         text primary key,
    issued_until timestamptz not null,
    fingerprints text[] not null default '{}'
);

-- A node's word on a cleanup of its own comes until it is acknowledged, and counts once: its numbers rise.
create table node_cleanups (
    node    text primary key,
    number  bigint not null
);

-- The moves that the states of sandboxes may make. The tables of states and moves say what sandbox_state.def
-- says (a test compares them).

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
    desired                    text not null default 'running' check (desired in ('running', 'paused', 'gone')),
    desired_reason             text,
    generation              bigint not null default 1 check (generation > 0),
    spec                    bytea not null,
    request_id              text not null default '',
    created_at              timestamptz not null default clock_timestamp(),
    started_at              timestamptz,
    expires_at              timestamptz not null,
    ended_at                timestamptz,
    -- By how much expires_at followed PostgreSQL's clock when that was set, in all: what lies between created_at and
    -- expires_at is longer by that than its lifetime.
    clock_shift             interval not null default '0',
    -- What is known of its end. late_ms: so long after its deadline, as counted; unheard: its node had not heard of
    -- the last desired state.
    ending                  jsonb,
    timed_at                timestamptz, -- when expires_at was given, by the clock under which it was; null: as created_at
    first_node              text,        -- where it was placed first; null: it was placed once
    extended                boolean not null default false, -- it was ever given a later end
    shm_bytes               bigint check (shm_bytes > 0),   -- what its /dev/shm holds; null: default_shm_bytes()
    check ((ended_at is not null) = (state in ('stopped', 'failed')))
);

create index sandboxes_live_user on sandboxes (user_id) where ended_at is null;
create index sandboxes_live_key on sandboxes (key_id) where ended_at is null;
create index sandboxes_live_node on sandboxes (node) where ended_at is null;
create index sandboxes_live_order on sandboxes (created_at, id) where ended_at is null;
create index sandboxes_ended on sandboxes (ended_at) where ended_at is not null;
create index sandboxes_ended_state on sandboxes (state, created_at, id) where ended_at is not null;
create index sandboxes_ended_state_of_user on sandboxes (user_id, state, created_at, id) where ended_at is not null;
create index sandboxes_of_user on sandboxes (user_id, created_at, id);
create index sandboxes_of_key on sandboxes (key_id); -- also for the foreign key, when a key goes
create index sandboxes_order on sandboxes (created_at, id);

-- The labels of a sandbox, a row each, for pages of those that have one.
create table sandbox_labels (
    sandbox_id  text not null references sandboxes on delete cascade,
    name        text not null,
    value       text not null,
    user_id     text not null,
    created_at  timestamptz not null,
    primary key (sandbox_id, name)
);

create index sandbox_labels_order on sandbox_labels (name, value, created_at, sandbox_id);
create index sandbox_labels_of_user on sandbox_labels (user_id, name, value, created_at, sandbox_id);

-- A move of a sandbox's state and its event are one: the trigger writes it, and refuses a move that sandbox_moves does not
-- have, no matter who makes it.
create trigger sandbox_created after insert on sandboxes
    for each row execute function sandbox_was_created();
create trigger sandbox_moved after update on sandboxes
    for each row when (old.state is distinct from new.state) execute function sandbox_moves_legally();
create trigger sandbox_ends before update on sandboxes
    for each row when (new.ended_at is not null and old.ended_at is null and new.detail = '')
    execute function sandbox_says_why();
create trigger sandbox_desired after update on sandboxes
    for each row when (old.generation is distinct from new.generation) execute function tell_desired();
create trigger sandbox_timed before update of expires_at on sandboxes for each row
    when (old.expires_at is distinct from new.expires_at and old.timed_at is not distinct from new.timed_at)
    execute function sandbox_is_timed();
-- The times of one sandbox are in order, whatever way its node's words took: each is told as so long ago, and one word may
-- have been a few milliseconds longer on its way than the next.
create trigger sandbox_times_started before update on sandboxes
    for each row when (new.started_at is distinct from old.started_at and new.started_at < new.created_at)
    execute function sandbox_times_in_order();
create trigger sandbox_times before update on sandboxes
    for each row when (new.ended_at is distinct from old.ended_at
        and new.ended_at < greatest(new.created_at, new.started_at)) execute function sandbox_times_in_order();
create trigger sandbox_labelled after insert on sandboxes
    for each row when (new.labels <> '{}') execute function sandbox_is_labelled();
create trigger sandbox_labels_changed after update of labels on sandboxes
    for each row when (old.labels is distinct from new.labels) execute function sandbox_is_labelled();
create trigger normal_name before insert or update of name on sandboxes
    for each row when (new.name is not null and new.name is not NFC normalized) execute function name_is_normal();

-- What a node told of a sandbox's past: the highest numbers of its samples and its violations that were stored.
create table sandbox_told (
    sandbox_id   text primary key references sandboxes on delete cascade,
    sample       bigint not null default 0,
    violation    bigint not null default 0,
    violation_at timestamptz
) with (fillfactor = 50);

-- What happened. seq is given by add_event().
create sequence event_seq;

create table events (
    seq         bigint primary key,
    type        text not null,
    at          timestamptz not null,
    user_id     text,
    sandbox_id  text,
    node        text,
    data        jsonb not null default '{}'
);

create index events_of_sandbox on events (sandbox_id, seq) where sandbox_id is not null;
create index events_of_user on events (user_id, seq) where user_id is not null;
create index events_at on events (at);

-- Answers that a repeated POST gets again, for 24 hours. The row is written by the transaction that does the
-- work; status and body stay null until the answer is known (a sandbox that is still starting).
create table idempotency (
    key_id      text not null references api_keys,
    route       text not null,
    key         text not null,
    body_sha256 bytea not null,
    sandbox_id  text,
    status      integer,
    body        text,
    created_at  timestamptz not null default now(),
    primary key (key_id, route, key)
);

create index idempotency_created on idempotency (created_at);
create index idempotency_sandbox on idempotency (sandbox_id);

-- Who did what. Each row's hash covers its content and the hash of the row before it; the head says where the
-- chain ends, so that a removed end is found too. Rows up to the anchor may be pruned; the chain then starts there.

create table audit (
    seq         bigint primary key,
    at          timestamptz not null,
    user_id     text not null,
    key_id      text not null,
    address     text not null,
    request_id  text not null,
    action      text not null,
    target      text not null,
    before      jsonb,
    after       jsonb,
    result      text not null,
    hash        bytea not null
);

create index audit_at on audit (at, seq);
create index audit_of_user on audit (user_id, at, seq);
create index audit_of_key on audit (key_id, at, seq);
create index audit_of_action on audit (action, at, seq);
create index audit_of_target on audit (target, at, seq);
create index audit_not_ok on audit (result, at, seq) where result <> 'ok';

create table audit_chain (
    one         boolean primary key default true check (one),
    anchor_seq  bigint not null,
    anchor_hash bytea not null,
    head_seq    bigint not null,
    head_hash   bytea not null
);
insert into audit_chain values (true, 0, sha256('corral audit'), 0, sha256('corral audit'));

-- Samples of sandboxes, a partition a day so that old ones go by dropping a table.
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

-- The first days; upkeep makes the next ones in time (make_partition()).
do $$
declare
    today date := (now() at time zone 'UTC')::date;
    day date;
begin
    for day in select generate_series(today - 1, today + 7, '1 day')::date loop
        execute format('create table %I partition of samples for values from (%L) to (%L)',
            'samples_' || to_char(day, 'YYYYMMDD'), day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
    end loop;
end $$;

-- One controller leads: the one whose session holds the advisory lock (20011, 1). Each leadership has an epoch of
-- its own, which travels in every message, so that an old leader's words change nothing.
create table leadership (
    one     boolean primary key default true check (one),
    epoch   bigint not null,
    leader  text not null,
    since   timestamptz not null
);
insert into leadership values (true, 0, '', now());

-- The clock under which live rows have their expires_at: PostgreSQL's, so far from the clock that does not jump of this
-- machine in this boot. Written by the leader.
create table clock_frame (
    one boolean primary key default true check (one),
    boot_id text not null,
    offset_ms bigint not null
);

-- How far upkeep's time was when this machine, in this boot, last looked, and what its clock that does not jump said.
create table upkeep_clock (
    boot_id text primary key,
    boot_ms bigint not null,
    reached timestamptz not null
);
insert into upkeep_clock values ('', 0, now());

-- A row to write, for write_probe().
create table write_probe (
    one boolean primary key default true check (one),
    at  timestamptz not null
);
insert into write_probe values (true, now());

select hold_table_to_epoch(oid::regclass) from pg_class
    where relkind in ('r', 'p') and not relispartition and relnamespace = current_schema()::regnamespace
        and relname not in ('leadership', 'schema_migrations', 'sandbox_states', 'sandbox_moves', 'write_probe');
