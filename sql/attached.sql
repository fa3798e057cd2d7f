-- The functions that tables call, in triggers and in a check. They are in the tables' schema and are never dropped, only
-- replaced (create or replace): dropping one would drop its triggers too, and would wait for every reader. This file runs
-- before the migrations, which create the triggers.

-- Every controller listens. It forgets what it has cached about the key with this prefix, or about every key ('*') when a user
-- or tier changed. So a revocation, an expiry or a limit that an administrator changed holds at once.
create or replace function tell_key_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('corral_keys', coalesce(to_jsonb(old)->>'prefix', '*'));
    return null;
end $$;

create or replace function tell_key_added() returns trigger language plpgsql as $$
begin
    perform pg_notify('corral_keys', new.prefix);
    return null;
end $$;

-- Tells the leader that somebody changed the desired state of a sandbox (with its generation), or a node.
create or replace function tell_desired() returns trigger language plpgsql as $$
begin
    perform pg_notify('corral_desired', new.id || ' ' || new.generation);
    return null;
end $$;

create or replace function tell_marked() returns trigger language plpgsql as $$
begin
    perform pg_notify('corral_nodes', new.name);
    return null;
end $$;

-- Tells every controller that there are new events, once a transaction.
create or replace function tell_event() returns trigger language plpgsql as $$
begin
    perform pg_notify('corral_events', '');
    return null;
end $$;

create or replace function event_notifies() returns trigger language plpgsql as $$
begin
    perform notify_of(new);
    return null;
end $$;

-- A name is stored in one normal form (NFC): names that look the same are the same, and are found however they were typed. Some
-- characters become several in that form, so the length limit applies to the stored name.
create or replace function name_is_normal() returns trigger language plpgsql as $$
begin
    new.name := normalize(new.name, NFC);
    if length(new.name) > 63 then
        raise exception 'a name is longer than 63 characters in its normal form' using errcode = 'CO003';
    end if;
    return new;
end $$;

-- In the order of VIOLATION_LEVELS in common/model/sandbox_spec.h, then episode_seconds: the least time between two ends of
-- episodes of one kind.
create or replace function violation_keys() returns text[] language sql immutable as $$
    select array['memory_warning', 'memory_critical', 'memory_clear', 'cpu_warning', 'cpu_clear', 'cpu_seconds',
        'disk_warning', 'disk_clear', 'pids_warning', 'pids_clear', 'episode_seconds']
$$;

-- The first level that is unknown, or does not fit the others; null if all are valid. A check constraint calls this function,
-- so everything it calls must be found with any search path, as while a dump is restored.
create or replace function violations_fault(levels jsonb) returns text language sql immutable as $$
    select coalesce(
        (select format('violations/%s: not a level, or not a whole number that it can take', key)
            from jsonb_each(levels) where not (key = any (public.violation_keys()) and jsonb_typeof(value) = 'number'
                and case when jsonb_typeof(value) = 'number' then value::numeric = trunc(value::numeric)
                    and value::numeric between 1 and case when key like '%_seconds' then 3600 else 100 end end)
            order by key limit 1),
        (select format('violations/%s: must be below %s', low, high)
            from (values ('memory_clear', 'memory_warning'), ('cpu_clear', 'cpu_warning'), ('disk_clear', 'disk_warning'),
                ('pids_clear', 'pids_warning')) x(low, high)
            where (levels->>low)::numeric >= (levels->>high)::numeric limit 1),
        case when (levels->>'memory_critical')::numeric < (levels->>'memory_warning')::numeric
            then 'violations/memory_critical: must not be below memory_warning' end)
$$;

create or replace function sandbox_was_created() returns trigger language plpgsql as $$
begin
    perform add_event('sandbox.created', new.user_id, new.id, null,
        jsonb_build_object('image', new.image, 'node', new.node));
    if new.state = 'starting' then -- it took over a member of the warm pool: that is two moves in one
        perform add_event('sandbox.starting', new.user_id, new.id, null,
            jsonb_build_object('from', 'pending', 'to', 'starting', 'node', new.node));
    end if;
    return null;
