-- Who guesses API keys asks nothing of the database: controllers know the prefixes of all keys that there are, and hear
-- of each new one.
create function live_key_prefixes(most integer) returns text language sql stable as $$
    select string_agg(substr(prefix, 5), '') from (
        select prefix from api_keys where revoked_at is null and (expires_at is null or expires_at > now()) limit most) k
$$;

create function tell_key_added() returns trigger language plpgsql as $$
begin
    perform pg_notify('corral_keys', new.prefix);
    return null;
end $$;

create trigger api_keys_added after insert on api_keys for each row execute function tell_key_added();
