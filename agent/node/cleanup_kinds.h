/* The kinds of things that a cleanup of this node looks for. */
#ifndef CORRAL_AGENT_NODE_CLEANUP_KINDS_H
#define CORRAL_AGENT_NODE_CLEANUP_KINDS_H

#include "agent/node/cleanup_run.h"

extern const struct orphan_kind orphan_kinds[ORPHAN_KINDS];

#endif
