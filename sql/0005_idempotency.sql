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

create type idempotency_answer as (outcome text, status integer, body text, sandbox_id text);

-- Null where the key is new (or too old); else 'replay' or 'idempotency_mismatch'.
create function idempotency_find(key_id text, route text, key text, body_sha256 bytea)
returns idempotency_answer language plpgsql as $$
declare
    r idempotency;
begin
    if coalesce(key, '') = '' then
        return null;
    end if;
    -- Two of the same at once: the second waits here, and then finds the first.
    perform pg_advisory_xact_lock(hashtextextended(idempotency_find.key_id || ' ' || idempotency_find.key, 20011));
    delete from idempotency i where i.key_id = idempotency_find.key_id and i.route = idempotency_find.route
        and i.key = idempotency_find.key and i.created_at < now() - interval '24 hours';
    select * into r from idempotency i where i.key_id = idempotency_find.key_id
        and i.route = idempotency_find.route and i.key = idempotency_find.key;
    if not found then
        return null;
    elsif r.body_sha256 <> idempotency_find.body_sha256 then
        return ('idempotency_mismatch', null, null, null)::idempotency_answer;
    end if;
    return ('replay', r.status, r.body, r.sandbox_id)::idempotency_answer;
end $$;

create function idempotency_keep(key_id text, route text, key text, body_sha256 bytea, sandbox_id text,
                                 status integer, body text)
returns void language sql as $$
    insert into idempotency (key_id, route, key, body_sha256, sandbox_id, status, body)
    select $1, $2, $3, $4, $5, $6, $7 where coalesce($3, '') <> ''
$$;
