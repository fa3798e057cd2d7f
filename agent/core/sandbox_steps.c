#include "agent/core/sandbox_steps.h"

#include "common/base/mem.h"
#include "common/base/plain_words.h"

#include <stdlib.h>
#include <string.h>

struct reconciler_effect *sandbox_effect(struct reconciler_effects *effects, enum reconciler_effect_kind kind,
                                         const struct sandbox_id *id)
{
    if (effects->count == effects->room) {
        effects->room = effects->room ? effects->room * 2 : 16;
        effects->item = mem_grow(effects->item, effects->room, sizeof *effects->item);
    }
    struct reconciler_effect *effect = &effects->item[effects->count++];
    memset(effect, 0, sizeof *effect);
    effect->kind = kind;
    effect->id = *id;
    return effect;
}

static enum sandbox_state visible_state(const struct sandbox_record *r)
{
    switch (r->phase) {
    case PHASE_NEW:
    case PHASE_STARTING:
        return SANDBOX_STARTING;
    case PHASE_RUNNING:
        return r->unready ? SANDBOX_STARTING : r->paused ? SANDBOX_PAUSED : SANDBOX_RUNNING;
    case PHASE_KILLING:
    case PHASE_REMOVING:
        return SANDBOX_STOPPING;
    case PHASE_ENDED:
        return r->failed ? SANDBOX_FAILED : SANDBOX_STOPPED;
    }
    abort();
}

/* Whether its node paused it for idleness. */
static bool stands_idle(const struct sandbox_record *r)
{
    return r->idled && r->phase == PHASE_RUNNING && r->paused;
}

/* A record may have been written under another clock: a time in the future counts as now. */
static uint64_t since(uint64_t at, uint64_t now)
{
    return at < now ? now - at : 0;
}

/*
 * The only path by which details reach tenants: removes what Docker's or the kernel's messages tell of the
 * node. The cause why an image could not be pulled is cut off, since it tells of the node's network.
 */
static void tell_tenant(const struct sandbox_record *r, char out[static NODE_DETAIL_MAX + 1])
{
    plain_words(r->detail, out, NODE_DETAIL_MAX + 1);
    char *cause = r->reason == REASON_IMAGE_UNAVAILABLE ? strstr(out, ": ") : NULL;
    if (cause)
        *cause = 0;
}

/*
 * Whether the status may say that another node can start it. Only once no later run of this agent could start
 * it here: such a run would find the end on disk, or no record, or that of the member that it was to take
 * over.
 */
static bool can_go_elsewhere(const struct sandbox *sandbox)
{
    return sandbox->record.node_fault && sandbox->record.phase == PHASE_ENDED && sandbox->record.failed &&
           (!sandbox->written || sandbox->taken || sandbox->saving == SAVED);
}

/* Its node could not start it and another may: that is reported only once nothing of it is left here. */
static bool is_being_undone(const struct sandbox *sandbox)
{
    const struct sandbox_record *r = &sandbox->record;
    return r->node_fault && r->failed && !r->ran &&
           (r->phase == PHASE_REMOVING ||
            (r->phase == PHASE_ENDED && sandbox->written && sandbox_is_saving(sandbox)));
}

