-- An item of a host's words that breaks a bound is left out, or a number of it is lowered, and the rest goes on.
-- That is told, with the first of them.
create function node_left_out(node_name text, count bigint, first text) returns act language plpgsql as $$
begin
    perform add_event('system.item_left_out', null, null, node_name,
        jsonb_build_object('count', count, 'first', first));
    return act_ok(null);
end $$;
