/* After a restart: loads the records of the previous run, then compares them with Docker's containers. */
#ifndef CORRAL_AGENT_SOURCES_RESTORE_H
#define CORRAL_AGENT_SOURCES_RESTORE_H

#include "common/base/err.h"

struct agent;

/* Loads the records that the previous run left on disk. */
int agent_restore_records(struct agent *agent, struct err *e) MUST_CHECK;

/* Restores the episodes that were open; call it after the records are loaded. */
void agent_outbox_restore(struct agent *agent);

/* Asks Docker until it answers, then adopts its containers and begins to listen to its events. */
void agent_meet_docker(struct agent *agent);

#endif
