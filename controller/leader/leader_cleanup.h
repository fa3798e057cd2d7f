/* Cleanups, one after the other: what the nodes report of one, and the end of all that wait. Private to
 * controller/leader/. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_CLEANUP_H
#define CORRAL_CONTROLLER_LEADER_LEADER_CLEANUP_H

#include "controller/leader/leader.h"
#include "controller/nodes/node_link.h"

/* The operation of the link. */
void leader_on_cleanups(void *owner, const char *node, const struct cleanup_report *reports, size_t count);

/* Subscribes to changes: the orphans that a cleanup ended are counted when they have ended. */
void leader_cleanup_subscribe(struct leader *leader);

/* Fails the cleanup under way and all that wait. */
void leader_cleanups_end(struct leader *leader, int code);

#endif
