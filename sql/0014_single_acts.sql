-- Small acts that the controller calls by name.

-- A violation's event; the same news again (its number of this sandbox) answers the event that is there.
create function add_violation(v jsonb) returns text language plpgsql as $$
declare
    s sandboxes;
    e events;
    type text := case when (v->>'opened')::boolean then 'violation.opened' else 'violation.closed' end;
begin
    select * into s from sandboxes where id = v->>'sandbox_id' for update;
    if not found then
        return null;
    end if;
    select * into e from events x where x.sandbox_id = s.id and x.type like 'violation.%'
        and x.data->'number' = v->'number';
    if not found then
        perform add_event(type, s.user_id, s.id, null, v - 'sandbox_id' - 'opened');
        select * into e from events x where x.sandbox_id = s.id order by x.seq desc limit 1;
    end if;
    return event_json(e)::text;
end $$;

create function keep_answer(sandbox text, answer_status integer, answer_body text) returns void language sql as $$
    update idempotency set status = answer_status, body = answer_body where sandbox_id = sandbox and status is null
$$;

create function forget_answer(sandbox text) returns void language sql as $$
    delete from idempotency where sandbox_id = sandbox
$$;

create index idempotency_sandbox on idempotency (sandbox_id);

create function keys_used(ids jsonb) returns void language sql as $$
    update api_keys set last_used_at = now() where id in (select jsonb_array_elements_text(ids))
$$;

-- Partitions ahead; old samples, events and kept answers dropped.
create function upkeep(keep_sample_days integer, keep_event_days integer) returns void language plpgsql as $$
begin
    perform ensure_partitions(7), drop_partitions(keep_sample_days);
    delete from events where at < now() - keep_event_days * interval '1 day';
    delete from idempotency where created_at < now() - interval '24 hours';
    delete from system_metrics where at < now() - keep_event_days * interval '1 day';
end $$;
