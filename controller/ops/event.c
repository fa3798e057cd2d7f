/* Events: the lists, of all sandboxes that a caller may see and of one, and which of their requests are
 * streams. */
#include "controller/db/db_event.h"
#include "controller/ops/event_stream.h"

#include <stdlib.h>

/* Strings of the query that a filter borrows. */
struct query {
    char user[256], type[EVENT_TYPE_MAX + 1], after[EVENT_POSITION_MAX];
};

static struct db_event_filter filter_of(const struct api_call *call, struct query *q)
{
    struct db_event_filter filter = {
        .owner = ops_owner(call), .after = ops_cursor(call), .limit = call->limit};
    if (http_query_get(call->exchange, "user", q->user, sizeof q->user))
        filter.user = q->user;
    if (http_query_get(call->exchange, "type", q->type, sizeof q->type))
        filter.type = q->type;
    if (!filter.after && http_query_get(call->exchange, "after", q->after, sizeof q->after))
        filter.after = q->after;
    return filter;
}

static void read_events(struct controller *c, struct api_call *call, db_page_cb *cb, void *arg)
{
    struct query q;
    struct db_event_filter filter = filter_of(call, &q);
    db_event_list(c->reads, &filter, cb, arg);
}

void ops_event_list(void *owner, struct api_call *call)
{
    if (event_stream_is_asked(call))
        event_stream_start(owner, call, NULL);
    else
        ops_read(owner, call, read_events);
}

/* --- of one sandbox --- */

static void on_owner(void *arg, int code, const struct err *e, const char *json)
{
    struct ops_call p = *(struct ops_call *)arg;
    struct query q;
    free(arg);
    if (code) {
        api_answer_err(p.call, e);
    } else if (event_stream_is_asked(p.call)) {
        event_stream_start(p.controller, p.call, p.id.text);
    } else {
        struct db_event_filter filter = filter_of(p.call, &q);
        filter.sandbox_id = p.id.text;
        db_event_list(p.controller->pool, &filter, ops_answer_page, p.call);
    }
}

void ops_sandbox_events(void *owner, struct api_call *call)
{
    ops_with_owner(owner, call, on_owner);
}
