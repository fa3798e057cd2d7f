#include "controller/db/db_sandbox.h"

#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"
#include "common/base/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void db_sandbox_get(struct db_pool *pool, const char *id, const char *owner, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "get_sandbox",
        "select sandbox_json(s)::text from sandboxes s where id = $1 and ($2::text is null or user_id = $2)",
        2, .class = DB_READ};
    const char *params[] = {id, owner};
    db_query_json(pool, &stmt, params, ERR_NOT_FOUND, "There is no such sandbox", cb, arg);
}

struct asking {
    db_sandbox_state_cb *cb;
    void *arg;
};

static int read_state(const PGresult *r, struct db_sandbox_state *out, struct err *e)
{
    if (PQntuples(r) == 0)
        return err_set(e, ERR_NOT_FOUND, "There is no such sandbox");
    out->detail = PQgetvalue(r, 0, 2);
    out->json = PQgetvalue(r, 0, 3);
    if (sandbox_state_parse(PQgetvalue(r, 0, 0), &out->state) &&
        sandbox_reason_parse(PQgetvalue(r, 0, 1), &out->reason))
        return 0;
    return err_set(e, ERR_INTERNAL, "The database has a sandbox that this program cannot read");
}

static void on_state(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking a = *(struct asking *)arg;
    struct db_sandbox_state state;
    struct err refusal;
    free(arg);
    if (!code) {
        code = read_state(r, &state, &refusal);
        e = &refusal;
    }
    a.cb(a.arg, code, code ? e : NULL, code ? NULL : &state);
}

void db_sandbox_state(struct db_pool *pool, const char *id, db_sandbox_state_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "sandbox_state",
        "select state, coalesce(reason, ''), detail, sandbox_json(s)::text from sandboxes s where id = $1", 1,
        .class = DB_READ};
    struct asking *a = mem_zalloc(sizeof *a);
    const char *params[] = {id};
    *a = (struct asking){cb, arg};
    db_query(pool, &stmt, params, on_state, a);
}

struct asking_node {
    db_sandbox_node_cb *cb;
    void *arg;
};

static void on_node(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking_node a = *(struct asking_node *)arg;
    struct err refusal;
    free(arg);
    if (!code && PQntuples(r) == 0) {
        code = err_set(&refusal, ERR_NOT_FOUND, "There is no such sandbox");
        e = &refusal;
    }
    a.cb(a.arg, code, code ? e : NULL, code ? NULL : PQgetvalue(r, 0, 0));
}

void db_sandbox_node(struct db_pool *pool, const char *id, const char *owner, db_sandbox_node_cb *cb,
                     void *arg)
{
    static const struct db_stmt stmt = {
        "sandbox_node", "select node from sandboxes s where id = $1 and ($2::text is null or user_id = $2)",
        2, .class = DB_READ};
    struct asking_node *a = mem_zalloc(sizeof *a);
    const char *params[] = {id, owner};
    *a = (struct asking_node){cb, arg};
    db_query(pool, &stmt, params, on_node, a);
}

void db_sandbox_enter(struct db_pool *pool, const char *id, const char *operation, const char *need,
                      const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"enter_sandbox", "select * from enter_sandbox($1, $2, $3, $4)", 4};
    char *who = db_actor_json(actor);
    const char *params[] = {id, operation, need, who};
    db_query_act(pool, &stmt, params, cb, arg);
    free(who);
}

void db_sandbox_ticket(struct db_pool *pool, const char *id, const char *owner, const char *route,
                       const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"ticket_created", "select * from ticket_created($1, $2, $3, $4)", 4};
    char *who = db_actor_json(actor);
    const char *params[] = {id, owner, route, who};
    db_query_act(pool, &stmt, params, cb, arg);
    free(who);
}

