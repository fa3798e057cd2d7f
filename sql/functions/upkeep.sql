-- Upkeep removes what is past its retention time in steps. Each call removes a bounded number of rows and says how far it came;
-- the controller calls again until nothing is left (controller/db/db_upkeep.c). No step waits for another's rows, or for a lock
-- that a request holds for long.
--
-- Ages are measured by a time of upkeep's own. It equals PostgreSQL's time as long as that runs as a clock does: if the clock
-- is set forward by months, months of history must not vanish before anybody notices. Upkeep's time never runs ahead of
-- PostgreSQL's. It moves at most twice as fast as the clocks that do not jump, of the machines whose controllers do the upkeep.
-- After a leap of the clock, or a long time without a controller, it catches up by itself. Until then rows stay longer than
-- their term, never shorter (by more than was seen), and nobody has to act.

create function upkeep_now() returns timestamptz language sql stable as $$
    select least(now(), (select max(reached) from upkeep_clock))
$$;

-- How far upkeep's time is behind PostgreSQL's clock, in seconds.
create function upkeep_held() returns bigint language sql stable as $$
    select floor(extract(epoch from now() - upkeep_now()))::bigint
$$;

-- Lets upkeep's time follow PostgreSQL's, by at most twice what has passed on this machine's clock since its last call.
-- Returns upkeep_held().
create function upkeep_sample(boot text, ms bigint) returns bigint language plpgsql as $$
declare
    was upkeep_clock;
    far timestamptz;
begin
    select max(reached) into far from upkeep_clock;
    select * into was from upkeep_clock u where u.boot_id = boot;
    if found then
        far := greatest(far, was.reached + 2 * greatest(0, ms - was.boot_ms) * interval '1 millisecond');
    end if;
    far := least(far, clock_timestamp());
    insert into upkeep_clock values (boot, ms, far)
        on conflict (boot_id) do update set boot_ms = excluded.boot_ms, reached = excluded.reached;
    delete from upkeep_clock u where u.boot_id <> boot and u.reached < far - interval '1 day';
    return upkeep_held();
end $$;

-- An administrator confirms that PostgreSQL's clock is right. Returns how many seconds were held back.
create function upkeep_accept_clock(who jsonb) returns bigint language plpgsql as $$
declare
    held bigint := upkeep_held();
begin
    insert into upkeep_clock values ('', 0, now()) on conflict (boot_id) do update set reached = excluded.reached;
    perform add_audit(who, 'upkeep.accept_clock', rfc3339(now()), jsonb_build_object('held_seconds', held), null);
    return held;
end $$;

-- seen: how many rows were examined (fewer than `most`: those were all); reached: where the next call continues.
create type upkept as (seen bigint, removed bigint, reached text);

-- A time this many days ago, by upkeep's time (upkeep_now).
create function days_ago(days integer) returns timestamptz language sql stable as $$
    select upkeep_now() - days * interval '1 day'
$$;

-- Removes rows of a table whose time is before a limit. One statement, so that a row cannot be mistaken for another. Rows that
-- somebody has locked stay for the next time.
create function upkeep_rows(tab regclass, col text, before timestamptz, most integer, after text) returns upkept
language plpgsql as $$
declare
    u upkept;
begin
    execute format('with gone as (delete from %1$s where ctid = any (array(select ctid from %1$s
            where %2$I >= $1 and %2$I < $2 order by %2$I limit $3 for update skip locked)) returning %2$I as at)
        select count(*), count(*), max(at)::text from gone', tab, col)
        into u using coalesce(nullif(after, '')::timestamptz, '-infinity'), before, most;
    return u;
end $$;

-- A stream of events that was read up to a number below event_floor may have lost one, and is refused.
create function upkeep_events(keep_days integer, most integer, after text) returns upkept language plpgsql as $$
declare
    u upkept;
    highest bigint;
begin
    with gone as (delete from events where ctid = any (array(select ctid from events
            where at >= coalesce(nullif(after, '')::timestamptz, '-infinity') and at < days_ago(keep_days) order by at limit most))
        returning at, seq)
    select count(*), count(*), max(g.at)::text, max(g.seq) into u.seen, u.removed, u.reached, highest from gone g;
    update event_floor f set seq = highest where highest > f.seq;
    return u;
