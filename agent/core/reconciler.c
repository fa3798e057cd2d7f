#include "agent/core/reconciler.h"

#include "agent/core/hand_out.h"
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
    struct sandbox *sandbox = sandbox_index_add(&reconciler->sandboxes, &record->id);
    sandbox->record = *record;
    sandbox->record.spec = mem_dup(record->spec, record->spec_len);
    sandbox->record.number += NUMBER_GAP;
    sandbox->written = true;
    sandbox->ending = record->phase >= PHASE_KILLING || record->reason != REASON_NONE;
    if (record->renewed && record->phase == PHASE_NEW)
        sandbox->fate = FATE_ORPHANS; /* whatever is found */
}

void reconciler_mended(struct reconciler *reconciler, const struct sandbox_id *id,
                       struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (sandbox && (sandbox->record.phase == PHASE_RUNNING || sandbox->record.phase == PHASE_ENDED))
        sandbox_save(sandbox, effects); /* in any other phase it is saved soon anyway */
}

/* Its deadline passed while the agent was down, but it had ended by itself before. */
static void note_earlier_end(struct sandbox *sandbox, const struct sandbox_exit *exit)
{
    bool earlier = exit && exit->ended_ms && exit->ended_ms < sandbox->record.deadline_ms;
    if (sandbox->record.reason == REASON_EXPIRED && earlier)
        sandbox_set_end(sandbox, exit);
}

/* It is told once that is on disk. */
static void tell_running(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects)
{
    sandbox_report_saved(sandbox, effects);
    sandbox_follow_pause(sandbox, now, effects);
}

/* Its command has begun. */
static void runs_now(struct sandbox *sandbox, uint64_t now, bool unready, struct reconciler_effects *effects)
{
    sandbox->record.phase = PHASE_RUNNING;
    sandbox->record.ran = true;
    sandbox->record.unready = unready;
    sandbox->record.started_ms = now;
    if (sandbox->ending) {
        sandbox_kill(sandbox, now, effects);
        return;
    }
    if (unready) {
        sandbox_save(sandbox, effects);
        sandbox_effect(effects, RECONCILER_CHECK, &sandbox->record.id);
    } else {
        tell_running(sandbox, now, effects);
    }
    if (!sandbox->record
             .warm) /* else its limits hold, and Docker is told by a later tick: nobody waits for that */
        sandbox_follow_limits(sandbox, effects);
}

void reconciler_found(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool runs,
                      const struct sandbox_exit *exit, struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (!sandbox || sandbox->fate != FATE_UNKNOWN)
        return;
    sandbox->fate = FATE_KNOWN;
    switch (sandbox->record.phase) {
    case PHASE_ENDED:
        sandbox_save(sandbox, effects);
        return;
    case PHASE_NEW:
    case PHASE_STARTING:
        sandbox->record.warm = false;
        sandbox_make_again(sandbox, effects);
        return;
    case PHASE_RUNNING:
        if (runs) {
            sandbox_save(sandbox, effects);
            sandbox_report(sandbox, now, effects);
            if (sandbox->record.unready)
                sandbox_effect(effects, RECONCILER_CHECK, id);
            return;
        }
        reconciler_dead(reconciler, now, id, exit, effects);
        return;
    case PHASE_KILLING:
    case PHASE_REMOVING:
        if (!runs)
            note_earlier_end(sandbox, exit);
        if (runs)
            sandbox_kill(sandbox, now, effects);
        else if (!(sandbox->owed & OWED_REMOVE))
            sandbox_remove(sandbox, now, effects);
        return;
    }
}

void reconciler_adopted(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                        uint32_t enforced, bool by_docker, bool unready, struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (!sandbox || sandbox->fate != FATE_UNKNOWN || sandbox->record.phase > PHASE_STARTING)
        return;
    sandbox->fate = FATE_KNOWN;
    sandbox->record.enforced = enforced;
    sandbox->record.by_docker = by_docker;
    runs_now(sandbox, now, unready, effects);
}

/* --- desired states --- */

static void answer_unknown(const struct desired_state *desired, enum sandbox_state state,
                           enum sandbox_reason reason, const char *detail, struct reconciler_effects *effects)
{
    struct sandbox_status *status = &sandbox_effect(effects, RECONCILER_REPORT, &desired->id)->status;
    *status = (struct sandbox_status){.id = desired->id,
                                      .generation = desired->generation,
                                      .number = desired->generation,
                                      .state = state,
                                      .reason = reason,
                                      .pooled = desired->pooled,
                                      .node_fault = reason == REASON_NO_CAPACITY};
    snprintf(status->detail, sizeof status->detail, "%s", detail);
}

