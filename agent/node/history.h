/* Violations and samples for the controller: connects the outbox (core/outbox.h), its file and the uplink. */
#ifndef CORRAL_AGENT_NODE_HISTORY_H
#define CORRAL_AGENT_NODE_HISTORY_H

#include "agent/core/guard.h"
#include "common/model/node_wire.h"

struct agent;

/* Call before making the uplink, which borrows the outbox. */
void agent_outbox_open(struct agent *agent);
void agent_outbox_close(struct agent *agent);

void agent_outbox_flush(struct agent *agent); /* writes what is pending, unless a write is under way */
void agent_keep_violations(struct agent *agent, const struct guard_step *step);
void agent_keep_sample(struct agent *agent, const struct sample *sample,
                       bool last); /* call agent_outbox_flush afterwards */
void agent_epoch_seen(struct agent *agent, uint64_t epoch);
void agent_committed(void *agent, uint64_t violations, uint64_t samples);

#endif
