/* The events of all sandboxes that a caller may see. */
#include "controller/ops/ops.h"

#include "controller/db/db_history.h"

static void read_events(struct controller *c, struct api_call *call, db_page_cb *cb, void *arg)
{
    struct db_event_filter filter = {
        .owner = ops_owner(call), .after = ops_cursor(call), .limit = call->limit};
    db_event_list(c->reads, &filter, cb, arg);
}

void ops_event_list(void *owner, struct api_call *call)
{
    ops_read(owner, call, read_events);
}
