/* The quota of a user, and its use. */
#include "controller/ops/ops.h"

#include "controller/db/db_user.h"

void ops_quota_usage(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_quota_usage(c->pool, call->caller.user_id, call->caller.key_id, &c->defaults, ops_answer_json, call);
}
