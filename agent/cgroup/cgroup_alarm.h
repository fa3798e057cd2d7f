/*
 * Rings when a sandbox's memory nears its limit, before the kernel's OOM killer comes. A thread of its own
 * waits for the kernel's notices, and looks every few milliseconds at those that are near (never less often
 * than every 10 ms, more often the less is left), so that a slow disk or a busy loop does not delay it. It
 * decides nothing: at the critical level it holds the sandbox still and rings; the owner, on the loop, kills
 * it or releases it. Page cache alone never rings: what counts is memory that the kernel cannot take back.
 *
 * Every function is called on the loop. The thread runs in real time where the kernel lets it.
 */
#ifndef CORRAL_AGENT_CGROUP_ALARM_H
#define CORRAL_AGENT_CGROUP_ALARM_H

#include "agent/cgroup/cgroup_memory.h"
#include "common/io/loop.h"

struct cgroup_alarm;
struct cgroup_watched;

/*
 * Rings once at the warning level until it was left, after each kill of the kernel's OOM, and at the critical
 * level, where the sandbox is held until cgroup_alarm_release. Not inside a call of the owner; never after
 * cgroup_alarm_drop.
 */
typedef void cgroup_alarm_cb(void *arg, void *watched_arg);

/* ERR_IO: no thread. *out is the caller's. */
int cgroup_alarm_new(struct cgroup_alarm **out, struct loop *loop, cgroup_alarm_cb *cb, void *arg,
                     struct err *e) MUST_CHECK;
void cgroup_alarm_free(struct cgroup_alarm *alarm); /* after each of its watched was dropped */

/* Begins to watch; copies paths and levels. ERR_NOT_FOUND: the cgroup is gone. */
int cgroup_alarm_watch(struct cgroup_alarm *alarm, const struct cgroup_paths *paths,
                       const struct cgroup_levels *levels, void *watched_arg, struct cgroup_watched **out,
                       struct err *e) MUST_CHECK;

/* Its limit was changed. */
void cgroup_alarm_level(struct cgroup_watched *watched, const struct cgroup_levels *levels);

/* It is not to be ended: it goes on, and the alarm may ring again. */
void cgroup_alarm_release(struct cgroup_watched *watched);

/* Watches it no more, and holds it no more. NULL is allowed. */
void cgroup_alarm_drop(struct cgroup_watched *watched);

#endif
