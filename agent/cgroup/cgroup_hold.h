/*
 * Freezers: hold the processes of sandboxes still and let them go, off the caller. The kernel takes
 * a write to one under a lock that all cgroups share, seen to last 9 s beside fork bombs; so a few threads
 * write, and one that waits holds up its own sandbox and, past CGROUP_HANDS of them, those that are asked for
 * after.
 *
 * Every function may be called from any thread and waits for no write, but for cgroup_holds_free.
 */
#ifndef CORRAL_AGENT_CGROUP_CGROUP_HOLD_H
#define CORRAL_AGENT_CGROUP_CGROUP_HOLD_H

#include "common/base/err.h"

#include <stdbool.h>

#define CGROUP_HANDS 8

struct cgroup_holds;
struct cgroup_hold;

/* ERR_IO: no thread. *out is the caller's. */
int cgroup_holds_new(struct cgroup_holds **out, struct err *e) MUST_CHECK;

/* After each hold of it was freed. Lets go what is held, and waits for that. NULL is allowed. */
void cgroup_holds_free(struct cgroup_holds *holds);

/*
 * Takes fd, a freezer's file; on and off (borrowed for good) are what it takes. It is let go at first, since
 * an agent that was killed may have held it.
 */
struct cgroup_hold *cgroup_hold_new(struct cgroup_holds *holds, int fd, const char *on, const char *off);

/* What holds is what was asked for last; what was overtaken may never be written. */
void cgroup_hold_set(struct cgroup_hold *hold, bool held);

/* Lets it go. NULL is allowed. */
void cgroup_hold_free(struct cgroup_hold *hold);

#endif
