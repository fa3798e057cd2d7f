/*
 * Rings when a sandbox's memory nears its limit, before the kernel's OOM killer acts. Its own thread waits
 * for the kernel's notices and samples the sandboxes that are near their limit every few milliseconds (at
 * least every 10 ms, more often the less is left), so that a slow disk or a busy loop does not delay it. At
 * the critical level the thread freezes the sandbox and rings; the owner, on the loop, decides whether to
 * kill or release it. Page cache alone never rings: only memory that the kernel cannot reclaim counts.
 *
 * Every function is called on the loop. The thread runs with real-time priority where the kernel allows it.
 */
#ifndef CORRAL_AGENT_CGROUP_CGROUP_ALARM_H
#define CORRAL_AGENT_CGROUP_CGROUP_ALARM_H

#include "agent/cgroup/cgroup_memory.h"
#include "common/io/loop.h"

struct cgroup_alarm;
struct cgroup_watched;

/*
 * Called once when the use reaches the warning level (again after it fell below), after each OOM kill by the
 * kernel, and at the critical level, where the sandbox stays frozen until cgroup_alarm_release. Never called
 * inside a call of the owner, nor after cgroup_alarm_drop.
 */
typedef void cgroup_alarm_cb(void *arg, void *watched_arg);

/* ERR_IO: the thread cannot be started. *out is the caller's. */
int cgroup_alarm_new(struct cgroup_alarm **out, struct loop *loop, cgroup_alarm_cb *cb, void *arg,
                     struct err *e) MUST_CHECK;
void cgroup_alarm_free(struct cgroup_alarm *alarm); /* after every watched sandbox was dropped */

/* Begins to watch; copies paths and levels. ERR_NOT_FOUND: the cgroup is gone. */
int cgroup_alarm_watch(struct cgroup_alarm *alarm, const struct cgroup_paths *paths,
                       const struct cgroup_levels *levels, void *watched_arg, struct cgroup_watched **out,
                       struct err *e) MUST_CHECK;

/* Sets new levels, after the sandbox's limit was changed. */
void cgroup_alarm_level(struct cgroup_watched *watched, const struct cgroup_levels *levels);

/* The sandbox is not to be ended: thaws it; the alarm may ring again. */
void cgroup_alarm_release(struct cgroup_watched *watched);

/* Stops watching it and thaws it. NULL is allowed. */
void cgroup_alarm_drop(struct cgroup_watched *watched);

#endif