end $$;

-- As long as events.
create function upkeep_notifications(keep_days integer, most integer, after text) returns upkept language sql as $$
    select upkeep_rows('notifications', 'created_at', days_ago(keep_days), most, after)
$$;

-- Alerts that are resolved, as long as events; silences that are over go with them.
create function upkeep_alerts(keep_days integer, most integer, after text) returns upkept language plpgsql as $$
begin
    delete from alert_silences s where s.until < upkeep_now() - interval '1 day';
    return upkeep_rows('alerts', 'resolved_at', days_ago(keep_days), most, after);
end $$;

-- Answers of repeated requests; a day is promised.
create function upkeep_answers(keep_days integer, most integer, after text) returns upkept language sql as $$
    select upkeep_rows('idempotency', 'created_at', days_ago(keep_days), most, after)
$$;

-- URLs of ports that have expired, a day after that. Those of sandboxes that are removed go with them.
create function upkeep_ports(keep_days integer, most integer, after text) returns upkept language sql as $$
    select upkeep_rows('ports', 'expires_at', days_ago(keep_days), most, after)
$$;

-- Deliveries of webhooks, so long after they were delivered or given up.
create function upkeep_deliveries(keep_days integer, most integer, after text) returns upkept language sql as $$
    select upkeep_rows('webhook_deliveries', 'ended_at', days_ago(keep_days), most, after)
$$;

-- Of each webhook, no more deliveries that ended than as many as may be pending: the oldest go.
create function upkeep_webhooks(most integer, after text) returns upkept language sql as $$
    with seen as materialized (select w.id from webhooks w where w.id > after order by w.id limit most),
    last as materialized (select s.id, (select d.seq from webhook_deliveries d where d.webhook_id = s.id and d.state <> 'pending'
        order by d.seq desc offset deliveries_max() limit 1) as seq from seen s),
    gone as (delete from webhook_deliveries x where x.ctid = any (array(select d.ctid from webhook_deliveries d, last l
        where l.seq is not null and d.webhook_id = l.id and d.seq <= l.seq and d.state <> 'pending' for update of d skip locked)) returning 1)
    select ((select count(*) from seen), (select count(*) from gone), (select max(id) from seen))::upkept
$$;

-- Ended sandboxes, with what their nodes reported of them. Events and audit have retention times of their own. A row of sandbox_told goes
-- with its sandbox. A late report of a node holds such rows, in its own order, and then takes the rows of its sandboxes or the epoch: so
-- nothing is waited for here, and what somebody holds stays for the next time. A sandbox that is locked gets no new row.
create function upkeep_sandboxes(keep_days integer, most integer, after text) returns upkept language plpgsql as $$
declare
    u upkept;
    ids text[];
    held text[];
begin
    ids := array(select s.id from sandboxes s where s.ended_at >= coalesce(nullif(after, '')::timestamptz, '-infinity')
        and s.ended_at < days_ago(keep_days) order by s.ended_at limit most for update skip locked);
    held := array(select t.sandbox_id from sandbox_told t where t.sandbox_id = any(ids) for update skip locked);
    with gone as (delete from sandboxes s where s.id = any(ids)
            and (s.id = any(held) or not exists (select from sandbox_told t where t.sandbox_id = s.id)) returning s.ended_at)
        select count(*), count(*), max(g.ended_at)::text into u.seen, u.removed, u.reached from gone g;
    return u;
end $$;

-- When a key ended: revoked or expired.
create function key_over_at(k api_keys) returns timestamptz language sql immutable as $$
    select least(k.revoked_at, k.expires_at)
$$;

-- Ended keys that no sandbox and no stored answer refers to.
create function upkeep_keys(keep_days integer, most integer, after text) returns upkept language sql as $$
    with seen as materialized (
        select k.id from api_keys k where (k.revoked_at is not null or k.expires_at is not null)
            and key_over_at(k) < days_ago(keep_days) and k.id > after order by k.id limit most),
    gone as (delete from api_keys k where k.id = any (array(select x.id from api_keys x where x.id in (select id from seen) for update skip locked))
        and not exists (select from sandboxes s where s.key_id = k.id)
        and not exists (select from idempotency i where i.key_id = k.id) returning 1)
    select ((select count(*) from seen), (select count(*) from gone), (select max(id) from seen))::upkept