void sandbox_describe(const struct sandbox *sandbox, uint64_t now, struct sandbox_status *status)
{
    const struct sandbox_record *r = &sandbox->record;
    if (is_being_undone(sandbox)) { /* a new session asks for its status: repeats what was last reported */
        *status = (struct sandbox_status){.id = r->id,
                                          .generation = r->generation,
                                          .number = r->number - (r->phase == PHASE_ENDED),
                                          .state = SANDBOX_STARTING,
                                          .pooled = r->pooled,
                                          .warm = r->warm,
                                          .enforced = r->enforced,
                                          .by_docker = r->by_docker};
        return;
    }
    *status = (struct sandbox_status){.id = r->id,
                                      .generation = r->generation,
                                      .number = r->number,
                                      .state = visible_state(r),
                                      .reason = stands_idle(r) ? REASON_IDLE : r->reason,
                                      .node_fault = can_go_elsewhere(sandbox),
                                      .has_exit_code = r->has_exit_code,
                                      .exit_code = r->exit_code,
                                      .enforced = r->enforced,
                                      .pooled = r->pooled,
                                      .warm = r->warm,
                                      .by_docker = r->by_docker,
                                      .ran = r->ran,
                                      .started_ago_ms = r->ran ? since(r->started_ms, now) : 0,
                                      .ended_ago_ms = r->phase == PHASE_ENDED ? since(r->ended_ms, now) : 0};
    if (r->ran)
        status->start = sandbox->start;
    tell_tenant(r, status->detail);
    status->has_last = r->phase == PHASE_ENDED && r->last_ms;
    if (!status->has_last)
        return;
    status->last = r->last;
    status->last.id = r->id;
    status->last.ago_ms = since(r->last_ms, now);
}

bool sandbox_answered(struct sandbox *sandbox, enum sandbox_owed answer)
{
    bool owed = sandbox->owed & answer;
    sandbox->owed &= ~(unsigned)answer;
    return owed;
}

void sandbox_report_again(const struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects)
{
    sandbox_describe(sandbox, now, &sandbox_effect(effects, RECONCILER_REPORT, &sandbox->record.id)->status);
}

void sandbox_report(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects)
{
    sandbox->untold = false;
    sandbox->record.number++;
    sandbox_report_again(sandbox, now, effects);
}

void sandbox_report_saved(struct sandbox *sandbox, struct reconciler_effects *effects)
{
    sandbox->untold = true;
    sandbox_save(sandbox, effects);
}

void sandbox_save(struct sandbox *sandbox, struct reconciler_effects *effects)
{
    bool under_way = sandbox_is_saving(sandbox);
    sandbox->saving = under_way ? SAVING_OLD : SAVING;
    if (!under_way)
        sandbox_effect(effects, RECONCILER_SAVE, &sandbox->record.id);
}

/* --- ending --- */

void sandbox_ended(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects)
{
    if (!sandbox->record.ended_ms)
        sandbox->record.ended_ms = now;
    sandbox->record.phase = PHASE_ENDED;
    sandbox->record.number++;
    sandbox_save(sandbox, effects); /* reported once this is on disk */
}

/* Its end is when its processes ended: the time that Docker needs to clean up does not count. */
void sandbox_remove(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects)
{
    if (!sandbox->record.ended_ms)
        sandbox->record.ended_ms = now;
    sandbox->record.phase = PHASE_REMOVING;
    sandbox->next_try_ms = now;
    sandbox_save(sandbox, effects); /* removed once this is on disk */
}

void sandbox_follow_end(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects)
{
    if (sandbox_is_saving(sandbox))
        return;
    if (sandbox->record.phase == PHASE_KILLING && sandbox->fate != FATE_UNKNOWN && !sandbox->killed)
        sandbox_kill(sandbox, now, effects);
    if (sandbox->record.phase != PHASE_REMOVING || (sandbox->owed & OWED_REMOVE) ||
        now < sandbox->next_try_ms)
        return;
    sandbox->owed |= OWED_REMOVE;
    sandbox_effect(effects, RECONCILER_REMOVE, &sandbox->record.id);
}

/* Begins to kill its processes: the first kill follows once this is on disk, or at next_try_ms. */
static void go_down(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects)
{
    sandbox->record.phase = PHASE_KILLING;
    sandbox->next_try_ms = now + SANDBOX_KILL_AGAIN_MS;
    sandbox_save(sandbox, effects);
    sandbox_report(sandbox, now, effects);
}

void sandbox_kill(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects)
{
    if (sandbox->record.phase != PHASE_KILLING)
        go_down(sandbox, now, effects);
    sandbox->killed = true;
    sandbox->next_try_ms = now + SANDBOX_KILL_AGAIN_MS;
    sandbox_effect(effects, RECONCILER_KILL, &sandbox->record.id);
}

