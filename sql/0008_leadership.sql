-- One controller leads: the one whose session holds the advisory lock (20011, 1). Each leadership has an epoch of
-- its own, which travels in every message, so that an old leader's words change nothing.

create table leadership (
    one     boolean primary key default true check (one),
    epoch   bigint not null,
    leader  text not null,
    since   timestamptz not null
);
insert into leadership values (true, 0, '', now());

-- The new epoch, where the lock was free; null where another leads.
create function lead(id text) returns bigint language plpgsql as $$
declare
    result bigint;
begin
    if not pg_try_advisory_lock(20011, 1) then
        return null;
    end if;
    update leadership set epoch = epoch + 1, leader = id, since = now() returning epoch into result;
    return result;
end $$;
