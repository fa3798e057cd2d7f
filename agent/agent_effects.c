/* Carries out what the heart asked for: on disk, through Docker, through the kernel, to the controller. */
#include "agent/agent_int.h"
#include "agent/cgroup/cgroup_limit.h"
#include "agent/disk/record.h"

#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* What Docker is waited for to remove a container of which nothing runs; where it hung in making it already.
 */
#define REMOVE_MS      10000
#define REMOVE_HUNG_MS 5000

/* --- records: formatted here, written in the order of their sandbox --- */

struct saving {
    struct agent *agent;
    struct sandbox_id id;
    char *text; /* NULL: the record is removed */
};

static int save_work(void *arg, struct err *e)
{
    const struct saving *s = arg;
    return s->text ? record_write(s->agent->records_dir, &s->id, s->text, e)
                   : record_remove(s->agent->records_dir, &s->id, e);
}

static void on_saved(void *arg, int code, const struct err *e)
{
    struct saving saving = *(struct saving *)arg;
    struct agent *agent = saving.agent;
    free(saving.text);
    free(arg);
    if (code == ERR_CANCELLED)
        return;
    if (code)
        log_error("agent", "sandbox=%s its record is not %s: %s", saving.id.text,
                  saving.text ? "written" : "removed", e->text);
    if (saving.text)
        keeper_saved(agent->keeper, loop_now_ms(), &saving.id, !code, engine_effects(agent->engine));
}

static void write_record(struct agent *agent, const struct sandbox_id *id, char *text)
{
    struct saving *saving = mem_zalloc(sizeof *saving);
    *saving = (struct saving){.agent = agent, .id = *id, .text = text};
    worker_do(agent->worker, id, save_work, on_saved, saving);
}

static void save(struct agent *agent, const struct sandbox_id *id)
{
    struct box_record record = *keeper_find(agent->keeper, id);
    uint64_t now = loop_now_ms();
    memcpy(record.boot_id, agent->boot_id, sizeof record.boot_id);
    record.deadline_wall_ms = wall_now_ms() + (record.deadline_ms > now ? record.deadline_ms - now : 0);
    write_record(agent, id, record_format(&record));
}

static void forget(struct agent *agent, const struct sandbox_id *id)
{
    struct holder *h = agent_holder_find(agent, id);
    if (h)
        agent_holder_drop(h); /* of one that had ended when this agent began */
    write_record(agent, id, NULL);
}

/* --- ends --- */

/* What Docker was asked for. */
struct change {
    struct agent *agent;
    struct sandbox_id id;
    enum keeper_effect_kind kind;
};

static void close_episodes(struct agent *agent, struct holder *h)
{
    struct guard_step step = guard_close(&h->guard, &h->id);
    agent_watch_end(h);
    agent_keep_news(agent, &step);
    agent_outbox_flush(agent);
}

static void removed(struct holder *h, bool ok)
{
    struct agent *agent = h->agent;
    struct sandbox_id id = h->id;
    h->removing = false;
    if (ok)
        agent_holder_drop(h);
    keeper_removed(agent->keeper, loop_now_ms(), &id, ok, engine_effects(agent->engine));
}

static void on_volume_removed(void *arg, int code, const struct err *e)
{
    struct holder *h = arg;
    if (code == ERR_CANCELLED)
        return;
    if (code)
        log_warn("agent", "sandbox=%s is not yet removed: %s", h->id.text, e->text);
    else if (h->may_come_late)
        agent_late_watch(h->agent, &h->id);
    removed(h, !code);
}

static uint64_t patience_of(const struct holder *h)
{
    return h->may_come_late ? REMOVE_HUNG_MS : REMOVE_MS;
}

/*
 * Docker has had its time: nothing of it runs, and that is all that it is waited for. Not where it is to be
 * made anew under the same name, and while something runs it is killed instead.
 */
static bool may_leave_container(struct holder *h, int code)
{
    const struct box_record *record = keeper_find(h->agent->keeper, &h->id);
    bool waited =
        code == ERR_NODE_TIMEOUT || loop_awake_ms(h->agent->loop) - h->removing_ms >= patience_of(h);
    if (!waited || !record || record->phase != BOX_REMOVING)
        return false;
    if (!agent_has_processes(h))
        return true;
    agent_kill(h);
    return false;
}

static void on_container_removed(void *arg, int code, const struct err *error)
{
    struct holder *h = arg;
    struct err e;
    if (code && code != ERR_CANCELLED && may_leave_container(h, code)) {
        h->may_come_late = true;
        code = 0;
    }
    if (!code && agent_has_processes(h)) {
        agent_kill(h);
        code = err_set(&e, ERR_IO, "Docker says that it is removed, and processes of it live");
        error = &e;
    }
    if (!code && !h->agent->volumes) {
        code = err_set(&e, ERR_IO, "Docker is back, and was not yet looked through");
        error = &e;
    }
    if (code)
        on_volume_removed(h, code, error);
    else
        volume_remove(h->agent->volumes, &h->id, on_volume_removed, h);
}

static void remove_sandbox(struct agent *agent, const struct sandbox_id *id)
{
    struct holder *h = agent_holder(agent, id);
    if (h->removing)
        return;
    h->removing = true;
    if (!h->removing_ms)
        h->removing_ms = loop_awake_ms(agent->loop);
    close_episodes(agent, h);
    initlink_free(h->init);
    h->init = NULL;
    docker_container_remove(agent->docker, id->text, patience_of(h), on_container_removed, h);
}

