#include "agent/core/keeper.h"

#include "agent/core/box_table.h"

#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS      500          /* between tries of what failed */
#define KILL_AGAIN_MS 200          /* a kill that was not confirmed is repeated after this */
#define BOXES_MAX     4096         /* a host holds no more, whatever it is asked */
#define NUMBER_GAP    (1ull << 20) /* over a restart: more observations than went unsaved */

struct keeper {
    struct box_table boxes;
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

static struct keeper_effect *effect_add(struct keeper_effects *effects, enum keeper_effect_kind kind,
                                        const struct sandbox_id *id)
{
    if (effects->count == effects->room) {
        effects->room = effects->room ? effects->room * 2 : 16;
        effects->item = mem_grow(effects->item, effects->room, sizeof *effects->item);
    }
    struct keeper_effect *effect = &effects->item[effects->count++];
    memset(effect, 0, sizeof *effect);
    effect->kind = kind;
    effect->id = *id;
    return effect;
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

/* --- reports and records --- */

static enum sandbox_state visible_state(const struct box_record *r)
{
    switch (r->phase) {
    case BOX_NEW:
    case BOX_MAKING:
        return SANDBOX_STARTING;
    case BOX_RUNNING:
        return r->paused ? SANDBOX_PAUSED : SANDBOX_RUNNING;
    case BOX_KILLING:
    case BOX_REMOVING:
        return SANDBOX_STOPPING;
    case BOX_ENDED:
        return r->failed ? SANDBOX_FAILED : SANDBOX_STOPPED;
    }
    abort();
}

/* Paused by its host. */
static bool stands_idle(const struct box_record *r)
{
    return r->idled && r->phase == BOX_RUNNING && r->paused;
}

static void observe(const struct box_record *r, uint64_t now, struct observation *o)
{
    *o = (struct observation){.id = r->id,
                              .generation = r->generation,
                              .number = r->number,
                              .state = visible_state(r),
                              .reason = stands_idle(r) ? REASON_IDLE : r->reason,
                              .has_exit_code = r->has_exit_code,
                              .exit_code = r->exit_code,
                              .enforced = r->enforced,
                              .ran = r->ran,
                              .started_ago_ms = r->ran ? now - r->started_ms : 0,
                              .ended_ago_ms = r->phase == BOX_ENDED ? now - r->ended_ms : 0};
    memcpy(o->detail, r->detail, sizeof o->detail);
    o->has_last = r->phase == BOX_ENDED && r->last_ms;
    if (!o->has_last)
        return;
    o->last = r->last;
    o->last.id = r->id;
    o->last.ago_ms = now - r->last_ms;
}

static void report_again(const struct box *b, uint64_t now, struct keeper_effects *effects)
{
    observe(&b->record, now, &effect_add(effects, KEEPER_REPORT, &b->record.id)->observation);
}

static void report(struct box *b, uint64_t now, struct keeper_effects *effects)
{
    b->record.number++;
    report_again(b, now, effects);
}

static void save(struct box *b, struct keeper_effects *effects)
{
    b->unsaved = b->saving;
    if (b->saving)
        return;
    b->saving = true;
    effect_add(effects, KEEPER_SAVE, &b->record.id);
}

/* --- the way down: one door, with a reason --- */

static void ended(struct box *b, uint64_t now, struct keeper_effects *effects)
{
    if (!b->record.ended_ms)
        b->record.ended_ms = now;
    b->record.phase = BOX_ENDED;
    b->record.number++;
    save(b, effects); /* the report follows when this is on disk */
}

/* It ended when its processes did: what Docker takes to clean up after it is not its life. */
static void remove_now(struct box *b, uint64_t now, struct keeper_effects *effects)
{
    if (!b->record.ended_ms)
        b->record.ended_ms = now;
    b->record.phase = BOX_REMOVING;
    b->removing = true;
    effect_add(effects, KEEPER_REMOVE, &b->record.id);
    save(b, effects);
}

static void kill_now(struct box *b, uint64_t now, struct keeper_effects *effects)
{
    bool first = b->record.phase != BOX_KILLING;
    b->record.phase = BOX_KILLING;
    b->next_try_ms = now + KILL_AGAIN_MS;
    effect_add(effects, KEEPER_KILL, &b->record.id);
    if (!first)
        return;
    save(b, effects);
    report(b, now, effects);
}

static void set_end(struct box *b, const struct box_exit *exit)
{
    b->ending = true;
    b->record.reason = exit->reason;
    b->record.has_exit_code = exit->has_exit_code;
    b->record.exit_code = exit->exit_code;
    memcpy(b->record.detail, exit->detail, sizeof b->record.detail);
    b->record.ended_ms = exit->ended_ms;
}

/* What an earlier life of the agent was making may run, though Docker has not yet said so. */
static bool from_before(const struct box *b)
{
    return b->record.phase <= BOX_MAKING && (!b->found || b->leftovers);
}

static void end(struct box *b, uint64_t now, const struct box_exit *exit, struct keeper_effects *effects)
{
    if (b->ending)
        return;
    set_end(b, exit);
    if (from_before(b))
        effect_add(effects, KEEPER_KILL, &b->record.id);
    switch (b->record.phase) {
    case BOX_NEW: /* nothing was made by this agent: its saving decides the next step */
        b->record.failed = true;
        break;
    case BOX_MAKING:
        effect_add(effects, KEEPER_ABORT, &b->record.id);
        break;
    case BOX_RUNNING:
        kill_now(b, now, effects);
        break;
    default:
        break;
    }
}

/* --- what is wanted of a running one --- */

static void follow_pause(struct box *b, uint64_t now, struct keeper_effects *effects)
{
    bool wanted = b->record.want == WANT_PAUSED;
    if (b->record.phase != BOX_RUNNING || b->changing || !b->found || wanted == b->record.paused ||
        now < b->next_try_ms)
        return;
    b->changing = true;
    effect_add(effects, wanted ? KEEPER_PAUSE : KEEPER_RESUME, &b->record.id);
}

static void follow_limits(struct box *b, struct keeper_effects *effects)
{
    if (b->record.phase != BOX_RUNNING || !b->resize_wanted || b->resizing || !b->found)
        return;
    b->resizing = true;
    b->resize_wanted = false;
    effect_add(effects, KEEPER_RESIZE, &b->record.id);
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
    b->ending = record->phase >= BOX_KILLING || record->reason != REASON_NONE;
}

/* It was being made when the agent went: whatever is there of it goes, and it is made anew. */
static void make_again(struct box *b, struct keeper_effects *effects)
{
    b->record.phase = BOX_NEW;
    b->leftovers = true;
    b->removing = true;
    effect_add(effects, KEEPER_REMOVE, &b->record.id);
    save(b, effects);
}

/* Its deadline passed while nobody looked; it had ended by itself before. */
static void note_earlier_end(struct box *b, const struct box_exit *exit)
{
    bool earlier = exit && exit->ended_ms && exit->ended_ms < b->record.deadline_ms;
    if (b->record.reason == REASON_EXPIRED && earlier)
        set_end(b, exit);
}

/* Its command has begun. */
static void runs_now(struct box *b, uint64_t now, struct keeper_effects *effects)
{
    b->record.phase = BOX_RUNNING;
    b->record.ran = true;
    b->record.started_ms = now;
    if (b->ending) {
        kill_now(b, now, effects);
        return;
    }
    save(b, effects);
    report(b, now, effects);
    follow_pause(b, now, effects);
    follow_limits(b, effects);
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
        save(b, effects);
        return;
    case BOX_NEW:
    case BOX_MAKING:
        make_again(b, effects);
        return;
    case BOX_RUNNING:
        if (runs) {
            save(b, effects);
            report(b, now, effects);
            return;
        }
        keeper_dead(keeper, now, id, exit, effects);
        return;
    case BOX_KILLING:
    case BOX_REMOVING:
        if (!runs)
            note_earlier_end(b, exit);
        if (runs)
            kill_now(b, now, effects);
        else if (!b->removing)
            remove_now(b, now, effects);
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
    struct observation *o = &effect_add(effects, KEEPER_REPORT, &want->id)->observation;
    *o = (struct observation){.id = want->id,
                              .generation = want->generation,
                              .number = want->generation,
                              .state = state,
                              .reason = reason};
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
    save(b, effects);
    report(b, now, effects);
}

static void want_news(struct box *b, uint64_t now, const struct want *want, struct keeper_effects *effects)
{
    struct box_record *r = &b->record;
    r->generation = want->generation;
    if (want->state == WANT_GONE) {
        struct box_exit exit = ending_of(want->reason);
        end(b, now, &exit, effects);
    } else {
        r->want = want->state;
        if (r->idled)
            r->detail[0] = 0;
        r->idled = false;
        r->deadline_ms = now + want->remaining_ms;
        b->resize_wanted |= memcmp(&r->limits, &want->limits, sizeof r->limits) != 0;
        r->limits = want->limits;
        follow_pause(b, now, effects);
        follow_limits(b, effects);
    }
    if (r->phase == BOX_ENDED)
        r->number++; /* the last word, with the generation that asked for it */
    save(b, effects);
    if (r->phase != BOX_ENDED)
        report(b, now, effects);
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
    effect_add(effects, KEEPER_FORGET, &b->record.id);
    box_table_bury(&keeper->boxes, b);
}

/* --- answers --- */

static void start_making(struct box *b, struct keeper_effects *effects)
{
    b->record.phase = BOX_MAKING;
    b->making = true;
    effect_add(effects, KEEPER_MAKE, &b->record.id);
}

/* Nothing of it was made, by this life of the agent or by one before. */
static bool is_new(const struct box *b)
{
    return b->record.phase == BOX_NEW && b->found && !b->leftovers;
}

/* A disk that takes no record makes no sandbox; a last word that it does not take is said all the same. */
static void save_failed(struct box *b, uint64_t now, struct keeper_effects *effects)
{
    b->unsaved = true;
    b->next_save_ms = now + RETRY_MS;
    if (is_new(b)) {
        struct box_exit exit = ending_unwritten();
        end(b, now, &exit, effects);
        ended(b, now, effects);
    } else if (b->record.phase == BOX_ENDED) {
        report_again(b, now, effects);
    }
}

void keeper_saved(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, bool ok,
                  struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (!b || !b->saving)
        return;
    b->saving = false;
    if (!ok) {
        save_failed(b, now, effects);
        return;
    }
    if (b->unsaved)
        save(b, effects);
    if (is_new(b)) {
        if (b->ending)
            ended(b, now, effects);
        else
            start_making(b, effects);
    } else if (b->record.phase == BOX_ENDED && !b->saving) {
        report_again(b, now, effects);
    }
}

void keeper_made(struct keeper *keeper, uint64_t now, const struct sandbox_id *id,
                 const struct box_made *made, struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (!b || !b->making)
        return;
    b->making = false;
    b->record.enforced = made->enforced;
    if (!made->ok) {
        struct box_exit exit = ending_of(made->reason);
        memcpy(exit.detail, made->detail, sizeof exit.detail);
        if (!b->ending)
            set_end(b, &exit);
        b->record.failed = true;
        remove_now(b, now, effects);
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
    save(b, effects);
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
    save(b, effects);
    report(b, now, effects);
    follow_pause(b, now, effects);
}

void keeper_resized(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, bool ok)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (!b || !b->resizing)
        return;
    b->resizing = false;
    b->resize_wanted |= !ok;
}

void keeper_dead(struct keeper *keeper, uint64_t now, const struct sandbox_id *id,
                 const struct box_exit *exit, struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (!b || (b->record.phase != BOX_RUNNING && b->record.phase != BOX_KILLING))
        return;
    if (!b->ending) {
        struct box_exit unknown = ending_unknown();
        set_end(b, exit ? exit : &unknown);
    }
    remove_now(b, now, effects);
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
        ended(b, now, effects);
    else if (leftovers && b->record.phase == BOX_NEW)
        start_making(b, effects);
}

void keeper_end(struct keeper *keeper, uint64_t now, const struct sandbox_id *id, const struct box_exit *exit,
                struct keeper_effects *effects)
{
    struct box *b = box_table_find(&keeper->boxes, id);
    if (b)
        end(b, now, exit, effects);
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
    save(b, effects);
    report(b, now, effects);
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
    save(b, effects);
    follow_pause(b, now, effects);
}

/* --- time --- */

/* A box whose fate over the restart is not known yet is killed all the same: its deadline holds. */
static void tick_box(struct box *b, uint64_t now, struct keeper_effects *effects)
{
    if (!b->ending && now >= b->record.deadline_ms) {
        struct box_exit exit = ending_of(REASON_EXPIRED);
        end(b, now, &exit, effects);
    }
    if (b->unsaved && !b->saving && now >= b->next_save_ms)
        save(b, effects);
    if (now < b->next_try_ms)
        return;
    if (b->record.phase == BOX_KILLING)
        kill_now(b, now, effects);
    if (b->ending && from_before(b)) {
        b->next_try_ms = now + KILL_AGAIN_MS;
        effect_add(effects, KEEPER_KILL, &b->record.id);
    }
    if (b->record.phase == BOX_REMOVING && !b->removing && b->found)
        remove_now(b, now, effects);
    if (b->leftovers && !b->removing)
        make_again(b, effects);
    follow_pause(b, now, effects);
    follow_limits(b, effects);
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

void keeper_inventory(const struct keeper *keeper, uint64_t now, struct observation *out)
{
    struct box *b, *next;
    BOX_TABLE_EACH(&keeper->boxes, b, next)
    observe(&b->record, now, out++);
}

const struct box_record *keeper_find(const struct keeper *keeper, const struct sandbox_id *id)
{
    const struct box *b = box_table_find(&keeper->boxes, id);
    return b ? &b->record : NULL;
}
