-- What is kept for a time goes in steps, each a call of its own that removes a bounded number of rows and says how far it
-- came; the controller calls it again until nothing is left (controller/db/db_upkeep.c). No step waits for another's rows,
-- and none for a lock that a request holds for long.
--
-- What goes for its age is aged by a time of upkeep's own. It is PostgreSQL's, as long as that goes as a clock does: a clock
-- that was set forward by months must not take months of history with it before anybody notices. Upkeep's time never runs
-- ahead of PostgreSQL's, and moves at most twice as fast as the clocks that do not jump of the machines whose controllers do
-- the upkeep. So after a leap, or after a long time in which no controller ran, it comes after by itself: what is past its
-- term stays longer, never shorter (by more than was watched), and nobody has to do anything.

create function upkeep_now() returns timestamptz language sql stable as $$
    select least(now(), (select max(reached) from upkeep_clock))
$$;

-- How far behind PostgreSQL's clock that is, in seconds.
create function upkeep_held() returns bigint language sql stable as $$
    select floor(extract(epoch from now() - upkeep_now()))::bigint
$$;

-- A look of that machine, by whose clock so long has passed since its last one. Returns upkeep_held().
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

-- An administrator says that PostgreSQL's clock is right. Returns how many seconds were held back.
create function upkeep_accept_clock(who jsonb) returns bigint language plpgsql as $$
declare
    held bigint := upkeep_held();
begin
    insert into upkeep_clock values ('', 0, now()) on conflict (boot_id) do update set reached = excluded.reached;
    perform add_audit(who, 'upkeep.accept_clock', rfc3339(now()), jsonb_build_object('held_seconds', held), null);
    return held;
end $$;

-- seen: of how many it looked at (fewer than `most`: those were all); reached: where the next call goes on.
create type upkept as (seen bigint, removed bigint, reached text);

-- By upkeep's time (upkeep_now).
create function days_ago(days integer) returns timestamptz language sql stable as $$
    select upkeep_now() - days * interval '1 day'
$$;

-- Rows of a table whose time lies before. One statement, so that no row is taken for another.
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

-- Of repeated requests; a day is what is promised.
create function upkeep_answers(keep_days integer, most integer, after text) returns upkept language sql as $$
    select upkeep_rows('idempotency', 'created_at', days_ago(keep_days), most, after)
$$;

-- Ended ones, with what their nodes told of them; their events and the audit have times of their own.
create function upkeep_sandboxes(keep_days integer, most integer, after text) returns upkept language sql as $$
    select upkeep_rows('sandboxes', 'ended_at', days_ago(keep_days), most, after)
$$;

-- When a key was over: it was revoked, or it expired.
create function key_over_at(k api_keys) returns timestamptz language sql immutable as $$
    select least(k.revoked_at, k.expires_at)
$$;

-- Keys that are over, once no sandbox and no kept answer is theirs.
create function upkeep_keys(keep_days integer, most integer, after text) returns upkept language sql as $$
    with seen as materialized (
        select k.id from api_keys k where (k.revoked_at is not null or k.expires_at is not null)
            and key_over_at(k) < days_ago(keep_days) and k.id > after order by k.id limit most),
    gone as (delete from api_keys k where k.id = any (array(select id from seen))
        and not exists (select from sandboxes s where s.key_id = k.id)
        and not exists (select from idempotency i where i.key_id = k.id) returning 1)
    select ((select count(*) from seen), (select count(*) from gone), (select max(id) from seen))::upkept
$$;

-- Deleted users, once no sandbox and no key is theirs.
create function upkeep_users(keep_days integer, most integer, after text) returns upkept language sql as $$
    with seen as materialized (
        select u.id from users u where u.deleted_at < days_ago(keep_days) and u.id > after order by u.id limit most),
    gone as (delete from users u where u.id = any (array(select id from seen))
        and not exists (select from sandboxes s where s.user_id = u.id)
        and not exists (select from api_keys k where k.user_id = u.id) returning 1)
    select ((select count(*) from seen), (select count(*) from gone), (select max(id) from seen))::upkept
$$;

-- Nodes that nobody has seen for so long, without a live sandbox. Not before a controller has led for an hour: after a
-- long time without one every node looks like that.
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

-- By whole days: that something went is a row too, and those are to be few.
create function audit_term(keep_days integer) returns timestamptz language sql stable as $$
    select date_trunc('day', upkeep_now() at time zone 'UTC') at time zone 'UTC' - keep_days * interval '1 day'
$$;

create function upkeep_audit(keep_days integer, most integer, after text) returns upkept language sql as $$
    select (n, n, '')::upkept from audit_expire(audit_term(keep_days), '{"address": "upkeep"}', most) n
$$;

-- Of samples whole days go. The next statement to that end, to be run by itself, outside of any transaction; null where
-- no day is too old. A detaching that was broken off, by whomever, is ended first: there can be only one at a time.
create function next_detach(keep_days integer) returns text language sql stable as $$
    select case when pending then format('alter table samples detach partition %I finalize', name)
        when attached then format('alter table samples detach partition %I concurrently', name)
        else format('drop table %I', name) end
    from sample_days() where pending or day < (upkeep_now() at time zone 'UTC')::date - keep_days
    order by not pending, day limit 1
$$;

-- For how long each step's oldest has been past its term by upkeep's time, in seconds; 0: nothing is. terms: {step: days},
-- without those that are kept for ever. Of 'partitions': what is missing of the week ahead.
create function upkeep_overdue(terms jsonb) returns table (step text, seconds bigint) language sql stable as $$
    select x.step, coalesce(greatest(0, floor(extract(epoch from upkeep_now() - x.since)))::bigint, 0) from (values
        ('partitions', upkeep_now() - (select count(*) from generate_series(0, 7) i
            where not is_partition(partition_name((now() at time zone 'UTC')::date + i))) * interval '1 day'),
        ('samples', (select min(d.day) + 1 from sample_days() d)::timestamp at time zone 'UTC'
            + (terms->>'samples')::integer * interval '1 day'),
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
