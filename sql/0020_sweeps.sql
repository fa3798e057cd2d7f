-- What a sweep came to is one row of the audit. A host's word on a sweep of its own comes until it is accepted, and
-- counts once: its numbers rise.

create table swept (
    node    text primary key,
    number  bigint not null
);

-- target: the host that swept by itself, '' for a sweep of all. hosts: {name: number} of the words that are in counts.
-- Null, and nothing is written, where the word of the host was written down before.
create function add_sweep(who jsonb, target text, hosts jsonb, counts jsonb) returns text language plpgsql as $$
declare
    fresh integer;
begin
    insert into swept as s select h.key, h.value::bigint from jsonb_each_text(hosts) h
        on conflict (node) do update set number = excluded.number where s.number < excluded.number;
    get diagnostics fresh = row_count;
    if target <> '' and fresh = 0 then
        return null;
    end if;
    perform add_audit(who, 'system.cleanup', target, null, counts);
    return 'written';
end $$;
