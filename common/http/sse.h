/* Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html), as a server writes
 * them. No I/O, no clock. */
#ifndef CORRAL_COMMON_HTTP_SSE_H
#define CORRAL_COMMON_HTTP_SSE_H

#include "common/base/text.h"

#define SSE_TYPE     "text/event-stream"
#define SSE_HEADERS  "X-Accel-Buffering: no\r\n" /* of nginx, which would wait for more */
#define SSE_QUIET_MS 15000 /* a comment so often keeps proxies from closing a stream without events */

/*
 * Adds an event. id: what the client sends as Last-Event-ID when it comes back; name: of the event; either
 * may be NULL. Neither has a line break; each line of data becomes a line of the event.
 */
void sse_event(struct text *out, const char *id, const char *name, const char *data);

/* Adds a comment, of one line, and (id not NULL) moves the client's Last-Event-ID, without an event. */
void sse_comment(struct text *out, const char *comment, const char *id);

#endif
