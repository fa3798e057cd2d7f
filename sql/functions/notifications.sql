-- What users are told, one notification an episode. What an event causes is written in the event's transaction (the trigger
-- event_notifies), so none is missing and none comes twice. What no event announces, an end that comes and a quota that is nearly
-- used up, the leader looks for every few seconds.

create function notifications_most() returns integer language sql immutable as $$
    select 1000
$$;

create function notification_id(seq bigint) returns text language sql immutable as $$
    select 'ntf_' || lpad(seq::text, 19, '0')
$$;

create function notification_seq_of(id text) returns bigint language sql immutable as $$
    select case when id ~ '^ntf_[0-9]{19}$' and id <= 'ntf_9223372036854775807' then substr(id, 5)::bigint end
$$;

create function notification_json(n notifications) returns json language sql stable as $$
    select json_build_object('id', notification_id(n.seq), 'kind', n.kind, 'level', n.level, 'sandbox_id', n.sandbox_id,
        'message', n.message, 'data', n.data, 'created_at', rfc3339(n.created_at), 'updated_at', rfc3339(n.updated_at),
        'closed_at', rfc3339(n.closed_at), 'read_at', rfc3339(n.read_at))
$$;

create function level_rank(level text) returns integer language sql immutable as $$
    select array_position('{info,warning,critical}'::text[], level)
$$;

-- A name that its user knows it by.
create function sandbox_label(id text) returns text language sql stable as $$
    select coalesce((select nullif(s.name, '') from sandboxes s where s.id = sandbox_label.id), sandbox_label.id)
$$;

-- Opens an episode; one that is open is raised to a higher level, and is unread again. Past the bound of a user the oldest go: one
-- that somebody has locked, with the next.
create function open_notification(fresh notifications) returns void language plpgsql as $$
begin
    update notifications n set level = fresh.level, message = fresh.message, data = fresh.data, updated_at = fresh.updated_at,
        read_at = null where n.about = fresh.about and n.closed_at is null and level_rank(n.level) < level_rank(fresh.level);
    if found or exists (select from notifications n where n.about = fresh.about and n.closed_at is null) then
        return;
    end if;
    fresh.seq := nextval('notification_seq');
    insert into notifications values (fresh.*);
    delete from notifications n where n.seq = any (array(select o.seq from notifications o
        where o.user_id = fresh.user_id order by o.seq desc offset notifications_most() limit 10 for update skip locked));
end $$;

create function violation_message(e events) returns text language sql stable as $$
    select format('%s: ', sandbox_label(e.sandbox_id)) || case e.data->>'kind'
        when 'memory' then format('memory is at %s %% of its limit', e.data->>'percent')
            || case when e.data->>'level' = 'critical' then '; a sandbox is ended for this' else '' end
        when 'cpu' then format('CPU is at %s %% of its limit', e.data->>'percent')
        when 'disk' then format('the disk is %s %% full', e.data->>'percent')
        else format('it has %s %% of the processes that it may have', e.data->>'percent') end
$$;

create function end_words(reason text, exit_code text) returns text language sql immutable as $$
    select case reason
        when 'expired' then 'its lifetime is over'
        when 'idle' then 'nothing used it for its idle time'
        when 'exited' then format('its command ended with exit code %s', coalesce(exit_code, 'unknown'))
        when 'oom_killed' then 'it needed more memory than its limit'
        when 'memory_critical' then 'its memory reached the critical level'
        when 'admin' then 'an administrator ended it'
        when 'node_lost' then 'its node was lost'
        when 'start_failed' then 'it could not be started'
        when 'image_unavailable' then 'its image is not available'
        when 'no_capacity' then 'no node had room for it'
        when 'orphaned' then 'its node did not know it any more'
        else 'it was deleted' end
$$;

create function end_level(reason text, exit_code text) returns text language sql immutable as $$
    select case when reason in ('expired', 'idle', 'admin', 'deleted') or (reason = 'exited' and exit_code = '0') then 'info'
        when reason in ('oom_killed', 'memory_critical') then 'critical' else 'warning' end
$$;

