-- Who is above the limit may be so by an override of their own: the notice names no one number.

create or replace function tier_notice(t tiers) returns text language plpgsql stable as $$
declare
    users_above bigint;
    larger bigint;
begin
    with live as (
        select u.id, l.max_sandboxes as most, count(s.id) as n, count(*) filter (where larger_than(s, l)) as large
        from users u cross join lateral limits_of(u, t, null, '{}') l join sandboxes s on s.user_id = u.id
        where u.tier = t.name and s.ended_at is null group by u.id, l.max_sandboxes)
    select count(*) filter (where n > most), coalesce(sum(large), 0) into users_above, larger from live;
    return notice(case when users_above > 0 then format(
        'users of this tier with more sandboxes than they may have: %s; those that live go on, new ones are refused',
        users_above) end, above_size(larger));
end $$;
