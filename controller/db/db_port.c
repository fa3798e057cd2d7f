#include "controller/db/db_port.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- changes --- */

struct making {
    db_port_made_cb *cb;
    void *arg;
};

static void on_made(void *arg, int code, const struct err *e, const char *json, bool repeated)
{
    struct making making;
    mem_take(&making, arg, sizeof making);
    making.cb(making.arg, code, e, json, !code && !repeated);
}

void db_port_create(struct db_pool *pool, const struct db_port_new *port, const struct db_actor *actor,
                    db_port_made_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"create_port", "select * from create_port($1, $2)", 2};
    struct making *making = mem_zalloc(sizeof *making);
    struct json_text text = {0};
    *making = (struct making){cb, arg};
    json_text_object(&text, NULL);
    json_text_str(&text, "id", port->id);
    json_text_str(&text, "sandbox_id", port->sandbox);
    json_text_num(&text, "port", port->port);
    json_text_hex(&text, "sha256", port->sha256, sizeof port->sha256);
    json_text_num(&text, "lifetime_seconds", port->lifetime_seconds);
    json_text_bool(&text, "needs_admin", port->needs_admin);
    json_text_end(&text);
    char *who = db_actor_json(actor);
    const char *params[] = {text.text.data, who};
    db_query_create(pool, &stmt, params, on_made, making);
    json_text_fini(&text);
    free(who);
}

void db_port_delete(struct db_pool *pool, const char *sandbox, const char *id, const char *owner,
                    const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"delete_port", "select * from delete_port($1, $2, $3, $4)", 4};
    char *who = db_actor_json(actor);
    const char *params[] = {sandbox, id, owner, who};
    db_query_act(pool, &stmt, params, cb, arg);
    free(who);
}

void db_port_list(struct db_pool *pool, const char *sandbox, const char *owner, const char *cursor,
                  unsigned limit, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_ports", "select * from list_ports($1, $2, $3, $4)", 4,
                                        .class = DB_READ};
    char most[16];
    const char *params[] = {sandbox, owner, cursor, most};
    snprintf(most, sizeof most, "%u", limit);
    db_query_page(pool, &stmt, params, ERR_NOT_FOUND, "There is no such sandbox", cb, arg);
}

/* --- look-ups --- */

struct finding {
    db_port_cb *cb;
    void *arg;
};

enum {
    COL_ID,
    COL_SANDBOX,
    COL_PORT,
    COL_USER,
    COL_KEY,
    COL_PREFIX,
    COL_ADMIN,
    COL_SCOPES,
    COL_NEEDS_ADMIN,
    COL_REMAINING,
    COL_KEY_REMAINING
};

static void copy(char *out, size_t size, const PGresult *r, int column)
{
    snprintf(out, size, "%s", PQgetvalue(r, 0, column));
}

static bool fill(struct db_port *port, const PGresult *r)
{
    struct caller *c = &port->caller;
    copy(port->id, sizeof port->id, r, COL_ID);
    copy(c->user_id, sizeof c->user_id, r, COL_USER);
    copy(c->key_id, sizeof c->key_id, r, COL_KEY);
    copy(c->key_prefix, sizeof c->key_prefix, r, COL_PREFIX);
    c->admin = PQgetvalue(r, 0, COL_ADMIN)[0] == 't';
    c->scopes = (uint32_t)db_cell_num(r, 0, COL_SCOPES);
    c->needs = SCOPE_EXEC | SCOPE_WRITE;
    c->needs_admin = PQgetvalue(r, 0, COL_NEEDS_ADMIN)[0] == 't';
    port->port = (uint16_t)db_cell_num(r, 0, COL_PORT);
    port->remaining_ms = db_cell_num(r, 0, COL_REMAINING);
    port->key_expires = !PQgetisnull(r, 0, COL_KEY_REMAINING);
    port->key_remaining_ms = db_cell_num(r, 0, COL_KEY_REMAINING);
    return sandbox_id_parse(PQgetvalue(r, 0, COL_SANDBOX), &port->sandbox);
}

static void on_found(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct finding f;
    struct db_port port = {.port = 0};
    struct err none;
    mem_take(&f, arg, sizeof f);
    if (!code && (PQntuples(r) == 0 || !fill(&port, r))) {
        code = err_set(&none, ERR_NOT_FOUND, "There is no such port");
        e = &none;
    }
    f.cb(f.arg, code, e, code ? NULL : &port);
}

void db_port_find(struct db_pool *pool, const uint8_t sha256[32], db_port_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "find_port",
        "select id, sandbox_id, port, user_id, key_id, key_prefix, admin, scopes, needs_admin, remaining_ms, "
        "key_remaining_ms from find_port($1)",
        1, .class = DB_KEY};
    struct finding f = {cb, arg};
    char hex[65];
    const char *params[] = {hex};
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", sha256[i]);
    db_query(pool, &stmt, params, on_found, mem_dup(&f, sizeof f));
}
