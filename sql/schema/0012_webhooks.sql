-- Webhooks of users, and a delivery for each event that one of them is to be told. Secrets are sealed by the controller, as
-- environments of sandboxes are; secret_key is the id of the key that sealed one.

create table webhooks (
    id              text primary key check (id ~ '^whk_[0-9A-HJKMNP-TV-Z]{26}$'),
    user_id         text not null references users on delete cascade,
    url             text not null,
    events          text[] not null,       -- types, or beginnings of types: sandbox.*
    labels          jsonb not null default '{}' check (jsonb_typeof(labels) = 'object'),
    enabled         boolean not null default true,
    disabled_reason text,                  -- why Corral disabled it; null: it is enabled, or somebody disabled it
    secret          bytea not null,
    secret_key      text not null,
    old_secret      bytea,                 -- the one before a rotation, which signs beside the new one until old_until
    old_secret_key  text,
    old_until       timestamptz,
    since           bigint not null,       -- events up to this number are from before it
    failing_since   timestamptz,           -- null: its last try succeeded
    slow            boolean not null default false, -- its last try took long
    last_try_at     timestamptz,
    created_at      timestamptz not null default now()
) with (fillfactor = 70);

create index webhooks_of_user on webhooks (user_id, id);

-- body: what is sent, the same at each try. next_try_at is null unless it is pending, ended_at is null while it is.
create table webhook_deliveries (
    webhook_id      text not null references webhooks on delete cascade,
    seq             bigint not null,       -- the event's number
    type            text not null,
    sandbox_id      text,
    body            text not null,
    state           text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
    tries           integer not null default 0,
    created_at      timestamptz not null default clock_timestamp(),
    next_try_at     timestamptz default clock_timestamp(),
    last_try_at     timestamptz,
    ended_at        timestamptz,
    status          integer,               -- of the last answer; null: there was none
    problem         text,                  -- of the last try; null: none
    excerpt         text,                  -- of the last answer
    duration_ms     integer,
    primary key (webhook_id, seq),
    check ((state = 'pending') = (next_try_at is not null) and (state = 'pending') = (ended_at is null))
) with (fillfactor = 80);

create index webhook_deliveries_due on webhook_deliveries (webhook_id, next_try_at, seq) where state = 'pending';
create index webhook_deliveries_pending on webhook_deliveries (webhook_id, seq) where state = 'pending';
create index webhook_deliveries_ended on webhook_deliveries (ended_at) where ended_at is not null;

-- Up to which event deliveries were made.
create table webhook_position (
    one boolean primary key default true check (one),
    seq bigint not null
);
insert into webhook_position values (true, (select coalesce(max(seq), 0) from events));

select hold_table_to_epoch('webhooks');
select hold_table_to_epoch('webhook_deliveries');
select hold_table_to_epoch('webhook_position');
