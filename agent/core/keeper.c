#include "agent/core/keeper.h"

#include "agent/core/box_steps.h"
#include "agent/core/start_health.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS   500          /* between tries of what failed */
#define BOXES_MAX  4096         /* a host holds no more, whatever it is asked */
#define NUMBER_GAP (1ull << 20) /* over a restart: more observations than went unsaved */

struct keeper {
    struct box_table boxes;
    struct start_health health;
};

void keeper_effects_clear(struct keeper_effects *effects)
{
    effects->count = 0;
}

void keeper_effects_fini(struct keeper_effects *effects)
{
    free(effects->item);
    memset(effects, 0, sizeof *effects);
}

struct keeper *keeper_new(void)
{
    return mem_zalloc(sizeof(struct keeper));
}

void keeper_free(struct keeper *keeper)
{
    if (!keeper)
        return;
    box_table_fini(&keeper->boxes);
    free(keeper);
}

/* --- restart --- */

void keeper_restore(struct keeper *keeper, const struct box_record *record)
{
    if (box_table_find(&keeper->boxes, &record->id))
        return;
    struct box *b = box_table_add(&keeper->boxes, &record->id);
    b->record = *record;
    b->record.spec = mem_dup(record->spec, record->spec_len);
    b->record.number += NUMBER_GAP;
    b->written = true;
    b->ending = record->phase >= BOX_KILLING || record->reason != REASON_NONE;
}

void keeper_mended(struct keeper *keeper, const struct sandbox_id *id, struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (b && (b->record.phase == BOX_RUNNING || b->record.phase == BOX_ENDED))
        box_save(b, effects); /* any other is saved anew in a moment */
}

/* It was being made when the agent went: whatever is there of it goes, and it is made anew. */
static void make_again(struct box *b, struct keeper_effects *effects)
{
    b->record.phase = BOX_NEW;
    b->leftovers = true;
    b->removing = true;
    box_effect(effects, KEEPER_REMOVE, &b->record.id);
    box_save(b, effects);
}

/* Its deadline passed while nobody looked; it had ended by itself before. */
static void note_earlier_end(struct box *b, const struct box_exit *exit)
{
    bool earlier = exit && exit->ended_ms && exit->ended_ms < b->record.deadline_ms;
    if (b->record.reason == REASON_EXPIRED && earlier)
        box_set_end(b, exit);
}

/* Its command has begun. */
static void runs_now(struct box *b, uint64_t now, struct keeper_effects *effects)
{
    b->record.phase = BOX_RUNNING;
    b->record.ran = true;
    b->record.started_ms = now;
    if (b->ending) {
        box_kill(b, now, effects);
        return;
    }
    box_report_saved(b, effects);
    box_follow_pause(b, now, effects);
    box_follow_limits(b, effects);
}

void keeper_found(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, bool runs,
                  const struct box_exit *exit, struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (!b || b->found)
        return;
    b->found = true;
    switch (b->record.phase) {
    case BOX_ENDED:
        box_save(b, effects);
        return;
    case BOX_NEW:
    case BOX_MAKING:
        make_again(b, effects);
        return;
    case BOX_RUNNING:
        if (runs) {
            box_save(b, effects);
            box_report(b, now, effects);
            return;
        }
        keeper_dead(keeper, now, id, exit, effects);
        return;
    case BOX_KILLING:
    case BOX_REMOVING:
        if (!runs)
            note_earlier_end(b, exit);
        if (runs)
            box_kill(b, now, effects);
        else if (!b->removing)
            box_remove(b, now, effects);
        return;
    }
}

void keeper_adopted(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, uint32_t enforced,
                    struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (!b || b->found || b->record.phase > BOX_MAKING)
        return;
    b->found = true;
    b->record.enforced = enforced;
    runs_now(b, now, effects);
}

/* --- wants --- */

static void answer_unknown(const struct want *want, enum sandbox_state state, enum sandbox_reason reason,
                           const char *detail, struct keeper_effects *effects)
{
    struct observation *o = &box_effect(effects, KEEPER_REPORT, &want->id)->observation;
    *o = (struct observation){.id = want->id,
                              .generation = want->generation,
                              .number = want->generation,
                              .state = state,
                              .reason = reason,
                              .host_fault = reason == REASON_NO_CAPACITY};
    snprintf(o->detail, sizeof o->detail, "%s", detail);
}