static void desired_new(struct reconciler *reconciler, uint64_t now, const struct desired_state *desired,
                        struct reconciler_effects *effects)
{
    if (desired->state == DESIRED_GONE) {
        answer_unknown(desired, SANDBOX_STOPPED, desired->reason, "", effects);
        return;
    }
    const struct sandbox_tombstone *before = sandbox_index_buried(&reconciler->sandboxes, &desired->id);
    if (before && (desired->pooled || !before->member)) {
        answer_unknown(desired, SANDBOX_STOPPED, REASON_ORPHANED, "it ended on its node before", effects);
        return;
    }
    if (reconciler_count(reconciler) >= SANDBOXES_MAX) {
        answer_unknown(desired, SANDBOX_FAILED, REASON_NO_CAPACITY, "its node holds too many sandboxes",
                       effects);
        return;
    }
    struct sandbox *sandbox = sandbox_index_add(&reconciler->sandboxes, &desired->id);
    struct sandbox_record *r = &sandbox->record;
    sandbox->fate = FATE_KNOWN;
    r->generation = desired->generation;
    r->number = before ? before->number : 0; /* an acknowledgement of the member may still be on its way */
    r->desired = desired->state;
    r->pooled = desired->pooled;
    r->limits = desired->limits;
    r->deadline_ms = now + desired->remaining_ms;
    r->spec = mem_dup(desired->spec, desired->spec_len);
    r->spec_len = desired->spec_len;
    sandbox_save(sandbox, effects);
}

/* Nothing of it was made, by this run of the agent or an earlier one; a record of it may be on disk. */
static bool is_new(const struct sandbox *sandbox)
{
    return sandbox->record.phase == PHASE_NEW && sandbox->fate == FATE_KNOWN;
}

static void desired_update(struct sandbox *sandbox, uint64_t now, const struct desired_state *desired,
                           struct reconciler_effects *effects)
{
    struct sandbox_record *r = &sandbox->record;
    if (hand_out_takes(sandbox, desired)) {
        hand_out_take(sandbox, now, desired, effects);
        return;
    }
    r->generation = desired->generation;
    if (desired->state == DESIRED_GONE) {
        hand_out_spare(sandbox, desired);
        struct sandbox_exit exit = ending_of(desired->reason);
        sandbox_end(sandbox, now, &exit, effects);
    } else {
        r->desired = desired->state;
        if (r->idled)
            r->detail[0] = 0;
        r->idled = false;
        r->deadline_ms = now + desired->remaining_ms;
        if (memcmp(&r->limits, &desired->limits, sizeof r->limits))
            r->unfit = sandbox->resize_again = true;
        r->limits = desired->limits;
        sandbox_follow_pause(sandbox, now, effects);
        sandbox_follow_limits(sandbox, effects);
    }
    if (r->phase == PHASE_ENDED)
        r->number++; /* repeats the final report, with the generation that asked for it */
    sandbox_save(sandbox, effects);
    if (r->phase != PHASE_ENDED && !is_new(sandbox) && !sandbox->untold)
        sandbox_report(sandbox, now, effects);
}

void reconciler_desired(struct reconciler *reconciler, uint64_t now, const struct desired_state *desired,
                        struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, &desired->id);
    if (!sandbox) {
        desired_new(reconciler, now, desired, effects);
        return;
    }
    if (desired->pooled && !sandbox->record.pooled)
        return; /* of the member that this sandbox took over: it is late */
    bool newer = desired->generation > sandbox->record.generation;
    /* the removal of a member that nobody was known to have taken over may have the sandbox's generation */
    bool taken = desired->generation == sandbox->record.generation && hand_out_takes(sandbox, desired);
    if (newer || taken) {
        desired_update(sandbox, now, desired, effects);
        return;
    }
    if (desired->generation < sandbox->record.generation || desired->state == DESIRED_GONE)
        return;
    uint64_t deadline = now + desired->remaining_ms;
    if (deadline < sandbox->record.deadline_ms)
        sandbox->record.deadline_ms = deadline;
}

void reconciler_acked(struct reconciler *reconciler, const struct status_ack *ack,
                      struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, &ack->id);
    if (!sandbox || sandbox->record.phase != PHASE_ENDED || sandbox_is_saving(sandbox) ||
        ack->number < sandbox->record.number)
        return;
    sandbox_effect(effects, RECONCILER_FORGET, &sandbox->record.id);
    sandbox_index_bury(&reconciler->sandboxes, sandbox);
}

