/*
 * What a handler does instead of answering at once, where its route says so (controller/api/api_route.h): it
 * takes the body in pieces, answers in pieces, or takes the connection over. The call was authenticated, is
 * within its rates and was allowed before; its place among its user's requests is taken until its end.
 * Refusals are as ever, by api_answer_err, until an answer was begun.
 *
 * Pieces are written by http_stream_write(call->exchange, …), and wanted again by http_stream_more; bounds,
 * times and callbacks are those of common/http/http_stream.h. Each stream ends in exactly one of
 * api_answer_…, api_stream_end and api_stream_break, also after on_gone, and frees the call; before api_free
 * all have.
 */
#ifndef CORRAL_CONTROLLER_API_API_STREAM_H
#define CORRAL_CONTROLLER_API_API_STREAM_H

#include "common/http/http_stream.h"
#include "controller/api/api.h"

/* The route is .streamed_body. As http_stream_body; false: the client is gone already, and so is the call. */
bool api_stream_body(struct api_call *call, uint64_t max, const struct http_stream_ops *ops,
                     void *arg) MUST_CHECK;

/* The route is .streamed_answer. As http_stream_begin, with the headers that every answer has. */
void api_stream_begin(struct api_call *call, int status, const char *type, const char *headers,
                      const struct http_stream_ops *ops, void *arg);

/* Whether the client asks to upgrade; what takes nothing else (status 101) is not called without that. */
bool api_stream_may_upgrade(const struct api_call *call);

/* The route has an .upgrade, and it is asked for. As http_stream_upgrade. */
void api_stream_upgrade(struct api_call *call, const char *headers, const struct http_stream_ops *ops,
                        void *arg);

/* As http_stream_end and http_stream_break. */
void api_stream_end(struct api_call *call);
void api_stream_break(struct api_call *call);

#endif