static void on_changed(void *arg, int code, const struct err *e)
{
    struct change *change = arg;
    struct agent *agent = change->agent;
    struct change what = *change;
    free(change);
    if (code == ERR_CANCELLED)
        return;
    if (code)
        log_warn("agent", "sandbox=%s Docker did not change it: %s", what.id.text, e->text);
    struct holder *h = agent_holder_find(agent, &what.id);
    if (what.kind == KEEPER_RESIZE && h)
        agent_watch_level(h);
    else if (code && h)
        agent_check(h); /* it may be so already, by somebody else's hand */
    if (what.kind == KEEPER_RESIZE)
        keeper_resized(agent->keeper, loop_now_ms(), &what.id, !code, engine_effects(agent->engine));
    else
        keeper_paused(agent->keeper, loop_now_ms(), &what.id, !code, what.kind == KEEPER_PAUSE,
                      engine_effects(agent->engine));
}

/* Of a runtime that has no update: the kernel may take back memory before it answers. */
struct resizing {
    struct agent *agent;
    struct sandbox_id id;
    struct cgroup_paths paths;
    struct sandbox_limits limits;
    bool known; /* are the paths */
};

static int resize_work(void *arg, struct err *e)
{
    const struct resizing *r = arg;
    return r->known ? cgroup_limit(&r->paths, &r->limits, e)
                    : err_set(e, ERR_NOT_FOUND, "its cgroup is not known");
}

static void on_resized(void *arg, int code, const struct err *e)
{
    struct resizing r = *(struct resizing *)arg;
    free(arg);
    struct holder *h = code == ERR_CANCELLED ? NULL : agent_holder_find(r.agent, &r.id);
    if (!h)
        return;
    if (code)
        log_warn("agent", "sandbox=%s its limits are not changed: %s", r.id.text, e->text);
    agent_watch_level(h);
    keeper_resized(r.agent->keeper, loop_now_ms(), &r.id, !code, engine_effects(r.agent->engine));
}

static void resize_by_cgroup(struct holder *h)
{
    struct resizing *r = mem_zalloc(sizeof *r);
    *r = (struct resizing){.agent = h->agent, .id = h->id, .known = h->cgroup};
    r->limits = keeper_find(h->agent->keeper, &h->id)->limits;
    if (h->cgroup)
        r->paths = *cgroup_box_paths(h->cgroup);
    worker_do(h->agent->forcers, &h->id, resize_work, on_resized, r);
}

static void change_sandbox(struct agent *agent, const struct keeper_effect *effect)
{
    struct holder *h = agent_holder_find(agent, &effect->id);
    if (effect->kind == KEEPER_RESIZE && h && h->has_no_update) {
        resize_by_cgroup(h);
        return;
    }
    struct change *change = mem_zalloc(sizeof *change);
    *change = (struct change){agent, effect->id, effect->kind};
    const char *id = effect->id.text;
    if (effect->kind == KEEPER_PAUSE)
        docker_container_pause(agent->docker, id, on_changed, change);
    else if (effect->kind == KEEPER_RESUME)
        docker_container_unpause(agent->docker, id, on_changed, change);
    else
        docker_container_update(agent->docker, id, &keeper_find(agent->keeper, &effect->id)->limits,
                                on_changed, change);
}

/* --- which effect is whose --- */

static void save_record(struct agent *agent, const struct keeper_effect *effect)
{
    save(agent, &effect->id);
}

static void make(struct agent *agent, const struct keeper_effect *effect)
{
    agent_make(agent_holder(agent, &effect->id));
}

static void abort_making(struct agent *agent, const struct keeper_effect *effect)
{
    struct holder *h = agent_holder_find(agent, &effect->id);
    if (h && h->maker)
        maker_abort(h->maker);
}

static void kill_processes(struct agent *agent, const struct keeper_effect *effect)
{
    agent_kill(agent_holder(agent, &effect->id));
}

static void remove_all(struct agent *agent, const struct keeper_effect *effect)
{
    remove_sandbox(agent, &effect->id);
}

static void report(struct agent *agent, const struct keeper_effect *effect)
{
    uplink_observe(agent->uplink, &effect->observation);
}

static void forget_record(struct agent *agent, const struct keeper_effect *effect)
{
    forget(agent, &effect->id);
}

static void act(void *owner, const struct keeper_effect *effect)
{
    static void (*const acts[])(struct agent * agent, const struct keeper_effect *effect) = {
        [KEEPER_SAVE] = save_record,      [KEEPER_MAKE] = make,
        [KEEPER_ABORT] = abort_making,    [KEEPER_PAUSE] = change_sandbox,
        [KEEPER_RESUME] = change_sandbox, [KEEPER_RESIZE] = change_sandbox,
        [KEEPER_KILL] = kill_processes,   [KEEPER_REMOVE] = remove_all,
        [KEEPER_REPORT] = report,         [KEEPER_FORGET] = forget_record,
    };
    acts[effect->kind](owner, effect);
}

/* One that ended, or came as far as its init, leaves its turn to another; one that takes long counts no more.
 */
static void settled(void *owner)
{
    agent_next_turns(owner);
}

const struct engine_ops agent_engine_ops = {.act = act, .settled = settled};
