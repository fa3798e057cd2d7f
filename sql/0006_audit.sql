-- Who did what. Each row's hash covers its content and the hash of the row before it; the head says where the
-- chain ends, so that a removed end is found too. Rows up to the anchor may be pruned; the chain then starts there.

create table audit (
    seq         bigint primary key,
    at          timestamptz not null,
    user_id     text not null,
    key_id      text not null,
    address     text not null,
    request_id  text not null,
    action      text not null,
    target      text not null,
    before      jsonb,
    after       jsonb,
    result      text not null,
    hash        bytea not null
);

create table audit_chain (
    one     boolean primary key default true check (one),
    anchor_seq  bigint not null,
    anchor_hash bytea not null,
    head_seq    bigint not null,
    head_hash   bytea not null
);
insert into audit_chain values (true, 0, sha256('corral audit'), 0, sha256('corral audit'));

create function audit_hash(previous bytea, a audit) returns bytea language sql stable as $$
    select sha256(previous || convert_to(jsonb_build_array(a.seq, extract(epoch from a.at)::numeric(20, 6), a.user_id,
        a.key_id, a.address, a.request_id, a.action, a.target, a.before, a.after, a.result)::text, 'UTF8'))
$$;

-- Appends one row in the transaction of the act itself. The head's row lock keeps the order.
create function add_audit(who jsonb, action text, target text, before jsonb, after jsonb, result text default 'ok')
returns void language plpgsql as $$
declare
    head audit_chain;
    a audit;
begin
    select * into head from audit_chain for update;
    a := (head.head_seq + 1, clock_timestamp(), coalesce(who->>'user_id', ''), coalesce(who->>'key_id', ''),
          coalesce(who->>'address', ''), coalesce(who->>'request_id', ''), action, coalesce(target, ''),
          before, after, result, '');
    a.hash := audit_hash(head.head_hash, a);
    insert into audit values (a.*);
    update audit_chain set head_seq = a.seq, head_hash = a.hash;
end $$;

-- The first row that is not as it was written, with what is wrong; no row where the chain is whole.
create function audit_verify() returns table (seq bigint, problem text, checked bigint) language plpgsql as $$
declare
    chain audit_chain;
    a audit;
    expected bigint;
    previous bytea;
    n bigint := 0;
begin
    select * into chain from audit_chain;
    expected := chain.anchor_seq;
    previous := chain.anchor_hash;
    for a in select * from audit x where x.seq <= chain.head_seq or x.at < now() - interval '1 minute' order by x.seq loop
        expected := expected + 1;
        if a.seq < expected then
            return query select a.seq, 'a row was put in', n;
            return;
        elsif a.seq > chain.head_seq then
            return query select a.seq, 'a row was put in after the end', n;
            return;
        elsif a.seq > expected then
            return query select expected, 'the row is missing', n;
            return;
        elsif a.hash is distinct from audit_hash(previous, a) then
            return query select a.seq, 'the row was changed', n;
            return;
        end if;
        previous := a.hash;
        n := n + 1;
    end loop;
    if expected <> chain.head_seq or previous <> chain.head_hash then
        return query select expected + 1, 'rows at the end are missing or changed', n;
        return;
    end if;
    return query select null::bigint, null::text, n;
end $$;

-- Removes what is older, and moves the anchor, so that the rest stays provable. Returns the number removed.
create function audit_prune(older_than timestamptz) returns bigint language plpgsql as $$
declare
    last audit;
    removed bigint;
begin
    perform from audit_chain for update;
    select * into last from audit a where a.at < older_than order by a.seq desc limit 1;
    if not found then
        return 0;
    end if;
    delete from audit a where a.seq <= last.seq;
    get diagnostics removed = row_count;
    update audit_chain set anchor_seq = last.seq, anchor_hash = last.hash;
    return removed;
end $$;
