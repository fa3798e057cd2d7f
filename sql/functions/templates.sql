-- Templates of users, and shared ones. A name means one's own template before a shared one; NAME@NUMBER is a version of it.

create function templates_of_owner_max() returns integer language sql immutable as $$
    select 100
$$;

create function versions_of_template_max() returns integer language sql immutable as $$
    select 100
$$;

-- How many deleted names of an owner keep their numbers: the latest.
create function deleted_templates_max() returns integer language sql immutable as $$
    select 500
$$;

create function no_template() returns act language sql immutable as $$
    select act_not('not_found', 'There is no such template')
$$;

create function template_ref(t templates, v template_versions) returns text language sql immutable as $$
    select t.name || '@' || v.version
$$;

create function newest_version(t templates) returns template_versions language sql stable as $$
    select v from template_versions v where v.template_id = t.id order by v.version desc limit 1
$$;

-- body comes last: it has none of these names.
create function template_json(t templates, v template_versions) returns json language sql stable as $$
    select (jsonb_build_object('id', t.id, 'name', t.name, 'version', v.version, 'ref', template_ref(t, v), 'shared', t.user_id is null,
        'user', t.user_id, 'newest', v.version = (newest_version(t)).version, 'env_names', v.env_names, 'warm', t.warm,
        'created_at', rfc3339(v.created_at), 'created_by', v.created_by) || v.body)::json
$$;

create function template_audited(v template_versions) returns jsonb language sql stable as $$
    select v.body || jsonb_build_object('version', v.version, 'env_names', v.env_names)
$$;

-- named: NAME or NAME@NUMBER.
create function template_name(named text) returns text language sql immutable as $$
    select substring(named from '^([A-Za-z0-9][A-Za-z0-9._-]{0,62})(@[1-9][0-9]{0,8})?$')
$$;

create function template_number(named text) returns integer language sql immutable as $$
    select substring(named from '@([1-9][0-9]{0,8})$')::integer
$$;

-- The id of the user, or of the one whom an administrator named instead, by id or name.
create function template_user(whose jsonb) returns text language sql stable as $$
    select case when whose ? 'user' then coalesce((select u.id from users u where u.name = normalize(whose->>'user', NFC) and u.deleted_at is null),
        whose->>'user') else whose->>'user_id' end
$$;

-- whose: {user_id, user, shared}. shared true: the shared one; false: the user's own; not there: the user's own, else the shared one.
create function template_find(named text, whose jsonb) returns templates language sql stable as $$
    select t from templates t where t.name = template_name(named) and t.deleted_at is null
        and coalesce(t.user_id, '') in ('', template_user(whose))
        and (not whose ? 'shared' or (t.user_id is null) = (whose->>'shared')::boolean)
    order by t.user_id nulls last limit 1
$$;

create function version_find(t templates, number integer) returns template_versions language sql stable as $$
    select v from template_versions v where v.template_id = t.id and (number is null or v.version = number)
    order by v.version desc limit 1
$$;

create function get_template(named text, whose jsonb) returns text language plpgsql stable as $$
declare
    t templates := template_find(named, whose);
    v template_versions := version_find(t, template_number(named));
begin
    return case when v.version is not null then template_json(t, v)::text end;
end $$;

-- What a create takes, and what a change begins with. subject: what env is sealed for.
create function read_template(named text, whose jsonb) returns table (ref text, version integer, body text, subject text, env bytea)
language plpgsql stable as $$
declare
    t templates := template_find(named, whose);
    v template_versions := version_find(t, template_number(named));
begin
    if v.version is not null then
        return query select template_ref(t, v), v.version, v.body::text, template_subject(t.user_id, t.name), v.env;
    end if;
end $$;

-- What its environments are sealed for (controller/ops/template.c says the same).
create function template_subject(owner text, name text) returns text language sql immutable as $$
    select 'template:' || coalesce(owner, 'shared') || '/' || name
$$;

-- Own and shared ones together, by name; of the same name the own one first. filter: {user_id, user, shared, cursor (name, and "s" or
-- "o" before it), limit}.
create function list_templates(filter jsonb) returns list_page language sql stable as $$
    with rows as (select t, t.name, case when t.user_id is null then 's' else 'o' end as kind from templates t
        where t.deleted_at is null and coalesce(t.user_id, '') in ('', template_user(filter))
            and (not filter ? 'shared' or (t.user_id is null) = (filter->>'shared')::boolean)
            and (not filter ? 'cursor' or (t.name, case when t.user_id is null then 's' else 'o' end)
                > (substr(filter->>'cursor', 3), left(filter->>'cursor', 1)))
        order by 2, 3 limit (filter->>'limit')::integer + 1),
    shown as (select * from rows order by name, kind limit (filter->>'limit')::integer)
    select page((select json_agg(template_json(s.t, newest_version(s.t)) order by s.name, s.kind) from shown s),
        case when (select count(*) from rows) > (filter->>'limit')::integer
            then (select s.kind || '.' || s.name from shown s order by s.name desc, s.kind desc limit 1) end)
$$;

-- Newest first. Null: there is no such template.
create function list_template_versions(named text, whose jsonb, after bigint, most integer) returns list_page
language plpgsql stable as $$
declare
    t templates := template_find(named, whose);
begin
    if t.id is null then
        return null;
    end if;
    return (with rows as (select v from template_versions v where v.template_id = t.id and (after is null or v.version < after)
            order by v.version desc limit most + 1),
        shown as (select * from rows order by (v).version desc limit most)
        select page((select json_agg(template_json(t, s.v) order by (s.v).version desc) from shown s),
            case when (select count(*) from rows) > most then (select min((s.v).version)::text from shown s) end));
end $$;

