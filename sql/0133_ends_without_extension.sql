-- Of one that was never given a later end no sentence says that its host had not heard of that.

create or replace function sandbox_says_why() returns trigger language plpgsql as $$
begin
    new.detail := end_sentence(new);
    if not new.extended then
        new.detail := regexp_replace(new.detail, '; its host had not heard of the extension, and ended it at (\S+)$',
            '; its host ended it at \1, by its own count');
    end if;
    return new;
end $$;
