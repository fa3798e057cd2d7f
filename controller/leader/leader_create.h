/* The creates that wait for room. Private to controller/leader/. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_CREATE_H
#define CORRAL_CONTROLLER_LEADER_LEADER_CREATE_H

#include "controller/leader/leader.h"

/* Fails every create that still waits, at once. */
void leader_creates_end(struct leader *leader, int code);

#endif
