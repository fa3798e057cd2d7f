-- As 0018, and a refusal names the field that was sent; whether a sandbox was ever given a later end stays known.

alter table sandboxes add column extended boolean not null default false;
update sandboxes s set extended = true where ended_at is null
    and exists (select from events e where e.sandbox_id = s.id and e.type = 'sandbox.extended');

create or replace function patch_sandbox(sandbox_id text, owner text, patch jsonb, defaults jsonb, who jsonb) returns sandbox_change
language plpgsql as $$
declare
    s sandboxes;
    old sandboxes;
    fault sandbox_change;
    until timestamptz;
    resized boolean;
begin
    perform gate_lock();
    old := sandbox_for_change(sandbox_id, owner);
    if old.id is null then
        return not_changed('not_found', 'There is no such sandbox');
    elsif not etag_holds(who, sandbox_json(old)::text) then
        return not_changed('precondition_failed', changed_meanwhile());
    elsif old.ended_at is not null or old.want = 'gone' then
        return not_changed('wrong_state', 'The sandbox has ended: it is ' || old.state);
    end if;
    until := coalesce((patch->>'expires_at')::timestamptz,
                      clock_timestamp() + (patch->>'lifetime_seconds')::bigint * interval '1 second', old.expires_at);
    fault := patch_fault(old, patch, until, defaults);
    if fault.outcome is not null then
        if patch ? 'lifetime_seconds' then
            fault.detail := regexp_replace(fault.detail, '^expires_at: ', 'lifetime_seconds: ');
        end if;
        return fault;
    end if;
    s := old;
    s.memory_bytes := coalesce((patch->>'memory_bytes')::bigint, s.memory_bytes);
    s.cpu_millis := coalesce((patch->>'cpu_millis')::bigint, s.cpu_millis);
    s.cpu_shares := coalesce((patch->>'cpu_shares')::bigint, s.cpu_shares);
    if (s.memory_bytes > old.memory_bytes or s.cpu_millis > old.cpu_millis) and not node_fits(s.node,
            greatest(0, s.memory_bytes - old.memory_bytes), greatest(0, s.cpu_millis - old.cpu_millis), 0, 0) then
        return not_changed('no_capacity', 'The host of the sandbox has no room for that');
    end if;
    resized := (s.memory_bytes, s.cpu_millis, s.cpu_shares) is distinct from (old.memory_bytes, old.cpu_millis, old.cpu_shares);
    update sandboxes set memory_bytes = s.memory_bytes, cpu_millis = s.cpu_millis, cpu_shares = s.cpu_shares,
        name = coalesce(patch->>'name', name), labels = coalesce(patch->'labels', labels), expires_at = until,
        extended = extended or until > old.expires_at,
        generation = generation + case when resized or until <> old.expires_at then 1 else 0 end
        where id = s.id returning * into s;
    if until <> old.expires_at then
        perform add_event('sandbox.extended', s.user_id, s.id, null, jsonb_build_object(
            'from', rfc3339(old.expires_at), 'expires_at', rfc3339(until)));
    end if;
    if resized then
        perform add_event('sandbox.resized', s.user_id, s.id, null, jsonb_build_object('memory_bytes', s.memory_bytes,
            'cpu_millis', s.cpu_millis, 'cpu_shares', s.cpu_shares));
    end if;
    perform add_audit(who, 'sandbox.patch', s.id, patchable_json(old), patchable_json(s));
    return changed(s);
end $$;
