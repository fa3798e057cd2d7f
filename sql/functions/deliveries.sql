-- What webhooks are told: a delivery for each event that fits one, made from the events in the order of their numbers, up to
-- webhook_position. That and the deliveries move in one transaction, so each event is considered once, whatever ends between.

-- How many deliveries of a webhook may be pending; past it the oldest are given up. As many that ended are kept.
create function deliveries_max() returns integer language sql immutable as $$
    select 5000
$$;

create function event_fits(type text, patterns text[]) returns boolean language sql immutable as $$
    select exists (select from unnest(patterns) p
        where p = '*' or p = type or right(p, 2) = '.*' and starts_with(type, left(p, -1)))
$$;

create function delivery_json(d webhook_deliveries) returns json language sql stable as $$
    select json_build_object('id', event_id(d.seq), 'type', d.type, 'sandbox_id', d.sandbox_id, 'state', d.state,
        'tries', d.tries, 'created_at', rfc3339(d.created_at), 'last_try_at', rfc3339(d.last_try_at),
        'next_try_at', rfc3339(d.next_try_at), 'ended_at', rfc3339(d.ended_at), 'status', d.status, 'problem', d.problem,
        'response', d.excerpt, 'duration_ms', d.duration_ms)
$$;

create function delivery_body(e events) returns text language sql stable as $$
    select json_build_object('type', e.type, 'timestamp', rfc3339(e.at), 'data', event_json(e))::text
$$;

create function webhook_takes(w webhooks, e events) returns boolean language sql stable as $$
    select w.enabled and e.seq > w.since and event_fits(e.type, w.events)
        and (w.labels = '{}' or exists (select from sandboxes s where s.id = e.sandbox_id and s.labels @> w.labels))
$$;

-- The webhooks that an event is for: its user's, and, if it is no user's, administrators'.
create function event_webhooks(e events) returns setof webhooks language sql stable as $$
    select w.* from webhooks w join users u on u.id = w.user_id
    where w.user_id = e.user_id and u.deleted_at is null and webhook_takes(w, e)
    union all
    select w.* from users u join webhooks w on w.user_id = u.id
    where e.user_id is null and u.role = 'admin' and u.deleted_at is null and webhook_takes(w, e)
$$;

-- Gives up the oldest pending deliveries of these webhooks, so that each has no more than it may.
create function bound_deliveries(webhook_ids text[]) returns void language sql as $$
    with last as materialized (select x.id, (select p.seq from webhook_deliveries p where p.webhook_id = x.id
        and p.state = 'pending' order by p.seq desc offset deliveries_max() limit 1) as seq from unnest(webhook_ids) x(id))
    update webhook_deliveries d set state = 'dead', next_try_at = null, ended_at = clock_timestamp(),
        problem = format('given up: %s later events waited, which is all that may', deliveries_max())
    from last l where l.seq is not null and d.webhook_id = l.id and d.state = 'pending' and d.seq <= l.seq
$$;

-- A controller that led before, and does not know yet that another one does, is not even to look for what to send.
create function only_the_leader() returns void language plpgsql as $$
declare
    said text := current_setting('corral.epoch', true);
begin
    if coalesce(said, '') <> '' and not exists (select from leadership where epoch::text = said) then
        raise exception 'epoch % does not lead', said using errcode = 'CO002';
    end if;
end $$;

-- Makes the deliveries of the next events, at most `most` of these. seen: how many events; made: how many deliveries.
create function make_deliveries(most integer) returns table (seen bigint, made bigint) language plpgsql as $$
declare
    from_seq bigint;
    to_seq bigint;
    touched text[];
