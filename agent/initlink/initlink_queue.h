/*
 * Shared by the files of initlink; private to them.
 */
#ifndef CORRAL_AGENT_INITLINK_INITLINK_QUEUE_H
#define CORRAL_AGENT_INITLINK_INITLINK_QUEUE_H

#include "agent/initlink/initlink.h"

/*
 * Queues a frame and tries to send at once. A broken link is noticed by the watch, so that no callback runs
 * inside the caller's call. ERR_IO: there is no link, or no room; on_writable follows then.
 */
MUST_CHECK int initlink_queue(struct initlink *link, enum init_type type, uint32_t stream,
                              const void *payload, size_t len, struct err *e);

struct initlink_view *initlink_view_of(struct initlink *link);

#endif
