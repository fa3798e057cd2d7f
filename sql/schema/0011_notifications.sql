-- The live stream of events: how far events were removed, so that a position before that is refused and no gap is silent, and the
-- notice to every controller that there are new ones.

create table event_floor (
    one     boolean primary key default true check (one),
    seq     bigint not null -- the highest number of an event that was removed
);

insert into event_floor select true, greatest(coalesce((select min(seq) - 1 from events),
    (select case when is_called then last_value else 0 end from event_seq)), 0);

select hold_table_to_epoch('event_floor');

create trigger events_told after insert on events for each statement execute function tell_event();

-- What users are told. One row an episode: it is open until closed_at. about names what it is an episode of, and has at most one
-- that is open. No reference to users: what happened is told in the transaction that writes its event, which must not fail for it.
create sequence notification_seq;

create table notifications (
    seq         bigint primary key default nextval('notification_seq'),
    user_id     text not null,
    kind        text not null check (kind in ('violation', 'expiry', 'end', 'quota')),
    level       text not null check (level in ('info', 'warning', 'critical')),
    sandbox_id  text,
    about       text not null,
    message     text not null,
    data        jsonb not null default '{}',
    created_at  timestamptz not null,
    updated_at  timestamptz not null,
    closed_at   timestamptz,
    read_at     timestamptz
);

create index notifications_of_user on notifications (user_id, seq);
create index notifications_unread on notifications (user_id, seq) where read_at is null;
create unique index notifications_open on notifications (about) where closed_at is null;
create index notifications_open_kind on notifications (kind) where closed_at is null;
create index notifications_open_sandbox on notifications (sandbox_id) where closed_at is null;
create index notifications_about on notifications (about);
create index notifications_created on notifications (created_at);

select hold_table_to_epoch('notifications');

create trigger event_notifies after insert on events
    for each row when (new.user_id is not null and new.sandbox_id is not null
        and new.type in ('violation.opened', 'violation.closed', 'sandbox.stopped', 'sandbox.failed'))
    execute function event_notifies();

-- For what expires soon.
create index sandboxes_live_expiry on sandboxes (expires_at) where ended_at is null;
