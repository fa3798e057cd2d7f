-- What administrators do to tiers, each act with its audit row in the same transaction.

-- fields: the columns of tiers, all of them for a new tier; null means the installation's default.
create function create_tier_once(fields jsonb, who jsonb) returns act language plpgsql as $$
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

create function create_tier(fields jsonb, who jsonb) returns act language plpgsql as $$
declare
    a act := act_seen(who);
begin
    if a.outcome is null then
        a := act_kept(who, create_tier_once(fields, who));
    end if;
    return act_audited(who, 'tier.create', fields->>'name', fields, a);
end $$;

-- A limit that is lowered below what already runs stops new sandboxes only.
create function patch_tier_once(tier_name text, patch jsonb, who jsonb) returns act language plpgsql as $$
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
        {{tier limits: NAME = new.NAME}}, warm_starts = new.warm_starts, violations = new.violations, images = new.images
        where name = tier_name;
    perform add_audit(who, 'tier.patch', tier_name, to_jsonb(old), to_jsonb(new));
    return act_ok(tier_json(new));
exception when check_violation or not_null_violation or data_exception then
    return act_not('invalid', 'A value does not fit its limit');
end $$;

create function patch_tier(tier_name text, patch jsonb, who jsonb) returns act language plpgsql as $$
declare
    t tiers;
    a act;
begin
    perform gate_lock();
    select * into t from tiers where name = tier_name for update;
    if found and not etag_holds(who, tier_json(t)::text) then
        a := act_not('precondition_failed', changed_meanwhile());
    else
        a := patch_tier_once(tier_name, patch, who);
    end if;
    if a.outcome = 'ok' then
        select * into t from tiers where name = tier_name;
        a.detail := tier_notice(t);
    end if;
    return act_audited(who, 'tier.patch', tier_name, patch, a);
end $$;

create function delete_tier(tier_name text, who jsonb) returns act language plpgsql as $$
declare
    old tiers;
begin
    delete from tiers where name = tier_name returning * into old;
    if not found then
        return act_not('not_found', 'There is no such tier');
    end if;
    perform add_audit(who, 'tier.delete', tier_name, to_jsonb(old), null);
    return act_ok(null);
exception when foreign_key_violation then
    return act_not('conflict', 'Users are on this tier; move them first');
end $$;

create function list_tiers(after text, most integer) returns list_page language sql stable as $$
    with rows as (select * from tiers where name > coalesce(after, '') order by name limit most + 1),
    shown as (select * from rows order by name limit most)
    select page((select json_agg(tier_json(s::tiers) order by name) from shown s),
        case when (select count(*) from rows) > most then (select max(name) from shown) end)
$$;
