/* Carries out what the heart asked for: on disk, through Docker, through the kernel, to the controller. */
#include "agent/agent_int.h"
#include "agent/disk/record.h"

#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

static void tell_saves(void *arg)
{
    struct agent *agent = arg;
    struct saved *saves = agent->saves;
    size_t count = agent->save_count;
    agent->saves = NULL;
    agent->save_count = 0;
    for (size_t i = 0; i < count; i++)
        keeper_saved(agent->keeper, loop_now_ms(), &saves[i].id, saves[i].ok, &agent->effects);
    free(saves);
    agent_run_effects(agent);
}

static void save(struct agent *agent, const struct sandbox_id *id)
{
    struct box_record record = *keeper_find(agent->keeper, id);
    struct err e;
    uint64_t now = loop_now_ms();
    memcpy(record.boot_id, agent->boot_id, sizeof record.boot_id);
    record.deadline_wall_ms = wall_now_ms() + (record.deadline_ms > now ? record.deadline_ms - now : 0);
    bool ok = !record_save(agent->records_dir, &record, &e);
    if (!ok)
        log_error("agent", "sandbox=%s its record is not written: %s", id->text, e.text);
    agent->saves = mem_grow(agent->saves, agent->save_count + 1, sizeof *agent->saves);
    agent->saves[agent->save_count++] = (struct saved){.id = *id, .ok = ok};
    later_call(&agent->telling, agent->loop, tell_saves, agent);
}

static void on_killed(void *arg, int code, const struct err *e)
{
    struct agent *agent = arg;
    if (code && code != ERR_CANCELLED && code != ERR_NOT_FOUND)
        log_warn("agent", "Docker did not kill: %s", e->text);
    (void)agent;
}

/* After a restart Docker may not answer: the record names the container, and the kernel knows its processes.
 */
static void find_cgroup(struct holder *h)
{
    const struct box_record *record = keeper_find(h->agent->keeper, &h->id);
    pid_t pid = record ? cgroup_find_container(record->container_id) : 0;
    struct err e;
    if (pid && cgroup_box_open(&h->cgroup, "", pid, &e))
        h->cgroup = NULL; /* it ended meanwhile */
}

/* Through the cgroup at once; Docker is asked only where the cgroup is not known. */
static void kill_sandbox(struct agent *agent, const struct sandbox_id *id)
{
    struct holder *h = agent_holder(agent, id);
    if (!h->cgroup)
        find_cgroup(h);
    if (!h->cgroup)
        docker_container_kill(agent->docker, id->text, on_killed, agent);
    else if (cgroup_box_kill(h->cgroup))
        keeper_dead(agent->keeper, loop_now_ms(), id, NULL, &agent->effects);
}

static void close_episodes(struct agent *agent, struct holder *h)
{
    struct guard_step step = guard_close(&h->guard, &h->id);
    for (unsigned i = 0; i < step.news_count; i++) {
        step.news[i].number = ++agent->violation_number;
        uplink_violation(agent->uplink, &step.news[i]);
    }
}

static void removed(struct holder *h, bool ok)
{
    struct agent *agent = h->agent;
    struct sandbox_id id = h->id;
    h->removing = false;
    if (ok)
        agent_holder_drop(h);
    keeper_removed(agent->keeper, loop_now_ms(), &id, ok, &agent->effects);
    agent_run_effects(agent);
}

static void on_container_removed(void *arg, int code, const struct err *error)
{
    struct holder *h = arg;
    struct err e;
    if (code == ERR_CANCELLED)
        return;
    if (!code && !h->agent->volumes)
        code = err_set(&e, ERR_IO, "Docker is back, and was not yet looked through");
    else if (!code)
        code = volume_remove(h->agent->volumes, &h->id, &e);
    else
        e = *error;
    if (code)
        log_warn("agent", "sandbox=%s is not yet removed: %s", h->id.text, e.text);
    removed(h, !code);
}

static void remove_sandbox(struct agent *agent, const struct sandbox_id *id)
{
    struct holder *h = agent_holder(agent, id);
    if (h->removing)
        return;
    h->removing = true;
    close_episodes(agent, h);
    initlink_free(h->init);
    h->init = NULL;
    docker_container_remove(agent->docker, id->text, on_container_removed, h);
}

struct change {
    struct agent *agent;
    struct sandbox_id id;
    enum keeper_effect_kind kind;
};

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
    if (what.kind == KEEPER_RESIZE)
        keeper_resized(agent->keeper, loop_now_ms(), &what.id, !code);
    else
        keeper_paused(agent->keeper, loop_now_ms(), &what.id, !code, what.kind == KEEPER_PAUSE,
                      &agent->effects);
    agent_run_effects(agent);
}

static void change_sandbox(struct agent *agent, const struct keeper_effect *effect)
{
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

static void forget(struct agent *agent, const struct sandbox_id *id)
{
    struct err e;
    if (record_remove(agent->records_dir, id, &e))
        log_warn("agent", "sandbox=%s its record stays: %s", id->text, e.text);
}

static void abort_making(struct agent *agent, const struct sandbox_id *id)
{
    struct holder *h = agent_holder_find(agent, id);
    if (h && h->maker)
        maker_abort(h->maker);
}

static void run_effect(struct agent *agent, const struct keeper_effect *effect)
{
    switch (effect->kind) {
    case KEEPER_SAVE:
        save(agent, &effect->id);
        break;
    case KEEPER_MAKE:
        agent_make(agent_holder(agent, &effect->id));
        break;
    case KEEPER_ABORT:
        abort_making(agent, &effect->id);
        break;
    case KEEPER_PAUSE:
    case KEEPER_RESUME:
    case KEEPER_RESIZE:
        change_sandbox(agent, effect);
        break;
    case KEEPER_KILL:
        kill_sandbox(agent, &effect->id);
        break;
    case KEEPER_REMOVE:
        remove_sandbox(agent, &effect->id);
        break;
    case KEEPER_REPORT:
        uplink_observe(agent->uplink, &effect->observation);
        break;
    case KEEPER_FORGET:
        forget(agent, &effect->id);
        break;
    }
}

/* Kills before all else: with many due at once, none waits for the disk of another. */
static void run_list(struct agent *agent, const struct keeper_effects *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->item[i].kind == KEEPER_KILL)
            run_effect(agent, &list->item[i]);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (list->item[i].kind != KEEPER_KILL)
            run_effect(agent, &list->item[i]);
    }
}

void agent_run_effects(struct agent *agent)
{
    if (agent->running_effects)
        return; /* whoever runs them comes to the new ones too */
    agent->running_effects = true;
    while (agent->effects.count) {
        struct keeper_effects list = agent->effects;
        agent->effects = (struct keeper_effects){0};
        run_list(agent, &list);
        keeper_effects_fini(&list);
    }
    agent->running_effects = false;
}
