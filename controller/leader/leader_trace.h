/* Which traces the desired states of sandboxes belong to: told to nodes, and logged. */
#ifndef CORRAL_CONTROLLER_LEADER_LEADER_TRACE_H
#define CORRAL_CONTROLLER_LEADER_LEADER_TRACE_H

#include "common/model/node_wire.h"

struct leader;
struct db_actor;

/* The trace of who acts; unknown where nobody does, or the actor names none. */
struct trace leader_trace_of(const struct db_actor *actor);

/* This desired state was committed, and a request of this trace caused it. */
void leader_trace_note(struct leader *leader, const struct desired_state *desired, const struct trace *trace);

/* Puts the trace that was noted for this generation into what a node is told. */
void leader_trace_fill(const struct leader *leader, struct desired_state *desired);

/* The trace of the latest desired state of this sandbox; unknown where none is noted. */
struct trace leader_trace_last(const struct leader *leader, const char *sandbox_id);

#endif
