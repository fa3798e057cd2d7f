#include "controller/jobs/jobs.h"

#include "common/base/mem.h"

#include <stdlib.h>

struct run {
    struct jobs *jobs;
    const struct job *job;
    uint64_t period_ms; /* the period that the timer was started with */
    struct timer timer;
};

struct jobs {
    struct loop *loop;
    void *owner;
    size_t count;
    struct run run[];
};

static uint64_t period_of(const struct run *r)
{
    return r->job->period ? r->job->period(r->jobs->owner) : r->job->period_ms;
}

static void on_time(void *arg);

static void arm(struct run *r)
{
    r->period_ms = period_of(r);
    timer_start(&r->timer, r->jobs->loop, r->period_ms, on_time, r);
}

static void on_time(void *arg)
{
    struct run *r = arg;
    arm(r);
    r->job->run(r->jobs->owner);
}

struct jobs *jobs_new(struct loop *loop, const struct job *table, size_t count, void *owner)
{
    struct jobs *jobs = mem_zalloc(sizeof *jobs + count * sizeof jobs->run[0]);
    *jobs = (struct jobs){.loop = loop, .owner = owner, .count = count};
    for (size_t i = 0; i < count; i++) {
        jobs->run[i] = (struct run){.jobs = jobs, .job = &table[i]};
        arm(&jobs->run[i]);
    }
    return jobs;
}

void jobs_reload(struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (period_of(&jobs->run[i]) != jobs->run[i].period_ms)
            arm(&jobs->run[i]);
    }
}

void jobs_free(struct jobs *jobs)
{
    if (!jobs)
        return;
    for (size_t i = 0; i < jobs->count; i++)
        timer_stop(&jobs->run[i].timer);
    free(jobs);
}
