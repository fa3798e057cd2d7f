#include "agent/node/image_analysis.h"

#include "agent/agent_conf.h"
#include "agent/agent_state.h"
#include "agent/node/image_work.h"

#include "common/base/mem.h"
#include "common/io/log.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READER "corral-image" /* beside the init */

struct image_caller {
    struct image_analysis *all;
    struct image_caller *next;
    char ref[IMAGE_REF_FULL_MAX];
    bool flattens;
    struct image_task *task; /* NULL: Docker is asked for the image */
    image_analysis_cb *cb;   /* NULL: it has left */
    void *arg;
};

/* An image that is read, or waits for that. */
struct image_task {
    struct image_analysis *all;
    struct image_task *next;
    struct image_work work;
};

struct image_report_kept {
    char id[IMAGE_ID_LEN + 1], name[IMAGE_REF_FULL_MAX], flat[IMAGE_REF_FULL_MAX];
    uint8_t *bytes;
    size_t len;
    uint64_t used; /* counts up with each use; 0: empty */
};

struct image_analysis {
    struct agent *agent;
    struct worker *worker;
    struct image_caller *callers;
    struct image_task *tasks;
    size_t task_count;
    struct image_report_kept kept[IMAGE_KEPT];
    uint64_t uses;
    atomic_bool stop;
};

struct image_analysis *image_analysis_new(struct agent *agent)
{
    struct image_analysis *all = mem_zalloc(sizeof *all);
    all->agent = agent;
    return all;
}

/* --- callers --- */

static void caller_end(struct image_caller *caller, int code, const struct err *e, const uint8_t *bytes,
                       size_t len)
{
    struct image_caller **slot = &caller->all->callers;
    while (*slot != caller)
        slot = &(*slot)->next;
    *slot = caller->next;
    if (caller->cb)
        caller->cb(caller->arg, code, e, bytes, len);
    free(caller);
}

void image_analysis_leave(struct image_caller *caller)
{
    caller->cb = NULL;
}

static void end_callers(struct image_analysis *all, const struct image_task *task, int code,
                        const struct err *e, const uint8_t *bytes, size_t len)
{
    for (struct image_caller *c = all->callers, *next; c; c = next) {
        next = c->next;
        if (c->task == task)
            caller_end(c, code, e, bytes, len);
    }
}

/* --- what is kept --- */

static bool same_work(const char *id, const char *flat, const char *name, const struct image_work *work)
{
    return !strcmp(id, work->id) && !strcmp(flat, work->flat) && !strcmp(name, work->name);
}

static struct image_report_kept *kept_find(struct image_analysis *all, const struct image_work *work)
{
    for (size_t i = 0; i < IMAGE_KEPT; i++)
        if (all->kept[i].used && same_work(all->kept[i].id, all->kept[i].flat, all->kept[i].name, work))
            return &all->kept[i];
    return NULL;
}

/* Takes the work's result. A variant may be removed at any time, so what was said of one is not kept. */
static void keep(struct image_analysis *all, struct image_work *work)
{
    struct image_report_kept *oldest = &all->kept[0];
    if (work->flat[0])
        return;
    for (size_t i = 1; i < IMAGE_KEPT; i++)
        if (all->kept[i].used < oldest->used)
            oldest = &all->kept[i];
    free(oldest->bytes);
    *oldest = (struct image_report_kept){.bytes = work->result, .len = work->len, .used = ++all->uses};
    memcpy(oldest->id, work->id, sizeof oldest->id);
    memcpy(oldest->name, work->name, sizeof oldest->name);
    work->result = NULL;
}

/* --- tasks --- */

static int work_on(void *arg, struct err *e)
{
    struct image_task *task = arg;
    return image_work_do(&task->work, e);
}

static void on_worked(void *arg, int code, const struct err *e)
{
    struct image_task *task = arg;
    struct image_analysis *all = task->all;
    struct image_task **slot = &all->tasks;
    while (*slot != task)
        slot = &(*slot)->next;
    *slot = task->next;
    all->task_count--;
    if (code && code != ERR_CANCELLED)
        log_warn("agent", "image=%s cannot be %s: %s", task->work.id,
                 task->work.flat[0] ? "flattened" : "read", e->text);
    end_callers(all, task, code, e, task->work.result, task->work.len);
    if (!code)
        keep(all, &task->work);
    free(task->work.result);
    free(task);
}