end $$;

create or replace function sandbox_moves_legally() returns trigger language plpgsql as $$
declare
    event_type text;
begin
    select m.event into event_type from sandbox_moves m where m.from_state = old.state and m.to_state = new.state;
    if event_type is null then
        raise exception 'sandbox % may not move from % to %', new.id, old.state, new.state using errcode = 'CO001';
    end if;
    perform add_event(event_type, new.user_id, new.id, null, jsonb_strip_nulls(jsonb_build_object(
        'from', old.state, 'to', new.state, 'node', new.node, 'reason', new.reason, 'detail', nullif(new.detail, ''),
        'exit_code', new.exit_code, 'last', new.figures)));
    return null;
end $$;

-- If a sandbox was never extended, its sentence must not say that its node did not know of the extension.
create or replace function sandbox_says_why() returns trigger language plpgsql as $$
begin
    new.detail := end_sentence(new);
    if not new.extended then
        new.detail := regexp_replace(new.detail, '; its node had not heard of the extension, and ended it at (\S+)$',
            '; its node ended it at \1, by its own count');
    end if;
    return new;
end $$;

-- What its node needs to make it, with its environment, is gone in the statement that ends it, no matter who ends it.
create or replace function sandbox_forgets() returns trigger language plpgsql as $$
begin
    new.spec := null;
    new.env_key := null;
    return new;
end $$;

create or replace function sandbox_is_labelled() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        delete from sandbox_labels l where l.sandbox_id = new.id;
    end if;
    insert into sandbox_labels select new.id, x.key, x.value, new.user_id, new.created_at from jsonb_each_text(new.labels) x;
    return null;
end $$;

create or replace function sandbox_is_timed() returns trigger language plpgsql as $$
begin
    new.timed_at := clock_timestamp();
    return new;
end $$;

-- Keeps the order: created, started, ended. If PostgreSQL's clock was set back while a sandbox lived, times that were taken
-- before that step are later, by the size of the step, than the new clock would say; an end is taken by the new clock.
create or replace function sandbox_times_in_order() returns trigger language plpgsql as $$
declare
    back interval := least(new.clock_shift, interval '0');
begin
    new.started_at := greatest(new.created_at + back, new.started_at);
    new.ended_at := greatest(new.created_at + back, new.started_at + back, new.ended_at);
    return new;
end $$;

-- Only the leader writes. A controller's sessions name in corral.epoch the leadership that they belong to ('0': none). If that
-- is not the current one, their writes are refused (CO002). Sessions without corral.epoch (an operator's, migrations, the
-- command line, upkeep) are not checked. This is the one mechanism for all functions that write: each table has the trigger (a
-- test compares). Writers hold a shared lock until their commit; lead() takes the same lock exclusively. So when a new epoch
-- begins, all writes of the one before are committed or refused, and what the new leader then reads is complete. So the first
-- check of a transaction holds for the rest of it: corral.held says so, until its end (or until the savepoint, and with it the lock, is
-- rolled back).
create or replace function hold_to_epoch() returns trigger language plpgsql as $$
declare
    said text := current_setting('corral.epoch', true);
begin
    if coalesce(said, '') = '' or said = current_setting('corral.held', true) then
        return null;
    end if;
    perform pg_advisory_xact_lock_shared(20011, 4);
    if not exists (select from leadership where epoch::text = said) then
        raise exception 'epoch % does not lead', said using errcode = 'CO002';
    end if;
    perform set_config('corral.held', said, true);
    return null;
end $$;

-- For migrations: call it for each new table that sessions of a controller write.
create or replace function hold_table_to_epoch(held regclass) returns void language plpgsql as $$
begin
    execute format('create trigger a_leader_writes before insert or update or delete on %s
        for each statement execute function hold_to_epoch()', held);
end $$;
