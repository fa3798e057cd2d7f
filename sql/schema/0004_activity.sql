-- What was done inside sandboxes: programs that were started, files that were touched; never arguments, contents or environment. Not
-- a part of the audit's chain. A partition a day, so that old ones go by dropping a table (make_partition()).

create table activity (
    at          timestamptz not null,
    id          bigint not null,        -- random: a batch that is sent again is stored once
    sandbox_id  text not null,
    user_id     text not null,
    key_id      text not null,
    act         text not null,          -- the operationId of the request
    program     text,
    path        text,
    path_to     text,                   -- of a move
    entered     boolean not null,       -- by an administrator who entered another user's sandbox
    request_id  text not null,
    primary key (at, id)
) partition by range (at);

create index activity_of_sandbox on activity (sandbox_id, at);
create index activity_of_user on activity (user_id, at);

select hold_table_to_epoch('activity');

do $$
declare
    today date := (now() at time zone 'UTC')::date;
    day date;
begin
    for day in select generate_series(today - 1, today + 7, '1 day')::date loop
        execute format('create table %I partition of activity for values from (%L) to (%L)',
            'activity_' || to_char(day, 'YYYYMMDD'), day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
    end loop;
end $$;
