/* After a restart: the records of the last life, then what Docker holds of them. */
#ifndef CORRAL_AGENT_SOURCES_RESTORE_H
#define CORRAL_AGENT_SOURCES_RESTORE_H

#include "common/base/err.h"

struct agent;

/* What the last life left on disk. */
int agent_restore_records(struct agent *agent, struct err *e) MUST_CHECK;

/* The episodes that were open, once the records are there. */
void agent_outbox_restore(struct agent *agent);

/* Asks Docker until it answers, then takes up what it holds, and begins to listen to it. */
void agent_meet_docker(struct agent *agent);

#endif
