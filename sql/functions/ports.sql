-- The URLs of ports inside sandboxes. One ends at its expires_at, with its sandbox, with the key that made it, and when that
-- loses what it needs.

create function port_json(p ports) returns json language sql stable as $$
    select json_build_object('id', p.id, 'port', p.port, 'created_at', rfc3339(p.created_at), 'expires_at', rfc3339(p.expires_at))
$$;

create function port_holds(p ports) returns boolean language sql stable as $$
    select p.expires_at > now() and exists (
        select from api_keys k join users u on u.id = k.user_id join sandboxes s on s.id = p.sandbox_id
        where k.id = p.key_id and key_holds(k, u) and s.ended_at is null
            and (scope_bits(k.scopes) & 10) <> 0
            and case when p.needs_admin then u.role = 'admin' and (scope_bits(k.scopes) & 4) <> 0
                else s.user_id = k.user_id end)
$$;

-- p: {id, sandbox_id, port, sha256 (hex), lifetime_seconds, needs_admin}. The audit gets no hash.
create function create_port_once(p jsonb, who jsonb) returns act language plpgsql as $$
declare
    made ports;
begin
    perform from sandboxes s where s.id = p->>'sandbox_id' and s.ended_at is null for no key update;
    if not found then
        return act_not('wrong_state', 'The sandbox has ended');
    elsif (select count(*) from ports x where x.sandbox_id = p->>'sandbox_id' and port_holds(x)) >= 64 then
        return act_not('conflict', 'The sandbox has 64 ports already; delete one first');
    end if;
    insert into ports (id, sandbox_id, key_id, port, sha256, needs_admin, expires_at)
    values (p->>'id', p->>'sandbox_id', who->>'key_id', (p->>'port')::integer, decode(p->>'sha256', 'hex'),
        (p->>'needs_admin')::boolean, now() + (p->>'lifetime_seconds')::bigint * interval '1 second') returning * into made;
    perform add_audit(who, 'port.create', made.id, null, to_jsonb(made) - 'sha256');
    return act_ok(port_json(made));
end $$;

create function create_port(p jsonb, who jsonb) returns act language plpgsql as $$
declare
    a act := act_seen(who);
begin
    if a.outcome is null then
        a := act_kept(who, create_port_once(p, who));
    end if;
    return a;
end $$;

-- owner: whose the sandbox must be; null: anybody's.
create function delete_port(sandbox text, port_id text, owner text, who jsonb) returns act language plpgsql as $$
declare
    old ports;
begin
    if not exists (select from sandboxes s where s.id = sandbox and (owner is null or s.user_id = owner)) then
        return act_not('not_found', 'There is no such sandbox');
    end if;
    delete from ports p where p.id = port_id and p.sandbox_id = sandbox returning p.* into old;
    if not found then
        return act_not('not_found', 'There is no such port');
    end if;
    perform add_audit(who, 'port.delete', old.id, to_jsonb(old) - 'sha256', null);
    return act_ok(null);
end $$;

-- No row: there is no such sandbox for this owner (null: anybody).
create function list_ports(sandbox text, owner text, after text, most integer) returns list_page language sql stable as $$
    with rows as (select p.* from ports p where p.sandbox_id = sandbox and p.id > coalesce(after, '') and port_holds(p)
        order by p.id limit most + 1),
    shown as (select * from rows order by id limit most)
    select case when exists (select from sandboxes s where s.id = sandbox and (owner is null or s.user_id = owner)) then
        page((select json_agg(port_json(s::ports) order by id) from shown s),
            case when (select count(*) from rows) > most then (select max(id) from shown) end) end
$$;

-- For the listener of ports: the port of this token, if it holds now, and the key in whose name it carries.
create function find_port(token_sha256 text) returns table (id text, sandbox_id text, port integer, user_id text, key_id text,
    key_prefix text, admin boolean, scopes integer, needs_admin boolean, remaining_ms bigint, key_remaining_ms bigint)
language sql volatile as $$
    select p.id, p.sandbox_id, p.port, k.user_id, k.id, k.prefix, u.role = 'admin', scope_bits(k.scopes), p.needs_admin,
        remaining_ms(p.expires_at), case when k.expires_at is not null then remaining_ms(k.expires_at) end
    from ports p join api_keys k on k.id = p.key_id join users u on u.id = k.user_id
    where p.sha256 = decode(token_sha256, 'hex') and port_holds(p)
$$;
