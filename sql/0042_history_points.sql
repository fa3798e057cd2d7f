-- A history has 1,000 points at most: where the step would make more, it grows to fit, and step_seconds says to what.

create or replace function stats_history(id text, from_at timestamptz, to_at timestamptz, step integer) returns text
language sql stable as $$
    select case when from_at <= to_at then stats_points(id, from_at, to_at,
        greatest(step, ceil(extract(epoch from to_at - from_at) / 1000)::integer)) end
$$;
