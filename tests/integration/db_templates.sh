#!/usr/bin/env bash
# Templates in the database: versions and their numbers, whose they are, bounds, what is kept of a deleted one.
# usage: db_templates.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"

sql "insert into users (id, name, tier, role) values ('usr_A', 'ann', 'pro', 'user'), ('usr_B', 'bob', 'pro', 'user'), ('usr_C', 'boss', 'pro', 'admin');
    create sequence numbers start 10;
    create function made(name text, body jsonb, more jsonb default '{}') returns jsonb language sql as \$\$
        select jsonb_build_object('id', 'tpl_' || lpad(nextval('numbers')::text, 26, '0'), 'name', name, 'body', body, 'image_ref', 'r/' || name || ':1') || more \$\$;
    create function who(u text) returns jsonb language sql as \$\$ select jsonb_build_object('user_id', 'usr_' || u) \$\$;
    create function makes(u text, name text, body jsonb default '{}', more jsonb default '{}') returns text language sql as \$\$
        select coalesce(body::json->>'ref', outcome || ': ' || detail) from create_template(made(name, body, more), who(u)) \$\$;
    create function changes(u text, named text, base integer, body jsonb, more jsonb default '{}') returns text language sql as \$\$
        select coalesce(body::json->>'ref', outcome || ': ' || detail) from patch_template(named, who(u) || '{\"shared\": false}', base,
            jsonb_build_object('body', body, 'image_ref', 'r/x:1') || more, who(u)) \$\$;
    create function drops(u text, named text, shared boolean default false) returns text language sql as \$\$
        select outcome from delete_template(named, who(u) || jsonb_build_object('shared', shared), who(u)) \$\$;
    create function uses(u text, named text) returns text language sql as \$\$
        select ref || ' ' || body || coalesce(' ' || encode(env, 'escape'), '') || ' ' || subject from read_template(named, who(u)) \$\$;
    create function shows(u text, named text, field text) returns text language sql as \$\$ select get_template(named, who(u))::json->>field \$\$;
    create function lists(u text, filter jsonb default '{}') returns text language sql as \$\$
        select string_agg(x->>'ref' || case when x->>'shared' = 'true' then '*' else '' end, ' ')
        from json_array_elements((list_templates('{\"limit\": 50}'::jsonb || who(u) || filter)).body::json->'items') x \$\$" >/dev/null

# Versions: each change makes the next one, what says the same makes none; an environment stays until another is given.
is python@1 "select makes('A', 'python', '{\"memory_bytes\": 1}', '{\"env_names\": [\"K\"], \"env\": \"61\", \"env_key\": \"k1\"}')"
is 'conflict: name: there is a template of this name already' "select makes('A', 'python')"
is python@2 "select changes('A', 'python', 1, '{\"memory_bytes\": 2}')"
is python@2 "select changes('A', 'python', 2, '{\"memory_bytes\": 2}')"
is 'conflict: It was changed by another request at the same time; try again' "select changes('A', 'python', 1, '{\"memory_bytes\": 3}')"
is 'python@2 {"memory_bytes": 2} a template:usr_A/python' "select uses('A', 'python')"
is 'python@1 {"memory_bytes": 1} a template:usr_A/python' "select uses('A', 'python@1')"
is '["K"]' "select shows('A', 'python', 'env_names')"
is python@3 "select changes('A', 'python', 2, '{\"memory_bytes\": 2}', '{\"env_names\": []}')"
is 'python@3 {"memory_bytes": 2} template:usr_A/python' "select uses('A', 'python')"
is 'false true' "select shows('A', 'python@2', 'newest') || ' ' || shows('A', 'python@3', 'newest')"
is '' "select uses('A', 'python@4')"
is '' "select uses('A', 'python@0')"
is '' "select uses('A', '')"
is 'python@3 python@2' "select string_agg(x->>'ref', ' ') from json_array_elements((list_template_versions('python', who('A'), null, 2)).body::json->'items') x"
is 2 "select next_cursor from list_template_versions('python', who('A'), null, 2)"
is python@1 "select string_agg(x->>'ref', ' ') from json_array_elements((list_template_versions('python', who('A'), 2, 2)).body::json->'items') x"

# Whose: another user's is not there; a shared one is everybody's, behind one's own.
is '' "select uses('B', 'python')"
is not_found "select drops('B', 'python')"
is 'not_found: There is no such template' "select changes('B', 'python', 3, '{}')"
is python@1 "select makes('C', 'python', '{}', '{\"shared\": true}')"
is 'python@1 {} template:shared/python' "select uses('B', 'python')"
is template:usr_A/python "select subject from read_template('python', who('A'))"
is template:shared/python "select subject from read_template('python', who('A') || '{\"shared\": true}')"
is not_found "select drops('B', 'python')" # it is not theirs
is node@1 "select makes('A', 'node')"
is 'node@1 python@3 python@1*' "select lists('A')"
is 'python@1*' "select lists('B')"
is 'python@1*' "select lists('A', '{\"shared\": true}')"
is 'python@3 python@1*' "select lists('A', '{\"cursor\": \"o.node\"}')"
is 'python@1*' "select lists('A', '{\"cursor\": \"o.python\"}')"
is 'node@1 python@3 python@1*' "select lists('C', '{\"user\": \"ann\"}')"

# Deletion: of a version; with the last one, of the template. Numbers are never given twice.
is ok "select drops('A', 'python@2')"
is not_found "select drops('A', 'python@2')"
is 'python@3 {"memory_bytes": 2} template:usr_A/python' "select uses('A', 'python')"
is ok "select drops('A', 'python@3')"
is 'python@1 {"memory_bytes": 1} a template:usr_A/python' "select uses('A', 'python')"
is ok "select drops('A', 'python')"
is template:shared/python "select subject from read_template('python', who('A'))"
is 0 "select count(*) from template_versions where env is not null"
is python@4 "select makes('A', 'python')"
is ok "select drops('C', 'python', true)"
is not_found "select drops('C', 'python', true)"

# Bounds.
is 'conflict: There are 100 templates already, which is the most; delete one first' \
    "select makes('B', 't' || n) from generate_series(1, 101) n offset 100"
is many@1 "select makes('A', 'many')"
is many@100 "select changes('A', 'many', n, jsonb_build_object('pids', n)) from generate_series(1, 99) n offset 98"
is 'conflict: It has 100 versions, which is the most; delete some first, such as many@1' "select changes('A', 'many', 100, '{\"pids\": 1000}')"
is 'ok many@101' "select drops('A', 'many@1') || ' ' || changes('A', 'many', 100, '{\"pids\": 1000}')"
sql "do \$\$ begin for n in 1..520 loop perform makes('C', 'd' || n); perform drops('C', 'd' || n); end loop; end \$\$" >/dev/null
is 500 "select count(*) from templates where user_id = 'usr_C'"

# All of it is audited, without environments; a user's templates go with the user.
is 0 "select count(*) from audit where action like 'template.%' and (before::text || coalesce(after::text, '')) ~ '\"env\"'"
is 100 "select count(*) from audit where action = 'template.patch' and target = 'many'"
sql "select delete_user('usr_B', who('C'))" >/dev/null
is 0 "select count(*) from templates where user_id = 'usr_B'"
