#!/usr/bin/env bash
# The catalogue of images in the database: what nodes are told and tell, so that a name stands for one digest on all of them; pins,
# updates, prunes; which images a tier may run.
# usage: db_images.sh SOURCE_ROOT
set -euo pipefail
root=$1
. "$root/tests/lib/database.sh"
database_start
"$CORRAL_BUILD_ROOT/tests/db_migrate" "$DATABASE_URL"

sql "create function digest(c text) returns text language sql as \$\$ select 'sha256:' || repeat(c, 64) \$\$;
    create function orders() returns text language sql as \$\$ select string_agg(concat_ws(' ', node || ':', case when pull then 'pull ' || coalesce(substr(digest, 8, 1), '?') end,
        case when keep then 'keep' end, case when remove then 'remove' end), ', ' order by node, ref) from image_orders() \$\$;
    create function tells(node text, ref text, state text, digest text, generation bigint, whole boolean default false) returns boolean language sql as \$\$
        select exists (select from images_told(node, jsonb_build_array(jsonb_build_object('ref', ref, 'state', state, 'digest', digest, 'generation', generation,
            'size_bytes', 7, 'problem', case state when 'failed' then 'cut' end)), whole)) \$\$;
    create function told() returns text language sql as \$\$ select string_agg(substr(type, 7) || ' ' || node, ', ' order by seq) from events where type like 'image.%' \$\$;
    create function ask(ref text, what jsonb default '{}') returns text language sql as \$\$ select outcome from pull_image(ref, what, '{}') \$\$;
    insert into nodes (name, memory_bytes, cpu_millis, storage_bytes, sandboxes, region, labels) values ('a', 1, 1, 1, 1, 'north', '{\"disk\": \"ssd\"}'),
        ('b', 1, 1, 1, 1, 'south', '{}'), ('c', 1, 1, 1, 1, 'south', '{\"disk\": \"ssd\"}')" >/dev/null

# One node asks the registry what the name stands for; then the others pull just that.
is ok "select ask('r/x:1')"
is 'a: pull ?' "select orders()"
is t "select tells('a', 'r/x:1', 'pulling', '', 1)"
is f "select tells('a', 'r/x:1', 'pulling', '', 1)"
is t "select tells('a', 'r/x:1', 'failed', '', 1)"
is 'b: pull ?' "select orders()" # another one tries
is t "select tells('b', 'r/x:1', 'present', digest('1'), 1)"
is 'c: pull 1' "select orders()"
is t "select tells('c', 'r/x:1', 'present', digest('1'), 1)"
is '' "select coalesce(orders(), '')"
is 'pull_started a, pull_failed a, pulled b, pulled c' "select told()"
is "$(printf 'r/x:1|1')" "select ref || '|' || substr(digest, 8, 1) from image_digests('', 100)"

# The tag moves: what a node tells changes nothing; an update does, once for all that hold it.
is t "select not tells('c', 'r/x:1', 'present', digest('2'), 0)"
is 1 "select substr(digest, 8, 1) from images"
sql "delete from events where type like 'image.%'; select tells('c', 'r/x:1', 'present', digest('1'), 0)" >/dev/null
is ok "select ask('r/x:1', '{\"update\": true}')"
is 1 "select substr(digest, 8, 1) from image_digests('', 100)" # creates go on with the one that is known
is 'a: pull ?' "select orders()"
is f "select tells('a', 'r/x:1', 'waiting', '', 1)" # of the order before
is t "select tells('a', 'r/x:1', 'present', digest('3'), 2)"
is 'b: pull 3, c: pull 3' "select orders()"
is 'moved a' "select string_agg(substr(type, 7) || ' ' || node, ', ') from events where type = 'image.moved'"
sql "select tells(n, 'r/x:1', 'present', digest('3'), 2) from unnest(array['b', 'c']) n" >/dev/null

# Pins, by place; a copy that is lost is pulled again; a node that joins gets one.
is ok "select ask('r/p:1', '{\"pin\": true, \"labels\": {\"disk\": \"ssd\"}}')"
sql "select tells('a', 'r/p:1', 'present', digest('5'), 1)" >/dev/null
is 'a: keep, c: pull 5 keep' "select orders()"
sql "select tells('c', 'r/p:1', 'present', digest('5'), 1); select images_told('a', '[]', true);
    insert into nodes (name, memory_bytes, cpu_millis, storage_bytes, sandboxes, labels) values ('d', 1, 1, 1, 1, '{\"disk\": \"ssd\"}')" >/dev/null
