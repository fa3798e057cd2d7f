#include "agent/node/logs.h"

#include "agent/agent_conf.h"
#include "agent/agent_state.h"
#include "agent/disk/log_file.h"

#include "common/base/mem.h"
#include "common/io/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HOUR_MS 3600000u

struct logs {
    struct log_index index;
    char folder[256];
};

/* A job of a disk's thread; which members are in use depends on the job. */
struct log_job {
    struct agent *agent;
    char folder[256];
    struct log_entry entry;
    struct log_tape tape;
    struct log_entry *found;
    size_t count;
    agent_log_cb *cb;
    agent_log_gone_cb *gone;
    void *arg;
};

static struct log_job *job_new(struct agent *agent, const struct sandbox_id *id)
{
    struct log_job *job = mem_zalloc(sizeof *job);
    job->agent = agent;
    if (id)
        job->entry.id = *id;
    snprintf(job->folder, sizeof job->folder, "%s", agent->logs->folder);
    return job;
}

static void job_free(struct log_job *job)
{
    log_tape_fini(&job->tape);
    free(job->found);
    free(job);
}

/* --- what has to go --- */

static int remove_work(void *arg, struct err *e)
{
    const struct log_job *job = arg;
    return log_file_remove(job->folder, &job->entry.id, e);
}

static void on_removed(void *arg, int code, const struct err *e)
{
    struct log_job *job = arg;
    if (code && code != ERR_CANCELLED)
        log_warn("agent", "sandbox=%s its logs are not removed: %s", job->entry.id.text, e->text);
    if (job->gone)
        job->gone(job->arg, code, e);
    job_free(job);
}

static void remove_soon(struct agent *agent, const struct sandbox_id *id, agent_log_gone_cb *cb, void *arg)
{
    struct log_job *job = job_new(agent, id);
    job->gone = cb;
    job->arg = arg;
    worker_do(agent->worker, id, remove_work, on_removed, job);
}

void agent_logs_expire(struct agent *agent)
{
    struct log_bounds bounds = {.keep_ms = agent->conf->log_retention_hours * HOUR_MS,
                                .budget_bytes = agent->conf->log_budget_bytes};
    struct log_entry entry;
    while (log_index_evict(&agent->logs->index, wall_now_ms(), &bounds, &entry))
        remove_soon(agent, &entry.id, NULL, NULL);
}

void agent_logs_drop(struct agent *agent, const struct sandbox_id *id, agent_log_gone_cb *cb, void *arg)
{
    log_index_remove(&agent->logs->index, id);
    remove_soon(agent, id, cb, arg);
}

/* --- keeping --- */

static int write_work(void *arg, struct err *e)
{
    struct log_job *job = arg;
    return log_file_write(job->folder, &job->entry, &job->tape, e);
}

static void on_written(void *arg, int code, const struct err *e)
{
    struct log_job *job = arg;
    if (!code) {
        log_index_add(&job->agent->logs->index, &job->entry);
        agent_logs_expire(job->agent);
    } else if (code != ERR_CANCELLED) {
        log_warn("agent", "sandbox=%s its logs are lost: %s", job->entry.id.text, e->text);
    }
    job_free(job);
}

void agent_logs_keep(struct agent *agent, const struct sandbox_id *id, const char *user,
                     struct log_tape *tape)
{
    if (!agent->conf->log_retention_hours) {
        log_tape_fini(tape);
        return;
    }
    struct log_job *job = job_new(agent, id);
    snprintf(job->entry.user, sizeof job->entry.user, "%s", user);
    job->entry.ended_ms = wall_now_ms();
    job->tape = *tape;
    *tape = (struct log_tape){.from = 0};
    worker_do(agent->worker, id, write_work, on_written, job);
}

/* --- reading --- */

static int read_work(void *arg, struct err *e)
{
    struct log_job *job = arg;
    struct sandbox_id id = job->entry.id;
    return log_file_read(job->folder, &id, &job->entry, &job->tape, e);
}

static void on_read(void *arg, int code, const struct err *error)
{
    struct log_job *job = arg;
    struct err e = error ? *error : (struct err){0};
    if (!code &&
        log_is_over(job->entry.ended_ms, wall_now_ms(), job->agent->conf->log_retention_hours * HOUR_MS))
        code = err_set(&e, ERR_LOGS_GONE, "the logs of this sandbox are not kept any more");
    if (code && code != ERR_LOGS_GONE && code != ERR_CANCELLED)
        log_warn("agent", "sandbox=%s its logs cannot be read: %s", job->entry.id.text, e.text);
    job->cb(job->arg, code, code ? &e : NULL, &job->entry, &job->tape);
    job_free(job);
}

void agent_logs_read(struct agent *agent, const struct sandbox_id *id, agent_log_cb *cb, void *arg)
{
    struct log_job *job = job_new(agent, id);
    job->cb = cb;
    job->arg = arg;
    worker_do(agent->worker, id, read_work, on_read, job);
}

/* --- the beginning --- */

static int list_work(void *arg, struct err *e)
{
    struct log_job *job = arg;
    job->count = log_file_list(job->folder, &job->found);
    return 0;
}

static void on_listed(void *arg, int code, const struct err *e)
{
    struct log_job *job = arg;
    uint64_t now = wall_now_ms();
    for (size_t i = 0; !code && i < job->count; i++) {
        if (job->found[i].ended_ms > now) /* by another clock */
            job->found[i].ended_ms = now;
        log_index_add(&job->agent->logs->index, &job->found[i]);
    }
    if (!code)
        agent_logs_expire(job->agent);
    job_free(job);
}

void agent_logs_start(struct agent *agent)
{
    agent->logs = mem_zalloc(sizeof *agent->logs);
    snprintf(agent->logs->folder, sizeof agent->logs->folder, "%s/logs", agent->conf->state_dir);
    if (mkdir(agent->logs->folder, 0700) && errno != EEXIST)
        log_warn("agent", "%s: %s: logs of sandboxes that end are not kept", agent->logs->folder,
                 strerror(errno));
    worker_do(agent->worker, NULL, list_work, on_listed, job_new(agent, NULL));
}

void agent_logs_free(struct agent *agent)
{
    if (!agent->logs)
        return;
    log_index_fini(&agent->logs->index);
    free(agent->logs);
    agent->logs = NULL;
}
