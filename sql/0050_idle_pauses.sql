-- As 0023, and also where the row is paused already: what ran between two pauses of its host may have gone unheard, and
-- the second is wanted all the same.

create or replace function move_one(ord integer, m jsonb) returns sandbox_moved language plpgsql as $$
declare
    moved sandbox_moved := move_one_state(ord, m);
begin
    if moved.outcome in ('ok', 'same') and m->>'to' = 'paused' and m->>'reason' = 'idle' then
        update sandboxes set want = 'paused'
            where id = m->>'id' and want = 'running' and generation = (m->>'generation')::bigint;
    end if;
    return moved;
end $$;
