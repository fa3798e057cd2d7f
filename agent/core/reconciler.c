#include "agent/core/reconciler.h"

#include "agent/core/sandbox_steps.h"
#include "agent/core/start_health.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS      500          /* between retries of what failed */
#define SANDBOXES_MAX 4096         /* a node accepts no more, whatever it is asked */
#define NUMBER_GAP    (1ull << 20) /* more than the statuses whose number was not saved */

struct reconciler {
    struct sandbox_index sandboxes;
    struct start_health health;
};

void reconciler_effects_clear(struct reconciler_effects *effects)
{
    effects->count = 0;
}

void reconciler_effects_fini(struct reconciler_effects *effects)
{
    free(effects->item);
    memset(effects, 0, sizeof *effects);
}

struct reconciler *reconciler_new(void)
{
    return mem_zalloc(sizeof(struct reconciler));
}

void reconciler_free(struct reconciler *reconciler)
{
    if (!reconciler)
        return;
    sandbox_index_fini(&reconciler->sandboxes);
    free(reconciler);
}

/* --- restart --- */

void reconciler_restore(struct reconciler *reconciler, const struct sandbox_record *record)
{
    if (sandbox_index_find(&reconciler->sandboxes, &record->id))
        return;
    struct sandbox *b = sandbox_index_add(&reconciler->sandboxes, &record->id);
    b->record = *record;
    b->record.spec = mem_dup(record->spec, record->spec_len);
    b->record.number += NUMBER_GAP;
    b->written = true;
    b->ending = record->phase >= PHASE_KILLING || record->reason != REASON_NONE;
}

void reconciler_mended(struct reconciler *reconciler, const struct sandbox_id *id,
                       struct reconciler_effects *effects)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, id);
    if (b && (b->record.phase == PHASE_RUNNING || b->record.phase == PHASE_ENDED))
        sandbox_save(b, effects); /* in any other phase it is saved soon anyway */
}

/* The agent stopped during its start: removes what is there of it, then starts it again. */
static void make_again(struct sandbox *b, struct reconciler_effects *effects)
{
    b->record.phase = PHASE_NEW;
    b->fate = FATE_ORPHANS;
    b->owed |= OWED_REMOVE;
    sandbox_effect(effects, RECONCILER_REMOVE, &b->record.id);
    sandbox_save(b, effects);
}

/* Its deadline passed while the agent was down, but it had ended by itself before. */
static void note_earlier_end(struct sandbox *b, const struct sandbox_exit *exit)
{
    bool earlier = exit && exit->ended_ms && exit->ended_ms < b->record.deadline_ms;
    if (b->record.reason == REASON_EXPIRED && earlier)
        sandbox_set_end(b, exit);
}

/* Its command has begun. */
static void runs_now(struct sandbox *b, uint64_t now, struct reconciler_effects *effects)
{
    b->record.phase = PHASE_RUNNING;
    b->record.ran = true;
    b->record.started_ms = now;
    if (b->ending) {
        sandbox_kill(b, now, effects);
        return;
    }
    sandbox_report_saved(b, effects);
    sandbox_follow_pause(b, now, effects);
    sandbox_follow_limits(b, effects);
}

void reconciler_found(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool runs,
                      const struct sandbox_exit *exit, struct reconciler_effects *effects)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, id);
    if (!b || b->fate != FATE_UNKNOWN)
        return;
    b->fate = FATE_KNOWN;
    switch (b->record.phase) {
    case PHASE_ENDED:
        sandbox_save(b, effects);
        return;
    case PHASE_NEW:
    case PHASE_STARTING:
        make_again(b, effects);
        return;
    case PHASE_RUNNING:
        if (runs) {
            sandbox_save(b, effects);
            sandbox_report(b, now, effects);
            return;
        }
        reconciler_dead(reconciler, now, id, exit, effects);
        return;
    case PHASE_KILLING:
    case PHASE_REMOVING:
        if (!runs)
            note_earlier_end(b, exit);
        if (runs)
            sandbox_kill(b, now, effects);
        else if (!(b->owed & OWED_REMOVE))
            sandbox_remove(b, now, effects);
        return;
    }
}

