-- An administrator's entry into the sandbox of another user: on record before anything is done inside. The record says who, which
-- sandbox and which act (the route's operation), never arguments or contents. Its owner gets an event, which names no other user.

-- need: 'logs' is what the sandbox has written, which needs no sandbox that runs; 'running'; 'paused' also takes one that is paused, since
-- it is resumed next. Nothing is recorded of one's own sandbox.
create function enter_sandbox(sandbox_id text, operation text, need text, who jsonb) returns act language plpgsql as $$
declare
    s sandboxes;
    a act := act_ok(null);
    asked jsonb := jsonb_build_object('act', operation);
begin
    select * into s from sandboxes x where x.id = sandbox_id;
    if not found then
        return act_audited(who, 'sandbox.enter', sandbox_id, asked, act_not('not_found', 'There is no such sandbox'));
    elsif s.user_id = who->>'user_id' then
        return a;
    elsif need = 'logs' and s.state = 'pending' then
        a := act_not('wrong_state', 'The sandbox has not started yet');
    elsif need <> 'logs' and s.ended_at is not null then
        a := act_not('wrong_state', 'The sandbox has ended');
    elsif need <> 'logs' and s.state <> 'running' and s.state <> need then
        a := act_not('wrong_state', format('The sandbox is %s, and works only while it is running', s.state));
    end if;
    asked := asked || jsonb_build_object('owner', s.user_id);
    if a.outcome = 'ok' then
        perform add_event('sandbox.entered', s.user_id, s.id, null,
            jsonb_build_object('act', operation, 'request_id', who->>'request_id'));
        perform add_audit(who, 'sandbox.enter', s.id, null, asked);
    end if;
    return act_audited(who, 'sandbox.enter', s.id, asked, a);
end $$;

-- A ticket is made for a route of a sandbox (owner null: the sandbox of any user, for an administrator). On record before the ticket is
-- told; the record never has the ticket.
create function ticket_created(sandbox_id text, owner text, route text, who jsonb) returns act language plpgsql as $$
declare
    s sandboxes;
    asked jsonb := jsonb_build_object('route', route);
begin
    select * into s from sandboxes x where x.id = sandbox_id and (owner is null or x.user_id = owner);
    if not found then
        return act_not('not_found', 'There is no such sandbox');
    end if;
    perform add_audit(who, 'ticket.create', s.id, null, asked);
    return act_ok(null);
end $$;