static void want_new(struct keeper *keeper, uint64_t now, const struct want *want,
                     struct keeper_effects *effects)
{
    if (want->state == WANT_GONE) {
        answer_unknown(want, SANDBOX_STOPPED, want->reason, "", effects);
        return;
    }
    if (box_table_buried(&keeper->boxes, &want->id)) {
        answer_unknown(want, SANDBOX_STOPPED, REASON_ORPHANED, "it ended on its host before", effects);
        return;
    }
    if (keeper_count(keeper) >= BOXES_MAX) {
        answer_unknown(want, SANDBOX_FAILED, REASON_NO_CAPACITY, "its host holds too many sandboxes",
                       effects);
        return;
    }
    struct box *b = box_table_add(&keeper->boxes, &want->id);
    struct box_record *r = &b->record;
    b->found = true;
    r->generation = want->generation;
    r->want = want->state;
    r->limits = want->limits;
    r->deadline_ms = now + want->remaining_ms;
    r->spec = mem_dup(want->spec, want->spec_len);
    r->spec_len = want->spec_len;
    box_save(b, effects);
}

/* Nothing of it is on disk or was made, by this life of the agent or by one before. */
static bool is_new(const struct box *b)
{
    return b->record.phase == BOX_NEW && b->found && !b->leftovers;
}

static void want_news(struct box *b, uint64_t now, const struct want *want, struct keeper_effects *effects)
{
    struct box_record *r = &b->record;
    r->generation = want->generation;
    if (want->state == WANT_GONE) {
        struct box_exit exit = ending_of(want->reason);
        box_end(b, now, &exit, effects);
    } else {
        r->want = want->state;
        if (r->idled)
            r->detail[0] = 0;
        r->idled = false;
        r->deadline_ms = now + want->remaining_ms;
        if (memcmp(&r->limits, &want->limits, sizeof r->limits))
            r->unfit = b->resize_again = true;
        r->limits = want->limits;
        box_follow_pause(b, now, effects);
        box_follow_limits(b, effects);
    }
    if (r->phase == BOX_ENDED)
        r->number++; /* the last word, with the generation that asked for it */
    box_save(b, effects);
    if (r->phase != BOX_ENDED && !is_new(b) && !b->untold)
        box_report(b, now, effects);
}

void keeper_want(struct keeper *keeper, uint64_t now, const struct want *want, struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, &want->id);
    if (!b) {
        want_new(keeper, now, want, effects);
        return;
    }
    if (want->generation > b->record.generation) {
        want_news(b, now, want, effects);
        return;
    }
    if (want->generation < b->record.generation || want->state == WANT_GONE)
        return;
    uint64_t deadline = now + want->remaining_ms;
    if (deadline < b->record.deadline_ms)
        b->record.deadline_ms = deadline;
}

void keeper_accepted(struct keeper *keeper, const struct acceptance *acceptance,
                     struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, &acceptance->id);
    if (!b || b->record.phase != BOX_ENDED || b->saving || acceptance->number < b->record.number)
        return;
    box_effect(effects, KEEPER_FORGET, &b->record.id);
    box_table_bury(&keeper->boxes, b);
}

/* --- answers --- */

static void start_making(struct box *b, uint64_t now, struct keeper_effects *effects)
{
    b->record.phase = BOX_MAKING;
    b->record.unfit = false;
    b->making = true;
    box_effect(effects, KEEPER_MAKE, &b->record.id);
    box_report(b, now, effects);
}

/* A disk that takes no record makes no sandbox; a last word that it does not take is said all the same. */
static void save_failed(struct keeper *keeper, struct box *b, uint64_t now, struct keeper_effects *effects)
{
    b->unsaved = true;
    b->next_save_ms = now + RETRY_MS;
    if (is_new(b)) {
        struct box_exit exit = ending_unwritten();
        start_health_failed(&keeper->health, now, exit.detail, "");
        box_end(b, now, &exit, effects);
        box_ended(b, now, effects);
    } else if (b->record.phase == BOX_ENDED) {
        box_report_again(b, now, effects);
    } else if (b->untold) {
        box_report(b, now, effects);
    }
    box_follow_end(b, now, effects); /* what goes leaves room on the disk */
}

