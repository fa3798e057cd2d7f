-- Webhooks: what users change of them. deliveries.sql has what is sent to them.

create function webhooks_of_user_max() returns integer language sql immutable as $$
    select 20
$$;

create function webhook_json(w webhooks) returns json language sql stable as $$
    select json_build_object('id', w.id, 'user', w.user_id, 'url', w.url, 'events', w.events, 'labels', w.labels,
        'enabled', w.enabled, 'disabled_reason', w.disabled_reason, 'failing_since', rfc3339(w.failing_since),
        'old_secret_until', case when w.old_until > now() then rfc3339(w.old_until) end, 'created_at', rfc3339(w.created_at))
$$;

-- A URL without what may be a secret: many receivers are known by a token in their path or query. The digest tells two URLs apart.
create function url_shown(url text) returns text language sql immutable as $$
    select substring(url from '^[^:]+://[^/?#]*') || case when url ~ '^[^:]+://[^/?#]*/?$' then '/'
        else '/… (sha256 ' || left(encode(sha256(convert_to(url, 'UTF8')), 'hex'), 8) || ')' end
$$;

-- As the audit shows it: without secrets, sealed ones included.
create function webhook_audited(w webhooks) returns jsonb language sql stable as $$
    select jsonb_build_object('user_id', w.user_id, 'url', url_shown(w.url), 'events', w.events, 'labels', w.labels, 'enabled', w.enabled)
$$;

-- Returns the row, locked. owner null: any user's.
create function webhook_for_change(webhook text, owner text) returns webhooks language sql as $$
    select * from webhooks w where w.id = webhook and (owner is null or w.user_id = owner) for update
$$;

create function no_webhook() returns act language sql immutable as $$
    select act_not('not_found', 'There is no such webhook')
$$;

create function words_of(list jsonb) returns text[] language sql immutable as $$
    select array_agg(x order by n) from jsonb_array_elements_text(list) with ordinality a(x, n)
$$;

-- w: {id, url, events, labels, secret (hex), secret_key}. It is told events from now on.
create function create_webhook_once(w jsonb, who jsonb) returns act language plpgsql as $$
declare
    made webhooks;
begin
    perform from users u where u.id = who->>'user_id' for no key update;
    if (select count(*) from webhooks x where x.user_id = who->>'user_id') >= webhooks_of_user_max() then
        return act_not('conflict', format('You have %s webhooks already; delete one first', webhooks_of_user_max()));
    end if;
    insert into webhooks (id, user_id, url, events, labels, secret, secret_key, since)
    values (w->>'id', who->>'user_id', w->>'url', words_of(w->'events'), coalesce(w->'labels', '{}'),
        decode(w->>'secret', 'hex'), w->>'secret_key', event_head()) returning * into made;
    perform add_audit(who, 'webhook.create', made.id, null, webhook_audited(made));
    return act_ok(webhook_json(made));
end $$;

create function create_webhook(w jsonb, who jsonb) returns act language plpgsql as $$
declare
    a act := act_seen(who);
begin
    if a.outcome is null then
        a := act_kept(who, create_webhook_once(w, who));
    end if;
    return a;
end $$;

-- patch: any of url, events, labels, enabled. One that is enabled again is told events from then on. Whether it is failing is
-- decided by its next try alone.
create function patch_webhook(webhook text, owner text, patch jsonb, who jsonb) returns act language plpgsql as $$
declare
    old webhooks := webhook_for_change(webhook, owner);
    w webhooks;
begin
    if old.id is null then
        return no_webhook();
    elsif not etag_holds(who, webhook_json(old)::text) then
        return act_not('precondition_failed', changed_meanwhile());
    end if;
    update webhooks x set url = coalesce(patch->>'url', url), events = coalesce(words_of(patch->'events'), events),
        labels = coalesce(patch->'labels', labels), enabled = coalesce((patch->>'enabled')::boolean, enabled),
        since = case when not enabled and (patch->>'enabled')::boolean then event_head() else since end,
        disabled_reason = case when patch ? 'enabled' then null else disabled_reason end
        where x.id = old.id returning * into w;
    perform add_audit(who, 'webhook.patch', w.id, webhook_audited(old), webhook_audited(w));
    return act_ok(webhook_json(w));
end $$;

-- The secret so far signs beside the new one for a day.
create function rotate_webhook(webhook text, owner text, sealed text, sealed_by text, who jsonb) returns act language plpgsql as $$
declare
    w webhooks := webhook_for_change(webhook, owner);
begin
    if w.id is null then
        return no_webhook();
    end if;
    update webhooks x set old_secret = x.secret, old_secret_key = x.secret_key, old_until = now() + interval '1 day',
        secret = decode(sealed, 'hex'), secret_key = sealed_by where x.id = w.id returning * into w;
    perform add_audit(who, 'webhook.rotate', w.id, null, null);
    return act_ok(webhook_json(w));
end $$;

create function delete_webhook(webhook text, owner text, who jsonb) returns act language plpgsql as $$
declare
    w webhooks := webhook_for_change(webhook, owner);
begin
    if w.id is null then
        return no_webhook();
    end if;
    delete from webhooks x where x.id = w.id;
    perform add_audit(who, 'webhook.delete', w.id, webhook_audited(w), null);
    return act_ok(null);
end $$;

-- owner: a user's id or name.
create function list_webhooks(owner text, after text, most integer) returns list_page language sql stable as $$
    with rows as (select w.* from webhooks w join users u on u.id = w.user_id
        where (w.user_id = owner or u.name = normalize(owner, NFC)) and w.id > coalesce(after, '') order by w.id limit most + 1),
    shown as (select * from rows order by id limit most)
    select page((select json_agg(webhook_json(s::webhooks) order by id) from shown s),
        case when (select count(*) from rows) > most then (select max(id) from shown) end)
$$;
