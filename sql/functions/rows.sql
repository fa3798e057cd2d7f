-- A sandbox as the controller's core takes it: controller/core/sandbox_row.h, which controller/db/db_row.c fills from these
-- columns, in this order. rescheduled: it was placed a second time, and its new node may not know of it, whatever its state.
create type sandbox_row as (id text, user_id text, node text, state text, desired text, desired_reason text, generation bigint,
    remaining_ms bigint, expires_ms bigint, limits bigint[], rescheduled boolean, warm boolean, body text, spec bytea,
    tier text);

-- body: the object for people, spec: the packed one; null where they are not needed.
create function row_of(s sandboxes, body text, spec bytea) returns sandbox_row language sql volatile as $$
    select (s.id, s.user_id, s.node, s.state, s.desired, coalesce(s.desired_reason, ''), s.generation, remaining_ms(s.expires_at),
        unix_ms(s.expires_at), limits_of_sandbox(s), s.first_node is not null, s.warm, body, spec,
        s.tier)::sandbox_row
$$;

-- All that a controller reads when it begins to lead.
create function live_sandboxes() returns setof sandbox_row language sql volatile as $$
    select row_of(s, null, s.spec) from sandboxes s where s.ended_at is null order by s.created_at, s.id
$$;

-- The rows with these ids, also ended ones, and with the object for people.
create function read_sandboxes(ids text[]) returns setof sandbox_row language sql volatile as $$
    select row_of(s, sandbox_json(s)::text, s.spec) from sandboxes s where s.id = any(ids)
$$;

-- What a leader compares with its own state: just enough to show that something changed.
create function sandbox_marks() returns table (id text, generation bigint, state text) language sql volatile as $$
    select s.id, s.generation, s.state from sandboxes s where s.ended_at is null
$$;
