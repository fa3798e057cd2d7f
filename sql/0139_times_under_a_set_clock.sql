-- As 0130, where PostgreSQL's clock was set back while a sandbox lived: what was told by the clock before lies later, by so
-- much, than it would by the one of now, and an end is told by the one of now.
create or replace function sandbox_times_in_order() returns trigger language plpgsql as $$
declare
    back interval := least(new.clock_shift, interval '0');
begin
    new.started_at := greatest(new.created_at + back, new.started_at);
    new.ended_at := greatest(new.created_at + back, new.started_at + back, new.ended_at);
    return new;
end $$;