void keeper_saved(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, bool ok,
                  struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (!b || !b->saving)
        return;
    b->saving = false;
    if (!ok) {
        save_failed(keeper, b, now, effects);
        return;
    }
    b->written = true;
    if (b->unsaved)
        box_save(b, effects);
    else if (b->untold)
        box_report(b, now, effects);
    if (is_new(b)) {
        if (b->ending)
            box_ended(b, now, effects);
        else
            start_making(b, now, effects);
    } else if (b->record.phase == BOX_ENDED && !b->saving) {
        box_report_again(b, now, effects);
    } else {
        box_follow_pause(b, now, effects);
        box_follow_end(b, now, effects);
    }
}

/* Whoever ended it in the middle of its making, people are told what took so long. */
static void note_unmade(struct box *b, const char *was)
{
    struct box_exit exit = ending_unmade(b->record.reason, was);
    memcpy(b->record.detail, exit.detail, sizeof b->record.detail);
}

void keeper_made(struct keeper *keeper, uint64_t now, const struct sandbox_id *id,
                 const struct box_made *made, struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (!b || !b->making)
        return;
    b->making = false;
    b->record.enforced = made->enforced;
    if (made->ok)
        start_health_well(&keeper->health);
    else if (made->host_fault)
        start_health_failed(&keeper->health, now, made->detail, made->suspect);
    if (!made->ok) {
        struct box_exit exit = ending_of(made->reason);
        memcpy(exit.detail, made->detail, sizeof exit.detail);
        exit.host_fault = made->host_fault;
        if (!b->ending)
            box_set_end(b, &exit);
        else if (!b->record.detail[0])
            note_unmade(b, made->detail);
        b->record.failed = true;
        box_remove(b, now, effects);
        return;
    }
    runs_now(b, now, effects);
}

void keeper_created(struct keeper *keeper, const struct sandbox_id *id, const char *container_id,
                    struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (!b || !b->making)
        return;
    snprintf(b->record.container_id, sizeof b->record.container_id, "%s", container_id);
    box_save(b, effects);
}

void keeper_paused(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, bool ok, bool paused,
                   struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (!b || !b->changing)
        return;
    b->changing = false;
    if (!ok)
        b->next_try_ms = now + RETRY_MS;
    if (!ok || b->record.phase != BOX_RUNNING)
        return;
    b->record.paused = paused;
    box_save(b, effects);
    box_report(b, now, effects);
    box_follow_pause(b, now, effects);
}

void keeper_resized(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, bool ok,
                    struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (!b || !b->resizing)
        return;
    b->resizing = false;
    if (!ok)
        b->next_try_ms = now + RETRY_MS;
    if (!ok || b->record.phase != BOX_RUNNING)
        return;
    b->record.unfit = b->resize_again;
    box_save(b, effects);
    box_follow_limits(b, effects);
}

void keeper_dead(struct keeper *keeper, uint64_t now, const struct sandbox_id *id,
                 const struct box_exit *exit, struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (!b || (b->record.phase != BOX_RUNNING && b->record.phase != BOX_KILLING))
        return;
    if (!b->ending) {
        struct box_exit end = exit ? *exit : ending_unknown(ENDING_SEEN);
        if (end.ended_ms && end.ended_ms >= b->record.deadline_ms) {
            end = ending_of(REASON_EXPIRED); /* by an agent that died before it could write that down */
            end.ended_ms = exit->ended_ms;
        }
        box_set_end(b, &end);
    }
    box_remove(b, now, effects);
}

void keeper_not_running(struct keeper *keeper, uint64_t now, const struct sandbox_id *id,
                        struct keeper_effects *effects)
{
    const struct box *b = box_table_find(&keeper->boxes, id);
    if (b && b->found)
        keeper_dead(keeper, now, id, NULL, effects);
}

void keeper_removed(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, bool ok,
                    struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (!b || !b->removing)
        return;
    b->removing = false;
    b->next_try_ms = now + RETRY_MS;
    if (!ok)
        return;
    bool leftovers = b->leftovers;
    b->leftovers = false;
    if (b->record.phase == BOX_REMOVING || (leftovers && b->ending))
        box_ended(b, now, effects);
    else if (leftovers && b->record.phase == BOX_NEW)
        start_making(b, now, effects);
}

