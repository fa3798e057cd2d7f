/* The audit log. */
#include "controller/ops/ops.h"

#include "common/base/defs.h"
#include "controller/db/db_audit.h"

static void read_audit(struct controller *c, struct api_call *call, db_page_cb *cb, void *arg)
{
    static const char *const names[] = {"actor", "action", "target", "result", "from", "to"};
    char text[ARRAY_LEN(names)][512];
    const char *value[ARRAY_LEN(names)];
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        value[i] = http_query_get(call->exchange, names[i], text[i], sizeof text[i]) ? text[i] : NULL;
    struct db_audit_filter filter = {.actor = value[0],
                                     .action = value[1],
                                     .target = value[2],
                                     .result = value[3],
                                     .from = value[4],
                                     .to = value[5],
                                     .before = ops_cursor(call),
                                     .limit = call->limit};
    db_audit_list(c->reads, &filter, cb, arg);
}

void ops_audit_list(void *owner, struct api_call *call)
{
    ops_read(owner, call, read_audit);
}

static void verify_audit(struct controller *c, struct api_call *call, db_page_cb *cb, void *arg)
{
    char after[96];
    bool goes_on = http_query_get(call->exchange, "after", after, sizeof after);
    db_audit_verify_part(c->reads, goes_on ? after : NULL, cb, arg);
}

/* What it reads is bounded in time: a long chain is verified by several calls. */
void ops_audit_verify(void *owner, struct api_call *call)
{
    ops_read(owner, call, verify_audit);
}