is 'a: pull 5 keep, c: keep, d: pull 5 keep' "select orders()"
is conflict "select outcome from delete_image('r/p:1', '{}')"
is conflict "select ask('r/y:1', '{\"region\": \"nowhere\"}')"
is invalid "select ask('r/y:1', '{\"nodes\": [\"z\"]}')"

# A prune finds what nothing needs; what a node says no more is gone.
sql "delete from nodes where name in ('a', 'd'); update node_images set used_at = now() - interval '1 day' where node = 'b'" >/dev/null
is 'r/x:1 b' "select string_agg(f->>'ref' || ' ' || (f->>'node'), ', ') from jsonb_array_elements((prune_images('{\"dry_run\": true, \"older_than_seconds\": 3600}', '{}')).body::jsonb) f"
sql "select prune_images('{\"older_than_seconds\": 3600}', '{}')" >/dev/null
is 'b: remove, c: keep' "select orders()"
found='[{"ref": "r/x:1", "node": "b", "bytes": 7}]'
is 1 "select \"left\" from image_prune_state('$found', false)"
sql "select images_told('b', '[]', true)" >/dev/null
is '0 1 7' "select \"left\" || ' ' || (body::json->>'removed') || ' ' || (body::json->>'bytes') from image_prune_state('$found', false)"
is ok "select outcome from delete_image('r/x:1', '{}')"
is 'c: keep, c: remove' "select orders()"
sql "select tells('c', 'r/p:1', 'present', digest('5'), 1, true)" >/dev/null
is 'r/p:1' "select string_agg(ref, ' ') from images"

# A node that lies harms itself: it says nothing of names that it is not to have, of orders that it was not given, and no more than
# one report holds.
sql "delete from images; delete from events; insert into nodes (name, memory_bytes, cpu_millis, storage_bytes, sandboxes) values ('liar', 1, 1, 1, 1)" >/dev/null
is f "select tells('liar', 'r/l:1', 'present', digest('6'), 0)" # some images are those that were ordered
is t "select tells('liar', 'r/l:1', 'present', digest('6'), 0, true)"
is '' "select digest from images where ref = 'r/l:1'"
is f "select tells('liar', 'r/l:1', 'waiting', '', 99)" # else it would get credentials
is '' "select coalesce(orders(), '')"
is ok "select ask('r/l:1', '{\"nodes\": [\"b\"]}')"
is f "select tells('liar', 'r/l:1', 'present', digest('7'), 2000000000)"
is 'b: pull ?' "select orders()"
is t "select tells('b', 'r/l:1', 'present', digest('8'), 2)"
is 8 "select substr(digest, 8, 1) from images where ref = 'r/l:1'"
sql "select images_told('liar', (select jsonb_agg(jsonb_build_object('ref', 'l/' || g || '/' || i, 'state', 'present')) from generate_series(1, 20) i), true)
    from generate_series(1, 5) g" >/dev/null
is '20 20' "select (select count(*) from node_images where node = 'liar') || ' ' || (select count(*) from images where ref like 'l/%')"
sql "select images_of_removed('liar'); delete from nodes where name = 'liar'" >/dev/null
is r/l:1 "select string_agg(ref, ' ') from images"

# A report that says what is known writes nothing.
sql "create table known as select jsonb_agg(jsonb_build_object('ref', 'k/' || i, 'state', 'present', 'digest', digest('1'), 'size_bytes', 7, 'used_ago_ms', 5000)) as items
    from generate_series(1, 3) i; select images_told('c', items, true) from known" >/dev/null
rows="select string_agg(ctid::text, ' ' order by ref) from node_images"
before=$(sql "$rows")
sql "select images_told('c', items, true) from known; select images_told('c', items, false) from known" >/dev/null
is "$before" "$rows"

# One that no node can remove stays, and says why.
sql "select images_told('b', items, true) from known" >/dev/null
is ok "select outcome from delete_image('k/1', '{}')"
refuses() { sql "select images_told('$1', jsonb_build_array(jsonb_build_object('ref', 'k/1', 'state', 'present', 'digest', digest('1'), 'size_bytes', 7, 'generation', 2,
    'problem', 'not mine')), false)" >/dev/null; }
