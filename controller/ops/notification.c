/* What a user is told: each sees its own, an administrator too. */
#include "controller/ops/ops.h"

#include "controller/db/db_notification.h"

#include <string.h>

void ops_notification_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    char unread[8];
    bool only = http_query_get(call->exchange, "unread", unread, sizeof unread) && !strcmp(unread, "true");
    db_notification_list(c->pool, call->caller.user_id, only, ops_cursor(call), call->limit, ops_answer_page,
                         call);
}

void ops_notification_read(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_notification_read(c->pool, call->caller.user_id, call->param[0], ops_answer_gone, call);
}

void ops_notifications_read(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_notification_read(c->pool, call->caller.user_id, NULL, ops_answer_gone, call);
}