/* --- answers --- */

static void start_making(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects)
{
    if (sandbox->record.renewed) { /* what is there is its own from now on: made once that is on disk, too */
        sandbox->record.renewed = false;
        sandbox->cleared = true;
        sandbox_save(sandbox, effects);
        return;
    }
    sandbox->record.phase = PHASE_STARTING;
    sandbox->record.unfit = false;
    sandbox->owed |= OWED_START;
    sandbox_effect(effects, RECONCILER_START, &sandbox->record.id);
    sandbox_report(sandbox, now, effects);
}

/* If the first record cannot be written, the sandbox is not made. A final report is sent even if it cannot be
 * written. */
static void save_failed(struct reconciler *reconciler, struct sandbox *sandbox, uint64_t now,
                        struct reconciler_effects *effects)
{
    struct sandbox_exit exit = ending_unwritten();
    sandbox->saving = SAVE_REFUSED;
    sandbox->next_save_ms = now + RETRY_MS;
    if (is_new(sandbox)) {
        if (!sandbox->record.pooled)
            start_health_failed(&reconciler->health, now, exit.detail, "");
        sandbox_end(sandbox, now, &exit, effects);
        sandbox_ended(sandbox, now, effects);
    } else if (sandbox->taken && sandbox->record.phase <= PHASE_STARTING) {
        sandbox_end(sandbox, now, &exit, effects);
        hand_out_unsaved(sandbox, effects);
    } else if (sandbox->record.phase == PHASE_ENDED) {
        sandbox_report_again(sandbox, now, effects);
    } else if (sandbox->untold) {
        sandbox_report(sandbox, now, effects);
    }
    sandbox_follow_end(sandbox, now, effects); /* a removal may free space on the disk */
}

void reconciler_saved(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool ok,
                      struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (!sandbox || !sandbox_is_saving(sandbox))
        return;
    if (!ok) {
        save_failed(reconciler, sandbox, now, effects);
        return;
    }
    bool old = sandbox->saving == SAVING_OLD;
    sandbox->saving = SAVED;
    sandbox->written = true;
    sandbox->cleared &= old;
    if (old)
        sandbox_save(sandbox, effects);
    else if (sandbox->untold)
        sandbox_report(sandbox, now, effects);
    if (!old && sandbox->taken)
        hand_out_saved(sandbox, effects);
    if (is_new(sandbox) && !sandbox->taken && !sandbox->cleared) {
        if (sandbox->ending)
            sandbox_ended(sandbox, now, effects);
        else
            start_making(sandbox, now, effects);
    } else if (sandbox->record.phase == PHASE_ENDED && !sandbox_is_saving(sandbox)) {
        sandbox_report_again(sandbox, now, effects);
    } else {
        sandbox_follow_pause(sandbox, now, effects);
        sandbox_follow_end(sandbox, now, effects);
    }
}

static void note_health(struct start_health *health, uint64_t now, const struct start_result *made)
{
    if (made->ok)
        start_health_well(health);
    else if (made->node_fault)
        start_health_failed(health, now, made->detail, made->suspect);
}

void reconciler_started(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                        const struct start_result *made, struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (!sandbox || !sandbox_answered(sandbox, OWED_START))
        return;
    if (sandbox->fate == FATE_ORPHANS) { /* a member's start, which the sandbox that takes it over aborted */
        if (!sandbox->taken)
            hand_out_go_on(sandbox, effects);
        return;
    }
    sandbox->record.enforced = made->enforced;
    sandbox->record.by_docker = made->by_docker;
    if (!sandbox->record.pooled && !sandbox->record.warm)
        note_health(&reconciler->health, now, made);
    if (!made->ok) {
        struct sandbox_exit exit = ending_of(made->reason);
        memcpy(exit.detail, made->detail, sizeof exit.detail);
        exit.node_fault = made->node_fault;
        if (!sandbox->ending)
            sandbox_set_end(sandbox, &exit);
        else if (!sandbox->record.detail[0])
            sandbox_note_unmade(sandbox, made->detail);
        sandbox->record.failed = true;
        sandbox->may_run = sandbox->record.warm; /* its command may have begun, and Docker may take long */
        if (sandbox->may_run)
            sandbox_effect(effects, RECONCILER_KILL, &sandbox->record.id);
        sandbox_remove(sandbox, now, effects);
        return;
    }
    sandbox->start = made->times;
    runs_now(sandbox, now, made->unready, effects);
}

