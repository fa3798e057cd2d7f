-- What is kept for a time goes in steps, each a call of its own that removes a bounded number of rows and says how far it
-- came; the controller calls it again until there is no more (controller/db/db_upkeep.c). No step waits for another's
-- rows, and none for a lock that a request holds for long.

drop function upkeep(integer, integer);
drop function drop_partitions(integer);

-- Nothing ever wrote it.
drop table system_metrics;

create index sandboxes_ended on sandboxes (ended_at) where ended_at is not null;
create index sandboxes_of_key on sandboxes (key_id); -- also for the foreign key, when a key goes
create index api_keys_that_end on api_keys (id) where revoked_at is not null or expires_at is not null;
create index users_deleted on users (id) where deleted_at is not null;

-- seen: of how many it looked at (fewer than `most`: those were all); reached: where the next call goes on.
create type upkept as (seen bigint, removed bigint, reached text);

create function days_ago(days integer) returns timestamptz language sql stable as $$
    select now() - days * interval '1 day'
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

-- Ended ones, with what their hosts told of them; their events and the audit have times of their own.
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

-- Hosts that nobody has seen for so long, without a live sandbox. Not before a controller has led for an hour: after a
-- long time without one every host looks like that.
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
        delete from swept where node = n.name;
        perform add_event('node.removed', null, null, n.name, jsonb_build_object('reason',
            format('nobody has seen it since %s', rfc3339(n.last_seen_at))));
        perform add_audit('{"address": "upkeep"}', 'node.remove', n.name, jsonb_build_object('state', node_state(n),
            'last_seen_at', rfc3339(n.last_seen_at)), null);
        u := (u.seen + 1, u.removed + 1, n.name);
    end loop;
    return u;
end $$;

-- Removes at most so many of what is older, from the chain's beginning on, and moves the anchor, so that the rest stays
-- provable. Whoever appends waits only for that last move. Returns the number removed.
drop function audit_prune(timestamptz);
create function audit_prune(older_than timestamptz, most integer default 10000) returns bigint language plpgsql as $$
declare
    anchor bigint;
    last record;
    removed bigint;
begin
    perform pg_advisory_xact_lock(20011, 32);
    select anchor_seq into anchor from audit_chain;
    select * into last from (select a.seq, a.at, a.hash from audit a where a.seq > anchor order by a.seq limit most) x
        where x.at < older_than order by x.seq desc limit 1;
    if not found then
        return 0;
    end if;
    delete from audit a where a.seq > anchor and a.seq <= last.seq;
    get diagnostics removed = row_count;
    update audit_chain set anchor_seq = last.seq, anchor_hash = last.hash;
    return removed;
end $$;

drop function audit_expire(timestamptz, jsonb);
create function audit_expire(older_than timestamptz, who jsonb, most integer default 10000) returns bigint language plpgsql as $$
declare
    removed bigint := audit_prune(older_than, most);
begin
    if removed > 0 then
        perform add_audit(who, 'audit.prune', rfc3339(older_than), null, jsonb_build_object('removed', removed));
    end if;
    return removed;
end $$;

-- By whole days: that something went is a row too, and those are to be few.
create function audit_term(keep_days integer) returns timestamptz language sql stable as $$
    select date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' - keep_days * interval '1 day'
$$;

create function upkeep_audit(keep_days integer, most integer, after text) returns upkept language sql as $$
    select (n, n, '')::upkept from audit_expire(audit_term(keep_days), '{"address": "upkeep"}', most) n
$$;

-- The days of samples that there are, also those that are detached and not yet dropped.
create function sample_days() returns table (name text, day date, attached boolean, pending boolean)
language sql stable as $$
    select c.relname::text, to_date(substr(c.relname, 9), 'YYYYMMDD'), i.inhrelid is not null,
        coalesce(i.inhdetachpending, false)
    from pg_class c left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = 'samples'::regclass
    where c.relname ~ '^samples_[0-9]{8}$' and c.relkind = 'r'
        and c.relnamespace = (select p.relnamespace from pg_class p where p.oid = 'samples'::regclass)
$$;

-- Of samples whole days go. The next statement to that end, to be run by itself, outside of any transaction; null where
-- no day is too old. A detaching that was broken off, by whomever, is ended first: there can be only one at a time.
create function next_detach(keep_days integer) returns text language sql stable as $$
    select case when pending then format('alter table samples detach partition %I finalize', name)
        when attached then format('alter table samples detach partition %I concurrently', name)
        else format('drop table %I', name) end
    from sample_days() where pending or day < (now() at time zone 'UTC')::date - keep_days
    order by not pending, day limit 1
$$;

-- For how long each step's oldest has been past its term, in seconds; 0: nothing is. terms: {step: days}, without those
-- that are kept for ever. Of 'partitions': what is missing of the week ahead.
create function upkeep_overdue(terms jsonb) returns table (step text, seconds bigint) language sql stable as $$
    select x.step, coalesce(greatest(0, floor(extract(epoch from now() - x.since)))::bigint, 0) from (values
        ('partitions', now() - (select count(*) from generate_series(0, 7) i
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
