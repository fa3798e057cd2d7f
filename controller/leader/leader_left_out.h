/* What nodes leave out of their inventories: logged, and an event. Private to controller/leader/. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_LEFT_OUT_H
#define CORRAL_CONTROLLER_LEADER_LEADER_LEFT_OUT_H

#include "controller/leader/leader.h"

/* The operation of the link. */
void leader_on_left_out(void *owner, const char *node, size_t count, const char *first);

void leader_left_out_fini(struct leader *leader);

#endif
