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

-- Removes rows of a table whose time is before a limit. One statement, so that a row cannot be mistaken for another.
create function upkeep_rows(tab regclass, col text, before timestamptz, most integer, after text) returns upkept
language plpgsql as $$
declare
    u upkept;
begin
    execute format('with gone as (delete from %1$s where ctid = any (array(select ctid from %1$s
            where %2$I >= $1 and %2$I < $2 order by %2$I limit $3)) returning %2$I as at)
        select count(*), count(*), max(at)::text from gone', tab, col)
        into u using coalesce(nullif(after, '')::timestamptz, '-infinity'), before, most;
    return u;
end $$;

create function upkeep_events(keep_days integer, most integer, after text) returns upkept language sql as $$
    select upkeep_rows('events', 'at', days_ago(keep_days), most, after)
$$;

-- Answers of repeated requests; a day is promised.
create function upkeep_answers(keep_days integer, most integer, after text) returns upkept language sql as $$
    select upkeep_rows('idempotency', 'created_at', days_ago(keep_days), most, after)
$$;

-- URLs of ports that have expired, a day after that. Those of sandboxes that are removed go with them.
create function upkeep_ports(keep_days integer, most integer, after text) returns upkept language sql as $$
    select upkeep_rows('ports', 'expires_at', days_ago(keep_days), most, after)
$$;

-- Ended sandboxes, with what their nodes reported of them. Events and audit have retention times of their own.
create function upkeep_sandboxes(keep_days integer, most integer, after text) returns upkept language sql as $$
    select upkeep_rows('sandboxes', 'ended_at', days_ago(keep_days), most, after)
$$;

-- When a key ended: revoked or expired.
create function key_over_at(k api_keys) returns timestamptz language sql immutable as $$
    select least(k.revoked_at, k.expires_at)
$$;

-- Ended keys that no sandbox and no stored answer refers to.
create function upkeep_keys(keep_days integer, most integer, after text) returns upkept language sql as $$
    with seen as materialized (
        select k.id from api_keys k where (k.revoked_at is not null or k.expires_at is not null)
            and key_over_at(k) < days_ago(keep_days) and k.id > after order by k.id limit most),
    gone as (delete from api_keys k where k.id = any (array(select id from seen))
        and not exists (select from sandboxes s where s.key_id = k.id)
        and not exists (select from idempotency i where i.key_id = k.id) returning 1)
    select ((select count(*) from seen), (select count(*) from gone), (select max(id) from seen))::upkept
$$;

-- Deleted users that no sandbox and no key refers to.
create function upkeep_users(keep_days integer, most integer, after text) returns upkept language sql as $$
    with seen as materialized (
        select u.id from users u where u.deleted_at < days_ago(keep_days) and u.id > after order by u.id limit most),
    gone as (delete from users u where u.id = any (array(select id from seen))
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

-- Samples and activity go by whole days. Returns the next statement for that, to be run by itself, outside any transaction; null if no day
-- is too old. A detach that somebody interrupted is finished first: only one can be pending at a time.
create function next_detach(keep_days integer, tab text default 'samples') returns text language sql stable as $$
    select case when pending then format('alter table %I detach partition %I finalize', tab, name)
        when attached then format('alter table %I detach partition %I concurrently', tab, name)
        else format('drop table %I', name) end
    from table_days(tab) where pending or day < (upkeep_now() at time zone 'UTC')::date - keep_days
    order by not pending, day limit 1
$$;

-- For each step: how long its oldest row has been past its term, by upkeep's time, in seconds; 0: none is. terms: {step: days},
-- without steps whose rows are kept for ever. For 'partitions': how much of the week ahead is missing.
create function upkeep_overdue(terms jsonb) returns table (step text, seconds bigint) language sql stable as $$
    select x.step, coalesce(greatest(0, floor(extract(epoch from upkeep_now() - x.since)))::bigint, 0) from (values
        ('partitions', upkeep_now() - (select count(distinct i) from generate_series(0, 7) i, unnest('{samples,activity}'::text[]) tab
            where not is_partition(partition_name((now() at time zone 'UTC')::date + i, tab), tab)) * interval '1 day'),
        ('samples', (select min(d.day) + 1 from sample_days() d)::timestamp at time zone 'UTC'
            + (terms->>'samples')::integer * interval '1 day'),
        ('activity', (select min(d.day) + 1 from table_days('activity') d)::timestamp at time zone 'UTC'
            + (terms->>'activity')::integer * interval '1 day'),
        ('events', (select min(at) from events) + (terms->>'events')::integer * interval '1 day'),
        ('answers', (select min(created_at) from idempotency) + (terms->>'answers')::integer * interval '1 day'),
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
