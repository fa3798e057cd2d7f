/* A start from the disk on: its container, how that is started, its init, its command. */
#ifndef CORRAL_AGENT_SANDBOX_START_CONTAINER_H
#define CORRAL_AGENT_SANDBOX_START_CONTAINER_H

#include "agent/sandbox/start_step.h"

/* How many folders its disk has: as many volumes as the image was let declare, and the fixed ones. */
unsigned start_folders(const struct start *m);

/* Where in these folders others are mounted ("2/a/b" in the third). Caller's. */
struct string_list start_places(const struct start *m);

/* From its disk on: its container, and all that follows. */
void start_contain(struct start *m);

void start_container_died(struct start *m, int exit_code);

/* What it does of what its init says. */
extern const struct init_waiter start_waiter;

#endif
