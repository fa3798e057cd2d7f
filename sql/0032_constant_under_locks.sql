-- What runs under a lock that everybody waits for (the gate, the events' numbers, the audit's chain, a tier's or a user's
-- row) looks at live rows and at its own: never at what has ended. These looked at all users that ever were.

create index users_of_tier on users (tier); -- also for the foreign key, when a tier is deleted

-- From the live sandboxes to their users, whatever the planner thinks of the tables' sizes.
create or replace function tier_notice(t tiers) returns text language plpgsql stable as $$
declare
    users_above bigint;
    larger bigint;
begin
    with owners as materialized (select distinct s.user_id from sandboxes s where s.ended_at is null),
    live as (
        select l.max_sandboxes as most, n.live, n.large
        from owners o
        cross join lateral (select x from users x where x.id = o.user_id and x.tier = t.name offset 0) u
        cross join lateral limits_of(u.x, t, null, '{}') l
        cross join lateral (select count(*) as live, count(*) filter (where larger_than(s, l)) as large
            from sandboxes s where s.user_id = o.user_id and s.ended_at is null) n)
    select count(*) filter (where live.live > most), coalesce(sum(large), 0) into users_above, larger from live;
    return notice(case when users_above > 0 then format(
        'users of this tier with more sandboxes than they may have: %s; those that live go on, new ones are refused',
        users_above) end, above_size(larger));
end $$;
