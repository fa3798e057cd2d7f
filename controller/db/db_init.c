#include "controller/db/db_init.h"

#include "common/base/id.h"
#include "common/io/loop.h"
#include "controller/db/db_sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static void make_id(char out[static 32], const char *prefix)
{
    uint8_t random[10];
    char ulid[ULID_LEN + 1];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        abort();
    ulid_format(ulid, wall_now_ms(), random);
    snprintf(out, 32, "%s%s", prefix, ulid);
}

static const char make_admin[] =
    "with u as (insert into users (id, name, tier, role) select $1, $2, 'enterprise', 'admin'"
    "   where not exists (select from users where role = 'admin' and deleted_at is null) returning *),"
    " k as (insert into api_keys (id, user_id, name, prefix, last_four, sha256, scopes)"
    "   select $3, $1, 'init', $4, $5, decode($6, 'hex'), '{read,write,admin}' from u returning *)"
    " select add_audit(jsonb_build_object('user_id', u.id, 'key_id', k.id, 'address', 'local'), "
    "'user.create', u.id,"
    "   null, to_jsonb(u)) from u, k";

int db_init_admin(const char *url, const char *name, struct api_key *key, struct err *e)
{
    PGconn *conn;
    PGresult *r = NULL;
    char user_id[32], key_id[32], prefix[API_KEY_PREFIX_LEN + 1], hex[65];
    uint8_t hash[32];
    int code = db_sync_open(url, &conn, e);
    if (code)
        return code;
    *key = api_key_make();
    if (!api_key_prefix(key->text, prefix))
        abort();
    api_key_sha256(key->text, hash);
    for (int i = 0; i < 32; i++)
        sprintf(hex + 2 * i, "%02x", hash[i]);
    make_id(user_id, "usr_");
    make_id(key_id, "key_");
    const char *params[] = {user_id, name, key_id, prefix, key->text + API_KEY_LEN - 4, hex};
    code = db_sync_run(conn, make_admin, 6, params, &r, e);
    if (!code && PQntuples(r) == 0)
        code = err_set(e, ERR_CONFLICT, "There is an administrator already, or a user of the name %s", name);
    PQclear(r);
    PQfinish(conn);
    return code;
}