$$;

-- Deleted users that no sandbox and no key refers to.
create function upkeep_users(keep_days integer, most integer, after text) returns upkept language sql as $$
    with seen as materialized (
        select u.id from users u where u.deleted_at < days_ago(keep_days) and u.id > after order by u.id limit most),
    gone as (delete from users u where u.id = any (array(select x.id from users x where x.id in (select id from seen) for update skip locked))
        and not exists (select from sandboxes s where s.user_id = u.id)
        and not exists (select from api_keys k where k.user_id = u.id) returning 1)
    select ((select count(*) from seen), (select count(*) from gone), (select max(id) from seen))::upkept
$$;

-- Nodes that nobody has seen for so long, without a live sandbox. Only after a controller has led for an hour: after a long
-- time without a controller, every node looks unseen.
create function node_is_gone(n nodes, keep_days integer) returns boolean language sql stable as $$
    select n.last_seen_at < days_ago(keep_days) and exists (select from leadership where since < now() - interval '1 hour')
        and not exists (select from sandboxes s where s.node = n.name and s.ended_at is null)
$$;

create function upkeep_nodes(keep_days integer, most integer, after text) returns upkept language plpgsql as $$
declare
    n nodes;
    u upkept := (0, 0, null);
begin
    for n in select * from nodes x where x.name > after and node_is_gone(x, keep_days) order by x.name limit most
            for update skip locked loop
        perform images_of_removed(n.name);
        delete from nodes where name = n.name;
        delete from node_cleanups where node = n.name;
        perform add_event('node.removed', null, null, n.name, jsonb_build_object('reason',
            format('nobody has seen it since %s', rfc3339(n.last_seen_at))));
        perform add_audit('{"address": "upkeep"}', 'node.remove', n.name, jsonb_build_object('state', node_state(n),
            'last_seen_at', rfc3339(n.last_seen_at)), null);
        u := (u.seen + 1, u.removed + 1, n.name);
    end loop;
    return u;
end $$;

-- Rounded to whole days: each removal adds a row of its own to the audit, and there should be few.
create function audit_term(keep_days integer) returns timestamptz language sql stable as $$
    select date_trunc('day', upkeep_now() at time zone 'UTC') at time zone 'UTC' - keep_days * interval '1 day'
$$;

create function upkeep_audit(keep_days integer, most integer, after text) returns upkept language sql as $$
    select (n, n, '')::upkept from audit_expire(audit_term(keep_days), '{"address": "upkeep"}', most) n
$$;

-- Packs hours of samples that are over, oldest first (history.sql). A sandbox whose samples are being stored right now is passed
-- over. One whose samples cannot be packed, which no honest node sends, keeps them as rows until their days go.
create function upkeep_packing(keep_days integer, most integer, after text) returns upkept language plpgsql as $$
declare
    kept timestamptz := ((upkeep_now() at time zone 'UTC')::date - keep_days) at time zone 'UTC';
    u upkept := (0, 0, '');
    told sandbox_told;
    packed integer;
begin
    while u.seen < most loop
        select * into told from sandbox_told t where t.unpacked < packing_until() order by t.unpacked limit 1 for update skip locked;
        exit when not found;
        begin
            packed := pack_next(told.sandbox_id, told.unpacked, kept);
        exception when data_exception or integrity_constraint_violation then
            raise warning 'samples of % cannot be packed: %', told.sandbox_id, sqlerrm;
            update sandbox_told set unpacked = null where sandbox_id = told.sandbox_id;
            packed := 0;
        end;
        u := (u.seen + greatest(packed, 1), u.removed + packed, '');
    end loop;
    if u.seen = 0 then
        perform empty_day(d.name) from table_days('sample_rows') d where d.attached and not d.pending;
    end if;
    return u;
end $$;

-- Gives back the space of a day of samples whose rows were all packed, if nobody uses it at this moment. Vacuum alone does not shrink
-- an index.
create function empty_day(name text) returns void language plpgsql as $$
declare
    used boolean;
