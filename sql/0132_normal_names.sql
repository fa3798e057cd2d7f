-- A name is stored in one form (NFC): what looks the same is the same, and is found by who types it.

create function name_is_normal() returns trigger language plpgsql as $$
begin
    new.name := normalize(new.name, NFC);
    return new;
end $$;

create trigger normal_name before insert or update of name on sandboxes
    for each row when (new.name is not null and new.name is not NFC normalized) execute function name_is_normal();
create trigger normal_name before insert or update of name on users
    for each row when (new.name is not NFC normalized) execute function name_is_normal();
create trigger normal_name before insert or update of name on api_keys
    for each row when (new.name is not NFC normalized) execute function name_is_normal();
