/*
 * Streams: a handler whose route says so (controller/api/api_route.h) may read the body in pieces, answer in
 * pieces, or take the connection over. The call was authenticated, rated and allowed before, and counts among
 * its user's requests until the stream ends. Until an answer has begun, the handler may refuse by
 * api_answer_err.
 *
 * The handler writes by http_stream_write(call->exchange, …) and asks for more by http_stream_more; bounds,
 * timeouts and callbacks are those of common/http/http_stream.h. It ends each stream exactly once, also after
 * on_gone, by api_answer_…, api_stream_end or api_stream_break, which frees the call. Call api_free only
 * after all streams have ended.
 */
#ifndef CORRAL_CONTROLLER_API_API_STREAM_H
#define CORRAL_CONTROLLER_API_API_STREAM_H

#include "common/http/http_stream.h"
#include "controller/api/api.h"

/* The route is .streamed_body. As http_stream_body; false: the client is gone already, and so is the call. */
bool api_stream_body(struct api_call *call, uint64_t max, const struct http_stream_ops *ops,
                     void *arg) MUST_CHECK;

/* As http_stream_await, of any call whose answer takes long: on_gone tells that nobody waits for it any more,
 * and api_answer_… is due all the same. The call's body is dropped; its request stays. False: the client is
 * gone already, and so is the call. */
bool api_stream_await(struct api_call *call, const struct http_stream_ops *ops, void *arg) MUST_CHECK;

/* The route is .streamed_answer. As http_stream_begin, with the headers that every answer has. For an answer
 * of a known length call http_stream_size(call->exchange, …) before. False: the client is gone already, and
 * so is the call. */
bool api_stream_begin(struct api_call *call, int status, const char *type, const char *headers,
                      const struct http_stream_ops *ops, void *arg) MUST_CHECK;

/* Whether the client asks to upgrade. The handler of a route with status 101 is called only if it does. */
bool api_stream_may_upgrade(const struct api_call *call);

/* The route has an .upgrade, and it is asked for. As http_stream_upgrade. False: the client is gone already,
 * and so is the call. */
bool api_stream_upgrade(struct api_call *call, const char *headers, const struct http_stream_ops *ops,
                        void *arg) MUST_CHECK;

/* As http_stream_end and http_stream_break. */
void api_stream_end(struct api_call *call);
void api_stream_break(struct api_call *call);

#endif
