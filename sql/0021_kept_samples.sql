-- What a host keeps until it hears that it was committed is stored once, however often it comes. The numbers of a
-- host's samples rise for ever, and it sends them in order, nothing left out: so the highest number that was stored
-- of a sandbox says of each other whether it is new. A sandbox's samples and news are its own host's to tell.

create table sandbox_samples (
    sandbox_id  text primary key references sandboxes on delete cascade,
    highest     bigint not null default 0
) with (fillfactor = 50);

drop function add_samples(text[], bigint[], bigint[], bigint[], bigint[], integer[], integer[], bigint[], bigint[],
    bigint[], bigint[], bigint[], bigint[]);

-- One array a column, one row an element. A sample that no partition takes (older than what is kept, or of a clock
-- far off) is left out. Returns how many were stored.
create function add_samples(host text, id text[], number bigint[], ago_ms bigint[], memory_used bigint[],
    memory_unreclaimable bigint[], memory_limit bigint[], cpu integer[], throttled integer[], disk_used bigint[],
    disk_limit bigint[], rx bigint[], tx bigint[], pids bigint[], pids_limit bigint[])
returns integer language plpgsql as $$
declare
    stored integer;
begin
    insert into sandbox_samples select s.id from sandboxes s
        where s.id = any(add_samples.id) and s.node = host order by s.id
        on conflict do nothing;
    -- Whoever brings the same at the same time waits here, and then sees what was stored.
    perform from sandbox_samples h where h.sandbox_id = any(add_samples.id) order by h.sandbox_id for update;
    insert into samples
    select n.id, n.at, mu, mun, ml, c, t, du, dl, r, x, p, pl
    from (select u.*, date_trunc('milliseconds', now() - u.ago * interval '1 millisecond') as at
        from unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
            as u(id, number, ago, mu, mun, ml, c, t, du, dl, r, x, p, pl)) n
    join sandboxes s on s.id = n.id and s.node = host
    join sandbox_samples h on h.sandbox_id = n.id and n.number > h.highest
    where to_regclass('samples_' || to_char(n.at at time zone 'UTC', 'YYYYMMDD')) is not null
    on conflict do nothing;
    get diagnostics stored = row_count;
    update sandbox_samples h set highest = n.highest
    from (select u.id, max(u.number) as highest from unnest($2, $3) as u(id, number) group by u.id) n, sandboxes s
    where h.sandbox_id = n.id and h.highest < n.highest and s.id = n.id and s.node = host;
    return stored;
end $$;

-- Each {sandbox_id, opened, number, ago_ms, kind, level, percent, limit}, in their order, all or none: an opening
-- comes before its closing. An event tells when it happened, not when it was heard of.
create function add_violations(host text, news jsonb) returns void language plpgsql as $$
declare
    v jsonb;
    e jsonb;
begin
    -- Always in the same order of ids, and before the lock of the events' numbers: as move_sandboxes.
    perform from sandboxes where id in (select x->>'sandbox_id' from jsonb_array_elements(news) x) order by id for update;
    for v in select item from jsonb_array_elements(news) with ordinality as x(item, n) order by n loop
        continue when not exists (select from sandboxes s where s.id = v->>'sandbox_id' and s.node = host)
            or exists (select from events x where x.sandbox_id = v->>'sandbox_id' and x.type like 'violation.%'
                and x.data->'number' = v->'number');
        e := add_violation(v - 'ago_ms')::jsonb;
        update events set at = now() - (v->>'ago_ms')::bigint * interval '1 millisecond'
        where seq = event_seq_of(e->>'id');
    end loop;
end $$;
