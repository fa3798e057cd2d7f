-- A few characters are more than one in the normal form (NFC): the length that counts is that of what is stored.

create or replace function name_is_normal() returns trigger language plpgsql as $$
begin
    new.name := normalize(new.name, NFC);
    if length(new.name) > 63 then
        raise exception 'a name is longer than 63 characters in its normal form' using errcode = 'CO003';
    end if;
    return new;
end $$;
