-- The catalogue of images: what nodes are to hold, what they report, and which images a tier may use. Credentials of registries.

create function images_of_interest_max() returns integer language sql immutable as $$
    select 256
$$;

-- The name as Docker shows it in lists (image_ref_familiar).
create function image_name(ref text) returns text language sql immutable as $$
    select regexp_replace(regexp_replace(ref, '^docker\.io/library/([^/]+)$', 'docker.io/\1'), '^docker\.io/', '')
$$;

-- Whether a tier with these patterns may run an image. A pattern without a tag is compared with the name without its tag or
-- digest. Null: every image.
create function image_allowed(patterns text[], ref text) returns boolean language sql immutable as $$
    select patterns is null or exists (select from unnest(patterns) p
        where case when p ~ '[:@][^/]*$' then ref else regexp_replace(ref, '(:[^/:@]+)?(@sha256:[0-9a-f]+)?$', '') end
            like replace(replace(replace(replace(p, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%'))
$$;

-- Whether the image is to be on this node.
create function image_belongs(placed jsonb, n nodes) returns boolean language sql immutable as $$
    select placed is not null and (not placed ? 'nodes' or placed->'nodes' ? n.name)
        and (not placed ? 'region' or placed->>'region' = n.region) and (not placed ? 'labels' or n.labels @> (placed->'labels'))
$$;

create function image_sandboxes(of_ref text, of_node text) returns bigint language sql stable as $$
    select count(*) from sandboxes s where s.image_ref = of_ref and s.ended_at is null and (of_node is null or s.node = of_node)
$$;

-- Members of the warm pool: their class names the image by its tag or by the digest that it stands for.
create function image_warm(i images, of_node text) returns bigint language sql stable as $$
    select count(*) from warm_members m where m.image in (i.ref, image_at(i.ref, i.digest)) and (of_node is null or m.node = of_node)
$$;

-- NAME@DIGEST; null without a digest.
create function image_at(ref text, digest text) returns text language sql immutable as $$
    select regexp_replace(ref, '(:[^/:@]+)?(@sha256:[0-9a-f]+)?$', '') || '@' || digest
$$;

create function node_image_json(x node_images) returns json language sql stable as $$
    select json_build_object('node', x.node, 'state', x.state, 'digest', x.digest, 'size_bytes', x.size_bytes,
        'done_bytes', x.done_bytes, 'total_bytes', x.total_bytes, 'layers', x.layers, 'problem', x.problem, 'in_use', x.in_use,
        'last_used_at', rfc3339(x.used_at), 'updated_at', rfc3339(x.changed_at))
$$;

create function image_state(i images) returns text language sql stable as $$
    select case when i.removing then 'removing' when bool_or(x.state = 'pulling') then 'pulling'
        when bool_or(x.state = 'failed') then 'failed' when bool_or(x.state = 'waiting') then 'waiting'
        when bool_or(x.state = 'present') then 'present' else 'absent' end
    from node_images x where x.ref = i.ref
$$;

create function image_json(i images) returns json language sql stable as $$
    select json_build_object('ref', i.ref, 'name', image_name(i.ref), 'digest', i.digest, 'state', image_state(i), 'pinned', i.pinned,
        'placed', i.placed, 'size_bytes', coalesce((select max(x.size_bytes) from node_images x where x.ref = i.ref), 0),
        'sandboxes', image_sandboxes(i.ref, null), 'warm', image_warm(i, null),
        'nodes', coalesce((select json_agg(node_image_json(x) order by x.node) from node_images x where x.ref = i.ref), '[]'),
        'last_used_at', rfc3339(greatest(i.used_at, (select max(x.used_at) from node_images x where x.ref = i.ref))),
        'asked_at', rfc3339(i.asked_at), 'created_at', rfc3339(i.created_at))
$$;

create function image_audited(i images) returns jsonb language sql stable as $$
    select jsonb_build_object('digest', i.digest, 'pinned', i.pinned, 'placed', i.placed, 'generation', i.generation)
$$;

-- What a node holds is found by the node, and what is pinned by its index: neither reads the whole catalogue.
create function images_listed(filter jsonb, most integer) returns setof images language plpgsql stable as $$
begin
    if filter ? 'node' then
        return query select i.* from node_images x join images i on i.ref = x.ref
            where x.node = filter->>'node' and x.ref > coalesce(filter->>'cursor', '')
                and (not filter ? 'pinned' or i.pinned = (filter->>'pinned')::boolean)
            order by x.ref limit most;
    elsif (filter->>'pinned')::boolean then
        return query select i.* from images i where i.pinned and i.ref > coalesce(filter->>'cursor', '') order by i.ref limit most;
    else
        return query select i.* from images i where i.ref > coalesce(filter->>'cursor', '')
            and (not filter ? 'pinned' or not i.pinned) order by i.ref limit most;
    end if;
end $$;

create function list_images(filter jsonb) returns list_page language sql stable as $$
    with rows as (select * from images_listed(filter, (filter->>'limit')::integer + 1)),
    shown as (select * from rows order by ref limit (filter->>'limit')::integer)
    select page((select json_agg(image_json(s::images) order by ref) from shown s),
        case when (select count(*) from rows) > (filter->>'limit')::integer then (select max(ref) from shown) end)
$$;

create function no_image() returns act language sql immutable as $$
    select act_not('not_found', 'There is no such image')
$$;

-- --- what administrators ask for ---

-- Orders it for the nodes that do not hold what its name stands for. again: also for those that do.
create function order_image(i images, on_which jsonb, again boolean) returns integer language plpgsql as $$
declare
    ordered integer;
begin
    insert into node_images (ref, node, state, generation)
    select i.ref, n.name, 'waiting', i.generation from nodes n where image_belongs(on_which, n)
    on conflict (ref, node) do update set state = 'waiting', generation = excluded.generation, problem = null, layers = '[]',
        done_bytes = 0, total_bytes = 0, prune_at = null, changed_at = now()
        where again or node_images.state in ('waiting', 'failed') or node_images.digest is distinct from i.digest;
    get diagnostics ordered = row_count;
    return ordered;
end $$;

-- ask: {pin, update, nodes, region, labels}. Without a place: all nodes; to update: those that hold it.
create function pull_image_once(of_ref text, ask jsonb, who jsonb) returns act language plpgsql as $$
declare
    old images;
    i images;
    place jsonb := jsonb_strip_nulls(jsonb_build_object('nodes', ask->'nodes', 'region', ask->'region', 'labels', ask->'labels'));
    renew boolean := coalesce((ask->>'update')::boolean, false);
    strange text;
begin
    perform gate_lock();
    select x into strange from jsonb_array_elements_text(ask->'nodes') x where not exists (select from nodes n where n.name = x) limit 1;
    if strange is not null then
        return act_not('invalid', format('nodes: there is no node %s', strange));
    end if;
    select * into old from images where ref = of_ref for update;
    if (old.ref is null or not (old.pinned or old.placed is not null)) and coalesce((ask->>'pin')::boolean, false)
            and (select count(*) from images x where x.pinned) >= images_of_interest_max() then
        return act_not('conflict', format('%s images are pinned, which is the most; unpin one first', images_of_interest_max()));
    elsif not exists (select from nodes n where image_belongs(place, n)) then
        return act_not('conflict', 'No node is like this');
    end if;
    insert into images (ref, pinned, placed, asked_at, resolving) values (of_ref, coalesce((ask->>'pin')::boolean, false),
        case when (ask->>'pin')::boolean then place end, now(), true)
    on conflict (ref) do update set asked_at = now(), removing = false, generation = images.generation + 1,
        pinned = coalesce((ask->>'pin')::boolean, images.pinned),
        placed = case when coalesce((ask->>'pin')::boolean, images.pinned) then place end,
        resolving = renew or images.digest is null returning * into i;
    if renew and place = '{}' and exists (select from node_images x where x.ref = of_ref) then
        place := jsonb_build_object('nodes', (select jsonb_agg(x.node) from node_images x where x.ref = of_ref));
    end if;
    perform order_image(i, place, renew);
    perform add_audit(who, 'image.pull', of_ref, case when old.ref is not null then image_audited(old) end, image_audited(i) || ask);
    return act_ok(image_json(i));
end $$;

create function pull_image(of_ref text, ask jsonb, who jsonb) returns act language plpgsql as $$
declare
    a act := act_seen(who);
begin
    if a.outcome is null then
        a := act_kept(who, pull_image_once(of_ref, ask, who));
    end if;
    return act_audited(who, 'image.pull', of_ref, ask, a);
end $$;

create function patch_image(of_ref text, patch jsonb, who jsonb) returns act language plpgsql as $$
declare
    old images;
    i images;
begin
    perform gate_lock();
    select * into old from images where ref = of_ref and not removing for update;
    if not found then
        return no_image();
    elsif not etag_holds(who, image_json(old)::text) then
        return act_not('precondition_failed', changed_meanwhile());
    elsif not old.pinned and (patch->>'pinned')::boolean
            and (select count(*) from images x where x.pinned) >= images_of_interest_max() then
        return act_not('conflict', format('%s images are pinned, which is the most; unpin one first', images_of_interest_max()));
    end if;
    update images set pinned = coalesce((patch->>'pinned')::boolean, pinned),
        placed = case when coalesce((patch->>'pinned')::boolean, pinned) then placed end where ref = of_ref returning * into i;
    perform add_audit(who, 'image.patch', of_ref, image_audited(old), image_audited(i));
    return act_ok(image_json(i));
end $$;

-- The nodes remove it; the row goes with its last copy. Where each node that still has it says why it cannot (image_refused), it
-- stays.
create function delete_image(of_ref text, who jsonb) returns act language plpgsql as $$
declare
    i images;
    n bigint := image_sandboxes(of_ref, null);
begin
    select * into i from images where ref = of_ref for update;
    if not found then
        return no_image();
    elsif i.pinned then
        return act_not('conflict', 'It is pinned; unpin it first');
    elsif n > 0 then
        return act_not('conflict', format('%s live sandboxes have it; end them first', n));
    elsif image_warm(i, null) > 0 then
        return act_not('conflict', 'Containers of the warm pool have it');
    elsif exists (select from template_versions v join templates t on t.id = v.template_id where v.image_ref = of_ref and t.user_id is null) then
        return act_not('conflict', format('The shared template %s names it; change or delete that first',
            (select min(t.name || '@' || v.version) from template_versions v join templates t on t.id = v.template_id
                where v.image_ref = of_ref and t.user_id is null)));
    end if;
    delete from node_images x where x.ref = of_ref and x.state <> 'present';
    perform add_audit(who, 'image.delete', of_ref, image_audited(i), null);
    if not exists (select from node_images x where x.ref = of_ref) then
        delete from images where ref = of_ref;
        return act_ok(null);
    end if;
    update images set removing = true, resolving = false, generation = generation + 1 where ref = of_ref returning * into i;
    update node_images set generation = i.generation, problem = null where ref = of_ref;
    return act_ok(image_json(i));
end $$;

-- Images of which a copy is to stay on some node, since templates name them: all versions of shared ones, and of each user the newest
-- ones of the five that were changed last. At most as many as may be pinned; those that were used last.
create function images_of_templates() returns setof text language sql stable as $$
    select x.ref from (
        select v.image_ref as ref from templates t join template_versions v on v.template_id = t.id where t.user_id is null
        union select (newest_version(l.t)).image_ref from (
            select t, row_number() over (partition by t.user_id order by t.changed_at desc) as place from templates t
            where t.user_id is not null and t.deleted_at is null) l where l.place <= 5) x
    join images i on i.ref = x.ref order by i.used_at desc nulls last, x.ref limit images_of_interest_max()
$$;

-- Of such an image, the nodes whose copies stay: the first that is ready, and the first of all, so that while nodes come and go there is no
-- moment without one.
create function image_last_copies(of_ref text) returns setof text language sql stable as $$
    (select x.node from node_images x join nodes n on n.name = x.node where x.ref = of_ref and x.state = 'present'
        order by n.health <> 'ready', x.node limit 1)
    union (select x.node from node_images x where x.ref = of_ref and x.state = 'present' order by x.node limit 1)
$$;

create function images_pruned_max() returns integer language sql immutable as $$
    select 1000
$$;

-- What a prune may remove: Corral pulled it (used_at is known of such only), and no node needs it. older_than: not used for so
-- long. of: of these alone ([{ref, node}]); null: of all, those unused for longest.
create function images_unused(older_than interval, of jsonb) returns setof node_images language plpgsql stable as $$
begin
    return query select x.* from node_images x join images i on i.ref = x.ref
        where x.state = 'present' and not x.in_use and not i.pinned and not i.removing and x.digest is not null
            and x.used_at <= now() - older_than
            and not (i.ref in (select images_of_templates()) and x.node in (select image_last_copies(i.ref)))
            and (of is null or (x.ref, x.node) in (select f->>'ref', f->>'node' from jsonb_array_elements(of) f))
            and not exists (select from sandboxes s where s.image_ref = x.ref and s.node = x.node and s.ended_at is null)
            and not exists (select from warm_members m where m.node = x.node and m.image in (i.ref, image_at(i.ref, i.digest)))
        order by x.used_at, x.ref, x.node limit images_pruned_max();
end $$;

-- The nodes are told to remove them; image_prune_state says what they did. Creates wait only while what was found is looked at
-- once more.
create function prune_images(ask jsonb, who jsonb) returns act language plpgsql as $$
declare
    dry boolean := coalesce((ask->>'dry_run')::boolean, false);
    age interval := coalesce((ask->>'older_than_seconds')::bigint, 0) * interval '1 second';
    found jsonb;
begin
    select coalesce(jsonb_agg(jsonb_build_object('ref', x.ref, 'node', x.node, 'bytes', x.size_bytes) order by x.ref, x.node), '[]')
        into found from images_unused(age, null) x;
    if not dry then
        perform gate_lock();
        perform from images i where i.ref in (select f->>'ref' from jsonb_array_elements(found) f) order by i.ref for no key update;
        select coalesce(jsonb_agg(jsonb_build_object('ref', x.ref, 'node', x.node, 'bytes', x.size_bytes) order by x.ref, x.node), '[]')
            into found from images_unused(age, found) x;
        update node_images x set prune_at = now() from jsonb_array_elements(found) f
            where x.ref = f->>'ref' and x.node = f->>'node';
    end if;
    perform add_audit(who, 'image.prune', '', null, jsonb_build_object('dry_run', dry, 'found', jsonb_array_length(found)));
    return act_ok(found::json);
end $$;

-- found: as prune_images answered. left: how many of them are still there.
create function image_prune_state(found jsonb, dry boolean) returns table (body text, "left" bigint) language sql stable as $$
    with f as (select f->>'ref' as ref, f->>'node' as node, (f->>'bytes')::bigint as bytes,
            exists (select from node_images x where x.ref = f->>'ref' and x.node = f->>'node') as stays
        from jsonb_array_elements(found) f)
    select json_build_object('dry_run', dry, 'found', count(*), 'removed', count(*) filter (where not stays and not dry),
        'bytes', coalesce(sum(bytes) filter (where dry or not stays), 0),
        'images', coalesce((select json_agg(s) from (select ref, node, bytes, not stays as removed from f order by 1, 2 limit 200) s), '[]'))::text,
        count(*) filter (where stays) from f
$$;

-- --- what nodes are told ---

-- What each node is to do: pull (digest null: ask the registry what the name stands for), keep, or remove. Reads only images
-- about which something is to be done.
create function image_orders() returns table (node text, ref text, digest text, generation bigint, pull boolean, keep boolean,
    remove boolean) language plpgsql as $$
begin
    insert into node_images (ref, node, state, generation) select i.ref, n.name, 'waiting', i.generation
        from images i, nodes n where i.pinned and not i.removing and image_belongs(i.placed, n) order by i.ref, n.name on conflict do nothing;
    update node_images x set prune_at = null where (x.ref, x.node) in (select y.ref, y.node from node_images y
        where y.prune_at <= now() - interval '1 minute' order by y.ref, y.node limit images_pruned_max() for update skip locked);
    return query
    with stays as materialized (select r.ref, k.node from images_of_templates() r(ref), image_last_copies(r.ref) k(node)),
        due as (select x.*, i.digest as named, i.resolving, i.pinned, i.removing,
            x.state in ('waiting', 'pulling') or x.state = 'failed' and i.pinned as pulls,
            exists (select from stays s where s.ref = x.ref and s.node = x.node) as kept,
            row_number() over (partition by x.ref order by x.state = 'present', x.state = 'failed', n.health <> 'ready', x.node) as turn
        from (select u.ref from node_images u where u.state <> 'present' or u.prune_at is not null
                union select p.ref from images p where p.pinned or p.placed is not null or p.removing
                union select k.ref from stays k) o
            join images i on i.ref = o.ref join node_images x on x.ref = i.ref join nodes n on n.name = x.node)
    select d.node, d.ref, case when not d.resolving then d.named end, d.generation, d.pulls and (not d.resolving or d.turn = 1),
        d.pinned or d.kept, d.removing or d.prune_at > now() - interval '1 minute'
    from due d
    where d.pulls and (not d.resolving or d.turn = 1) or d.pinned or d.kept or d.removing or d.prune_at > now() - interval '1 minute'
    order by 1, 2;
end $$;

-- What names stand for, for creates: the same digest on every node. A page of all.
create function image_digests(after text, most integer) returns table (ref text, digest text) language sql stable as $$
    select i.ref, i.digest from images i where i.digest is not null and not i.removing and i.ref > after order by i.ref limit most
$$;

-- Of one name; null: not known.
create function image_digest(of_ref text) returns text language sql stable as $$
    select i.digest from images i where i.ref = of_ref and not i.removing
$$;

-- --- what nodes report ---

-- What became of a pull, as an event; null: none.
create function image_event(was text, now_is text, generation bigint) returns text language sql immutable as $$
    select case when was is not distinct from now_is or generation = 0 then null when now_is = 'pulling' then 'image.pull_started'
        when now_is = 'present' and was in ('waiting', 'pulling', 'failed') then 'image.pulled'
        when now_is = 'failed' then 'image.pull_failed' end
$$;

-- Returns its type; null: none.
create function image_told_event(of_node text, was text, x node_images) returns text language plpgsql as $$
declare
    told text := image_event(was, x.state, x.generation);
begin
    if told = 'image.pull_started' then
        perform add_event('image.pull_started', null, null, of_node, jsonb_build_object('ref', x.ref));
    elsif told = 'image.pulled' then
        perform add_event('image.pulled', null, null, of_node,
            jsonb_build_object('ref', x.ref, 'digest', x.digest, 'size_bytes', x.size_bytes));
    elsif told = 'image.pull_failed' then
        perform add_event('image.pull_failed', null, null, of_node, jsonb_build_object('ref', x.ref, 'problem', x.problem));
    end if;
    return told;
end $$;

-- A node has what a name stands for: from now on all have this. The other nodes that hold it, or are to, pull this digest.
create function image_resolved(of_ref text, of_digest text, of_node text) returns void language plpgsql as $$
declare
    old images;
    i images;
begin
    select * into old from images where ref = of_ref for update;
    update images set digest = of_digest, resolving = false where ref = of_ref returning * into i;
    if old.digest is not null and old.digest <> of_digest then
        perform add_event('image.moved', null, null, of_node, jsonb_build_object('ref', of_ref, 'from', old.digest, 'to', of_digest));
    end if;
    update node_images x set state = 'waiting', generation = i.generation, changed_at = now()
        where x.ref = of_ref and x.node <> of_node and x.state = 'present' and x.digest is distinct from of_digest and old.resolving
            and x.generation = i.generation;
    update sandboxes s set image_digest = of_digest where s.image_ref = of_ref and s.node = of_node and s.ended_at is null
        and s.image_digest is null;
end $$;

-- What an item of a report says of an image on a node, with the columns of the table.
-- item: {ref, state, generation, digest, image_id, size_bytes, done_bytes, total_bytes, layers, problem, in_use, used_ago_ms}.
create function image_item(item jsonb, of_node text) returns node_images language sql stable as $$
    select jsonb_populate_record(null::node_images, jsonb_build_object('ref', item->'ref', 'node', of_node, 'state', item->'state',
        'generation', coalesce((item->>'generation')::bigint, 0), 'digest', nullif(item->>'digest', ''),
        'image_id', nullif(item->>'image_id', ''), 'size_bytes', coalesce((item->>'size_bytes')::bigint, 0),
        'done_bytes', coalesce((item->>'done_bytes')::bigint, 0), 'total_bytes', coalesce((item->>'total_bytes')::bigint, 0),
        'layers', coalesce(item->'layers', '[]'), 'problem', nullif(item->>'problem', ''),
        'in_use', coalesce((item->>'in_use')::boolean, false),
        'used_at', case when item ? 'used_ago_ms' then now() - (item->>'used_ago_ms')::bigint * interval '1 millisecond' end))
$$;

-- Whether that differs from what the database has; a use counts once a minute.
create function image_differs(x node_images, known node_images) returns boolean language sql stable as $$
    select known.ref is null or (x.state, x.digest, x.image_id, x.size_bytes, x.done_bytes, x.total_bytes, x.layers, x.in_use)
            is distinct from (known.state, known.digest, known.image_id, known.size_bytes, known.done_bytes, known.total_bytes,
                known.layers, known.in_use)
        or (x.problem is not null and x.problem is distinct from known.problem) or x.generation > known.generation
        or x.used_at > coalesce(known.used_at, '-infinity') + interval '1 minute'
$$;

-- Whether a node's word on what a name stands for counts for all: only where it was to have the image. Else one node could say of
-- any name that it stands for something else.
create function image_word_counts(of_ref text, of_node text, ordered boolean) returns boolean language sql stable as $$
    select ordered or exists (select from sandboxes s where s.image_ref = of_ref and s.node = of_node and s.ended_at is null)
$$;

-- It is to be removed, and a node says why it cannot. When all that have it do, it stays: nothing is left to be tried.
create function image_refused(i images, x node_images) returns boolean language plpgsql as $$
begin
    if not i.removing or x.state <> 'present' or x.problem is null or x.generation < i.generation
            or exists (select from node_images y where y.ref = i.ref and (y.problem is null or y.generation < i.generation)) then
        return false;
    end if;
    update images set removing = false where ref = i.ref;
    perform add_event('image.remove_failed', null, null, x.node, jsonb_build_object('ref', x.ref, 'problem', x.problem));
    return true;
end $$;

-- A node cannot know of a later order than it was given. What it says of an image that nobody ordered counts only in a report of all
-- that it holds, which has a bound. The caller has locked the image.
create function image_told(told node_images, whole boolean, out changed boolean, out resolved boolean, out event text) language plpgsql as $$
declare
    old node_images;
    x node_images := told;
    i images;
begin
    changed := false;
    resolved := false;
    select * into old from node_images o where o.ref = told.ref and o.node = told.node;
    if old.ref is null and not (whole and told.state = 'present') then
        return; -- what it was to pull is deleted by now
    end if;
    select * into i from images where ref = told.ref;
    if not found then
        return; -- deleted meanwhile
    end if;
    x.generation := least(told.generation, coalesce(old.generation, 0));
    if told.state <> 'present' and coalesce(old.generation, 0) = 0 then
        return; -- nobody asked it to
    elsif old.state in ('waiting', 'pulling', 'failed') and x.generation < old.generation
            and (told.state <> 'present' or i.resolving or i.digest is distinct from told.digest) then
        return; -- it says nothing of the order yet
    end if;
    insert into node_images as y (ref, node, state, generation, digest, image_id, size_bytes, done_bytes, total_bytes, layers, problem,
        in_use, used_at)
    values (x.ref, x.node, x.state, coalesce(old.generation, 0), x.digest, x.image_id, x.size_bytes, x.done_bytes, x.total_bytes, x.layers,
        x.problem, x.in_use, x.used_at)
    on conflict (ref, node) do update set state = excluded.state, digest = excluded.digest, image_id = excluded.image_id,
        size_bytes = excluded.size_bytes, done_bytes = excluded.done_bytes, total_bytes = excluded.total_bytes, layers = excluded.layers,
        problem = coalesce(excluded.problem, case when y.state = 'present' and excluded.state = 'present' then y.problem end),
        in_use = excluded.in_use, used_at = greatest(excluded.used_at, y.used_at), changed_at = now() returning * into x;
    event := image_told_event(x.node, old.state, x);
    if x.state = 'present' and x.digest is not null and (i.digest is null or i.resolving and x.generation >= i.generation)
            and image_word_counts(x.ref, x.node, x.generation > 0) then
        perform image_resolved(i.ref, x.digest, x.node);
        changed := true;
        resolved := true;
    else
        changed := image_refused(i, x) or old.state is distinct from x.state;
    end if;
end $$;

-- What a node has no more.
create function image_gone(of_ref text, of_node text, out forgotten boolean) language plpgsql as $$
declare
    gone node_images;
begin
    delete from node_images x where x.ref = of_ref and x.node = of_node returning x.* into gone;
    perform add_event('image.removed', null, null, of_node, jsonb_build_object('ref', gone.ref, 'size_bytes', gone.size_bytes));
    delete from images i where i.ref = of_ref and not i.pinned and not exists (select from node_images x where x.ref = of_ref);
    forgotten := found;
end $$;

-- A node's report. whole: all that it holds, so what it does not name is gone. Returns a row for each name that stands for another
-- digest now (null: for none), or whose pull began or ended (event), and one without a name where orders may have changed. Most reports say what is known already: only
-- what differs is locked and written, all of it in the order of names.
create function images_told(of_node text, items jsonb, whole boolean) returns table (ref text, digest text, event text) language plpgsql as $$
declare
    told node_images;
    fresh node_images[];
    gone text[] := '{}';
    name text;
    due boolean := false;
    t record;
begin
    if not exists (select from nodes n where n.name = of_node) then
        return;
    end if;
    select array_agg(x order by (x).ref) into fresh from (select distinct on (item->>'ref') image_item(item, of_node) as x
            from jsonb_array_elements(items) item order by item->>'ref') m left join node_images k on k.ref = (x).ref and k.node = of_node
        where image_differs(x, k);
    if whole then
        select coalesce(array_agg(k.ref order by k.ref), '{}') into gone from node_images k where k.node = of_node and k.state = 'present'
            and not exists (select from jsonb_array_elements(items) item where item->>'ref' = k.ref);
    end if;
    if whole then
        insert into images (ref) select f.ref from unnest(fresh) f where f.state = 'present' order by f.ref on conflict do nothing;
    end if;
    perform from images i where i.ref in (select (unnest(fresh)).ref union select unnest(gone)) order by i.ref for update;
    foreach told in array coalesce(fresh, '{}') loop
        t := image_told(told, whole);
        due := due or t.changed;
        if t.resolved or t.event is not null then
            ref := told.ref;
            digest := image_digest(told.ref);
            event := t.event;
            return next;
        end if;
    end loop;
    event := null;
    foreach name in array gone loop
        due := true;
        if image_gone(name, of_node) then
            ref := name;
            digest := null;
            return next;
        end if;
    end loop;
    if due then
        ref := null;
        digest := null;
        return next;
    end if;
end $$;

-- The node is removed: names that no other has are forgotten.
create function images_of_removed(of_node text) returns void language plpgsql as $$
declare
    names text[] := array(select x.ref from node_images x where x.node = of_node order by x.ref);
begin
    perform from images i where i.ref = any(names) order by i.ref for update;
    delete from node_images x where x.node = of_node;
    delete from images i where i.ref = any(names) and not i.pinned and not exists (select from node_images x where x.ref = i.ref);
end $$;

-- --- registries ---

create function registry_json(r registries) returns json language sql stable as $$
    select json_build_object('name', r.name, 'username', r.username, 'created_at', rfc3339(r.created_at), 'changed_at', rfc3339(r.changed_at))
$$;

-- r: {name, username, secret (hex), secret_key}. The audit gets no secret, sealed or not.
create function set_registry(r jsonb, who jsonb) returns act language plpgsql as $$
declare
    old registries;
    made registries;
begin
    select * into old from registries x where x.name = r->>'name' for update;
    if old.name is null and (select count(*) from registries) >= 64 then
        return act_not('conflict', '64 registries have credentials, which is the most; remove one first');
    end if;
    insert into registries (name, username, secret, secret_key)
    values (r->>'name', r->>'username', decode(r->>'secret', 'hex'), r->>'secret_key')
    on conflict (name) do update set username = excluded.username, secret = excluded.secret, secret_key = excluded.secret_key,
        changed_at = now() returning * into made;
    perform add_audit(who, 'registry.set', made.name, case when old.name is not null then jsonb_build_object('username', old.username) end,
        jsonb_build_object('username', made.username));
    return act_ok(registry_json(made));
end $$;

create function delete_registry(registry text, who jsonb) returns act language plpgsql as $$
declare
    old registries;
begin
    delete from registries x where x.name = registry returning * into old;
    if not found then
        return act_not('not_found', 'There are no credentials of this registry');
    end if;
    perform add_audit(who, 'registry.delete', registry, jsonb_build_object('username', old.username), null);
    return act_ok(null);
end $$;

create function list_registries(after text, most integer) returns list_page language sql stable as $$
    with rows as (select * from registries where name > coalesce(after, '') order by name limit most + 1),
    shown as (select * from rows order by name limit most)
    select page((select json_agg(registry_json(s::registries) order by name) from shown s),
        case when (select count(*) from rows) > most then (select max(name) from shown) end)
$$;
