/* Live streams of events. */
#ifndef CORRAL_CONTROLLER_OPS_EVENT_STREAM_H
#define CORRAL_CONTROLLER_OPS_EVENT_STREAM_H

#include "controller/ops/ops.h"

#define EVENT_TYPE_MAX     40  /* of the parameter type */
#define EVENT_POSITION_MAX 256 /* of the parameter after */

/* Whether the client asks for a stream: by an upgrade, or as Server-Sent Events. */
bool event_stream_is_asked(const struct api_call *call);

/* Takes the call. sandbox: only its events; the caller was found to be allowed to see them. NULL: of all. */
void event_stream_start(struct controller *c, struct api_call *call, const char *sandbox);

/* Ends all streams in good order, for shutdown; call before freeing the pool of reads. */
void event_streams_end(struct controller *c);

#endif
