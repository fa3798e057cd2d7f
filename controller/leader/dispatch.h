/* Carries out the effects of the core: in PostgreSQL, on the nodes, and for subscribers to changes. */
#ifndef CORRAL_CONTROLLER_LEADER_DISPATCH_H
#define CORRAL_CONTROLLER_LEADER_DISPATCH_H

#include "controller/leader/engine.h"

/* The owner is the leader. */
extern const struct leader_engine_ops leader_dispatch_ops;

#endif
