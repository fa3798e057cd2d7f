-- PostgreSQL's clock may be set while sandboxes live. Whoever leads counts their deadlines on a clock that does not jump;
-- where PostgreSQL's was set, expires_at follows the count, so that what is told of a sandbox is true by the clock that
-- everything else is told by, and nothing ends earlier or later for it.

-- By how much expires_at was moved so, in all: what lies between created_at and expires_at is longer by that than its
-- lifetime. ending: what whoever ended it knew (late_ms: so long after its deadline, as counted; unheard: its host had not
-- heard of what was last wanted).
-- timed_at: when expires_at was given, by the clock under which it was; null: as created_at.
alter table sandboxes add column clock_shift interval not null default '0', add column ending jsonb,
    add column timed_at timestamptz;

create function sandbox_is_timed() returns trigger language plpgsql as $$
begin
    new.timed_at := clock_timestamp();
    return new;
end $$;
create trigger sandbox_timed before update of expires_at on sandboxes for each row
    when (old.expires_at is distinct from new.expires_at and old.timed_at is not distinct from new.timed_at)
    execute function sandbox_is_timed();

-- The clock under which live rows have their expires_at: PostgreSQL's, so far from the clock that does not jump of this
-- machine in this boot. Written by whoever leads.
create table clock_frame (
    one boolean primary key default true check (one),
    boot_id text not null,
    offset_ms bigint not null
);
select hold_table_to_epoch('clock_frame');

create function unix_ms(t timestamptz) returns bigint language sql immutable as $$
    select floor(extract(epoch from t) * 1000)::bigint
$$;

create function clock_ms() returns bigint language sql volatile as $$
    select unix_ms(clock_timestamp())
$$;

-- Of a row as it is at this moment, also in the statement that writes it.
create function expires_ms(sandbox_id text) returns bigint language sql volatile as $$
    select unix_ms(expires_at) from sandboxes where id = sandbox_id
$$;

create function clock_look() returns table (now_ms bigint, boot_id text, offset_ms bigint) language sql volatile as $$
    select clock_ms(), f.boot_id, f.offset_ms from (select 1) x left join clock_frame f on true
$$;

create function keep_clock_frame(boot text, off_ms bigint) returns void language sql as $$
    insert into clock_frame values (true, boot, off_ms)
        on conflict (one) do update set boot_id = excluded.boot_id, offset_ms = excluded.offset_ms
$$;

-- Whether that was before the clock was set by so much: it lies further back than that, or in the future.
create function timed_before(t timestamptz, step_ms bigint) returns boolean language sql volatile as $$
    select case when step_ms > 0 then t <= clock_timestamp() - step_ms * interval '1 millisecond' else t > clock_timestamp() end
$$;

-- The clock was set by step_ms. moved: [[id, from, to], …], Unix milliseconds: the rows that are to follow, from what who
-- leads believes (both the same: it is right). Those that have another time, or are not named, were changed a moment ago:
-- they follow by the step where that was before it. null: all live ones do, by the step, since nobody leads yet, but for
-- those that were surely timed after it; where it was back, nobody can tell them (docs/clocks.md). With its
-- event (once, also where the answer was lost and it is asked again), and the frame from now on, in one transaction.
-- Returns how many rows followed.
create function clock_stepped(boot text, off_ms bigint, step_ms bigint, moved jsonb) returns bigint
language plpgsql as $$
declare
    known boolean := exists (select from clock_frame f where f.boot_id = boot and abs(f.offset_ms - off_ms) < 500);
    n bigint;
    others bigint;
begin
    if moved is null then
        update sandboxes set expires_at = expires_at + step_ms * interval '1 millisecond',
            clock_shift = clock_shift + step_ms * interval '1 millisecond',
            timed_at = coalesce(timed_at, created_at) + step_ms * interval '1 millisecond'
            where ended_at is null and (step_ms < 0 or timed_before(coalesce(timed_at, created_at), step_ms));
    else
        update sandboxes s set expires_at = 'epoch'::timestamptz + (m->>2)::bigint * interval '1 millisecond',
            clock_shift = s.clock_shift + ((m->>2)::bigint - (m->>1)::bigint) * interval '1 millisecond',
            timed_at = coalesce(s.timed_at, s.created_at) + step_ms * interval '1 millisecond'
            from jsonb_array_elements(moved) m
            where s.id = m->>0 and s.ended_at is null and m->1 <> m->2 and unix_ms(s.expires_at) = (m->>1)::bigint;
    end if;
    get diagnostics n = row_count;
    if moved is not null and not known then
        update sandboxes s set expires_at = expires_at + step_ms * interval '1 millisecond',
            clock_shift = clock_shift + step_ms * interval '1 millisecond',
            timed_at = coalesce(timed_at, created_at) + step_ms * interval '1 millisecond'
            where ended_at is null and timed_before(coalesce(s.timed_at, s.created_at), step_ms)
                and not exists (select from jsonb_array_elements(moved) m where m->>0 = s.id
                    and unix_ms(s.expires_at) in ((m->>1)::bigint, (m->>2)::bigint));
        get diagnostics others = row_count;
        n := n + others;
    end if;
    perform keep_clock_frame(boot, off_ms);
    if not known then
        perform add_event('system.clock_stepped', null, null, null, jsonb_build_object(
            'seconds', trim_scale(round(step_ms / 1000.0, 1)), 'sandboxes', n));
    end if;
    return n;
end $$;

