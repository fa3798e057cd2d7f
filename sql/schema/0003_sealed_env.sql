-- Environments of sandboxes are sealed within spec, by the controller. env_key is the id of the key that sealed it; null: it
-- has none, or is of before. A sandbox that has ended keeps no spec.

alter table sandboxes alter column spec drop not null;
alter table sandboxes add column env_key text;
update sandboxes set spec = null where ended_at is not null;
alter table sandboxes add constraint sandboxes_spec_check check ((spec is null) = (ended_at is not null));
create trigger sandbox_forgets before insert or update on sandboxes for each row
    when (new.ended_at is not null and (new.spec is not null or new.env_key is not null)) execute function sandbox_forgets();
