-- PostgreSQL's clock may be set while sandboxes live. The leader counts their deadlines on a clock that does not jump. When
-- PostgreSQL's clock was set, expires_at is moved to agree with that count. So no sandbox ends earlier or later because of it,
-- and expires_at is right by the same clock as all other times.

create function unix_ms(t timestamptz) returns bigint language sql stable as $$
    select floor(extract(epoch from t) * 1000)::bigint
$$;

create function clock_ms() returns bigint language sql volatile as $$
    select unix_ms(clock_timestamp())
$$;

create function clock_sample() returns table (now_ms bigint, boot_id text, offset_ms bigint) language sql volatile as $$
    select clock_ms(), f.boot_id, f.offset_ms from (select 1) x left join clock_frame f on true
$$;

create function keep_clock_frame(boot text, off_ms bigint) returns void language sql as $$
    insert into clock_frame values (true, boot, off_ms)
        on conflict (one) do update set boot_id = excluded.boot_id, offset_ms = excluded.offset_ms
$$;

-- Whether t was taken before the clock was set by step_ms: t is further back than the step, or in the future.
create function timed_before(t timestamptz, step_ms bigint) returns boolean language sql volatile as $$
    select case when step_ms > 0 then t <= clock_timestamp() - step_ms * interval '1 millisecond' else t > clock_timestamp() end
$$;

-- The clock was set by step_ms. moved: [[id, from, to], …], Unix milliseconds: for each live row the expires_at that the leader
-- believes it has, and the right one (both equal: it is right already). A row with another expires_at, or not in the list, was
-- changed a moment ago: it moves by the step if that change was before the step. moved null means that nobody leads yet: all
-- live rows move by the step, except those that were surely changed after it; when the clock was set back, these cannot be told
-- apart (docs/clocks.md). The event (only once, also if the answer was lost and the call is repeated) and the new frame are
-- written in the same transaction. Returns how many rows moved.
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
