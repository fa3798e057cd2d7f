-- Who is asked for by name is found by who types it, in whatever form of Unicode: names are stored in one (0132).

create function name_as_stored(filter jsonb, field text) returns jsonb language sql immutable as $$
    select case when filter ? field then filter || jsonb_build_object(field, normalize(filter->>field, NFC)) else filter end
$$;
