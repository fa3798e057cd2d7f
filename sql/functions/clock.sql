-- PostgreSQL's clock may be set while sandboxes live. The leader counts their deadlines on a clock that does not jump; where
-- PostgreSQL's was set, expires_at follows the count, so that what is told of a sandbox is true by the clock that everything
-- else is told by, and nothing ends earlier or later for it.

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

create function clock_sample() returns table (now_ms bigint, boot_id text, offset_ms bigint) language sql volatile as $$
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