-- An end closes what was open of the sandbox. The rows are locked in the order of their numbers, as by all who change several. A user who deletes a sandbox is not told of that.
create function notify_of_end(e events) returns void language plpgsql as $$
declare
    why text := e.data->>'reason';
    code text := e.data->>'exit_code';
begin
    update notifications n set closed_at = e.at, updated_at = e.at where n.seq = any (array(select o.seq from notifications o
        where o.sandbox_id = e.sandbox_id and o.closed_at is null order by o.seq for update));
    if why <> 'deleted' then
        perform open_notification((null, e.user_id, 'end', end_level(why, code), e.sandbox_id, 'end:' || e.sandbox_id,
            format('%s ended: %s', sandbox_label(e.sandbox_id), end_words(why, code)),
            jsonb_strip_nulls(jsonb_build_object('reason', why, 'detail', e.data->'detail', 'exit_code', e.data->'exit_code')),
            e.at, e.at, e.at, null)::notifications);
    end if;
end $$;

create function notify_of(e events) returns void language plpgsql as $$
declare
    subject text := concat_ws(':', 'violation', e.sandbox_id, e.data->>'kind');
begin
    if e.type = 'violation.opened' then
        perform open_notification((null, e.user_id, 'violation', case when e.data->>'level' = 'critical' then 'critical'
            else 'warning' end, e.sandbox_id, subject, violation_message(e),
            jsonb_strip_nulls(jsonb_build_object('kind', e.data->'kind', 'percent', e.data->'percent', 'limit', e.data->'limit')),
            e.at, e.at, null, null)::notifications);
    elsif e.type = 'violation.closed' then
        update notifications n set closed_at = e.at, updated_at = e.at,
            data = n.data || jsonb_strip_nulls(jsonb_build_object('swings', e.data->'swings'))
            where n.about = subject and n.closed_at is null;
    else
        perform notify_of_end(e);
    end if;
end $$;

-- One for each sandbox and end; the same end moved with PostgreSQL's clock is the same.
create function expiry_subject(s sandboxes) returns text language sql immutable as $$
    select format('expiry:%s:%s', s.id, floor(extract(epoch from s.expires_at - s.clock_shift) * 1000)::bigint)
$$;

-- Tells of ends that are near: within so many seconds, or a tenth of the lifetime if that is less. Closes what was told of ends that
-- were put off, and of sandboxes that have ended. At most `most` of each; returns how many.
create function notify_expiries(lead_seconds bigint, most integer) returns bigint language plpgsql as $$
declare
    s sandboxes;
    told bigint := 0;
    at timestamptz := clock_timestamp();
begin
    update notifications n set closed_at = at, updated_at = at where n.seq = any (array(select o.seq from notifications o
        where o.kind = 'expiry' and o.closed_at is null and not exists (select from sandboxes x where x.id = o.sandbox_id
            and x.ended_at is null and expiry_subject(x) = o.about) limit most for update skip locked));
    for s in select x.* from sandboxes x where x.ended_at is null and x.desired <> 'gone'
            and x.expires_at > at and x.expires_at <= at + lead_seconds * interval '1 second'
            and x.expires_at <= at + (x.expires_at - x.created_at - x.clock_shift) / 10
            and not exists (select from notifications n where n.about = expiry_subject(x))
            order by x.expires_at limit most loop
        perform open_notification((null, s.user_id, 'expiry', 'warning', s.id, expiry_subject(s),
            format('%s ends at %s', sandbox_label(s.id), rfc3339(s.expires_at)),
            jsonb_build_object('expires_at', rfc3339(s.expires_at)), at, at, null, null)::notifications);
        told := told + 1;
    end loop;
    return told;
end $$;

