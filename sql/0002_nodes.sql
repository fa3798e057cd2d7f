-- The hosts. What an administrator wants of one (admin_state) and how it is (health) are two things, so that a
-- cordoned host that was away is still cordoned when it returns.

create table nodes (
    name                text primary key check (name ~ '^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$'),
    admin_state         text not null default 'ready' check (admin_state in ('ready', 'cordoned', 'draining')),
    health              text not null default 'ready' check (health in ('ready', 'unreachable', 'sick')),
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
    last_seen_at        timestamptz not null default now()
);

create function node_state(n nodes) returns text language sql stable as $$
    select case when n.health <> 'ready' then n.health else n.admin_state end
$$;