-- For how long it was to live, and had lived when it ended; seconds. By the count, where that is known.
create function lifetime_of(s sandboxes) returns numeric language sql immutable as $$
    select trim_scale(round(extract(epoch from s.expires_at - s.created_at - s.clock_shift), 1))
$$;
create function late_of(s sandboxes) returns numeric language sql immutable as $$
    select trim_scale(round(coalesce((s.ending->>'late_ms')::numeric / 1000, extract(epoch from s.ended_at - s.expires_at)), 1))
$$;

create or replace function end_sentence(s sandboxes) returns text language sql stable as $$
    select case s.reason
        when 'expired' then format('its lifetime of %s s ended at %s', lifetime_of(s), rfc3339(s.expires_at)) || case
            when late_of(s) > 2 then format('; its host was hindered, and ended it %s s later', late_of(s))
            when late_of(s) >= -1 then ''
            when s.ending is null or (s.ending->>'unheard')::boolean
                then format('; its host had not heard of the extension, and ended it at %s', rfc3339(s.ended_at))
            else format('; its host ended it %s s before that, by its own count', -late_of(s)) end
        when 'node_lost' then format('its host %s was unreachable when its lifetime of %s s ended at %s', s.node,
            lifetime_of(s), rfc3339(s.expires_at))
        when 'deleted' then format('its user deleted it; it had lived for %s s', greatest(0, lifetime_of(s) + late_of(s)))
        when 'admin' then format('an administrator ended it; it had lived for %s s',
            greatest(0, lifetime_of(s) + late_of(s)))
        else '' end
$$;

-- As before, and an end is told by the count: m->'late_ms'. Where the clock was set and that is not known yet (nothing
-- else makes so much of a difference: no statement waits longer), expires_at follows here.
create or replace function move_one_state(ord integer, m jsonb) returns sandbox_moved language plpgsql as $$
declare
    s sandboxes;
    e events;
    target text := m->>'to';
    ends boolean;
    over timestamptz;
    due timestamptz;
begin
    select * into s from sandboxes where id = m->>'id' for update;
    if not found then
        return (ord, 'not_found', null, null, null, null)::sandbox_moved;
    elsif s.state = target then
        return (ord, 'same', s.state, sandbox_json(s)::text, null, s.user_id)::sandbox_moved;
    elsif not exists (select from sandbox_moves v where v.from_state = s.state and v.to_state = target)
            or (m ? 'from' and not m->'from' ? s.state) then
        return (ord, 'wrong_state', s.state, sandbox_json(s)::text, null, s.user_id)::sandbox_moved;
    end if;
    select terminal into ends from sandbox_states where name = target;
    due := s.expires_at;
    if ends then
        over := clock_timestamp() - coalesce((m->>'ended_ago_ms')::bigint, 0) * interval '1 millisecond';
        if m ? 'late_ms' and over >= s.created_at and over - due - (m->>'late_ms')::bigint * interval '1 millisecond'
                not between interval '-2 seconds' and interval '15 seconds' then
            due := over - (m->>'late_ms')::bigint * interval '1 millisecond';
        end if;
    end if;
    update sandboxes set
        state = target,
        reason = case when ends then coalesce(m->>'reason', want_reason) end,
        detail = coalesce(m->>'detail', ''),
        exit_code = coalesce((m->>'exit_code')::integer, exit_code),
        enforced = coalesce((m->>'enforced')::integer, enforced),
        figures = coalesce(m->'figures', figures),
        started_at = coalesce(started_at, case when m ? 'started_ago_ms'
            then greatest(created_at, clock_timestamp() - (m->>'started_ago_ms')::bigint * interval '1 millisecond') end),
        ended_at = case when ends then greatest(s.created_at + least(s.clock_shift, interval '0'), over) end,
        ending = case when m ? 'late_ms' then jsonb_build_object('late_ms', m->'late_ms', 'unheard', m->'unheard') end,
        clock_shift = clock_shift + (due - expires_at),
        expires_at = due
        where id = s.id returning * into s;
    select * into e from events where sandbox_id = s.id order by seq desc limit 1;
    return (ord, 'ok', s.state, sandbox_json(s)::text, event_json(e)::text, s.user_id)::sandbox_moved;
end $$;

-- As before; what a tier allows is counted from when it was created, whatever the clock said then.
create or replace function patch_fault(s sandboxes, patch jsonb, until timestamptz, defaults jsonb) returns sandbox_change
language plpgsql as $$
declare
    u users;
    l limits_in_force;
    latest timestamptz;
    wrong text;
begin
    select * into u from users where id = s.user_id;
    l := limits_of(u, (select t from tiers t where t.name = u.tier), null, defaults);
    latest := s.created_at + s.clock_shift + l.lifetime_seconds * interval '1 second';
    wrong := coalesce(
        above('memory_bytes', (patch->>'memory_bytes')::bigint, l.memory_bytes),
        above('cpu_millis', (patch->>'cpu_millis')::bigint, l.cpu_millis),
        above('cpu_shares', (patch->>'cpu_shares')::bigint, l.cpu_shares),
        case when until > s.expires_at and until > latest
            then format('expires_at: the tier allows %s s from created_at, extensions included: until %s',
                l.lifetime_seconds, rfc3339(latest)) end);
    if wrong is not null then
        return not_changed('above_tier_limit', wrong);
    elsif until <= clock_timestamp() and until <> s.expires_at then
        return not_changed('invalid', 'expires_at: lies in the past; delete the sandbox instead');
    end if;
    return null;
end $$;
