#include "controller/db/db_image.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"

#include <stdio.h>
#include <stdlib.h>

/* A statement under way, with the callback of one of the kinds. */
struct asking {
    db_image_prune_cb *prune;
    db_image_orders_cb *orders;
    db_image_digests_cb *digests;
    db_registry_logins_cb *logins;
    void *arg;
};

static struct asking *asking_new(struct asking asking)
{
    return mem_dup(&asking, sizeof asking);
}

static struct asking taken(void *arg)
{
    struct asking a = *(struct asking *)arg;
    free(arg);
    return a;
}

static bool truth(const PGresult *r, int row, int column)
{
    return PQgetvalue(r, row, column)[0] == 't';
}

/* --- administrators --- */

void db_image_list(struct db_pool *pool, const struct db_image_filter *filter, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_images", "select * from list_images($1)", 1, .class = DB_READ};
    struct json_text t = {0};
    json_text_object(&t, NULL);
    if (filter->node)
        json_text_str(&t, "node", filter->node);
    if (filter->pinned)
        json_text_raw(&t, "pinned", filter->pinned);
    if (filter->cursor)
        json_text_str(&t, "cursor", filter->cursor);
    json_text_num(&t, "limit", filter->limit);
    json_text_end(&t);
    const char *params[] = {t.text.data};
    db_query_page(pool, &stmt, params, ERR_INTERNAL, "No list", cb, arg);
    json_text_fini(&t);
}

void db_image_get(struct db_pool *pool, const char *ref, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "get_image", "select image_json(i)::text from images i where ref = $1", 1, .class = DB_READ};
    db_query_json(pool, &stmt, &ref, ERR_NOT_FOUND, "There is no such image", cb, arg);
}

/* Runs an act: words, then the actor. */
static void act(struct db_pool *pool, const struct db_stmt *stmt, const char *first, const char *second,
                const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    CLEANUP(mem_free_ptr) char *who = db_actor_json(actor);
    const char *params[] = {first, stmt->params == 3 ? second : who, who};
    db_query_act(pool, stmt, params, cb, arg);
}

void db_image_pull(struct db_pool *pool, const char *ref, const char *ask, const struct db_actor *actor,
                   db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"pull_image", "select * from pull_image($1, $2, $3)", 3};
    act(pool, &stmt, ref, ask, actor, cb, arg);
}

void db_image_patch(struct db_pool *pool, const char *ref, const char *patch, const struct db_actor *actor,
                    db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "patch_image", "select * from act_audited($3, 'image.patch', $1, $2, patch_image($1, $2, $3))", 3};
    act(pool, &stmt, ref, patch, actor, cb, arg);
}

void db_image_delete(struct db_pool *pool, const char *ref, const struct db_actor *actor, db_json_cb *cb,
                     void *arg)
{
    static const struct db_stmt stmt = {
        "delete_image", "select * from act_audited($2, 'image.delete', $1, null, delete_image($1, $2))", 2};
    act(pool, &stmt, ref, NULL, actor, cb, arg);
}

void db_image_prune(struct db_pool *pool, const char *ask, const struct db_actor *actor, db_json_cb *cb,
                    void *arg)
{
    static const struct db_stmt stmt = {"prune_images", "select * from prune_images($1, $2)", 2};
    act(pool, &stmt, ask, NULL, actor, cb, arg);
}

static void on_prune_state(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking a = taken(arg);
    a.prune(a.arg, code, e, code ? NULL : PQgetvalue(r, 0, 0), code ? 0 : db_cell_num(r, 0, 1));
}

void db_image_prune_state(struct db_pool *pool, const char *found, bool dry_run, db_image_prune_cb *cb,
                          void *arg)
{
    static const struct db_stmt stmt = {
        "image_prune_state", "select body, \"left\" from image_prune_state($1, $2)", 2, .class = DB_READ};
    const char *params[] = {found, dry_run ? "true" : "false"};
    db_query(pool, &stmt, params, on_prune_state, asking_new((struct asking){.prune = cb, .arg = arg}));
}

/* --- registries --- */

void db_registry_list(struct db_pool *pool, const char *cursor, unsigned limit, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_registries", "select * from list_registries($1, $2)", 2,
                                        .class = DB_READ};
    char most[16];
    snprintf(most, sizeof most, "%u", limit);
    const char *params[] = {cursor, most};
    db_query_page(pool, &stmt, params, ERR_INTERNAL, "No list", cb, arg);
}