begin
    seen := 0;
    made := 0;
    perform only_the_leader();
    if exists (select from events e where e.seq > (select p.seq from webhook_position p)) then
        select p.seq into from_seq from webhook_position p for update;
        select max(x.seq), count(*) into to_seq, seen
            from (select e.seq from events e where e.seq > from_seq order by e.seq limit most) x;
    end if;
    if seen > 0 then
        with added as (insert into webhook_deliveries (webhook_id, seq, type, sandbox_id, body)
            select w.id, e.seq, e.type, e.sandbox_id, delivery_body(e) from events e, event_webhooks(e) w
            where e.seq > from_seq and e.seq <= to_seq on conflict do nothing returning webhook_id)
        select array_agg(distinct webhook_id), count(*) into touched, made from added;
        update webhook_position set seq = to_seq;
        perform bound_deliveries(touched);
    end if;
    return next;
end $$;

-- The deliveries to try now. busy: ["webhook event's number", …], those under way. Of webhooks whose last try failed or was
-- slow (troubled), one each, a second after that try at the earliest; of each other one, `each` at most. `most` webhooks of
-- either kind, those first whose last try is longest ago.
create function due_deliveries(busy jsonb, most integer, each integer) returns table (webhook_id text, user_id text,
    url text, seq bigint, body text, tries integer, troubled boolean, secret text, secret_key text, old_secret text, sandbox_id text)
language sql volatile as $$
    with recursive waiting(id) as ( -- each webhook with something pending, by a step in the index
        (select d.webhook_id from webhook_deliveries d where d.state = 'pending' order by d.webhook_id limit 1)
        union all
        select (select d.webhook_id from webhook_deliveries d where d.state = 'pending' and d.webhook_id > x.id
            order by d.webhook_id limit 1) from waiting x where x.id is not null),
    able as (select w.*, w.failing_since is not null or w.slow as troubled from waiting x join webhooks w on w.id = x.id
        join users u on u.id = w.user_id where w.enabled and u.deleted_at is null),
    due as (select a.id, a.troubled, c.seq, dense_rank() over (partition by a.troubled order by coalesce(a.last_try_at, a.created_at), a.id) as place
        from able a, lateral (select d.seq from webhook_deliveries d where d.webhook_id = a.id and d.state = 'pending'
            and d.next_try_at <= clock_timestamp() and not busy ? (d.webhook_id || ' ' || d.seq)
            order by d.next_try_at, d.seq limit case when a.troubled then 1 else each end) c
        where not a.troubled or a.last_try_at is null or a.last_try_at < clock_timestamp() - interval '1 second')
    select w.id, w.user_id, w.url, d.seq, d.body, d.tries, x.troubled, encode(w.secret, 'hex'), w.secret_key,
        case when w.old_until > now() then encode(w.old_secret, 'hex') end, d.sandbox_id
    from due x join webhooks w on w.id = x.id join webhook_deliveries d on d.webhook_id = x.id and d.seq = x.seq
    where x.place <= most order by x.troubled, x.place, d.next_try_at, d.seq
$$;

-- The secret, which old_key sealed, was sealed again.
create function reseal_webhook(webhook text, old_key text, sealed text, sealed_by text) returns void language sql as $$
    update webhooks w set secret = decode(sealed, 'hex'), secret_key = sealed_by where w.id = webhook and w.secret_key = old_key
$$;

-- The receiver does not exist any more, it says: nothing is sent to it until somebody enables it again.
create function disable_webhook(webhook text, why text) returns void language plpgsql as $$
declare
    w webhooks;
begin
    update webhooks x set enabled = false, disabled_reason = why where x.id = webhook and x.enabled returning * into w;
    if found then
        perform add_event('webhook.disabled', w.user_id, null, null, jsonb_build_object('webhook_id', w.id, 'reason', why));
    end if;
end $$;

-- What became of a try. result: {url (to which), tries (before it), outcome: delivered|retry|dead|gone, wait_ms, status, problem, excerpt,
-- duration_ms, slow}. Told twice, it counts once. That a receiver is gone says nothing of the URL that the webhook was given meanwhile:
-- the delivery goes there.
create function end_try(webhook text, event_seq bigint, result jsonb) returns void language plpgsql as $$
declare
    outcome text := result->>'outcome';
    url text;
