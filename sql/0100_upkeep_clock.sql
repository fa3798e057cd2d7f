-- What goes for its age is aged by a time of upkeep's own. It is PostgreSQL's, as long as that goes as a clock does: a
-- clock that was set forward by months must not take months of history with it before anybody notices. Upkeep's time
-- never runs ahead of PostgreSQL's, and moves at most twice as fast as the clocks that do not jump of the machines whose
-- controllers do the upkeep. So after a leap, or after a long time in which no controller ran, it comes after by itself:
-- what is past its term stays longer, never shorter (by more than was watched), and nobody has to do anything.

-- How far upkeep's time was when this machine, in this boot, last looked, and what its clock that does not jump said.
create table upkeep_clock (
    boot_id text primary key,
    boot_ms bigint not null,
    reached timestamptz not null
);
select hold_table_to_epoch('upkeep_clock');
insert into upkeep_clock values ('', 0, now());

create function upkeep_now() returns timestamptz language sql stable as $$
    select least(now(), (select max(reached) from upkeep_clock))
$$;

-- How far behind PostgreSQL's clock that is, in seconds.
create function upkeep_held() returns bigint language sql stable as $$
    select floor(extract(epoch from now() - upkeep_now()))::bigint
$$;

-- A look of that machine, by whose clock so long has passed since its last one. Returns upkeep_held().
create function upkeep_look(boot text, ms bigint) returns bigint language plpgsql as $$
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

create or replace function days_ago(days integer) returns timestamptz language sql stable as $$
    select upkeep_now() - days * interval '1 day'
$$;

create or replace function audit_term(keep_days integer) returns timestamptz language sql stable as $$
    select date_trunc('day', upkeep_now() at time zone 'UTC') at time zone 'UTC' - keep_days * interval '1 day'
$$;

create or replace function next_detach(keep_days integer) returns text language sql stable as $$
    select case when pending then format('alter table samples detach partition %I finalize', name)
        when attached then format('alter table samples detach partition %I concurrently', name)
        else format('drop table %I', name) end
    from sample_days() where pending or day < (upkeep_now() at time zone 'UTC')::date - keep_days
    order by not pending, day limit 1
$$;

-- As 0033; past its term is what is so by upkeep's time.
create or replace function upkeep_overdue(terms jsonb) returns table (step text, seconds bigint) language sql stable as $$
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

-- As 0005; a day of upkeep's time, so that no leap of the clock lets a create that is repeated be made twice.
create or replace function idempotency_find(key_id text, route text, key text, body_sha256 bytea)
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
