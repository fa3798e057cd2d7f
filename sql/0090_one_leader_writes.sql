-- Only who leads writes. A controller's sessions say in corral.epoch which leadership they are of ('0': of none); where
-- that is not the one in force, nothing of theirs is changed (CO002). Sessions without it, such as an operator's, the
-- migrations', the verbs' and upkeep's, are not held to it. One mechanism, whatever function writes: each table has the trigger (a test compares).
-- Writers share a lock to their commit that lead() takes alone: when a new epoch begins, all writes of the one before
-- are committed or refused, and what is read then is the truth.

create function hold_to_epoch() returns trigger language plpgsql as $$
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

create function hold_table_to_epoch(held regclass) returns void language plpgsql as $$
begin
    execute format('create trigger a_leader_writes before insert or update or delete on %s
        for each statement execute function hold_to_epoch()', held);
end $$;

select hold_table_to_epoch(oid::regclass) from pg_class
    where relkind in ('r', 'p') and not relispartition and relnamespace = current_schema()::regnamespace
        and relname not in ('leadership', 'schema_migrations', 'sandbox_states', 'sandbox_moves', 'write_probe');

create or replace function lead(id text) returns bigint language plpgsql as $$
declare
    result bigint;
begin
    if not pg_try_advisory_lock(20011, 1) then
        return null;
    end if;
    perform pg_advisory_xact_lock(20011, 4);
    update leadership set epoch = epoch + 1, leader = id, since = now() returning epoch into result;
    return result;
end $$;

-- Whoever leads hears of what others want: of a sandbox, with its generation, and of a host.
create function tell_wanted() returns trigger language plpgsql as $$
begin
    perform pg_notify('corral_wants', new.id || ' ' || new.generation);
    return null;
end $$;
create trigger sandbox_wanted after update on sandboxes
    for each row when (old.generation is distinct from new.generation) execute function tell_wanted();

create function tell_marked() returns trigger language plpgsql as $$
begin
    perform pg_notify('corral_nodes', new.name);
    return null;
end $$;
create trigger node_marked after update on nodes
    for each row when (old.admin_state is distinct from new.admin_state) execute function tell_marked();

-- What a leader compares with what it believes: as little as shows that something changed.
create function sandbox_marks() returns table (id text, generation bigint, state text) language sql volatile as $$
    select s.id, s.generation, s.state from sandboxes s where s.ended_at is null
$$;

-- As live_sandboxes, of these, also where they have ended, and with the object for people.
create function read_sandboxes(ids text[]) returns table (id text, user_id text, key_id text, tier text, node text,
    region text, state text, want text, want_reason text, generation bigint, remaining_ms bigint, age_ms bigint,
    memory_bytes bigint, cpu_millis bigint, cpu_shares bigint, storage_bytes bigint, pids bigint, nofile bigint,
    restart text, spec bytea, body text)
language sql volatile as $$
    select s.id, s.user_id, s.key_id, s.tier, s.node, s.region, s.state, s.want, coalesce(s.want_reason, ''), s.generation,
        remaining_ms(s.expires_at), (extract(epoch from clock_timestamp() - s.created_at) * 1000)::bigint,
        s.memory_bytes, s.cpu_millis, s.cpu_shares, s.storage_bytes, s.pids, s.nofile, s.restart, s.spec,
        sandbox_json(s)::text
    from sandboxes s where s.id = any(ids)
$$;
