-- Where violations begin and end for the sandboxes of a tier; null, or a level that is missing: as the host is
-- configured. A sandbox takes them with it when it is created. And: what a host paused for idleness is wanted so.

-- In the order of VIOLATION_LEVELS in common/sandbox_spec.h.
create function violation_keys() returns text[] language sql immutable as $$
    select array['memory_warning', 'memory_critical', 'memory_clear', 'cpu_warning', 'cpu_clear', 'cpu_seconds',
        'disk_warning', 'disk_clear', 'pids_warning', 'pids_clear']
$$;

create function violation_levels(levels jsonb) returns text language sql immutable as $$
    select string_agg(coalesce(levels->>key, '0'), ' ' order by n) from unnest(violation_keys()) with ordinality x(key, n)
$$;

-- The first level that is none, or does not fit the others; null where all are well.
create function violations_fault(levels jsonb) returns text language sql immutable as $$
    select coalesce(
        (select format('violations/%s: not a level, or not a whole number that it can take', key)
            from jsonb_each(levels) where not (key = any (violation_keys()) and jsonb_typeof(value) = 'number'
                and case when jsonb_typeof(value) = 'number' then value::numeric = trunc(value::numeric)
                    and value::numeric between 1 and case key when 'cpu_seconds' then 3600 else 100 end end)
            order by key limit 1),
        (select format('violations/%s: must be below %s', low, high)
            from (values ('memory_clear', 'memory_warning'), ('cpu_clear', 'cpu_warning'), ('disk_clear', 'disk_warning'),
                ('pids_clear', 'pids_warning')) x(low, high)
            where (levels->>low)::numeric >= (levels->>high)::numeric limit 1),
        case when (levels->>'memory_critical')::numeric < (levels->>'memory_warning')::numeric
            then 'violations/memory_critical: must not be below memory_warning' end)
$$;

alter table tiers add column violations jsonb check (violations_fault(violations) is null);

-- As overrides of users are: a null removes one level, null for the object all of them.
create function merged_levels(old jsonb, patch jsonb) returns jsonb language sql immutable as $$
    select case when jsonb_typeof(patch) = 'object' then nullif(jsonb_strip_nulls(coalesce(old, '{}') || patch), '{}') end
$$;

create or replace function create_tier_once(fields jsonb, who jsonb) returns act language plpgsql as $$
declare
    levels jsonb := merged_levels(null, fields->'violations');
    fault text := violations_fault(levels);
    made tiers;
begin
    if fault is not null then
        return act_not('invalid', fault);
    end if;
    insert into tiers select * from jsonb_populate_record(null::tiers,
        '{"warm_starts": true}' || fields || jsonb_build_object('violations', levels))
        on conflict do nothing returning * into made;
    if not found then
        return act_not('conflict', 'name: another tier has this name');
    end if;
    perform add_audit(who, 'tier.create', made.name, null, to_jsonb(made));
    return act_ok(tier_json(made));
exception when check_violation or not_null_violation or data_exception then
    return act_not('invalid', 'A value does not fit its limit');
end $$;

create or replace function patch_tier_once(tier_name text, patch jsonb, who jsonb) returns act language plpgsql as $$
declare
    old tiers;
    new tiers;
    fault text;
begin
    perform gate_lock();
    select * into old from tiers where name = tier_name for update;
    if not found then
        return act_not('not_found', 'There is no such tier');
    end if;
    new := jsonb_populate_record(old, patch - 'name');
    if patch ? 'violations' then
        new.violations := merged_levels(old.violations, patch->'violations');
    end if;
    fault := violations_fault(new.violations);
    if fault is not null then
        return act_not('invalid', fault);
    end if;
    update tiers set max_sandboxes = new.max_sandboxes, max_key_sandboxes = new.max_key_sandboxes,
        memory_bytes = new.memory_bytes, cpu_millis = new.cpu_millis, cpu_shares = new.cpu_shares,
        storage_bytes = new.storage_bytes, pids = new.pids, nofile = new.nofile,
        lifetime_seconds = new.lifetime_seconds, warm_starts = new.warm_starts, violations = new.violations
        where name = tier_name;
    perform add_audit(who, 'tier.patch', tier_name, to_jsonb(old), to_jsonb(new));
    return act_ok(tier_json(new));
exception when check_violation or not_null_violation or data_exception then
    return act_not('invalid', 'A value does not fit its limit');
end $$;

-- A move to 'paused' with the reason 'idle' was made by the host alone: it becomes what is wanted, unless something
-- newer than its generation is. So a resume is a change of what is wanted, and an extension does not wake it.
alter function move_one(integer, jsonb) rename to move_one_state;
create function move_one(ord integer, m jsonb) returns sandbox_moved language plpgsql as $$
declare
    moved sandbox_moved := move_one_state(ord, m);
begin
    if moved.outcome = 'ok' and m->>'to' = 'paused' and m->>'reason' = 'idle' then
        update sandboxes set want = 'paused'
            where id = m->>'id' and want = 'running' and generation = (m->>'generation')::bigint;
    end if;
    return moved;
end $$;
