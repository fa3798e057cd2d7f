#include "controller/db/db_audit.h"

#include "controller/db/db_query.h"
#include "common/base/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void db_audit_add(struct db_pool *pool, const struct db_actor *actor, const char *action, const char *target,
                  const char *after, const char *result, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "add_audit", "select null::text from add_audit($1, $2, $3, null, $4::jsonb, $5)", 5};
    char *who = db_actor_json(actor);
    const char *params[] = {who, action, target, after, result};
    db_query_json(pool, &stmt, params, 0, "", cb, arg);
    free(who);
}

void db_audit_list(struct db_pool *pool, const struct db_audit_filter *filter, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_audit", "select * from list_audit(name_as_stored($1, 'actor'))",
                                        1, .class = DB_READ};
    struct json_text t = {0};
    json_text_object(&t, NULL);
    json_text_str(&t, "actor", filter->actor);
    json_text_str(&t, "action", filter->action);
    json_text_str(&t, "target", filter->target);
    json_text_str(&t, "result", filter->result);
    json_text_str(&t, "from", filter->from);
    json_text_str(&t, "to", filter->to);
    json_text_str(&t, "before", filter->before);
    json_text_num(&t, "limit", filter->limit);
    json_text_end(&t);
    const char *params[] = {t.text.data};
    db_query_page(pool, &stmt, params, ERR_INVALID, "from must not be later than to", cb, arg);
    json_text_fini(&t);
}

void db_audit_verify_part(struct db_pool *pool, const char *after, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"verify_audit", "select verify_audit($1, interval '2 s'), null", 1,
                                        .class = DB_READ};
    const char *params[] = {after};
    db_query_page(pool, &stmt, params, ERR_INTERNAL, "No answer", cb, arg);
}