begin
    select w.url into url from webhooks w where w.id = webhook for no key update; -- first, as all do that change it and its deliveries
    if not found then
        return;
    elsif outcome = 'gone' and url <> result->>'url' then
        outcome := 'retry';
    end if;
    update webhook_deliveries d set tries = d.tries + 1, last_try_at = clock_timestamp(),
        state = case outcome when 'delivered' then 'delivered' when 'retry' then 'pending' else 'dead' end,
        next_try_at = case outcome when 'retry'
            then clock_timestamp() + (result->>'wait_ms')::bigint * interval '1 millisecond' end,
        ended_at = case when outcome <> 'retry' then clock_timestamp() end,
        status = (result->>'status')::integer, problem = result->>'problem', excerpt = result->>'excerpt',
        duration_ms = (result->>'duration_ms')::integer
        where d.webhook_id = webhook and d.seq = event_seq and d.state = 'pending' and d.tries = (result->>'tries')::integer;
    update webhooks w set last_try_at = clock_timestamp(), slow = (result->>'slow')::boolean,
        failing_since = case when outcome <> 'delivered' then coalesce(w.failing_since, clock_timestamp()) end
        where w.id = webhook;
    if outcome = 'gone' then
        perform disable_webhook(webhook, result->>'problem');
    end if;
end $$;

-- event null: all that are dead. Their tries begin again, now. One that is pending is tried now, too.
create function replay_deliveries(webhook text, owner text, event text, who jsonb) returns act language plpgsql as $$
declare
    w webhooks := webhook_for_change(webhook, owner);
    d webhook_deliveries;
    replayed bigint;
begin
    if w.id is null then
        return no_webhook();
    elsif not w.enabled then
        return act_not('wrong_state', 'The webhook is disabled; enable it first');
    end if;
    update webhook_deliveries x set state = 'pending', tries = 0, next_try_at = clock_timestamp(), ended_at = null
        where x.webhook_id = w.id and case when event is null then x.state = 'dead' else x.seq = event_seq_of(event) end;
    get diagnostics replayed = row_count;
    if event is not null and replayed = 0 then
        return act_not('not_found', 'There is no such delivery');
    end if;
    perform add_audit(who, 'webhook.replay', w.id, null, jsonb_build_object('event', event, 'replayed', replayed));
    if event is null then
        return act_ok(json_build_object('replayed', replayed));
    end if;
    select * into d from webhook_deliveries x where x.webhook_id = w.id and x.seq = event_seq_of(event);
    return act_ok(delivery_json(d));
end $$;

-- Newest first; after: an event's id. No row: there is no such webhook for this owner (null: anybody).
create function list_deliveries(webhook text, owner text, in_state text, after text, most integer) returns list_page
language sql stable as $$
    with rows as (select d.* from webhook_deliveries d where d.webhook_id = webhook and (in_state is null or d.state = in_state)
        and (after is null or d.seq < event_seq_of(after)) order by d.seq desc limit most + 1),
    shown as (select * from rows order by seq desc limit most)
    select case when exists (select from webhooks w where w.id = webhook and (owner is null or w.user_id = owner)) then
        page((select json_agg(delivery_json(s::webhook_deliveries) order by seq desc) from shown s),
            case when (select count(*) from rows) > most then (select event_id(min(seq)) from shown) end) end
$$;

-- What waits for webhooks that are enabled, of users who were not deleted, and for how long the oldest of it has.
create function deliveries_waiting() returns table (waiting bigint, oldest_seconds bigint) language sql stable as $$
    select count(*), coalesce(greatest(0, extract(epoch from now() - min(d.created_at)))::bigint, 0)
    from webhook_deliveries d join webhooks w on w.id = d.webhook_id and w.enabled
        join users u on u.id = w.user_id and u.deleted_at is null where d.state = 'pending'
$$;