void db_sandbox_list(struct db_pool *pool, const struct db_sandbox_filter *filter, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "list_sandboxes", "select * from list_sandboxes(name_as_stored($1, 'user'))", 1, .class = DB_READ};
    struct json_text text = {0};
    json_text_object(&text, NULL);
    json_text_str(&text, "owner", filter->owner);
    json_text_str(&text, "user", filter->user);
    json_text_str(&text, "state", filter->state);
    json_text_str(&text, "template", filter->template);
    if (filter->label_name) {
        json_text_object(&text, "labels");
        json_text_str(&text, filter->label_name, filter->label_value);
        json_text_end(&text);
    }
    json_text_bool(&text, "all", filter->all);
    json_text_str(&text, "cursor", filter->cursor);
    json_text_num(&text, "limit", filter->limit);
    json_text_end(&text);
    const char *params[] = {text.text.data};
    db_query_page(pool, &stmt, params, ERR_INVALID, "cursor: is not one", cb, arg);
    json_text_fini(&text);
}

struct changing {
    db_sandbox_cb *cb;
    void *arg;
};

/* Columns: outcome, detail, then those of the row. */
static void on_changed(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct changing c = *(struct changing *)arg;
    struct sandbox_row row = {0};
    struct err refusal;
    free(arg);
    if (!code) {
        code = db_code_of(PQgetvalue(r, 0, 0));
        if (code)
            err_set(&refusal, code, "%s", PQgetvalue(r, 0, 1));
        else
            code = db_row_fill(r, 0, 2, &row, &refusal);
        e = &refusal;
    }
    c.cb(c.arg, code, code ? e : NULL, code ? NULL : &row);
}

static void change(struct db_pool *pool, const struct db_stmt *stmt, const char *const *params,
                   db_sandbox_cb *cb, void *arg)
{
    struct changing *c = mem_zalloc(sizeof *c);
    *c = (struct changing){cb, arg};
    db_query(pool, stmt, params, on_changed, c);
}

void db_sandbox_set_desired(struct db_pool *pool, const char *id, const char *owner, enum desired desired,
                            enum sandbox_reason reason, const struct db_actor *actor, db_sandbox_cb *cb,
                            void *arg)
{
    static const struct db_stmt stmt = {
        "set_desired_state",
        "select c.outcome, c.detail, (c.after).* from set_desired_state($1, $2, $3, $4, $5) c", 5};
    char *who = db_actor_json(actor);
    const char *params[] = {id, owner, desired_name(desired), sandbox_reason_name(reason), who};
    change(pool, &stmt, params, cb, arg);
    free(who);
}

void db_sandbox_patch(struct db_pool *pool, const char *id, const char *owner, const char *patch,
                      const struct db_defaults *defaults, const struct db_actor *actor, db_sandbox_cb *cb,
                      void *arg)
{
    static const struct db_stmt stmt = {
        "patch_sandbox", "select c.outcome, c.detail, (c.after).* from patch_sandbox($1, $2, $3, $4, $5) c",
        5};
    char *who = db_actor_json(actor), *json = db_defaults_json(defaults);
    const char *params[] = {id, owner, patch, json, who};
    change(pool, &stmt, params, cb, arg);
    free(who);
    free(json);
}

void db_sandbox_reschedule(struct db_pool *pool, const struct sandbox_reschedule *r, db_sandbox_cb *cb,
                           void *arg)
{
    static const struct db_stmt stmt = {
        "reschedule_sandbox",
        "select c.outcome, c.detail, (c.after).* from reschedule_sandbox($1, $2, $3, $4, $5, $6, $7) c", 7};
    char generation[24], enforced[16];
    snprintf(generation, sizeof generation, "%" PRIu64, r->generation);
    snprintf(enforced, sizeof enforced, "%u", r->enforced);
    const char *params[] = {r->id.text, r->from, r->to, generation, r->region, enforced, r->detail};
    change(pool, &stmt, params, cb, arg);
}

void db_quota_usage(struct db_pool *pool, const char *user_id, const char *key_id,
                    const struct db_defaults *defaults, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"quota_usage", "select quota_usage($1, $2, $3)::text", 3,
                                        .class = DB_READ};
    char *json = db_defaults_json(defaults);
    const char *params[] = {user_id, key_id, json};
    db_query_json(pool, &stmt, params, ERR_NOT_FOUND, "There is no such user", cb, arg);
    free(json);
}
