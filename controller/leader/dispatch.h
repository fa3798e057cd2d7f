/* Carries out what the core asked for: to PostgreSQL, to the nodes, to those who subscribed to changes. */
#ifndef CORRAL_CONTROLLER_LEADER_DISPATCH_H
#define CORRAL_CONTROLLER_LEADER_DISPATCH_H

#include "controller/leader/engine.h"

/* The owner is the cluster. */
extern const struct leader_engine_ops leader_dispatch_ops;

#endif