void db_registry_set(struct db_pool *pool, const char *name, const char *username,
                     const struct db_sealed *password, const struct db_actor *actor, db_json_cb *cb,
                     void *arg)
{
    static const struct db_stmt stmt = {
        "set_registry",
        "select * from act_audited($2, 'registry.set', $1::jsonb->>'name', null, set_registry($1, $2))", 2};
    struct json_text t = {0};
    json_text_object(&t, NULL);
    json_text_str(&t, "name", name);
    json_text_str(&t, "username", username);
    json_text_hex(&t, "secret", password->bytes, password->len);
    json_text_str(&t, "secret_key", password->key);
    json_text_end(&t);
    act(pool, &stmt, t.text.data, NULL, actor, cb, arg);
    json_text_fini(&t);
}

void db_registry_delete(struct db_pool *pool, const char *name, const struct db_actor *actor, db_json_cb *cb,
                        void *arg)
{
    static const struct db_stmt stmt = {
        "delete_registry",
        "select * from act_audited($2, 'registry.delete', $1, null, delete_registry($1, $2))", 2};
    act(pool, &stmt, name, NULL, actor, cb, arg);
}

/* --- the leader --- */

/* Columns of image_orders. */
enum { NODE, REF, DIGEST, GENERATION, PULL, KEEP, REMOVE };

static struct db_image_order order_of(const PGresult *r, int row)
{
    return (struct db_image_order){.node = PQgetvalue(r, row, NODE),
                                   .ref = PQgetvalue(r, row, REF),
                                   .digest = PQgetvalue(r, row, DIGEST),
                                   .generation = db_cell_num(r, row, GENERATION),
                                   .pull = truth(r, row, PULL),
                                   .keep = truth(r, row, KEEP),
                                   .remove = truth(r, row, REMOVE)};
}

static void on_orders(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking a = taken(arg);
    size_t count = code ? 0 : (size_t)PQntuples(r);
    struct db_image_order *orders = mem_zalloc((count + 1) * sizeof *orders);
    for (size_t i = 0; i < count; i++)
        orders[i] = order_of(r, (int)i);
    a.orders(a.arg, code, e, orders, count);
    free(orders);
}

void db_image_orders(struct db_pool *pool, db_image_orders_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"image_orders",
                                        "select node, ref, digest, generation, pull, keep, remove from "
                                        "image_orders()",
                                        0};
    db_query(pool, &stmt, NULL, on_orders, asking_new((struct asking){.orders = cb, .arg = arg}));
}

static void on_logins(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking a = taken(arg);
    size_t count = code ? 0 : (size_t)PQntuples(r);
    struct db_registry_login *logins = mem_zalloc((count + 1) * sizeof *logins);
    for (size_t i = 0; i < count; i++)
        logins[i] = (struct db_registry_login){PQgetvalue(r, (int)i, 0), PQgetvalue(r, (int)i, 1),
                                               PQgetvalue(r, (int)i, 2)};
    a.logins(a.arg, code, e, logins, count);
    free(logins);
}

void db_registry_logins(struct db_pool *pool, db_registry_logins_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "registry_logins",
        "select name, username, encode(secret, 'hex') from registries order by name limit 64", 0,
        .class = DB_READ};
    db_query(pool, &stmt, NULL, on_logins, asking_new((struct asking){.logins = cb, .arg = arg}));
}

static void on_digests(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking a = taken(arg);
    size_t count = code ? 0 : (size_t)PQntuples(r);
    struct db_image_digest *digests = mem_zalloc((count + 1) * sizeof *digests);
    for (size_t i = 0; i < count; i++)
        digests[i] = (struct db_image_digest){PQgetvalue(r, (int)i, 0), PQgetvalue(r, (int)i, 1),
                                              PQnfields(r) > 2 ? db_cell(r, (int)i, 2) : NULL};
    a.digests(a.arg, code, e, digests, count);
    free(digests);
}

void db_image_digests(struct db_pool *pool, const char *after, unsigned most, db_image_digests_cb *cb,
                      void *arg)
{
    static const struct db_stmt stmt = {"image_digests", "select ref, digest from image_digests($1, $2)", 2,
                                        .class = DB_READ};
    char count[16];
    snprintf(count, sizeof count, "%u", most);
    const char *params[] = {after, count};
    db_query(pool, &stmt, params, on_digests, asking_new((struct asking){.digests = cb, .arg = arg}));
}

void db_image_digest(struct db_pool *pool, const char *ref, db_image_digests_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"image_digest", "select $1::text, image_digest($1)", 1,
                                        .class = DB_READ};
    db_query(pool, &stmt, &ref, on_digests, asking_new((struct asking){.digests = cb, .arg = arg}));
}

void db_images_told(struct db_pool *pool, const char *node, const char *items, bool whole,
                    db_image_digests_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "images_told", "select ref, digest, event from images_told($1, $2, $3)", 3, .class = DB_HISTORY};
    const char *params[] = {node, items, whole ? "true" : "false"};
    db_query(pool, &stmt, params, on_digests, asking_new((struct asking){.digests = cb, .arg = arg}));
}
