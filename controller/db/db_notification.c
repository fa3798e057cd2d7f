#include "controller/db/db_notification.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define AT_ONCE "500" /* told of by one look */

void db_notification_list(struct db_pool *pool, const char *user_id, bool unread, const char *cursor,
                          unsigned limit, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_notifications", "select * from list_notifications($1)", 1,
                                        .class = DB_READ};
    struct json_text t = {0};
    json_text_object(&t, NULL);
    json_text_str(&t, "owner", user_id);
    json_text_bool(&t, "unread", unread);
    json_text_str(&t, "cursor", cursor);
    json_text_num(&t, "limit", limit);
    json_text_end(&t);
    const char *params[] = {t.text.data};
    db_query_page(pool, &stmt, params, ERR_INVALID, "cursor: is no notification's id", cb, arg);
    json_text_fini(&t);
}

void db_notification_read(struct db_pool *pool, const char *user_id, const char *id, db_json_cb *cb,
                          void *arg)
{
    static const struct db_stmt one = {"read_notification", "select read_notification($1, $2)", 2},
                                all = {"read_notifications", "select read_notifications($1)", 1};
    const char *params[] = {user_id, id};
    db_query_json(pool, id ? &one : &all, params, ERR_NOT_FOUND, "There is no such notification", cb, arg);
}

void db_notification_look(struct db_pool *pool, uint64_t lead_seconds, const struct db_defaults *defaults)
{
    static const struct db_stmt expiries = {"notify_expiries",
                                            "select notify_expiries($1, " AT_ONCE ")::text", 1},
                                quotas = {"notify_quotas", "select notify_quotas($1, " AT_ONCE ")::text", 1};
    CLEANUP(mem_free_ptr) char *text = db_defaults_json(defaults);
    char lead[24];
    snprintf(lead, sizeof lead, "%" PRIu64, lead_seconds);
    db_query_forget(pool, &expiries, (const char *const[]){lead});
    db_query_forget(pool, &quotas, (const char *const[]){text});
}