void sandbox_set_end(struct sandbox *sandbox, const struct sandbox_exit *exit)
{
    sandbox->ending = true;
    sandbox->record.reason = exit->reason;
    sandbox->record.node_fault = exit->node_fault;
    sandbox->record.has_exit_code = exit->has_exit_code;
    sandbox->record.exit_code = exit->exit_code;
    memcpy(sandbox->record.detail, exit->detail, sizeof sandbox->record.detail);
    sandbox->record.ended_ms = exit->ended_ms;
}

/*
 * Whether the kill may wait until the reason is on disk. These reasons could not be found out again after a
 * crash. An expired end can be derived from the deadline, and an end that frees its node's memory must not
 * wait for a disk.
 */
static bool may_wait(enum sandbox_reason reason)
{
    return reason == REASON_DELETED || reason == REASON_ADMIN || reason == REASON_IDLE;
}

void sandbox_make_again(struct sandbox *sandbox, struct reconciler_effects *effects)
{
    sandbox->record.phase = PHASE_NEW;
    sandbox->fate = FATE_ORPHANS;
    sandbox->owed |= OWED_REMOVE;
    sandbox_effect(effects, RECONCILER_REMOVE, &sandbox->record.id);
    sandbox_save(sandbox, effects);
}

void sandbox_note_unmade(struct sandbox *sandbox, const char *was)
{
    struct sandbox_exit exit = ending_unmade(sandbox->record.reason, was);
    memcpy(sandbox->record.detail, exit.detail, sizeof sandbox->record.detail);
}

bool sandbox_from_before(const struct sandbox *sandbox)
{
    return sandbox->record.phase <= PHASE_STARTING && sandbox->fate != FATE_KNOWN;
}

void sandbox_end(struct sandbox *sandbox, uint64_t now, const struct sandbox_exit *exit,
                 struct reconciler_effects *effects)
{
    if (sandbox->ending)
        return;
    sandbox_set_end(sandbox, exit);
    if (sandbox_from_before(sandbox))
        sandbox_effect(effects, RECONCILER_KILL, &sandbox->record.id);
    switch (sandbox->record.phase) {
    case PHASE_NEW: /* nothing was made by this run of the agent: reconciler_saved decides the next step */
        sandbox->record.failed = true;
        break;
    case PHASE_STARTING:
        sandbox_save(sandbox, effects);
        sandbox_effect(effects, RECONCILER_ABORT, &sandbox->record.id);
        break;
    case PHASE_RUNNING:
        if (may_wait(sandbox->record.reason) && sandbox->fate != FATE_UNKNOWN)
            go_down(sandbox, now, effects);
        else
            sandbox_kill(sandbox, now, effects);
        break;
    default:
        break;
    }
}

/* --- the desired state of a running sandbox --- */

void sandbox_follow_pause(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects)
{
    bool desired = sandbox->record.desired == DESIRED_PAUSED;
    if (sandbox->record.phase != PHASE_RUNNING || (sandbox->owed & OWED_PAUSE) ||
        sandbox->fate == FATE_UNKNOWN || desired == sandbox->record.paused || now < sandbox->next_try_ms ||
        (desired && sandbox->record.unready))
        return;
    if (desired && sandbox->record.idled && sandbox->saving != SAVED)
        return; /* only this node wants the pause: an agent that restarts without its record would resume it
                 */
    sandbox->owed |= OWED_PAUSE;
    sandbox_effect(effects, desired ? RECONCILER_PAUSE : RECONCILER_RESUME, &sandbox->record.id);
}

void sandbox_follow_limits(struct sandbox *sandbox, struct reconciler_effects *effects)
{
    if (sandbox->record.phase != PHASE_RUNNING || !sandbox->record.unfit || (sandbox->owed & OWED_RESIZE) ||
        sandbox->fate == FATE_UNKNOWN)
        return;
    sandbox->owed |= OWED_RESIZE;
    sandbox->resize_again = false;
    sandbox_effect(effects, RECONCILER_RESIZE, &sandbox->record.id);
}
