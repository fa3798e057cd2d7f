-- The functions that tables call: in triggers, and in a check. They stand beside the tables, in their schema, and are never
-- dropped, only replaced (create or replace): PostgreSQL would drop the triggers with them, and wait for every reader.
-- Run before the migrations, which create the triggers.

-- Every controller listens, and forgets what it remembers of the key whose prefix it hears, or of every key
-- of the user or tier: a revocation, an expiry or a limit that an administrator changed holds at once.
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

-- The leader hears of what others want: of a sandbox, with its generation, and of a node.
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

-- A name is stored in one form (NFC): what looks the same is the same, and is found by who types it. A few characters are
-- more than one in that form: the length that counts is that of what is stored.
create or replace function name_is_normal() returns trigger language plpgsql as $$
begin
    new.name := normalize(new.name, NFC);
    if length(new.name) > 63 then
        raise exception 'a name is longer than 63 characters in its normal form' using errcode = 'CO003';
    end if;
    return new;
end $$;

-- In the order of VIOLATION_LEVELS in common/model/sandbox_spec.h, and episode_seconds: the least time between two ends of a kind.
create or replace function violation_keys() returns text[] language sql immutable as $$
    select array['memory_warning', 'memory_critical', 'memory_clear', 'cpu_warning', 'cpu_clear', 'cpu_seconds',
        'disk_warning', 'disk_clear', 'pids_warning', 'pids_clear', 'episode_seconds']
$$;

-- The first level that is none, or does not fit the others; null where all are well. A check constraint calls it, so that
-- what it calls has to be found whatever the search path, as while a dump is restored.
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

-- Of one that was never given a later end no sentence says that its node had not heard of that.
create or replace function sandbox_says_why() returns trigger language plpgsql as $$
begin
    new.detail := end_sentence(new);
    if not new.extended then
        new.detail := regexp_replace(new.detail, '; its node had not heard of the extension, and ended it at (\S+)$',
            '; its node ended it at \1, by its own count');
    end if;
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

-- Created, started, ended. Where PostgreSQL's clock was set back while a sandbox lived, what was told by the clock before
-- lies later, by so much, than it would by the one of now, and an end is told by the one of now.
create or replace function sandbox_times_in_order() returns trigger language plpgsql as $$
declare
    back interval := least(new.clock_shift, interval '0');
begin
    new.started_at := greatest(new.created_at + back, new.started_at);
    new.ended_at := greatest(new.created_at + back, new.started_at + back, new.ended_at);
    return new;
end $$;

-- Only who leads writes. A controller's sessions say in corral.epoch which leadership they are of ('0': of none); where
-- that is not the one in force, nothing of theirs is changed (CO002). Sessions without it, such as an operator's, the
-- migrations', the verbs' and upkeep's, are not held to it. One mechanism, whatever function writes: each table has the
-- trigger (a test compares).
-- Writers share a lock to their commit that lead() takes alone: when a new epoch begins, all writes of the one before
-- are committed or refused, and what is read then is the truth.
create or replace function hold_to_epoch() returns trigger language plpgsql as $$
declare
    said text := current_setting('corral.epoch', true);
begin
    if coalesce(said, '') = '' then
        return null;
    end if;
    perform pg_advisory_xact_lock_shared(20011, 4);
    if not exists (select from leadership where epoch::text = said) then
        raise exception 'epoch % does not lead', said using errcode = 'CO002';
    end if;
    return null;
end $$;

-- For migrations: each new table that anybody writes is held so.
create or replace function hold_table_to_epoch(held regclass) returns void language plpgsql as $$
begin
    execute format('create trigger a_leader_writes before insert or update or delete on %s
        for each statement execute function hold_to_epoch()', held);
end $$;
