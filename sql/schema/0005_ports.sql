-- Ports of sandboxes that have a URL. The token in the URL is a secret: only its SHA-256 is here.

create table ports (
    id              text primary key check (id ~ '^prt_[0-9A-HJKMNP-TV-Z]{26}$'),
    sandbox_id      text not null references sandboxes on delete cascade,
    key_id          text not null references api_keys on delete cascade, -- in whose name it carries, and with which it ends
    port            integer not null check (port between 1 and 65535),
    sha256          bytea not null unique check (length(sha256) = 32),
    needs_admin     boolean not null, -- an administrator made it, in another user's sandbox
    created_at      timestamptz not null default now(),
    expires_at      timestamptz not null
);

create index ports_of_sandbox on ports (sandbox_id, id);
create index ports_of_key on ports (key_id);
create index ports_that_expire on ports (expires_at);

select hold_table_to_epoch('ports');