void reconciler_adopted(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                        uint32_t enforced, struct reconciler_effects *effects)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, id);
    if (!b || b->fate != FATE_UNKNOWN || b->record.phase > PHASE_STARTING)
        return;
    b->fate = FATE_KNOWN;
    b->record.enforced = enforced;
    runs_now(b, now, effects);
}

/* --- desired states --- */

static void answer_unknown(const struct desired_state *desired, enum sandbox_state state,
                           enum sandbox_reason reason, const char *detail, struct reconciler_effects *effects)
{
    struct sandbox_status *o = &sandbox_effect(effects, RECONCILER_REPORT, &desired->id)->status;
    *o = (struct sandbox_status){.id = desired->id,
                                 .generation = desired->generation,
                                 .number = desired->generation,
                                 .state = state,
                                 .reason = reason,
                                 .node_fault = reason == REASON_NO_CAPACITY};
    snprintf(o->detail, sizeof o->detail, "%s", detail);
}

static void desired_new(struct reconciler *reconciler, uint64_t now, const struct desired_state *desired,
                        struct reconciler_effects *effects)
{
    if (desired->state == DESIRED_GONE) {
        answer_unknown(desired, SANDBOX_STOPPED, desired->reason, "", effects);
        return;
    }
    if (sandbox_index_buried(&reconciler->sandboxes, &desired->id)) {
        answer_unknown(desired, SANDBOX_STOPPED, REASON_ORPHANED, "it ended on its node before", effects);
        return;
    }
    if (reconciler_count(reconciler) >= SANDBOXES_MAX) {
        answer_unknown(desired, SANDBOX_FAILED, REASON_NO_CAPACITY, "its node holds too many sandboxes",
                       effects);
        return;
    }
    struct sandbox *b = sandbox_index_add(&reconciler->sandboxes, &desired->id);
    struct sandbox_record *r = &b->record;
    b->fate = FATE_KNOWN;
    r->generation = desired->generation;
    r->desired = desired->state;
    r->limits = desired->limits;
    r->deadline_ms = now + desired->remaining_ms;
    r->spec = mem_dup(desired->spec, desired->spec_len);
    r->spec_len = desired->spec_len;
    sandbox_save(b, effects);
}

/* Nothing of it is on disk or was made, by this run of the agent or an earlier one. */
static bool is_new(const struct sandbox *b)
{
    return b->record.phase == PHASE_NEW && b->fate == FATE_KNOWN;
}

static void desired_update(struct sandbox *b, uint64_t now, const struct desired_state *desired,
                           struct reconciler_effects *effects)
{
    struct sandbox_record *r = &b->record;
    r->generation = desired->generation;
    if (desired->state == DESIRED_GONE) {
        struct sandbox_exit exit = ending_of(desired->reason);
        sandbox_end(b, now, &exit, effects);
    } else {
        r->desired = desired->state;
        if (r->idled)
            r->detail[0] = 0;
        r->idled = false;
        r->deadline_ms = now + desired->remaining_ms;
        if (memcmp(&r->limits, &desired->limits, sizeof r->limits))
            r->unfit = b->resize_again = true;
        r->limits = desired->limits;
        sandbox_follow_pause(b, now, effects);
        sandbox_follow_limits(b, effects);
    }
    if (r->phase == PHASE_ENDED)
        r->number++; /* repeats the final report, with the generation that asked for it */
    sandbox_save(b, effects);
    if (r->phase != PHASE_ENDED && !is_new(b) && !b->untold)
        sandbox_report(b, now, effects);
}

