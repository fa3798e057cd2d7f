-- Answers that a repeated POST gets again, for 24 hours.

create type idempotency_answer as (outcome text, status integer, body text, sandbox_id text);

-- Of two identical requests at once, the second waits here and then finds the first. First of all locks but the gate, in one order.
create function idempotency_lock(key_id text, keys text[]) returns void language plpgsql as $$
begin
    perform pg_advisory_xact_lock(x.number) from (select distinct hashtextextended(idempotency_lock.key_id || ' ' || k, 20011) as number
        from unnest(keys) k where k <> '' order by 1) x;
end $$;

-- Returns null if the key is new (or too old), otherwise 'replay' or 'idempotency_mismatch'. Too old means a day by upkeep's
-- time, so that a leap of the clock does not let a repeated create make a second sandbox.
create function idempotency_find(key_id text, route text, key text, body_sha256 bytea)
returns idempotency_answer language plpgsql as $$
declare
    r idempotency;
begin
    if coalesce(key, '') = '' then
        return null;
    end if;
    perform idempotency_lock(idempotency_find.key_id, array[idempotency_find.key]);
    delete from idempotency i where i.key_id = idempotency_find.key_id and i.route = idempotency_find.route
        and i.key = idempotency_find.key and i.created_at < days_ago(1);
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
returns void language plpgsql as $$
begin
    if coalesce(key, '') <> '' then
        insert into idempotency (key_id, route, key, body_sha256, sandbox_id, status, body) values ($1, $2, $3, $4, $5, $6, $7);
    end if;
end $$;

create function keep_answer(sandbox text, answer_status integer, answer_body text) returns void language sql as $$
    update idempotency set status = answer_status, body = answer_body where sandbox_id = sandbox and status is null
$$;

create function forget_answer(sandbox text) returns void language sql as $$
    delete from idempotency where sandbox_id = sandbox
$$;
