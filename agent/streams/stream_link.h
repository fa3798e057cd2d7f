/*
 * The agent's connection for streams. The agent dials it at the welcome of a session, to the controller of
 * that session, and again while the session stands. Each stream that the controller opens is passed to the
 * sandbox that it names. On the loop.
 *
 * If the connection is lost, its streams end, and commands that belong to a stream are killed; other
 * processes continue.
 */
#ifndef CORRAL_AGENT_STREAMS_STREAM_LINK_H
#define CORRAL_AGENT_STREAMS_STREAM_LINK_H

#include "agent/uplink/uplink.h"

struct agent;
struct stream_link;

struct stream_link *stream_link_new(struct agent *agent);

/* NULL is allowed. */
void stream_link_free(struct stream_link *link);

/* A session has begun. A connection to the same process, or to the same leader if it does not say which
 * process it is, that stands is kept. */
void stream_link_welcome(struct stream_link *link, const struct uplink_welcome *welcome);

/* The session is over: does not dial until the next welcome. A connection that stands is kept until it
 * breaks. */
void stream_link_lost(struct stream_link *link);

#endif
