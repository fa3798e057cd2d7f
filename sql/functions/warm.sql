-- The rows of the warm pool.

-- Again, after its answer was lost: no second row.
create function add_warm_member(member_id text, on_node text, of_image text, storage bigint, shm bigint, memory bigint) returns boolean
language sql volatile as $$
    insert into warm_members (id, node, image, storage_bytes, shm_bytes, memory_bytes)
    values (member_id, on_node, of_image, storage, shm, memory) on conflict do nothing returning true
$$;

create function drop_warm_member(member_id text) returns boolean language sql volatile as $$
    delete from warm_members where id = member_id returning true
$$;

create function list_warm_members() returns table (id text, node text, image text, storage_bytes bigint, shm_bytes bigint)
language sql stable as $$
    select m.id, m.node, m.image, m.storage_bytes, m.shm_bytes from warm_members m order by m.id
$$;

-- What the members hold beside what is reserved for sandboxes, in all or on one node. An idle one uses no processor.
create function warm_json(node_name text) returns json language sql stable as $$
    select json_build_object('memory_bytes', coalesce(sum(memory_bytes), 0), 'cpu_millis', 0,
        'storage_bytes', coalesce(sum(storage_bytes), 0), 'sandboxes', count(*))
    from warm_members where node_name is null or node = node_name
$$;
