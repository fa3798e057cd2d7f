#include "controller/db/db_secrets.h"

#include "controller/db/db_sync.h"

#include <stdlib.h>

static const char in_use[] =
    "select key, count(*) filter (where kind = 's'), count(*) filter (where kind = 'w'), "
    "count(*) filter (where kind = 'r'), count(*) filter (where kind = 't') from ("
    "select env_key as key, 's' as kind from sandboxes where ended_at is null and env_key is not null "
    "union all select secret_key, 'w' from webhooks "
    "union all select secret_key, 'r' from registries "
    "union all select env_key, 't' from template_versions where env_key is not null "
    "union all select old_secret_key, 'w' from webhooks where old_until > now()) x group by 1 order by 1";

int db_secrets_in_use(const char *url, db_secrets_cb *cb, void *arg, struct err *e)
{
    PGconn *conn;
    PGresult *r = NULL;
    int code = db_sync_open(url, &conn, e);
    if (code)
        return code;
    code = db_sync_run(conn, in_use, 0, NULL, &r, e);
    for (int i = 0; !code && i < PQntuples(r); i++)
        cb(arg, PQgetvalue(r, i, 0), strtoull(PQgetvalue(r, i, 1), NULL, 10),
           strtoull(PQgetvalue(r, i, 2), NULL, 10), strtoull(PQgetvalue(r, i, 3), NULL, 10),
           strtoull(PQgetvalue(r, i, 4), NULL, 10));
    PQclear(r);
    PQfinish(conn);
    return code;
}
