#include "controller/api/api_stream.h"

#include "common/base/mem.h"
#include "controller/api/api_int.h"

#include <stdlib.h>

bool api_stream_body(struct api_call *call, uint64_t max, const struct http_stream_ops *ops, void *arg)
{
    if (!call->route->streamed_body)
        abort();
    if (http_stream_body(call->exchange, max, ops, arg))
        return true;
    api_call_free(api_call_of(call));
    return false;
}

/* Nothing of the body stays, neither as it came nor as it was validated. */
static void drop_body(struct api_call *public)
{
    struct call *call = api_call_of(public);
    mem_free_ptr(&call->body);
    public->body = "";
    public->body_len = 0;
}

bool api_stream_await(struct api_call *call, const struct http_stream_ops *ops, void *arg)
{
    drop_body(call);
    if (http_stream_await(call->exchange, ops, arg))
        return true;
    api_call_free(api_call_of(call));
    return false;
}

/* What goes on for long occupies the database no more. */
static void leave_gate(struct api_call *public)
{
    struct call *call = api_call_of(public);
    if (call->ticket.gate)
        call->leaves(call);
}

bool api_stream_begin(struct api_call *call, int status, const char *type, const char *headers,
                      const struct http_stream_ops *ops, void *arg)
{
    char all[API_HEADERS_MAX];
    if (!call->route->streamed_answer)
        abort();
    leave_gate(call);
    api_answer_head(api_call_of(call), status, headers, all);
    if (http_stream_begin(call->exchange, status, type, all, ops, arg))
        return true;
    api_call_free(api_call_of(call));
    return false;
}

bool api_stream_may_upgrade(const struct api_call *call)
{
    return call->route->upgrade && http_stream_may_upgrade(call->exchange, call->route->upgrade);
}

bool api_stream_upgrade(struct api_call *call, const char *headers, const struct http_stream_ops *ops,
                        void *arg)
{
    char all[API_HEADERS_MAX];
    if (!call->route->upgrade)
        abort();
    leave_gate(call);
    api_answer_head(api_call_of(call), 101, headers, all);
    if (http_stream_upgrade(call->exchange, call->route->upgrade, all, ops, arg))
        return true;
    api_call_free(api_call_of(call));
    return false;
}

void api_stream_end(struct api_call *call)
{
    http_stream_end(call->exchange);
    api_call_free(api_call_of(call));
}

void api_stream_break(struct api_call *call)
{
    http_stream_break(call->exchange);
    api_call_free(api_call_of(call));
}
