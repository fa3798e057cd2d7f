#include "agent/core/hand_out.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

bool hand_out_takes(const struct sandbox *sandbox, const struct desired_state *desired)
{
    return sandbox->record.pooled && !desired->pooled && desired->state != DESIRED_GONE;
}

/* Its disk has its size from the start on. */
static bool is_ready(const struct sandbox *sandbox, const struct desired_state *desired)
{
    const struct sandbox_record *r = &sandbox->record;
    return r->phase == PHASE_RUNNING && sandbox->fate == FATE_KNOWN && !sandbox->ending && !r->paused &&
           !(sandbox->owed & OWED_PAUSE) && r->limits.storage_bytes == desired->limits.storage_bytes;
}

/* Nothing of the member's life is the sandbox's. The number of its status goes on rising. */
static void begin_life(struct sandbox *sandbox, uint64_t now, const struct desired_state *desired)
{
    struct sandbox_record *r = &sandbox->record, before = *r;
    free(before.spec);
    *r = (struct sandbox_record){.id = before.id,
                                 .generation = desired->generation,
                                 .number = before.number,
                                 .desired = desired->state,
                                 .enforced = before.enforced,
                                 .deadline_ms = now + desired->remaining_ms,
                                 .limits = desired->limits,
                                 .spec = mem_dup(desired->spec, desired->spec_len),
                                 .spec_len = desired->spec_len};
    memcpy(r->container_id, before.container_id, sizeof r->container_id);
    sandbox->ending = sandbox->killed = sandbox->untold = false;
    sandbox->resize_again = sandbox->owed & OWED_RESIZE; /* its answer is of the member's limits */
    sandbox->next_try_ms = now;
    sandbox->taken = true;
}

void hand_out_take(struct sandbox *sandbox, uint64_t now, const struct desired_state *desired,
                   struct reconciler_effects *effects)
{
    bool ready = is_ready(sandbox, desired);
    enum sandbox_phase phase = sandbox->record.phase;
    begin_life(sandbox, now, desired);
    if (ready) {
        sandbox->record.phase = PHASE_STARTING;
        sandbox->record.warm = true;
        sandbox->record.unfit = true; /* Docker does not know of its limits */
        sandbox->owed |= OWED_START;
    } else if (phase != PHASE_ENDED && (phase != PHASE_NEW || sandbox->fate != FATE_KNOWN)) {
        sandbox->record.renewed = true;
        sandbox->fate = FATE_ORPHANS;
        if (sandbox->owed & OWED_START)
            sandbox_effect(effects, RECONCILER_ABORT, &sandbox->record.id);
    } else {
        sandbox->fate = FATE_KNOWN; /* nothing is there */
    }
    sandbox_save(sandbox, effects);
    if (ready)
        sandbox_effect(effects, RECONCILER_PREPARE, &sandbox->record.id);
}

void hand_out_spare(struct sandbox *sandbox, const struct desired_state *desired)
{
    struct sandbox_record *r = &sandbox->record;
    if (!r->pooled || desired->pooled)
        return;
    r->pooled = false;
    r->ran = false;
    r->failed = true;
}

void hand_out_saved(struct sandbox *sandbox, struct reconciler_effects *effects)
{
    sandbox->taken = false;
    if (sandbox->fate == FATE_ORPHANS)
        hand_out_go_on(sandbox, effects);
    else if (sandbox->record.phase == PHASE_STARTING && !sandbox->ending)
        sandbox_effect(effects, RECONCILER_HAND_OUT, &sandbox->record.id);
}

void hand_out_unsaved(struct sandbox *sandbox, struct reconciler_effects *effects)
{
    if (sandbox->fate != FATE_ORPHANS)
        return;
    sandbox->taken = false;
    hand_out_go_on(sandbox, effects);
}

void hand_out_refused(struct sandbox *sandbox, uint64_t now, struct reconciler_effects *effects)
{
    sandbox->record.warm = false;
    sandbox->record.unfit = false;
    if (sandbox->ending) {
        sandbox->record.failed = true;
        if (!sandbox->record.detail[0])
            sandbox_note_unmade(sandbox, "its container was being taken from the pool");
        sandbox_remove(sandbox, now, effects);
        return;
    }
    sandbox->record.renewed = true;
    sandbox->record.phase = PHASE_NEW;
    sandbox->fate = FATE_ORPHANS;
    if (sandbox->taken)
        sandbox_save(sandbox, effects); /* removed once that is on disk */
    else
        sandbox_make_again(sandbox, effects);
}

void hand_out_go_on(struct sandbox *sandbox, struct reconciler_effects *effects)
{
    if (!(sandbox->owed & (OWED_REMOVE | OWED_START)))
        sandbox_make_again(sandbox, effects);
}
