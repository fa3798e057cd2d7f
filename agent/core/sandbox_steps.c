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
        return r->paused ? SANDBOX_PAUSED : SANDBOX_RUNNING;
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
 * it here: such a run would find the end on disk, or no record.
 */
static bool can_go_elsewhere(const struct sandbox *b)
{
    return b->record.node_fault && b->record.phase == PHASE_ENDED && b->record.failed &&
           !(b->written && b->saving != SAVED);
}

/* Its node could not start it and another may: that is reported only once nothing of it is left here. */
static bool is_being_undone(const struct sandbox *b)
{
    const struct sandbox_record *r = &b->record;
    return r->node_fault && r->failed && !r->ran &&
           (r->phase == PHASE_REMOVING || (r->phase == PHASE_ENDED && b->written && sandbox_is_saving(b)));
}

void sandbox_describe(const struct sandbox *b, uint64_t now, struct sandbox_status *o)
{
    const struct sandbox_record *r = &b->record;
    if (is_being_undone(b)) { /* a new session asks for its status: repeats what was last reported */
        *o = (struct sandbox_status){.id = r->id,
                                     .generation = r->generation,
                                     .number = r->number - (r->phase == PHASE_ENDED),
                                     .state = SANDBOX_STARTING,
                                     .enforced = r->enforced};
        return;
    }
    *o = (struct sandbox_status){.id = r->id,
                                 .generation = r->generation,
                                 .number = r->number,
                                 .state = visible_state(r),
                                 .reason = stands_idle(r) ? REASON_IDLE : r->reason,
                                 .node_fault = can_go_elsewhere(b),
                                 .has_exit_code = r->has_exit_code,
                                 .exit_code = r->exit_code,
                                 .enforced = r->enforced,
                                 .ran = r->ran,
                                 .started_ago_ms = r->ran ? since(r->started_ms, now) : 0,
                                 .ended_ago_ms = r->phase == PHASE_ENDED ? since(r->ended_ms, now) : 0};
    tell_tenant(r, o->detail);
    o->has_last = r->phase == PHASE_ENDED && r->last_ms;
    if (!o->has_last)
        return;
    o->last = r->last;
    o->last.id = r->id;
    o->last.ago_ms = since(r->last_ms, now);
}

bool sandbox_answered(struct sandbox *b, enum sandbox_owed answer)
{
    bool owed = b->owed & answer;
    b->owed &= ~(unsigned)answer;
    return owed;
}

void sandbox_report_again(const struct sandbox *b, uint64_t now, struct reconciler_effects *effects)
{
    sandbox_describe(b, now, &sandbox_effect(effects, RECONCILER_REPORT, &b->record.id)->status);
}

void sandbox_report(struct sandbox *b, uint64_t now, struct reconciler_effects *effects)
{
    b->untold = false;
    b->record.number++;
    sandbox_report_again(b, now, effects);
}

void sandbox_report_saved(struct sandbox *b, struct reconciler_effects *effects)
{
    b->untold = true;
    sandbox_save(b, effects);
}

void sandbox_save(struct sandbox *b, struct reconciler_effects *effects)
{
    bool under_way = sandbox_is_saving(b);
    b->saving = under_way ? SAVING_OLD : SAVING;
    if (!under_way)
        sandbox_effect(effects, RECONCILER_SAVE, &b->record.id);
}

/* --- ending --- */

void sandbox_ended(struct sandbox *b, uint64_t now, struct reconciler_effects *effects)
{
    if (!b->record.ended_ms)
        b->record.ended_ms = now;
    b->record.phase = PHASE_ENDED;
    b->record.number++;
    sandbox_save(b, effects); /* reported once this is on disk */
}

/* Its end is when its processes ended: the time that Docker needs to clean up does not count. */
void sandbox_remove(struct sandbox *b, uint64_t now, struct reconciler_effects *effects)
{
    if (!b->record.ended_ms)
        b->record.ended_ms = now;
    b->record.phase = PHASE_REMOVING;
    b->next_try_ms = now;
    sandbox_save(b, effects); /* removed once this is on disk */
}

