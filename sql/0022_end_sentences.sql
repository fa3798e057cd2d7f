-- Every end has a sentence with its figures. What its host knows of it comes from there; where that says nothing, the
-- database has the facts: the lifetime that ended, and who wanted it gone.

create function seconds_between(a timestamptz, b timestamptz) returns numeric language sql immutable as $$
    select trim_scale(round(extract(epoch from b - a), 1))
$$;

create function end_sentence(s sandboxes) returns text language sql stable as $$
    select case s.reason
        when 'expired' then format('its lifetime of %s s ended at %s', seconds_between(s.created_at, s.expires_at),
                rfc3339(s.expires_at)) || case
            when s.ended_at > s.expires_at + interval '2 seconds'
                then format('; its host was hindered, and ended it %s s later', seconds_between(s.expires_at, s.ended_at))
            when s.ended_at < s.expires_at - interval '1 second'
                then format('; its host had not heard of the extension, and ended it at %s', rfc3339(s.ended_at))
            else '' end
        when 'node_lost' then format('its host %s was unreachable when its lifetime of %s s ended at %s', s.node,
            seconds_between(s.created_at, s.expires_at), rfc3339(s.expires_at))
        when 'deleted' then format('its user deleted it; it had lived for %s s', seconds_between(s.created_at, s.ended_at))
        when 'admin' then format('an administrator ended it; it had lived for %s s',
            seconds_between(s.created_at, s.ended_at))
        else '' end
$$;

create function sandbox_says_why() returns trigger language plpgsql as $$
begin
    new.detail := end_sentence(new);
    return new;
end $$;
create trigger sandbox_ends before update on sandboxes
    for each row when (new.ended_at is not null and old.ended_at is null and new.detail = '')
    execute function sandbox_says_why();
