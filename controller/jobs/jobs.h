/*
 * Periodic work: a table of jobs, each with a name, a period and a function, and one runner. Work whose next
 * run depends on its result (a retry, an unfinished round of upkeep) keeps a timer of its own. On the loop.
 */
#ifndef CORRAL_CONTROLLER_JOBS_JOBS_H
#define CORRAL_CONTROLLER_JOBS_JOBS_H

#include "common/io/loop.h"

#include <stddef.h>

struct job {
    const char *name;
    uint64_t period_ms;
    uint64_t (*period)(const void *owner); /* the period in milliseconds, where it is configured; else NULL */
    void (*run)(void *owner);              /* does not block; returns at once where there is nothing to do */
};

struct jobs;

/* Borrows all. Each job runs one period from now, then one period after each run began. */
struct jobs *jobs_new(struct loop *loop, const struct job *table, size_t count, void *owner);

/* NULL is allowed. Not from a job. */
void jobs_free(struct jobs *jobs);

/* The configuration was reloaded: starts the period again for jobs whose period changed. */
void jobs_reload(struct jobs *jobs);

#endif
