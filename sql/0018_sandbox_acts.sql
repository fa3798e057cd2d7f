-- What anybody does to a sandbox is on record, its own user's acts like an administrator's: create, delete, pause,
-- resume, patch, each with what was before and after. A create that is refused changes nothing, and has no row.

alter type admission_request add attribute address text;

create function audit_created(r admission_request) returns void language sql as $$
    select add_audit(jsonb_build_object('user_id', r.user_id, 'key_id', r.key_id, 'address', r.address,
            'request_id', r.request_id), 'sandbox.create', r.id, null, jsonb_strip_nulls(jsonb_build_object(
            'name', nullif(r.name, ''), 'image', r.image, 'node', r.node, 'network', r.network,
            'runtime', nullif(r.runtime, ''), 'memory_bytes', r.memory_bytes, 'cpu_millis', r.cpu_millis,
            'cpu_shares', r.cpu_shares, 'storage_bytes', r.storage_bytes, 'pids', r.pids, 'nofile', r.nofile,
            'lifetime_seconds', r.lifetime_seconds)))
$$;

create or replace function admit(requests jsonb, defaults jsonb) returns setof admission language plpgsql as $$
declare
    total bigint;
    item jsonb;
    r admission_request;
    a admission;
    known boolean; -- the same call again, after its answer was lost
    i integer := 0;
begin
    perform gate_lock();
    select count(*) into total from sandboxes where ended_at is null;
    for item in select * from jsonb_array_elements(requests) loop
        r := jsonb_populate_record(null::admission_request, item);
        known := exists (select from sandboxes where id = r.id);
        a := admit_one(i, r, defaults, total);
        if a.outcome = 'admitted' and not known then
            total := total + 1;
            perform audit_created(r);
        end if;
        return next a;
        i := i + 1;
    end loop;
end $$;

create or replace function want_sandbox(sandbox_id text, owner text, new_want text, why text, who jsonb) returns sandbox_change
language plpgsql as $$
declare
    s sandboxes;
    was text;
begin
    s := sandbox_for_change(sandbox_id, owner);
    if s.id is null then
        return not_changed('not_found', 'There is no such sandbox');
    elsif s.ended_at is not null then
        if new_want = 'gone' then
            return changed(s);
        end if;
        return not_changed('wrong_state', 'The sandbox has ended: it is ' || s.state);
    elsif s.want = new_want then
        return changed(s);
    elsif s.want = 'gone' or (new_want <> 'gone' and s.state not in ('running', 'paused')) then
        return not_changed('wrong_state', 'Not possible while the sandbox is ' || s.state);
    end if;
    if new_want = 'gone' and why = 'deleted' and who->>'user_id' <> s.user_id then
        why := 'admin';
    end if;
    was := s.state;
    update sandboxes set want = new_want, want_reason = nullif(why, ''), generation = generation + 1,
        state = case when new_want = 'gone' then 'stopping' else state end where id = s.id returning * into s;
    perform add_audit(who, 'sandbox.' || case new_want when 'gone' then 'delete' when 'paused' then 'pause' else 'resume' end,
        s.id, jsonb_build_object('state', was),
        jsonb_strip_nulls(jsonb_build_object('want', new_want, 'reason', nullif(why, ''))));
    return changed(s);
end $$;

-- What a patch may change, as the audit shows it.
create function patchable_json(s sandboxes) returns jsonb language sql stable as $$
    select jsonb_build_object('name', s.name, 'labels', s.labels, 'memory_bytes', s.memory_bytes,
        'cpu_millis', s.cpu_millis, 'cpu_shares', s.cpu_shares, 'expires_at', rfc3339(s.expires_at))
$$;

-- patch: any of memory_bytes, cpu_millis, cpu_shares, name, labels, lifetime_seconds (from now), expires_at.
-- defaults: as of admit; they are the limits where neither the user nor the tier sets one.
drop function patch_sandbox(text, text, jsonb, jsonb, jsonb);
drop function patch_sandbox_once(text, text, jsonb, jsonb, jsonb);

create function patch_fault(s sandboxes, patch jsonb, until timestamptz, defaults jsonb) returns sandbox_change
language plpgsql as $$
declare
    u users;
    l limits_in_force;
    wrong text;
begin
    select * into u from users where id = s.user_id;
    l := limits_of(u, (select t from tiers t where t.name = u.tier), null, defaults);
    wrong := coalesce(
        above('memory_bytes', (patch->>'memory_bytes')::bigint, l.memory_bytes),
        above('cpu_millis', (patch->>'cpu_millis')::bigint, l.cpu_millis),
        above('cpu_shares', (patch->>'cpu_shares')::bigint, l.cpu_shares),
        case when until > s.expires_at and until > s.created_at + l.lifetime_seconds * interval '1 second'
            then format('expires_at: the tier allows %s s from created_at, extensions included: until %s',
                l.lifetime_seconds, rfc3339(s.created_at + l.lifetime_seconds * interval '1 second')) end);
    if wrong is not null then
        return not_changed('above_tier_limit', wrong);
    elsif until <= clock_timestamp() and until <> s.expires_at then
        return not_changed('invalid', 'expires_at: lies in the past; delete the sandbox instead');
    end if;
    return null;
end $$;

create function patch_sandbox(sandbox_id text, owner text, patch jsonb, defaults jsonb, who jsonb) returns sandbox_change
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

drop function audit_sandbox(jsonb, sandboxes, text, jsonb, jsonb);