void keeper_end(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, const struct box_exit *exit,
                struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (b)
        box_end(b, now, exit, effects);
}

void keeper_sampled(struct keeper *keeper, uint64_t now, const struct sample *sample)
{
    struct box *b = box_table_find(&keeper->boxes, &sample->id);
    if (!b)
        return;
    b->record.last_ms = now;
    b->record.last = *sample;
}

/* Told first, so that the state is true; what is wanted follows a moment later. */
void keeper_seen_paused(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, bool paused,
                        struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (!b || b->record.phase != BOX_RUNNING || !b->found || b->changing || b->record.paused == paused)
        return;
    b->record.paused = paused;
    b->next_try_ms = now + RETRY_MS;
    box_save(b, effects);
    box_report(b, now, effects);
}

void keeper_pause(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, const char *detail,
                  struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (!b || b->ending || b->record.phase != BOX_RUNNING || b->record.want != WANT_RUNNING)
        return;
    b->record.want = WANT_PAUSED;
    b->record.idled = true;
    snprintf(b->record.detail, sizeof b->record.detail, "%s", detail);
    box_save(b, effects);
    box_follow_pause(b, now, effects);
    if (b->record.paused)
        box_report(b, now, effects); /* somebody else had paused it; from now on it is this node's doing */
}

/* --- time --- */

/* A box whose fate over the restart is not known yet is killed all the same: its deadline holds. */
static void tick_box(struct box *b, uint64_t now, struct keeper_effects *effects)
{
    if (!b->ending && now >= b->record.deadline_ms) {
        struct box_exit exit = ending_of(REASON_EXPIRED);
        box_end(b, now, &exit, effects);
    }
    if (b->unsaved && !b->saving && now >= b->next_save_ms)
        box_save(b, effects);
    if (now < b->next_try_ms)
        return;
    if (b->record.phase == BOX_KILLING)
        box_kill(b, now, effects);
    if (b->ending && box_from_before(b)) {
        b->next_try_ms = now + BOX_KILL_AGAIN_MS;
        box_effect(effects, KEEPER_KILL, &b->record.id);
    }
    if (b->found)
        box_follow_end(b, now, effects);
    if (b->leftovers && !b->removing)
        make_again(b, effects);
    box_follow_pause(b, now, effects);
    box_follow_limits(b, effects);
}

void keeper_tick(struct keeper *keeper, uint64_t now, struct keeper_effects *effects)
{
    struct box *b, *next;
    BOX_TABLE_EACH(&keeper->boxes, b, next)
    tick_box(b, now, effects);
}

uint64_t keeper_due(const struct keeper *keeper)
{
    uint64_t due = UINT64_MAX;
    struct box *b, *next;
    BOX_TABLE_EACH(&keeper->boxes, b, next)
    {
        if (!b->ending && b->record.deadline_ms < due)
            due = b->record.deadline_ms;
    }
    return due;
}

size_t keeper_count(const struct keeper *keeper)
{
    return HASH_COUNT(keeper->boxes.head);
}

static size_t add_to_inventory(const struct keeper *keeper, uint64_t now, bool ended, struct observation *out,
                               size_t count, size_t room)
{
    struct box *b, *next;
    BOX_TABLE_EACH(&keeper->boxes, b, next)
    {
        if (count < room && !is_new(b) && (b->record.phase == BOX_ENDED) == ended)
            box_observe(b, now, &out[count++]);
    }
    return count;
}

size_t keeper_inventory(const struct keeper *keeper, uint64_t now, struct observation *out, size_t room)
{
    size_t count = add_to_inventory(keeper, now, false, out, 0, room);
    return add_to_inventory(keeper, now, true, out, count, room);
}

const char *keeper_sick(const struct keeper *keeper, uint64_t now)
{
    return start_health_sick(&keeper->health, now) ? keeper->health.why : NULL;
}

const struct box_record *keeper_find(const struct keeper *keeper, const struct sandbox_id *id)
{
    const struct box *b = box_table_find(&keeper->boxes, id);
    return b ? &b->record : NULL;
}
