-- Recommendations on the system: what the leader reads and writes as it looks at the figures (controller/advice/advice.h), and what
-- administrators see and change.

-- How many causes are kept, dismissed ones that are hidden included.
create function recommendations_max() returns integer language sql immutable as $$
    select 500
$$;

create function recommendation_id(seq bigint) returns text language sql immutable as $$
    select 'rec_' || lpad(seq::text, 19, '0')
$$;

create function recommendation_seq_of(id text) returns bigint language sql immutable as $$
    select case when id ~ '^rec_[0-9]{19}$' and id <= 'rec_9223372036854775807' then substr(id, 5)::bigint end
$$;

create function recommendation_json(r recommendations) returns json language sql stable as $$
    select json_build_object('id', recommendation_id(r.seq), 'kind', r.kind, 'rule', r.rule, 'severity', r.severity,
        'subject_kind', r.subject_kind, 'subject', r.subject, 'sentence', r.sentence, 'evidence', r.evidence, 'effect', r.effect,
        'state', r.state, 'state_at', rfc3339(r.state_at), 'state_by', r.state_by, 'since', rfc3339(r.since),
        'updated_at', rfc3339(r.updated_at))
$$;

create function tell_recommendation(of_type text, r recommendations) returns void language sql as $$
    select add_event(case of_type when 'opened' then 'system.recommendation_opened' when 'closed' then 'system.recommendation_closed'
            else 'system.recommendation_changed' end, null, null, case when r.subject_kind = 'node' then r.subject end,
        jsonb_build_object('recommendation_id', recommendation_id(r.seq), 'kind', r.kind, 'rule', r.rule, 'severity', r.severity,
            'subject_kind', r.subject_kind, 'subject', r.subject, 'sentence', r.sentence, 'state', r.state, 'by', r.state_by))
$$;

-- --- what the leader does ---

create function recommendations_stored() returns table (rule text, subject_kind text, subject text, state text, hidden boolean,
    weight_then double precision, severity_then text, state_ms bigint, room bigint) language sql stable as $$
    select r.rule, r.subject_kind, r.subject, r.state, r.hidden_at is not null, r.weight_then, r.severity_then,
        greatest(0, extract(epoch from now() - r.state_at) * 1000)::bigint,
        greatest(0, recommendations_max() - count(*) over ())
    from recommendations r order by r.seq
$$;

-- c: {act, was (the state in which it was read), rule, kind, subject_kind, subject, severity, sentence, evidence, effect, weight}. If it
-- is in another state by now, nothing happens: what is sent twice is done once, and what an administrator did meanwhile stays.
create function change_recommendation(c jsonb) returns void language plpgsql as $$
declare
    f recommendations := jsonb_populate_record(null::recommendations, c);
    r recommendations;
    at timestamptz := clock_timestamp();
begin
    if c->>'act' = 'begin' then
        insert into recommendations (rule, kind, subject_kind, subject, severity, sentence, evidence, effect, weight, state_at, weight_then,
                severity_then, since, updated_at)
            values (f.rule, f.kind, f.subject_kind, f.subject, f.severity, f.sentence, f.evidence, f.effect, f.weight, at, f.weight,
                f.severity, at, at)
            on conflict do nothing returning * into r;
    elsif c->>'act' = 'end' then
        delete from recommendations x where x.rule = f.rule and x.subject_kind = f.subject_kind and x.subject = f.subject
            and x.state = c->>'was' returning * into r;
    elsif c->>'act' = 'hide' then
        update recommendations x set hidden_at = at where x.rule = f.rule and x.subject_kind = f.subject_kind and x.subject = f.subject
            and x.state = c->>'was';
    else
        update recommendations x set severity = f.severity, sentence = f.sentence, evidence = f.evidence, effect = f.effect,
            weight = f.weight, updated_at = at, hidden_at = null, state = case c->>'act' when 'reopen' then 'open' else x.state end,
            state_at = case c->>'act' when 'reopen' then at else x.state_at end,
            state_by = case c->>'act' when 'reopen' then null else x.state_by end,
            weight_then = case c->>'act' when 'reopen' then f.weight else x.weight_then end,
            severity_then = case c->>'act' when 'reopen' then f.severity else x.severity_then end
            where x.rule = f.rule and x.subject_kind = f.subject_kind and x.subject = f.subject and x.state = c->>'was'
            returning * into r;
    end if;
    if r.seq is not null and c->>'act' <> 'keep' then
        perform tell_recommendation(case c->>'act' when 'end' then 'closed' else 'opened' end, r);
    end if;
end $$;

-- What a look at the figures found. why: why there was none (then nothing changes); null: there was. A dismissed one whose cause has
-- been gone for 90 days is forgotten.
create function recommendations_apply(changes jsonb, ms integer, why text) returns void language plpgsql as $$
declare
    c jsonb;
begin
    for c in select value from jsonb_array_elements(changes) loop
        perform change_recommendation(c);
    end loop;
    delete from recommendations r where r.hidden_at < now() - interval '90 days';
    update recommendation_run set at = case when why is null then now() else at end, took_ms = ms, problem = why;
end $$;

create function recommendation_counts() returns table (kind text, many bigint) language sql stable as $$
    select r.kind, count(*) from recommendations r where r.state = 'open' group by 1
$$;

-- --- what administrators do ---

-- patch: {state}
create function patch_recommendation(id text, patch jsonb, who jsonb) returns act language plpgsql as $$
declare
    old recommendations;
    r recommendations;
begin
    select * into old from recommendations x where x.seq = recommendation_seq_of(id) and x.hidden_at is null for update;
    if not found then
        return act_not('not_found', 'There is no such recommendation');
    elsif not etag_holds(who, recommendation_json(old)::text) then
        return act_not('precondition_failed', changed_meanwhile());
    elsif not patch ? 'state' or patch->>'state' = old.state then
        return act_ok(recommendation_json(old));
    end if;
    update recommendations x set state = patch->>'state', state_at = clock_timestamp(), weight_then = x.weight, severity_then = x.severity,
        state_by = (select u.name from users u where u.id = who->>'user_id') where x.seq = old.seq returning * into r;
    perform tell_recommendation('changed', r);
    perform add_audit(who, 'recommendation.patch', id, jsonb_build_object('state', old.state),
        jsonb_build_object('state', r.state, 'rule', r.rule, 'subject_kind', r.subject_kind, 'subject', r.subject));
    return act_ok(recommendation_json(r));
end $$;

-- filter: {kind, state, cursor (an id), limit}. Newest first. Null: the cursor is no id.
create function list_recommendations(filter jsonb) returns list_page language plpgsql stable as $$
declare
    before bigint := case when filter ? 'cursor' then recommendation_seq_of(filter->>'cursor') else 9223372036854775807 end;
    most integer := (filter->>'limit')::integer;
    found_rows recommendations[];
begin
    if before is null then
        return null;
    end if;
    found_rows := array(select r from recommendations r where r.seq < before and r.hidden_at is null
        and (not filter ? 'kind' or r.kind = filter->>'kind') and (not filter ? 'state' or r.state = filter->>'state')
        order by r.seq desc limit most + 1);
    return page((select json_agg(recommendation_json(r) order by r.seq desc) from unnest(found_rows[1:most]) r),
        case when cardinality(found_rows) > most then recommendation_id(found_rows[most].seq) end);
end $$;
