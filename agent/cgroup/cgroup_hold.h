/*
 * Freezers: freeze and thaw the processes of sandboxes without blocking the caller. The kernel handles a
 * write to a freezer under a lock that all cgroups share, which was seen to take 9 s beside fork bombs. So
 * CGROUP_HANDS threads do the writes: a write that blocks delays its own sandbox and, if all threads are
 * blocked, later requests.
 *
 * Every function may be called from any thread, and only cgroup_holds_free waits for writes.
 */
#ifndef CORRAL_AGENT_CGROUP_CGROUP_HOLD_H
#define CORRAL_AGENT_CGROUP_CGROUP_HOLD_H

#include "common/base/err.h"

#include <stdbool.h>

#define CGROUP_HANDS 8

struct cgroup_holds;
struct cgroup_hold;

/* ERR_IO: no thread can be started. *out is the caller's. */
int cgroup_holds_new(struct cgroup_holds **out, struct err *e) MUST_CHECK;

/* Call after every hold was freed. Thaws what is frozen, and waits for that. NULL is allowed. */
void cgroup_holds_free(struct cgroup_holds *holds);

/*
 * Takes ownership of fd, a freezer's file; on and off (borrowed for the process's life) are the texts to
 * write. Thaws first, since an agent that was killed may have frozen it.
 */
struct cgroup_hold *cgroup_hold_new(struct cgroup_holds *holds, int fd, const char *on, const char *off);

/* Sets the state; the latest call wins, and an overtaken state may never be written. */
void cgroup_hold_set(struct cgroup_hold *hold, bool held);

/* Thaws it and frees the hold. NULL is allowed. */
void cgroup_hold_free(struct cgroup_hold *hold);

#endif
