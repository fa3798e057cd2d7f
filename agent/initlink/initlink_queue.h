/*
 * What the files of initlink share; not for others.
 */
#ifndef CORRAL_AGENT_INITLINK_QUEUE_H
#define CORRAL_AGENT_INITLINK_QUEUE_H

#include "agent/initlink/initlink.h"

/*
 * Queues a frame and tries to send at once. What fails to go out because the link broke is seen by the watch,
 * so that no callback runs inside the caller's call. ERR_IO: there is no link, or no room, then on_writable
 * tells of it.
 */
MUST_CHECK int initlink_queue(struct initlink *link, enum init_type type, uint32_t stream,
                              const void *payload, size_t len, struct err *e);

struct initlink_view *initlink_view_of(struct initlink *link);

#endif