/* Whether its ready check matters: it goes on, and the sandbox has not begun to end. */
static bool is_checked(const struct sandbox *sandbox)
{
    return sandbox && sandbox->record.unready && sandbox->record.phase == PHASE_RUNNING && !sandbox->ending;
}

void reconciler_ready(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                      struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (!is_checked(sandbox))
        return;
    sandbox->record.unready = false;
    if (sandbox->start.measured)
        start_times_add(&sandbox->start, START_TIME_READY, now - sandbox->record.started_ms);
    sandbox->record.started_ms = now;
    tell_running(sandbox, now, effects);
}

void reconciler_not_ready(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                          const char *detail, struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    struct sandbox_exit exit = ending_of(REASON_START_FAILED);
    if (!is_checked(sandbox))
        return;
    snprintf(exit.detail, sizeof exit.detail, "%s", detail);
    sandbox->record.failed = true;
    sandbox->record.ran = false;
    sandbox_end(sandbox, now, &exit, effects);
}

void reconciler_not_handed_out(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                               struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (sandbox && sandbox_answered(sandbox, OWED_START))
        hand_out_refused(sandbox, now, effects);
}

void reconciler_created(struct reconciler *reconciler, const struct sandbox_id *id, const char *container_id,
                        struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (!sandbox || !(sandbox->owed & OWED_START) || sandbox->fate == FATE_ORPHANS)
        return;
    snprintf(sandbox->record.container_id, sizeof sandbox->record.container_id, "%s", container_id);
    sandbox_save(sandbox, effects);
}

void reconciler_respec(struct reconciler *reconciler, const struct sandbox_id *id, const uint8_t *spec,
                       size_t len)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (!sandbox)
        return;
    free(sandbox->record.spec);
    sandbox->record.spec = mem_dup(spec, len);
    sandbox->record.spec_len = len;
}

void reconciler_paused(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool ok,
                       bool paused, struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (!sandbox || !sandbox_answered(sandbox, OWED_PAUSE))
        return;
    if (!ok)
        sandbox->next_try_ms = now + RETRY_MS;
    if (!ok || sandbox->record.phase != PHASE_RUNNING)
        return;
    sandbox->record.paused = paused;
    sandbox_save(sandbox, effects);
    sandbox_report(sandbox, now, effects);
    sandbox_follow_pause(sandbox, now, effects);
}

void reconciler_resized(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool ok,
                        struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (!sandbox || !sandbox_answered(sandbox, OWED_RESIZE))
        return;
    if (!ok)
        sandbox->next_try_ms = now + RETRY_MS;
    if (!ok || sandbox->record.phase != PHASE_RUNNING)
        return;
    sandbox->record.unfit = sandbox->resize_again;
    sandbox_save(sandbox, effects);
    sandbox_follow_limits(sandbox, effects);
}

void reconciler_dead(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                     const struct sandbox_exit *exit, struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (sandbox)
        sandbox->may_run = false;
    if (!sandbox || (sandbox->record.phase != PHASE_RUNNING && sandbox->record.phase != PHASE_KILLING))
        return;
    if (!sandbox->ending) {
        struct sandbox_exit end = exit ? *exit : ending_unknown(ENDING_SEEN);
        if (end.ended_ms && end.ended_ms >= sandbox->record.deadline_ms) {
            end = ending_of(REASON_EXPIRED); /* the agent that killed it died before it recorded that */
            end.ended_ms = exit->ended_ms;
        }
        sandbox_set_end(sandbox, &end);
    }
    sandbox_remove(sandbox, now, effects);
}

void reconciler_not_running(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                            struct reconciler_effects *effects)
{
    const struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (sandbox && sandbox->fate != FATE_UNKNOWN)
        reconciler_dead(reconciler, now, id, NULL, effects);
}

void reconciler_removed(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id, bool ok,
                        struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (!sandbox || !sandbox_answered(sandbox, OWED_REMOVE))
        return;
    sandbox->next_try_ms = now + RETRY_MS;
    if (!ok)
        return;
    bool orphans = sandbox->fate == FATE_ORPHANS;
    if (orphans)
        sandbox->fate = FATE_KNOWN;
    if (sandbox->record.phase == PHASE_REMOVING || (orphans && sandbox->ending))
        sandbox_ended(sandbox, now, effects);
    else if (orphans && sandbox->record.phase == PHASE_NEW && !sandbox->taken)
        start_making(sandbox, now, effects); /* else once that is on disk (reconciler_saved) */
}