begin
    execute format('select exists (select from %I)', name) into used;
    if used or pg_total_relation_size(name::regclass) < 131072 then
        return;
    end if;
    execute format('lock table %I in access exclusive mode nowait', name);
    execute format('select exists (select from %I)', name) into used;
    if not used then
        execute format('truncate %I', name);
    end if;
exception when lock_not_available then
    null;
end $$;

-- For each step: how long its oldest row has been past its term, by upkeep's time, in seconds; 0: none is. terms: {step: days},
-- without steps whose rows are kept for ever. For 'partitions': how much of the week ahead is missing; for 'rollups': for how long the
-- oldest could have been made.
create function upkeep_overdue(terms jsonb) returns table (step text, seconds bigint) language sql stable as $$
    select x.step, coalesce(greatest(0, floor(extract(epoch from upkeep_now() - x.since)))::bigint, 0) from (values
        ('partitions', upkeep_now() - days_ahead_missing(7) * interval '1 day'),
        ('packing', packing_due_at()),
        ('samples', partition_due_at((terms->>'samples')::integer, 'samples')),
        ('sample_rows', partition_due_at((terms->>'sample_rows')::integer, 'sample_rows')),
        ('sample_blocks', partition_due_at((terms->>'sample_blocks')::integer, 'sample_blocks')),
        ('minute_blocks', partition_due_at((terms->>'minute_blocks')::integer, 'minute_blocks')),
        ('hour_blocks', partition_due_at((terms->>'hour_blocks')::integer, 'hour_blocks')),
        ('usage_windows', partition_due_at((terms->>'usage_windows')::integer, 'usage_windows')),
        ('activity', partition_due_at((terms->>'activity')::integer, 'activity')),
        ('rollups', least(next_hour() + interval '65 minutes', next_day() + interval '1 day 10 minutes',
            next_usage_hour() + interval '65 minutes', next_usage_day() + interval '1 day 65 minutes')),
        ('system_samples', partition_due_at((terms->>'system_samples')::integer, 'system_samples')),
        ('system_rollups', (select min(at) from system_rollups) + (terms->>'system_rollups')::integer * interval '1 day'),
        ('usage_rollups', (select min(at) from usage_rollups) + (terms->>'usage_rollups')::integer * interval '1 day'),
        ('events', (select min(at) from events) + (terms->>'events')::integer * interval '1 day'),
        ('notifications', (select min(created_at) from notifications) + (terms->>'notifications')::integer * interval '1 day'),
        ('alerts', (select min(resolved_at) from alerts where state = 'resolved') + (terms->>'alerts')::integer * interval '1 day'),
        ('answers', (select min(created_at) from idempotency) + (terms->>'answers')::integer * interval '1 day'),
        ('deliveries', (select min(ended_at) from webhook_deliveries where ended_at is not null)
            + (terms->>'deliveries')::integer * interval '1 day'),
        ('sandboxes', (select min(ended_at) from sandboxes where ended_at is not null)
            + (terms->>'sandboxes')::integer * interval '1 day'),
        ('keys', (select min(key_over_at(k)) from (select * from api_keys where revoked_at is not null
                or expires_at is not null order by id limit 1000) k
            where not exists (select from sandboxes s where s.key_id = k.id)
                and not exists (select from idempotency i where i.key_id = k.id))
            + (terms->>'keys')::integer * interval '1 day'),
        ('users', (select min(u.deleted_at) from (select * from users where deleted_at is not null order by id limit 1000) u
            where not exists (select from sandboxes s where s.user_id = u.id)
                and not exists (select from api_keys k where k.user_id = u.id))
            + (terms->>'users')::integer * interval '1 day'),
        ('nodes', (select min(n.last_seen_at) from nodes n where node_is_gone(n, (terms->>'nodes')::integer))
            + (terms->>'nodes')::integer * interval '1 day'),
        ('audit', (select case when a.at < audit_term((terms->>'audit')::integer)
                then a.at + (terms->>'audit')::integer * interval '1 day' end
            from audit a, audit_chain c where a.seq > c.anchor_seq order by a.seq limit 1))
    ) x(step, since)
$$;