refuses b
is 'b: remove, c: remove' "select orders()"
refuses c
is '' "select coalesce(orders(), '')"
is 'present not mine' "select image_state(i) || ' ' || (select string_agg(distinct problem, ',') from node_images x where x.ref = i.ref) from images i where ref = 'k/1'"
is 'remove_failed c' "select string_agg(substr(type, 7) || ' ' || node, ', ') from events where type = 'image.remove_failed'"
sql "select images_told(n, items, true) from known, unnest(array['b', 'c']) n" >/dev/null
is 'not mine' "select string_agg(distinct problem, ',') from node_images where ref = 'k/1'"

# Reports, acts of administrators and prunes meet in the order of names.
sql "create function many() returns jsonb language sql as \$\$ select jsonb_agg(jsonb_build_object('ref', 'm/' || i, 'state', 'present', 'digest', digest('1'),
    'size_bytes', (1 + random() * 1000)::integer, 'used_ago_ms', 9000000) order by random()) from generate_series(1, 40) i where random() < 0.8 \$\$" >/dev/null
for n in b c; do
    (for _ in {1..120}; do echo "select images_told('$n', many(), true);"; done | /usr/bin/psql -X -q -d "$DATABASE_URL" >/dev/null) &
done
(for _ in {1..80}; do echo "select prune_images('{}', '{}'); select count(*) from image_orders();"; done | /usr/bin/psql -X -q -d "$DATABASE_URL" >/dev/null) &
(for i in {1..120}; do echo "select pull_image('m/' || (1 + $i % 40), '{\"update\": true}', '{}'); select delete_image('m/' || (1 + $i * 7 % 40), '{}');"; done |
    /usr/bin/psql -X -q -d "$DATABASE_URL" >/dev/null) &
wait
is 0 "select deadlocks from pg_stat_database where datname = current_database()"

# What a tier may run.
fits() { is "$1" "select image_allowed($2, '$3')"; }
fits t null docker.io/library/x:1
fits f "'{}'" docker.io/library/x:1
fits t "'{docker.io/library/*}'" docker.io/library/x:1
fits f "'{docker.io/library/*}'" docker.io/acme/library/x:1
fits t "'{ghcr.io/acme/tool:1.*}'" ghcr.io/acme/tool:1.2
fits f "'{ghcr.io/acme/tool:1.*}'" ghcr.io/acme/tool:2.1
fits t "'{host:5000/x}'" "host:5000/x@sha256:$(printf '0%.0s' {1..64})"
fits f "'{docker.io/library/a_b}'" docker.io/library/aXb:1

# Of an image that a template names one copy stays; no one may remove it that a shared one names.
sql "delete from images; update nodes set health = 'ready'; select tells(n, 'r/t:1', 'present', digest('7'), 0, true) from unnest('{b,c}'::text[]) n;
    update node_images set used_at = now() - interval '1 day' where ref = 'r/t:1';
    insert into users (id, name, tier, role) values ('usr_T', 'tess', 'pro', 'user');
    insert into templates (id, user_id, name, numbered) values ('tpl_' || repeat('0', 26), 'usr_T', 't', 2);
    insert into template_versions (template_id, version, body, image_ref) values ('tpl_' || repeat('0', 26), 1, '{}', 'r/t:1')" >/dev/null
prunes() { is "$1" "select coalesce(string_agg(x.ref || ' ' || x.node, ', '), '') from images_unused('1 hour', null) x"; }
prunes 'r/t:1 c'
is 'b: keep' "select orders()"
sql "update nodes set health = 'unreachable' where name = 'b'" >/dev/null
prunes '' # b may not come back
sql "update nodes set health = 'ready'; insert into template_versions (template_id, version, body, image_ref) values ('tpl_' || repeat('0', 26), 2, '{}', 'r/u:1')" >/dev/null
prunes 'r/t:1 b, r/t:1 c' # of a user's template the newest version counts
sql "update templates set user_id = null" >/dev/null
prunes 'r/t:1 c'
is 'conflict The shared template t@1 names it; change or delete that first' "select outcome || ' ' || detail from delete_image('r/t:1', '{}')"
