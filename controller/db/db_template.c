#include "controller/db/db_template.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void db_template_subject(const char *user_id, bool shared, const char *name,
                         char out[static DB_TEMPLATE_SUBJECT_MAX])
{
    snprintf(out, DB_TEMPLATE_SUBJECT_MAX, "template:%s/%s", shared ? "shared" : user_id, name);
}

static void add_whose(struct json_text *text, const struct db_template_name *which)
{
    json_text_str(text, "user_id", which->user_id);
    json_text_str(text, "user", which->user);
    if (which->kind != DB_TEMPLATE_ANY)
        json_text_bool(text, "shared", which->kind == DB_TEMPLATE_SHARED);
}

/* As the SQL functions take it; free() it. */
static char *whose(const struct db_template_name *which)
{
    struct json_text text = {0};
    json_text_object(&text, NULL);
    add_whose(&text, which);
    json_text_end(&text);
    return text.text.data;
}

/* --- reading --- */

struct reading {
    db_template_cb *cb;
    void *arg;
};

/* Columns of read_template. */
enum { REF, VERSION, BODY, SUBJECT, ENV };

static void on_read(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct reading reading = *(struct reading *)arg;
    struct err none;
    free(arg);
    if (!code && !PQntuples(r)) {
        code = err_set(&none, ERR_NOT_FOUND, "There is no such template");
        e = &none;
    }
    if (code) {
        reading.cb(reading.arg, code, e, NULL);
        return;
    }
    struct db_template t = {.ref = PQgetvalue(r, 0, REF),
                            .version = db_cell_num(r, 0, VERSION),
                            .body = PQgetvalue(r, 0, BODY),
                            .subject = PQgetvalue(r, 0, SUBJECT)};
    const char *env = db_cell(r, 0, ENV);
    uint8_t *bytes = env ? PQunescapeBytea((const unsigned char *)env, &t.env_len) : NULL;
    t.env = bytes;
    reading.cb(reading.arg, 0, NULL, &t);
    PQfreemem(bytes);
}

void db_template_read(struct db_pool *pool, const struct db_template_name *which, db_template_cb *cb,
                      void *arg)
{
    static const struct db_stmt stmt = {"read_template",
                                        "select ref, version, body, subject, env from read_template($1, $2)",
                                        2, .class = DB_READ};
    struct reading *reading = mem_zalloc(sizeof *reading);
    *reading = (struct reading){cb, arg};
    char *filter = whose(which);
    const char *params[] = {which->name, filter};
    db_query(pool, &stmt, params, on_read, reading);
    free(filter);
}

void db_template_get(struct db_pool *pool, const struct db_template_name *which, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"get_template", "select get_template($1, $2)", 2, .class = DB_READ};
    char *filter = whose(which);
    const char *params[] = {which->name, filter};
    db_query_json(pool, &stmt, params, ERR_NOT_FOUND, "There is no such template", cb, arg);
    free(filter);
}

void db_template_list(struct db_pool *pool, const struct db_template_name *which, const char *cursor,
                      unsigned limit, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_templates", "select * from list_templates($1)", 1,
                                        .class = DB_READ};
    struct json_text text = {0};
    json_text_object(&text, NULL);
    add_whose(&text, which);
    json_text_str(&text, "cursor", cursor);
    json_text_num(&text, "limit", limit);
    json_text_end(&text);
    const char *params[] = {text.text.data};
    db_query_page(pool, &stmt, params, ERR_INTERNAL, "No list", cb, arg);
    json_text_fini(&text);
}

void db_template_versions(struct db_pool *pool, const struct db_template_name *which, const char *cursor,
                          unsigned limit, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_template_versions",
                                        "select * from list_template_versions($1, $2, $3, $4)", 4,
                                        .class = DB_READ};
    char most[16];
    char *filter = whose(which);
    const char *params[] = {which->name, filter, cursor, most};
    snprintf(most, sizeof most, "%u", limit);
    db_query_page(pool, &stmt, params, ERR_NOT_FOUND, "There is no such template", cb, arg);
    free(filter);
}

/* --- changing --- */

/* Adds what the functions of templates.sql take. */
static void add_made(struct json_text *text, const struct db_template_made *made, int warm)
{
    if (warm >= 0)
        json_text_num(text, "warm", (uint64_t)warm);
    json_text_raw(text, "body", made->body);
    json_text_str(text, "image_ref", made->image_ref);
    if (!made->env_given)
        return;
    json_text_raw(text, "env_names", made->env_names);
    if (made->env) {
        json_text_hex(text, "env", made->env, made->env_len);
        json_text_str(text, "env_key", made->env_key);
    }
}

void db_template_create(struct db_pool *pool, const char *id, const struct db_template_name *which,
                        const struct db_template_made *made, int warm, const struct db_actor *actor,
                        db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"create_template", "select * from create_template($1, $2)", 2};
    struct json_text text = {0};
    json_text_object(&text, NULL);
    json_text_str(&text, "id", id);
    json_text_str(&text, "name", which->name);
    json_text_bool(&text, "shared", which->kind == DB_TEMPLATE_SHARED);
    add_made(&text, made, warm);
    json_text_end(&text);
    char *who = db_actor_json(actor);
    const char *params[] = {text.text.data, who};
    db_query_act(pool, &stmt, params, cb, arg);
    json_text_fini(&text);
    free(who);
}

void db_template_patch(struct db_pool *pool, const struct db_template_name *which, uint64_t base,
                       const struct db_template_made *made, int warm, const struct db_actor *actor,
                       db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"patch_template", "select * from patch_template($1, $2, $3, $4, $5)",
                                        5};
    struct json_text text = {0};
    char number[24];
    json_text_object(&text, NULL);
    add_made(&text, made, warm);
    json_text_end(&text);
    snprintf(number, sizeof number, "%" PRIu64, base);
    char *filter = whose(which), *who = db_actor_json(actor);
    const char *params[] = {which->name, filter, number, text.text.data, who};
    db_query_act(pool, &stmt, params, cb, arg);
    json_text_fini(&text);
    free(filter);
    free(who);
}

void db_template_delete(struct db_pool *pool, const struct db_template_name *which,
                        const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"delete_template", "select * from delete_template($1, $2, $3)", 3};
    char *filter = whose(which), *who = db_actor_json(actor);
    const char *params[] = {which->name, filter, who};
    db_query_act(pool, &stmt, params, cb, arg);
    free(filter);
    free(who);
}
