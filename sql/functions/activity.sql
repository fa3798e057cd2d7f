-- What was done inside sandboxes, as the leader writes it: in batches of a second at most, each act once.

-- rows: [{at_ms, id, sandbox_id, user_id, key_id, act, program, path, path_to, entered, request_id}]. Returns how many are new.
create function add_activity(rows jsonb) returns integer language plpgsql as $$
declare
    stored integer;
    given activity[];
begin
    given := array(select row(to_timestamp(r.at_ms / 1000.0), r.id, r.sandbox_id, r.user_id, r.key_id, r.act, r.program, r.path, r.path_to,
            r.entered, r.request_id)::activity
        from jsonb_to_recordset(rows) as r(at_ms bigint, id bigint, sandbox_id text, user_id text, key_id text, act text,
            program text, path text, path_to text, entered boolean, request_id text));
    perform make_partition(d.day, 'activity') from (select distinct (g.at at time zone 'UTC')::date as day from unnest(given) g) d;
    insert into activity select * from unnest(given) on conflict do nothing;
    get diagnostics stored = row_count;
    return stored;
end $$;
