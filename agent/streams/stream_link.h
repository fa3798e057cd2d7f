/*
 * The agent's connection for streams: dialed to the controller that the session is with, at its welcome, and
 * again while that stands. Each stream that the controller opens is given to the sandbox that it names. On
 * the loop.
 *
 * Its loss ends its streams and nothing else: processes go on, but those that belong to a stream.
 */
#ifndef CORRAL_AGENT_STREAMS_STREAM_LINK_H
#define CORRAL_AGENT_STREAMS_STREAM_LINK_H

#include "agent/uplink/uplink.h"

struct agent;
struct stream_link;

struct stream_link *stream_link_new(struct agent *agent);

/* NULL is fine. */
void stream_link_free(struct stream_link *link);

/* A session has begun. The connection of before stays where it is with the same controller, and stands. */
void stream_link_welcome(struct stream_link *link, const struct uplink_welcome *welcome);

/* The session is over: no more is dialed until the next welcome. What stands is left to break by itself. */
void stream_link_lost(struct stream_link *link);

#endif