void reconciler_desired(struct reconciler *reconciler, uint64_t now, const struct desired_state *desired,
                        struct reconciler_effects *effects)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, &desired->id);
    if (!b) {
        desired_new(reconciler, now, desired, effects);
        return;
    }
    if (desired->generation > b->record.generation) {
        desired_update(b, now, desired, effects);
        return;
    }
    if (desired->generation < b->record.generation || desired->state == DESIRED_GONE)
        return;
    uint64_t deadline = now + desired->remaining_ms;
    if (deadline < b->record.deadline_ms)
        b->record.deadline_ms = deadline;
}

void reconciler_acked(struct reconciler *reconciler, const struct status_ack *ack,
                      struct reconciler_effects *effects)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, &ack->id);
    if (!b || b->record.phase != PHASE_ENDED || sandbox_is_saving(b) || ack->number < b->record.number)
        return;
    sandbox_effect(effects, RECONCILER_FORGET, &b->record.id);
    sandbox_index_bury(&reconciler->sandboxes, b);
}

/* --- answers --- */

static void start_making(struct sandbox *b, uint64_t now, struct reconciler_effects *effects)
{
    b->record.phase = PHASE_STARTING;
    b->record.unfit = false;
    b->owed |= OWED_START;
    sandbox_effect(effects, RECONCILER_START, &b->record.id);
    sandbox_report(b, now, effects);
}

/* If the first record cannot be written, the sandbox is not made. A final report is sent even if it cannot be
 * written. */
static void save_failed(struct reconciler *reconciler, struct sandbox *b, uint64_t now,
                        struct reconciler_effects *effects)
{
    b->saving = SAVE_REFUSED;
    b->next_save_ms = now + RETRY_MS;
    if (is_new(b)) {
        struct sandbox_exit exit = ending_unwritten();
        start_health_failed(&reconciler->health, now, exit.detail, "");
        sandbox_end(b, now, &exit, effects);
        sandbox_ended(b, now, effects);
    } else if (b->record.phase == PHASE_ENDED) {
        sandbox_report_again(b, now, effects);
    } else if (b->untold) {
        sandbox_report(b, now, effects);
    }
    sandbox_follow_end(b, now, effects); /* a removal may free space on the disk */
}

void reconciler_saved(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool ok,
                      struct reconciler_effects *effects)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, id);
    if (!b || !sandbox_is_saving(b))
        return;
    if (!ok) {
        save_failed(reconciler, b, now, effects);
        return;
    }
    bool old = b->saving == SAVING_OLD;
    b->saving = SAVED;
    b->written = true;
    if (old)
        sandbox_save(b, effects);
    else if (b->untold)
        sandbox_report(b, now, effects);
    if (is_new(b)) {
        if (b->ending)
            sandbox_ended(b, now, effects);
        else
            start_making(b, now, effects);
    } else if (b->record.phase == PHASE_ENDED && !sandbox_is_saving(b)) {
        sandbox_report_again(b, now, effects);
    } else {
        sandbox_follow_pause(b, now, effects);
        sandbox_follow_end(b, now, effects);
    }
}

/* The sandbox was ended during its start, for whatever reason: tells people what took so long. */
static void note_unmade(struct sandbox *b, const char *was)
{
    struct sandbox_exit exit = ending_unmade(b->record.reason, was);
    memcpy(b->record.detail, exit.detail, sizeof b->record.detail);
}

void reconciler_started(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                        const struct start_result *made, struct reconciler_effects *effects)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, id);
    if (!b || !sandbox_answered(b, OWED_START))
        return;
    b->record.enforced = made->enforced;
    if (made->ok)
        start_health_well(&reconciler->health);
    else if (made->node_fault)
        start_health_failed(&reconciler->health, now, made->detail, made->suspect);
    if (!made->ok) {
        struct sandbox_exit exit = ending_of(made->reason);
        memcpy(exit.detail, made->detail, sizeof exit.detail);
        exit.node_fault = made->node_fault;
        if (!b->ending)
            sandbox_set_end(b, &exit);
        else if (!b->record.detail[0])
            note_unmade(b, made->detail);
        b->record.failed = true;
        sandbox_remove(b, now, effects);
        return;
    }
    runs_now(b, now, effects);
}

