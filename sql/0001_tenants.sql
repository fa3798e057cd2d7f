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
    warm_starts         boolean not null default true
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

create index api_keys_user on api_keys (user_id);

-- Every controller listens, and forgets what it remembers of the key whose prefix it hears, or of every key
-- of the user or tier: a revocation, an expiry or a limit that an administrator changed holds at once.
create function tell_key_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('corral_keys', coalesce(to_jsonb(old)->>'prefix', '*'));
    return null;
end $$;

create trigger api_keys_changed after update of revoked_at, expires_at, scopes, sha256 on api_keys
    for each row execute function tell_key_changed();
create trigger users_changed after update of tier, role, overrides, deleted_at on users
    for each row execute function tell_key_changed();
create trigger tiers_changed after update on tiers
    for each row execute function tell_key_changed();
