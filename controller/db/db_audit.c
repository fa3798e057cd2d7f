#include "controller/db/db_audit.h"

#include "controller/db/db_query.h"
#include "controller/db/db_text.h"

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
                                        1};
    struct db_text t = {0};
    db_text_add(&t, "{");
    db_text_str(&t, "actor", filter->actor);
    db_text_str(&t, "action", filter->action);
    db_text_str(&t, "target", filter->target);
    db_text_str(&t, "result", filter->result);
    db_text_str(&t, "from", filter->from);
    db_text_str(&t, "to", filter->to);
    db_text_str(&t, "before", filter->before);
    db_text_num(&t, "limit", filter->limit);
    db_text_add(&t, "}");
    const char *params[] = {t.data};
    db_query_page(pool, &stmt, params, ERR_INVALID, "from must not be later than to", cb, arg);
    db_text_fini(&t);
}