static int task_start(struct image_analysis *all, const struct image_work *work, struct image_task **out,
                      struct err *e)
{
    if (all->task_count == IMAGE_QUEUE_MAX)
        return err_set(e, ERR_NO_CAPACITY, "%d images wait on this node already", IMAGE_QUEUE_MAX);
    int rc = all->worker ? 0 : worker_new(&all->worker, all->agent->loop, 1, e);
    if (rc)
        return rc;
    struct image_task *task = mem_zalloc(sizeof *task);
    *task = (struct image_task){.all = all, .next = all->tasks, .work = *work};
    all->tasks = task;
    all->task_count++;
    worker_do(all->worker, NULL, work_on, on_worked, task);
    *out = task;
    return 0;
}

static int task_join(struct image_analysis *all, const struct image_work *work, struct image_task **out,
                     struct err *e)
{
    for (*out = all->tasks; *out; *out = (*out)->next)
        if (same_work((*out)->work.id, (*out)->work.flat, (*out)->work.name, work))
            return 0;
    return task_start(all, work, out, e);
}

/* --- asking --- */

static void reader_path(const struct agent_conf *conf, char out[static 300])
{
    char *copy = mem_strdup(conf->init_path);
    snprintf(out, 300, "%s/%s", dirname(copy), READER);
    free(copy);
}

/* The variant lies beside: the same repository, the tag with a suffix. */
static int flat_name(const char *ref, char out[static IMAGE_REF_FULL_MAX], struct err *e)
{
    struct image_ref parsed;
    if (!image_ref_parse(ref, &parsed))
        return err_set(e, ERR_INVALID, "a variant needs an image with a name");
    parsed.digest[0] = 0;
    size_t len = strlen(parsed.tag);
    if (len + sizeof IMAGE_FLAT_SUFFIX > 128)
        return err_set(e, ERR_INVALID, "the image's tag is too long for a variant's");
    snprintf(parsed.tag + len, sizeof parsed.tag - len, "%s",
             len ? IMAGE_FLAT_SUFFIX : IMAGE_FLAT_SUFFIX + 1);
    image_ref_familiar(&parsed, out);
    return 0;
}

static int describe(const struct image_caller *caller, const struct docker_image *image,
                    struct image_work *work, struct err *e)
{
    struct agent *agent = caller->all->agent;
    *work = (struct image_work){
        .bytes = image->size_bytes, .free_bytes = agent->conf->image_free_bytes, .stop = &caller->all->stop};
    docker_direct_copy(agent->docker, &work->docker);
    reader_path(agent->conf, work->program);
    snprintf(work->state_dir, sizeof work->state_dir, "%s", agent->conf->state_dir);
    memcpy(work->root, agent->docker_facts.root_dir, sizeof work->root);
    memcpy(work->name, caller->ref, sizeof work->name);
    if (strlen(image->id) != IMAGE_ID_LEN || strncmp(image->id, "sha256:", 7) != 0)
        return err_set(e, ERR_PROTOCOL, "Docker does not say the image's id");
    memcpy(work->id, image->id, IMAGE_ID_LEN + 1);
    return caller->flattens ? flat_name(caller->ref, work->flat, e) : 0;
}

static void on_image(void *arg, int code, const struct err *error, const struct docker_image *image)
{
    struct image_caller *caller = arg;
    struct image_analysis *all = caller->all;
    struct image_work work;
    struct err e;
    if (code) {
        struct err missing;
        if (code == ERR_NOT_FOUND) {
            (void)err_set(&missing, code, "the image is not on this node");
            error = &missing;
        }
        caller_end(caller, code, error, NULL, 0);
        return;
    }
    int rc = describe(caller, image, &work, &e);
    struct image_report_kept *kept = rc ? NULL : kept_find(all, &work);
    if (kept) {
        kept->used = ++all->uses;
        caller_end(caller, 0, NULL, kept->bytes, kept->len);
        return;
    }
    if (!rc)
        rc = task_join(all, &work, &caller->task, &e);
    if (rc)
        caller_end(caller, rc, &e, NULL, 0);
}

struct image_caller *image_analysis_ask(struct image_analysis *all, const char *ref, bool flattens,
                                        image_analysis_cb *cb, void *arg)
{
    struct image_caller *caller = mem_zalloc(sizeof *caller);
    *caller =
        (struct image_caller){.all = all, .next = all->callers, .flattens = flattens, .cb = cb, .arg = arg};
    snprintf(caller->ref, sizeof caller->ref, "%s", ref);
    all->callers = caller;
    docker_image_inspect(all->agent->docker, caller->ref, on_image, caller);
    return caller;
}

void image_analysis_free(struct image_analysis *all)
{
    if (!all)
        return;
    atomic_store(&all->stop, true);
    worker_free(all->worker);
    for (size_t i = 0; i < IMAGE_KEPT; i++)
        free(all->kept[i].bytes);
    free(all);
}
