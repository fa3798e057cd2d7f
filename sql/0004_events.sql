-- What happened. A move of a sandbox's state and its event are one: the trigger writes it, and refuses a move
-- that sandbox_moves does not have, whoever makes it.
-- Numbers are given under a lock that is held to the commit, so that they become visible in their order: a
-- reader who has seen number n will never miss a lower one.

create sequence event_seq;

create table events (
    seq         bigint primary key,
    type        text not null,
    at          timestamptz not null,
    user_id     text,
    sandbox_id  text,
    node        text,
    data        jsonb not null default '{}'
);
create index events_of_sandbox on events (sandbox_id, seq) where sandbox_id is not null;
create index events_of_user on events (user_id, seq) where user_id is not null;
create index events_at on events (at);

create function event_id(seq bigint) returns text language sql immutable as $$
    select 'evt_' || lpad(seq::text, 19, '0')
$$;

-- 0 for what is no event's id.
create function event_seq_of(id text) returns bigint language sql immutable as $$
    select case when id ~ '^evt_[0-9]{19}$' and id <= 'evt_9223372036854775807' then substr(id, 5)::bigint else 0 end
$$;

create function add_event(type text, user_id text, sandbox_id text, node text, data jsonb)
returns bigint language plpgsql as $$
declare
    seq bigint;
begin
    perform pg_advisory_xact_lock(20011, 2);
    seq := nextval('event_seq');
    insert into events values (seq, type, clock_timestamp(), user_id, sandbox_id, node, data);
    return seq;
end $$;

create function sandbox_was_created() returns trigger language plpgsql as $$
begin
    perform add_event('sandbox.created', new.user_id, new.id, null,
        jsonb_build_object('image', new.image, 'node', new.node));
    return null;
end $$;

create function sandbox_moves_legally() returns trigger language plpgsql as $$
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

create trigger sandbox_created after insert on sandboxes
    for each row execute function sandbox_was_created();
create trigger sandbox_moved after update on sandboxes
    for each row when (old.state is distinct from new.state) execute function sandbox_moves_legally();
