#include "agent/node/logs.h"

#include "agent/agent_conf.h"
#include "agent/agent_state.h"
#include "agent/disk/log_file.h"

#include "common/base/mem.h"
#include "common/io/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HOUR_MS         3600000u
#define REMOVES_AT_ONCE 16

struct logs {
    struct log_index index;
    unsigned removes;          /* of what has to go, under way */
    bool clean;                /* what an interrupted run left is removed, so files can be written */
    struct log_job *unwritten; /* until then */
    char folder[256];
};

/* A job of a disk's thread; which members are in use depends on the job. */
struct log_job {
    struct agent *agent;
    struct log_job *next; /* that cannot be written yet */
    char folder[256];
    struct log_entry entry;
    struct log_tape tape;
    struct log_entry *found;
    size_t count;
    agent_log_cb *cb;
    agent_log_done_cb *done;
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

/* --- removing --- */

static int remove_work(void *arg, struct err *e)
{
    const struct log_job *job = arg;
    return log_file_remove(job->folder, &job->entry.id, e);
}

static void say_not_removed(const struct log_job *job, int code, const struct err *e)
{
    if (code && code != ERR_CANCELLED)
        log_warn("agent", "sandbox=%s its logs are not removed: %s", job->entry.id.text, e->text);
}

/* One that stays is found again at the next call from outside. */
static void on_expired(void *arg, int code, const struct err *e)
{
    struct log_job *job = arg;
    struct agent *agent = job->agent;
    agent->logs->removes--;
    say_not_removed(job, code, e);
    if (code)
        log_index_add(&agent->logs->index, &job->entry);
    else
        agent_logs_expire(agent);
    job_free(job);
}

void agent_logs_expire(struct agent *agent)
{
    struct logs *logs = agent->logs;
    struct log_bounds bounds = {.keep_ms = agent->conf->log_retention_hours * HOUR_MS,
                                .budget_bytes = agent->conf->log_budget_bytes};
    struct log_entry entry;
    while (logs->removes < REMOVES_AT_ONCE && log_index_evict(&logs->index, wall_now_ms(), &bounds, &entry)) {
        struct log_job *job = job_new(agent, &entry.id);
        job->entry = entry;
        logs->removes++;
        worker_do(agent->worker, &entry.id, remove_work, on_expired, job);
    }
}

static void on_dropped(void *arg, int code, const struct err *e)
{
    struct log_job *job = arg;
    say_not_removed(job, code, e);
    if (!code)
        log_index_remove(&job->agent->logs->index, &job->entry.id);
    job->done(job->arg, code, e);
    job_free(job);
}

void agent_logs_drop(struct agent *agent, const struct sandbox_id *id, agent_log_done_cb *cb, void *arg)
{
    struct log_job *job = job_new(agent, id);
    job->done = cb;
    job->arg = arg;
    worker_do(agent->worker, id, remove_work, on_dropped, job);
}

/* --- keeping --- */

void agent_logs_lose(struct agent *agent, const struct sandbox_id *id, const char *why)
{
    uplink_logs_lost(agent->uplink, ++agent->logs_lost);
    log_warn("agent", "sandbox=%s its logs are lost, as %" PRIu64 " since the start: %s", id->text,
             agent->logs_lost, why);
}

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
        agent_logs_lose(job->agent, &job->entry.id, e->text);
    }
    job->done(job->arg, code, e);
    job_free(job);
}

void agent_logs_keep(struct agent *agent, const struct sandbox_id *id, const char *user,
                     struct log_tape *tape, agent_log_done_cb *cb, void *arg)
{
    struct logs *logs = agent->logs;
    struct log_job *job = job_new(agent, id);
    snprintf(job->entry.user, sizeof job->entry.user, "%s", user);
    job->entry.ended_ms = wall_now_ms();
    job->tape = *tape;
    job->done = cb;
    job->arg = arg;
    *tape = (struct log_tape){.from = 0};
    if (logs->clean) {
        worker_do(agent->worker, id, write_work, on_written, job);
    } else {
        job->next = logs->unwritten;
        logs->unwritten = job;
    }
}

const char *agent_logs_user(const struct agent *agent, const struct sandbox_id *id)
{
    const struct log_entry *entry = log_index_find(&agent->logs->index, id);
    return entry ? entry->user : "";
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
    struct log_index *index = &job->agent->logs->index;
    uint64_t now = wall_now_ms();
    for (size_t i = 0; !code && i < job->count; i++) {
        if (job->found[i].ended_ms > now) /* by another clock */
            job->found[i].ended_ms = now;
        if (!log_index_find(index, &job->found[i].id)) /* else it was written since */
            log_index_add(index, &job->found[i]);
    }
    if (!code)
        agent_logs_expire(job->agent);
    job_free(job);
}

static int clean_work(void *arg, struct err *e)
{
    const struct log_job *job = arg;
    log_file_clean(job->folder);
    return 0;
}

/* Where this did not run, old parts of files stay until the next start. */
static void on_clean(void *arg, int code, const struct err *e)
{
    struct log_job *job = arg, *next;
    struct logs *logs = job->agent->logs;
    logs->clean = true;
    for (struct log_job *waiting = logs->unwritten; waiting; waiting = next) {
        next = waiting->next;
        if (code == ERR_CANCELLED)
            on_written(waiting, code, e);
        else
            worker_do(job->agent->worker, &waiting->entry.id, write_work, on_written, waiting);
    }
    logs->unwritten = NULL;
    job_free(job);
}

void agent_logs_start(struct agent *agent)
{
    agent->logs = mem_zalloc(sizeof *agent->logs);
    snprintf(agent->logs->folder, sizeof agent->logs->folder, "%s/logs", agent->conf->state_dir);
    if (mkdir(agent->logs->folder, 0700) && errno != EEXIST)
        log_warn("agent", "%s: %s: logs of sandboxes that end are not kept", agent->logs->folder,
                 strerror(errno));
    worker_do(agent->worker, NULL, clean_work, on_clean, job_new(agent, NULL));
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