void sandbox_follow_end(struct sandbox *b, uint64_t now, struct reconciler_effects *effects)
{
    if (sandbox_is_saving(b))
        return;
    if (b->record.phase == PHASE_KILLING && b->fate != FATE_UNKNOWN && !b->killed)
        sandbox_kill(b, now, effects);
    if (b->record.phase != PHASE_REMOVING || (b->owed & OWED_REMOVE) || now < b->next_try_ms)
        return;
    b->owed |= OWED_REMOVE;
    sandbox_effect(effects, RECONCILER_REMOVE, &b->record.id);
}

/* Begins to kill its processes: the first kill follows once this is on disk, or at next_try_ms. */
static void go_down(struct sandbox *b, uint64_t now, struct reconciler_effects *effects)
{
    b->record.phase = PHASE_KILLING;
    b->next_try_ms = now + SANDBOX_KILL_AGAIN_MS;
    sandbox_save(b, effects);
    sandbox_report(b, now, effects);
}

void sandbox_kill(struct sandbox *b, uint64_t now, struct reconciler_effects *effects)
{
    if (b->record.phase != PHASE_KILLING)
        go_down(b, now, effects);
    b->killed = true;
    b->next_try_ms = now + SANDBOX_KILL_AGAIN_MS;
    sandbox_effect(effects, RECONCILER_KILL, &b->record.id);
}

void sandbox_set_end(struct sandbox *b, const struct sandbox_exit *exit)
{
    b->ending = true;
    b->record.reason = exit->reason;
    b->record.node_fault = exit->node_fault;
    b->record.has_exit_code = exit->has_exit_code;
    b->record.exit_code = exit->exit_code;
    memcpy(b->record.detail, exit->detail, sizeof b->record.detail);
    b->record.ended_ms = exit->ended_ms;
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

bool sandbox_from_before(const struct sandbox *b)
{
    return b->record.phase <= PHASE_STARTING && b->fate != FATE_KNOWN;
}

void sandbox_end(struct sandbox *b, uint64_t now, const struct sandbox_exit *exit,
                 struct reconciler_effects *effects)
{
    if (b->ending)
        return;
    sandbox_set_end(b, exit);
    if (sandbox_from_before(b))
        sandbox_effect(effects, RECONCILER_KILL, &b->record.id);
    switch (b->record.phase) {
    case PHASE_NEW: /* nothing was made by this run of the agent: reconciler_saved decides the next step */
        b->record.failed = true;
        break;
    case PHASE_STARTING:
        sandbox_save(b, effects);
        sandbox_effect(effects, RECONCILER_ABORT, &b->record.id);
        break;
    case PHASE_RUNNING:
        if (may_wait(b->record.reason) && b->fate != FATE_UNKNOWN)
            go_down(b, now, effects);
        else
            sandbox_kill(b, now, effects);
        break;
    default:
        break;
    }
}

/* --- the desired state of a running sandbox --- */

void sandbox_follow_pause(struct sandbox *b, uint64_t now, struct reconciler_effects *effects)
{
    bool desired = b->record.desired == DESIRED_PAUSED;
    if (b->record.phase != PHASE_RUNNING || (b->owed & OWED_PAUSE) || b->fate == FATE_UNKNOWN ||
        desired == b->record.paused || now < b->next_try_ms)
        return;
    if (desired && b->record.idled && b->saving != SAVED)
        return; /* only this node wants the pause: an agent that restarts without its record would resume it
                 */
    b->owed |= OWED_PAUSE;
    sandbox_effect(effects, desired ? RECONCILER_PAUSE : RECONCILER_RESUME, &b->record.id);
}

void sandbox_follow_limits(struct sandbox *b, struct reconciler_effects *effects)
{
    if (b->record.phase != PHASE_RUNNING || !b->record.unfit || (b->owed & OWED_RESIZE) ||
        b->fate == FATE_UNKNOWN)
        return;
    b->owed |= OWED_RESIZE;
    b->resize_again = false;
    sandbox_effect(effects, RECONCILER_RESIZE, &b->record.id);
}