void reconciler_created(struct reconciler *reconciler, const struct sandbox_id *id, const char *container_id,
                        struct reconciler_effects *effects)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, id);
    if (!b || !(b->owed & OWED_START))
        return;
    snprintf(b->record.container_id, sizeof b->record.container_id, "%s", container_id);
    sandbox_save(b, effects);
}

void reconciler_paused(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool ok,
                       bool paused, struct reconciler_effects *effects)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, id);
    if (!b || !sandbox_answered(b, OWED_PAUSE))
        return;
    if (!ok)
        b->next_try_ms = now + RETRY_MS;
    if (!ok || b->record.phase != PHASE_RUNNING)
        return;
    b->record.paused = paused;
    sandbox_save(b, effects);
    sandbox_report(b, now, effects);
    sandbox_follow_pause(b, now, effects);
}

void reconciler_resized(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool ok,
                        struct reconciler_effects *effects)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, id);
    if (!b || !sandbox_answered(b, OWED_RESIZE))
        return;
    if (!ok)
        b->next_try_ms = now + RETRY_MS;
    if (!ok || b->record.phase != PHASE_RUNNING)
        return;
    b->record.unfit = b->resize_again;
    sandbox_save(b, effects);
    sandbox_follow_limits(b, effects);
}

void reconciler_dead(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                     const struct sandbox_exit *exit, struct reconciler_effects *effects)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, id);
    if (!b || (b->record.phase != PHASE_RUNNING && b->record.phase != PHASE_KILLING))
        return;
    if (!b->ending) {
        struct sandbox_exit end = exit ? *exit : ending_unknown(ENDING_SEEN);
        if (end.ended_ms && end.ended_ms >= b->record.deadline_ms) {
            end = ending_of(REASON_EXPIRED); /* the agent that killed it died before it recorded that */
            end.ended_ms = exit->ended_ms;
        }
        sandbox_set_end(b, &end);
    }
    sandbox_remove(b, now, effects);
}

void reconciler_not_running(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                            struct reconciler_effects *effects)
{
    const struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, id);
    if (b && b->fate != FATE_UNKNOWN)
        reconciler_dead(reconciler, now, id, NULL, effects);
}

void reconciler_removed(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool ok,
                        struct reconciler_effects *effects)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, id);
    if (!b || !sandbox_answered(b, OWED_REMOVE))
        return;
    b->next_try_ms = now + RETRY_MS;
    if (!ok)
        return;
    bool orphans = b->fate == FATE_ORPHANS;
    if (orphans)
        b->fate = FATE_KNOWN;
    if (b->record.phase == PHASE_REMOVING || (orphans && b->ending))
        sandbox_ended(b, now, effects);
    else if (orphans && b->record.phase == PHASE_NEW)
        start_making(b, now, effects);
}

void reconciler_end(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                    const struct sandbox_exit *exit, struct reconciler_effects *effects)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, id);
    if (b)
        sandbox_end(b, now, exit, effects);
}

void reconciler_sampled(struct reconciler *reconciler, uint64_t now, const struct sample *sample)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, &sample->id);
    if (!b)
        return;
    b->record.last_ms = now;
    b->record.last = *sample;
}

/* Reports the state as it is first; a later tick restores the desired state. */
void reconciler_seen_paused(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                            bool paused, struct reconciler_effects *effects)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, id);
    if (!b || b->record.phase != PHASE_RUNNING || b->fate == FATE_UNKNOWN || (b->owed & OWED_PAUSE) ||
        b->record.paused == paused)
        return;
    b->record.paused = paused;
    b->next_try_ms = now + RETRY_MS;
    sandbox_save(b, effects);
    sandbox_report(b, now, effects);
}

