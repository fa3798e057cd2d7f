-- A sandbox that somebody else than its user deletes was ended by an administrator, and says so.

create or replace function want_sandbox(sandbox_id text, owner text, new_want text, why text, who jsonb) returns sandbox_change
language plpgsql as $$
declare
    s sandboxes;
begin
    s := sandbox_for_change(sandbox_id, owner);
    if s.id is null then
        return not_changed('not_found', 'There is no such sandbox');
    elsif s.ended_at is not null then
        if new_want = 'gone' then
            return changed(s);
        end if;
        return not_changed('wrong_state', 'The sandbox has ended: it is ' || s.state);
    elsif s.want = new_want then
        return changed(s);
    elsif s.want = 'gone' or (new_want <> 'gone' and s.state not in ('running', 'paused')) then
        return not_changed('wrong_state', 'Not possible while the sandbox is ' || s.state);
    end if;
    if new_want = 'gone' and why = 'deleted' and who->>'user_id' <> s.user_id then
        why := 'admin';
    end if;
    update sandboxes set want = new_want, want_reason = nullif(why, ''), generation = generation + 1,
        state = case when new_want = 'gone' then 'stopping' else state end where id = s.id returning * into s;
    perform audit_sandbox(who, s, 'sandbox.' || new_want, null, jsonb_build_object('reason', why));
    return changed(s);
end $$;
