/* A start from the disk on: its container, how that is started, its init, its command. */
#ifndef CORRAL_AGENT_SANDBOX_START_CONTAINER_H
#define CORRAL_AGENT_SANDBOX_START_CONTAINER_H

#include "agent/sandbox/start_step.h"

/* How many folders its disk has: as many volumes as the image was let declare, and the fixed ones. */
unsigned maker_folders(const struct maker *m);

/* Where in these folders others are mounted ("2/a/b" in the third). Caller's. */
struct string_list maker_places(const struct maker *m);

/* From its disk on: its container, and all that follows. */
void maker_contain(struct maker *m);

void maker_container_died(struct maker *m, int exit_code);

/* What it does of what its init says. */
extern const struct init_waiter maker_waiter;

#endif