-- made: {body, image_ref, env (hex), env_key, env_names}, the last three only where an environment is given.
create function add_version(t templates, old template_versions, made jsonb, who jsonb) returns template_versions language sql as $$
    with numbered as (update templates x set numbered = x.numbered + 1, changed_at = now() where x.id = t.id returning x.numbered)
    insert into template_versions (template_id, version, body, image_ref, env, env_key, env_names, created_by)
    select t.id, n.numbered, made->'body', made->>'image_ref',
        case when made ? 'env_names' then decode(made->>'env', 'hex') else old.env end,
        case when made ? 'env_names' then made->>'env_key' else old.env_key end,
        case when made ? 'env_names' then coalesce(words_of(made->'env_names'), '{}') else coalesce(old.env_names, '{}') end, who->>'user_id'
    from numbered n returning *
$$;

-- made: {id, name, shared} beside what add_version takes.
create function create_template_once(made jsonb, who jsonb) returns act language plpgsql as $$
declare
    owner text := case when not coalesce((made->>'shared')::boolean, false) then who->>'user_id' end;
    t templates;
    v template_versions;
begin
    perform from users u where u.id = who->>'user_id' for no key update;
    if (select count(*) from templates x where coalesce(x.user_id, '') = coalesce(owner, '') and x.deleted_at is null)
            >= templates_of_owner_max() then
        return act_not('conflict', format('There are %s templates already, which is the most; delete one first', templates_of_owner_max()));
    end if;
    insert into templates as x (id, user_id, name, numbered, warm) values (made->>'id', owner, made->>'name', 0, coalesce((made->>'warm')::integer, 0))
    on conflict (coalesce(user_id, ''), name) do update set deleted_at = null, created_at = now(), warm = excluded.warm
        where x.deleted_at is not null returning * into t;
    if not found then
        return act_not('conflict', 'name: there is a template of this name already');
    end if;
    v := add_version(t, null, made, who);
    perform add_audit(who, 'template.create', t.name, null, template_audited(v) || jsonb_build_object('shared', owner is null));
    return act_ok(template_json(t, v));
end $$;

create function create_template(made jsonb, who jsonb) returns act language plpgsql as $$
declare
    a act := act_seen(who);
begin
    if a.outcome is null then
        a := act_kept(who, create_template_once(made, who));
    end if;
    return a;
end $$;

create function template_for_change(named text, whose jsonb) returns templates language sql as $$
    select t from templates t where t.id = (template_find(named, whose)).id for update
$$;

-- A change of what it says makes the next version, from `base`, the version that the controller read; warm changes the template itself.
-- made: as add_version takes it; what says the same as before makes none.
create function patch_template(named text, whose jsonb, base integer, made jsonb, who jsonb) returns act language plpgsql as $$
declare
    t templates := template_for_change(named, whose);
    old template_versions := newest_version(t);
    v template_versions := old;
    was templates := t;
begin
    if old.version is null then
        return no_template();
    elsif not etag_holds(who, template_json(t, old)::text) then
        return act_not('precondition_failed', changed_meanwhile());
    elsif old.version <> base then
        return act_not('conflict', 'It was changed by another request at the same time; try again');
    end if;
    if made ? 'warm' then
        update templates x set warm = (made->>'warm')::integer, changed_at = now() where x.id = t.id returning * into t;
    end if;
    if (made->'body' is distinct from old.body or made ? 'env_names') then
        if (select count(*) from template_versions x where x.template_id = t.id) >= versions_of_template_max() then
            return act_not('conflict', format('It has %s versions, which is the most; delete some first, such as %s',
                versions_of_template_max(), (select t.name || '@' || min(x.version) from template_versions x where x.template_id = t.id)));
        end if;
        v := add_version(t, old, made, who);
    end if;
    perform add_audit(who, 'template.patch', t.name, template_audited(old) || jsonb_build_object('warm', was.warm),
        template_audited(v) || jsonb_build_object('warm', t.warm));
    return act_ok(template_json(t, v));
end $$;

-- Its sandboxes go on: each has all that it needs. named NAME@NUMBER: only this version; with its last version the template goes.
create function delete_template(named text, whose jsonb, who jsonb) returns act language plpgsql as $$
declare
    t templates := template_for_change(named, whose);
    number integer := template_number(named);
    gone integer;
begin
    if t.id is null then
        return no_template();
    end if;
    delete from template_versions v where v.template_id = t.id and (number is null or v.version = number);
    get diagnostics gone = row_count;
    if gone = 0 then
        return no_template();
    end if;
    if not exists (select from template_versions v where v.template_id = t.id) then
        update templates x set deleted_at = now(), warm = 0 where x.id = t.id;
        delete from templates x where x.id in (select y.id from templates y where coalesce(y.user_id, '') = coalesce(t.user_id, '')
            and y.deleted_at is not null order by y.deleted_at desc, y.id offset deleted_templates_max());
    end if;
    perform add_audit(who, 'template.delete', named, jsonb_build_object('shared', t.user_id is null, 'versions', gone), null);
    return act_ok(null);
end $$;

-- Templates of which containers stand ready, with what of their newest version makes such a container; 0: not said.
create function warm_floors() returns table (image text, storage_bytes bigint, shm_bytes bigint, memory_bytes bigint, at_least integer)
language sql stable as $$
    select v.image_ref, coalesce((v.body->>'storage_bytes')::bigint, 0), coalesce((v.body->>'shm_bytes')::bigint, 0),
        coalesce((v.body->>'memory_bytes')::bigint, 0), t.warm
    from templates t, newest_version(t) v
    where t.warm > 0 and t.deleted_at is null and not v.body ? 'runtime' order by t.name
$$;