-- How much of its quota each user with live sandboxes uses. Numeric: a multiple of a limit may be more than a bigint holds.
create function quota_shares(defaults jsonb) returns table (user_id text, resource text, used numeric, most numeric)
language sql stable as $$
    with live as materialized (select s.user_id, count(*) as sandboxes, sum(s.memory_bytes)::bigint as memory,
            sum(s.cpu_millis)::bigint as cpu, sum(s.storage_bytes)::bigint as storage
        from sandboxes s where s.ended_at is null group by 1)
    select live.user_id, r.resource, r.used, r.most from live
        join users u on u.id = live.user_id join tiers t on t.name = u.tier
        cross join lateral limits_of(u, t, null, defaults) l
        cross join lateral (values ('sandboxes', live.sandboxes, l.max_sandboxes),
            ('memory_bytes', live.memory, in_all(l, l.memory_bytes)),
            ('cpu_millis', live.cpu, in_all(l, l.cpu_millis)),
            ('storage_bytes', live.storage, in_all(l, l.storage_bytes))) r(resource, used, most)
        where r.most > 0
$$;

create function quota_message(resource text, used numeric, most numeric) returns text language sql immutable as $$
    select case resource when 'sandboxes' then format('you have %s of the %s sandboxes that you may have', used, most)
        else format('your sandboxes have %s %% of the %s that you may have', div(used * 100, most),
            case resource when 'memory_bytes' then 'memory' when 'cpu_millis' then 'CPU' else 'disk' end) end
$$;

create function quota_subject(user_id text, resource text) returns text language sql immutable as $$
    select format('quota:%s:%s', user_id, resource)
$$;

-- Tells users who use 90 % of a quota or more, once until they use less than 80 %. At most `most` of each; returns how many.
create function notify_quotas(defaults jsonb, most integer) returns bigint language plpgsql as $$
declare
    q record;
    told bigint := 0;
    at timestamptz := clock_timestamp();
begin
    update notifications n set closed_at = at, updated_at = at where n.seq = any (array(
        with shares as materialized (select quota_subject(x.user_id, x.resource) as about, x.used, x.most from quota_shares(defaults) x)
        select o.seq from notifications o left join shares x on x.about = o.about
            where o.kind = 'quota' and o.closed_at is null and (x.used is null or x.used * 10 < x.most * 8)
            limit notify_quotas.most for update of o skip locked));
    for q in select x.* from quota_shares(defaults) x where x.used * 10 >= x.most * 9 and not exists (
            select from notifications n where n.about = quota_subject(x.user_id, x.resource) and n.closed_at is null)
            limit notify_quotas.most loop
        perform open_notification((null, q.user_id, 'quota', 'warning', null, quota_subject(q.user_id, q.resource),
            quota_message(q.resource, q.used, q.most),
            jsonb_build_object('resource', q.resource, 'used', q.used, 'limit', q.most), at, at, null, null)::notifications);
        told := told + 1;
    end loop;
    return told;
end $$;

-- filter: {owner, unread, cursor (an id), limit}. Newest first.
create function list_notifications(filter jsonb) returns list_page language plpgsql stable as $$
declare
    before bigint := case when filter ? 'cursor' then notification_seq_of(filter->>'cursor') else 9223372036854775807 end;
    most integer := (filter->>'limit')::integer;
    found_rows notifications[];
begin
    if before is null then
        return null;
    end if;
    if (filter->>'unread')::boolean then
        found_rows := array(select n from notifications n where n.user_id = filter->>'owner' and n.read_at is null
            and n.seq < before order by n.seq desc limit most + 1);
    else
        found_rows := array(select n from notifications n where n.user_id = filter->>'owner'
            and n.seq < before order by n.seq desc limit most + 1);
    end if;
    return page((select json_agg(notification_json(n) order by n.seq desc) from unnest(found_rows[1:most]) n),
        case when cardinality(found_rows) > most then notification_id(found_rows[most].seq) end);
end $$;

-- Marks one as read, again without effect. Null: the user has none with this id.
create function read_notification(owner text, id text) returns text language plpgsql as $$
begin
    update notifications n set read_at = clock_timestamp()
        where n.seq = notification_seq_of(id) and n.user_id = owner and n.read_at is null;
    if not found and not exists (select from notifications n where n.seq = notification_seq_of(id) and n.user_id = owner) then
        return null;
    end if;
    return 'ok';
end $$;

create function read_notifications(owner text) returns text language plpgsql as $$
begin
    update notifications n set read_at = clock_timestamp() where n.seq = any (array(select o.seq from notifications o
        where o.user_id = owner and o.read_at is null order by o.seq for update));
    return 'ok';
end $$;