void reconciler_end(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                    const struct sandbox_exit *exit, struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (sandbox)
        sandbox_end(sandbox, now, exit, effects);
}

void reconciler_sampled(struct reconciler *reconciler, uint64_t now, const struct sample *sample)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, &sample->id);
    if (!sandbox)
        return;
    sandbox->record.last_ms = now;
    sandbox->record.last = *sample;
}

/* Reports the state as it is first; a later tick restores the desired state. */
void reconciler_seen_paused(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                            bool paused, struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (!sandbox || sandbox->record.phase != PHASE_RUNNING || sandbox->fate == FATE_UNKNOWN ||
        (sandbox->owed & OWED_PAUSE) || sandbox->record.paused == paused)
        return;
    if (sandbox->record.pooled) {
        struct sandbox_exit exit = ending_member("somebody paused it on its node");
        sandbox_end(sandbox, now, &exit, effects);
        return;
    }
    sandbox->record.paused = paused;
    sandbox->next_try_ms = now + RETRY_MS;
    sandbox_save(sandbox, effects);
    sandbox_report(sandbox, now, effects);
}

void reconciler_pause(struct reconciler *reconciler, uint64_t now, const struct sandbox_id *id,
                      const char *detail, struct reconciler_effects *effects)
{
    struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    if (!sandbox || sandbox->ending || sandbox->record.phase != PHASE_RUNNING || sandbox->record.unready ||
        sandbox->record.desired != DESIRED_RUNNING)
        return;
    sandbox->record.desired = DESIRED_PAUSED;
    sandbox->record.idled = true;
    snprintf(sandbox->record.detail, sizeof sandbox->record.detail, "%s", detail);
    sandbox_save(sandbox, effects);
    sandbox_follow_pause(sandbox, now, effects);
    if (sandbox->record.paused)
        sandbox_report(sandbox, now,
                       effects); /* it was paused by somebody else; from now on this node pauses it */
}

/* --- time --- */

/* Also kills a sandbox of which it is not known yet whether it survived a restart: its deadline holds. */
static void tick_sandbox(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects)
{
    if (!sandbox->ending && now >= sandbox->record.deadline_ms) {
        struct sandbox_exit exit = ending_of(REASON_EXPIRED);
        sandbox_end(sandbox, now, &exit, effects);
    }
    if (sandbox->saving == SAVE_REFUSED && now >= sandbox->next_save_ms)
        sandbox_save(sandbox, effects);
    if (now < sandbox->next_try_ms)
        return;
    if (sandbox->record.phase == PHASE_KILLING)
        sandbox_kill(sandbox, now, effects);
    bool removed = sandbox->record.phase == PHASE_REMOVING && (sandbox->owed & OWED_REMOVE);
    if ((sandbox->ending && sandbox_from_before(sandbox)) || (removed && sandbox->may_run)) {
        sandbox->next_try_ms = now + SANDBOX_KILL_AGAIN_MS;
        sandbox_effect(effects, RECONCILER_KILL, &sandbox->record.id);
    }
    if (sandbox->fate != FATE_UNKNOWN)
        sandbox_follow_end(sandbox, now, effects);
    if (sandbox->fate == FATE_ORPHANS && !sandbox->taken)
        hand_out_go_on(sandbox, effects);
    sandbox_follow_pause(sandbox, now, effects);
    sandbox_follow_limits(sandbox, effects);
}

void reconciler_tick(struct reconciler *reconciler, uint64_t now, struct reconciler_effects *effects)
{
    struct sandbox *sandbox, *next;
    SANDBOX_INDEX_EACH(&reconciler->sandboxes, sandbox, next)
    tick_sandbox(sandbox, now, effects);
}

uint64_t reconciler_due(const struct reconciler *reconciler)
{
    uint64_t due = UINT64_MAX;
    struct sandbox *sandbox, *next;
    SANDBOX_INDEX_EACH(&reconciler->sandboxes, sandbox, next)
    {
        if (!sandbox->ending && sandbox->record.deadline_ms < due)
            due = sandbox->record.deadline_ms;
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
    struct sandbox *sandbox, *next;
    SANDBOX_INDEX_EACH(&reconciler->sandboxes, sandbox, next)
    {
        if (count < room && !is_new(sandbox) && (sandbox->record.phase == PHASE_ENDED) == ended)
            sandbox_describe(sandbox, now, &out[count++]);
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
    const struct sandbox *sandbox = sandbox_index_find(&reconciler->sandboxes, id);
    return sandbox ? &sandbox->record : NULL;
}