void reconciler_pause(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                      const char *detail, struct reconciler_effects *effects)
{
    struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, id);
    if (!b || b->ending || b->record.phase != PHASE_RUNNING || b->record.desired != DESIRED_RUNNING)
        return;
    b->record.desired = DESIRED_PAUSED;
    b->record.idled = true;
    snprintf(b->record.detail, sizeof b->record.detail, "%s", detail);
    sandbox_save(b, effects);
    sandbox_follow_pause(b, now, effects);
    if (b->record.paused)
        sandbox_report(b, now, effects); /* it was paused by somebody else; from now on this node pauses it */
}

/* --- time --- */

/* Also kills a sandbox of which it is not known yet whether it survived a restart: its deadline holds. */
static void tick_sandbox(struct sandbox *b, uint64_t now, struct reconciler_effects *effects)
{
    if (!b->ending && now >= b->record.deadline_ms) {
        struct sandbox_exit exit = ending_of(REASON_EXPIRED);
        sandbox_end(b, now, &exit, effects);
    }
    if (b->saving == SAVE_REFUSED && now >= b->next_save_ms)
        sandbox_save(b, effects);
    if (now < b->next_try_ms)
        return;
    if (b->record.phase == PHASE_KILLING)
        sandbox_kill(b, now, effects);
    if (b->ending && sandbox_from_before(b)) {
        b->next_try_ms = now + SANDBOX_KILL_AGAIN_MS;
        sandbox_effect(effects, RECONCILER_KILL, &b->record.id);
    }
    if (b->fate != FATE_UNKNOWN)
        sandbox_follow_end(b, now, effects);
    if (b->fate == FATE_ORPHANS && !(b->owed & OWED_REMOVE))
        make_again(b, effects);
    sandbox_follow_pause(b, now, effects);
    sandbox_follow_limits(b, effects);
}

void reconciler_tick(struct reconciler *reconciler, uint64_t now, struct reconciler_effects *effects)
{
    struct sandbox *b, *next;
    SANDBOX_INDEX_EACH(&reconciler->sandboxes, b, next)
    tick_sandbox(b, now, effects);
}

uint64_t reconciler_due(const struct reconciler *reconciler)
{
    uint64_t due = UINT64_MAX;
    struct sandbox *b, *next;
    SANDBOX_INDEX_EACH(&reconciler->sandboxes, b, next)
    {
        if (!b->ending && b->record.deadline_ms < due)
            due = b->record.deadline_ms;
    }
    return due;
}

size_t reconciler_count(const struct reconciler *reconciler)
{
    return HASH_COUNT(reconciler->sandboxes.head);
}

static size_t add_to_inventory(const struct reconciler *reconciler, uint64_t now, bool ended,
                               struct sandbox_status *out, size_t count, size_t room)
{
    struct sandbox *b, *next;
    SANDBOX_INDEX_EACH(&reconciler->sandboxes, b, next)
    {
        if (count < room && !is_new(b) && (b->record.phase == PHASE_ENDED) == ended)
            sandbox_describe(b, now, &out[count++]);
    }
    return count;
}

size_t reconciler_inventory(const struct reconciler *reconciler, uint64_t now, struct sandbox_status *out,
                            size_t room)
{
    size_t count = add_to_inventory(reconciler, now, false, out, 0, room);
    return add_to_inventory(reconciler, now, true, out, count, room);
}

const char *reconciler_unhealthy(const struct reconciler *reconciler, uint64_t now)
{
    return start_health_unhealthy(&reconciler->health, now) ? reconciler->health.why : NULL;
}

const struct sandbox_record *reconciler_find(const struct reconciler *reconciler, const struct sandbox_id *id)
{
    const struct sandbox *b = sandbox_index_find(&reconciler->sandboxes, id);
    return b ? &b->record : NULL;
}
