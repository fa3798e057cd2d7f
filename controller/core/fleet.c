#include "controller/core/fleet.h"

#include "controller/core/deadline.h"
#include "controller/core/fleet_int.h"

#include "common/base/mem.h"
#include "common/base/plain_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WANT_REPEAT_MS    2000 /* an unanswered want is sent again after this */
#define MOVES_MAX         3    /* from pending to paused, all of it unheard */
#define LOST_END_AFTER_MS 2000 /* past its deadline no host lets it run longer than this */
#define LATE_MS           500  /* an answer that was longer on its way is asked for again */
#define TICK_GAP_MS       3000 /* between ticks: longer, and this process stood still */

void fleet_effects_clear(struct fleet_effects *effects)
{
    effects->count = 0;
}

void fleet_effects_fini(struct fleet_effects *effects)
{
    free(effects->item);
    memset(effects, 0, sizeof *effects);
}

struct fleet_effect *fleet_effect_add(struct fleet_effects *effects, enum fleet_effect_kind kind,
                                      const struct sandbox_entry *s)
{
    if (effects->count == effects->room) {
        effects->room = effects->room ? effects->room * 2 : 16;
        effects->item = mem_grow(effects->item, effects->room, sizeof *effects->item);
    }
    struct fleet_effect *effect = &effects->item[effects->count++];
    memset(effect, 0, sizeof *effect);
    effect->kind = kind;
    if (s) {
        effect->id = s->id;
        memcpy(effect->node, s->node->facts.name, sizeof effect->node);
    }
    return effect;
}

void fleet_effect_as_of(struct fleet_effect *effect, uint64_t now)
{
    uint64_t waited = now - effect->at_ms;
    if (effect->kind == FLEET_WANT) {
        uint64_t remaining = effect->want.remaining_ms;
        effect->want.remaining_ms -= waited < remaining ? waited : remaining;
    } else if (effect->kind == FLEET_PERSIST) {
        effect->move.started_ago_ms += waited;
        effect->move.ended_ago_ms += waited;
        effect->move.last.ago_ms += waited;
    } else {
        return;
    }
    effect->at_ms = now;
}

struct fleet *fleet_new(uint64_t lease_ms)
{
    struct fleet *fleet = mem_zalloc(sizeof *fleet);
    fleet->lease_ms = lease_ms;
    return fleet;
}

void fleet_free(struct fleet *fleet)
{
    if (!fleet)
        return;
    sandbox_table_fini(&fleet->sandboxes);
    node_table_fini(&fleet->nodes);
    free(fleet);
}

/* --- what goes out --- */

void fleet_send_want(struct sandbox_entry *s, uint64_t now, struct fleet_effects *effects)
{
    if (!s->node->session || !s->admitted || s->target) /* it may be another's by now */
        return;
    if (deadline_is_its_hosts(s, now))
        return;
    s->want_sent_ms = now;
    struct fleet_effect *effect = fleet_effect_add(effects, FLEET_WANT, s);
    struct want *want = &effect->want;
    effect->at_ms = now;
    *want = (struct want){.id = s->id,
                          .generation = s->generation,
                          .state = s->want,
                          .reason = s->want_reason,
                          .remaining_ms = s->deadline_ms > now ? s->deadline_ms - now : 0,
                          .limits = s->limits};
    if (s->want != WANT_GONE) {
        want->spec = s->spec;
        want->spec_len = s->spec_len;
    }
}

void fleet_send_acceptance(const char *node, const struct observation *o, struct fleet_effects *effects)
{
    struct fleet_effect *effect = fleet_effect_add(effects, FLEET_ACCEPT, NULL);
    effect->id = o->id;
    snprintf(effect->node, sizeof effect->node, "%s", node);
    effect->acceptance = (struct acceptance){.id = o->id, .number = o->number};
}

static void persist(struct sandbox_entry *s, uint64_t now, const struct fleet_move *move,
                    struct fleet_effects *effects)
{
    bool idle = move->to == SANDBOX_PAUSED && move->reason == REASON_IDLE;
    s->persisting = true;
    s->adopting = idle ? move->generation : 0;
    struct fleet_effect *effect = fleet_effect_add(effects, FLEET_PERSIST, s);
    effect->at_ms = now;
    effect->move = *move;
    effect->move.from = s->state;
    effect->move.late_ms = (int64_t)(now - s->deadline_ms) - (int64_t)move->ended_ago_ms;
    effect->move.unheard = s->reported && s->latest.generation < s->generation;
}

/* --- the step: compare what is committed with what is known --- */

/* The first state of a legal way of so many moves, or `from` where there is none. */
static enum sandbox_state step_of(enum sandbox_state from, enum sandbox_state to, unsigned moves)
{
    if (moves == 1)
        return sandbox_state_may_move(from, to) ? to : from;
    for (int via = 0; via < SANDBOX_STATE_COUNT; via++) {
        enum sandbox_state between = (enum sandbox_state)via;
        if (between != SANDBOX_LOST && sandbox_state_may_move(from, between) &&
            step_of(between, to, moves - 1) != between)
            return between;
    }
    return from;
}

/* The next legal state on the shortest way to `to`, or `from` where there is no way. */
static enum sandbox_state step_towards(enum sandbox_state from, enum sandbox_state to)
{
    enum sandbox_state next = from;
    for (unsigned moves = 1; moves <= MOVES_MAX && next == from; moves++)
        next = step_of(from, to, moves);
    return next;
}

static struct fleet_move move_of(const struct observation *o, enum sandbox_state to, uint64_t waited_ms)
{
    struct fleet_move move = {.to = to,
                              .enforced = o->enforced,
                              .ran = o->ran,
                              .started_ago_ms = o->started_ago_ms + waited_ms,
                              .ended_ago_ms = o->ended_ago_ms + waited_ms};
    bool idle = to == SANDBOX_PAUSED && o->reason == REASON_IDLE;
    if (!sandbox_state_terminal(to) && !idle)
        return move;
    move.reason = o->reason;
    move.generation = o->generation;
    move.has_exit_code = o->has_exit_code;
    move.exit_code = o->exit_code;
    plain_words(o->detail, move.detail, sizeof move.detail); /* as its host should have */
    if (!idle &&
        move.reason == REASON_NONE) { /* a host that lies, or is at fault: nothing ends without a reason */
        move.reason = REASON_ORPHANED;
        snprintf(move.detail, sizeof move.detail, "its host told that it ended, and not why");
    }
    move.has_last = o->has_last;
    move.last = o->last;
    move.last.ago_ms += waited_ms;
    return move;
}

/* A state that the host reports and that the row has, or can never have: nothing left to commit. */
static void settle(struct sandbox_entry *s, struct fleet_effects *effects)
{
    if (s->accepted_number == s->latest.number)
        return;
    s->accepted_number = s->latest.number;
    fleet_send_acceptance(s->node->facts.name, &s->latest, effects);
}

/* While a deletion waits, the host's "it runs" is old news; only its end, or that it is ending, counts. */
static bool overtaken(const struct sandbox_entry *s)
{
    return s->state == SANDBOX_STOPPING && !sandbox_state_terminal(s->latest.state);
}

/*
 * Its host paused it by itself, and that is not yet what is wanted of it: also where the row says "paused"
 * already, for what it did in between may have gone unheard.
 */
static bool to_adopt(const struct sandbox_entry *s)
{
    return s->latest.state == SANDBOX_PAUSED && s->latest.reason == REASON_IDLE && s->want == WANT_RUNNING &&
           s->latest.generation == s->generation;
}

static void evaluate_report(struct fleet *fleet, struct sandbox_entry *s, uint64_t now,
                            struct fleet_effects *effects)
{
    if (fleet_reschedule(fleet, s, effects))
        return;
    bool same = s->latest.state == s->state;
    if ((same && !s->unsure && !to_adopt(s)) || overtaken(s)) {
        settle(s, effects);
        return;
    }
    enum sandbox_state next = same ? s->state : step_towards(s->state, s->latest.state);
    if (next == s->state && !same) {
        settle(s, effects);
        return;
    }
    struct fleet_move move = move_of(&s->latest, next, now - s->latest_ms);
    persist(s, now, &move, effects);
}

static void evaluate_silence(struct fleet *fleet, struct sandbox_entry *s, uint64_t now,
                             struct fleet_effects *effects)
{
    struct fleet_move move = {.to = SANDBOX_LOST};
    if (now < fleet->listen_ms)
        return;
    if (now >= s->deadline_ms + LOST_END_AFTER_MS && sandbox_state_may_move(s->state, SANDBOX_STOPPED)) {
        move.to = SANDBOX_STOPPED;
        move.reason = s->want == WANT_GONE ? s->want_reason : REASON_NODE_LOST;
        move.ended_ago_ms = now - s->deadline_ms; /* its host, if it lives, ended it then */
    } else if (!sandbox_state_may_move(s->state, SANDBOX_LOST)) {
        return; /* lost already, or stopping: that ends when the host is back, or at the deadline */
    }
    persist(s, now, &move, effects);
}

static void evaluate_missing(struct sandbox_entry *s, uint64_t now, struct fleet_effects *effects)
{
    bool wanted_gone = s->want == WANT_GONE;
    struct fleet_move move = {.to = SANDBOX_STOPPED,
                              .reason = wanted_gone ? s->want_reason : REASON_ORPHANED};
    if (!sandbox_state_may_move(s->state, move.to))
        move.to = step_towards(s->state, SANDBOX_STOPPED);
    if (move.to == s->state)
        return;
    if (!wanted_gone)
        snprintf(move.detail, sizeof move.detail, "its host %s came back without it", s->node->facts.name);
    persist(s, now, &move, effects);
}

static void evaluate_stray(struct sandbox_entry *s, uint64_t now, struct fleet_effects *effects)
{
    bool wanted_gone = s->want == WANT_GONE, expired = s->stray == SWEEP_EXPIRED;
    struct fleet_move move = {.to = SANDBOX_STOPPED,
                              .reason = wanted_gone ? s->want_reason
                                        : expired   ? REASON_EXPIRED
                                                    : REASON_ORPHANED};
    if (!sandbox_state_may_move(s->state, move.to))
        move.to = SANDBOX_FAILED; /* it never ran */
    if (!wanted_gone)
        snprintf(move.detail, sizeof move.detail, "%s, and its host %s does not have it",
                 expired ? "its lifetime ended" : "it is live by its row", s->node->facts.name);
    persist(s, now, &move, effects);
}

void fleet_evaluate(struct fleet *fleet, struct sandbox_entry *s, uint64_t now, struct fleet_effects *effects)
{
    if (!s->admitted || s->persisting || now < s->retry_at_ms)
        return;
    if (s->target)
        fleet_reschedule(fleet, s, effects);
    else if (s->swept)
        evaluate_stray(s, now, effects);
    else if (s->reported && (s->node->session || sandbox_state_terminal(s->latest.state)))
        evaluate_report(fleet, s, now, effects);
    else if (s->node->gone)
        evaluate_silence(fleet, s, now, effects);
    else if (s->missing)
        evaluate_missing(s, now, effects);
}

/* --- rows --- */

bool fleet_unheard(const struct sandbox_entry *s)
{
    return s->state == SANDBOX_PENDING || (s->state == SANDBOX_STARTING && s->rescheduled);
}

/* What its host before said of it is of no account. */
static void move_entry(struct fleet *fleet, struct sandbox_entry *s, uint64_t now, struct node *node)
{
    fleet_stay(s);
    s->node = node;
    s->rescheduled = true;
    s->reported = s->was_reported = s->missing = s->unsure = false;
    s->accepted_number = 0;
    fleet_await_node(fleet, now, node);
}

/* It may have been said before PostgreSQL's clock was set, while the rows do not follow that yet. */
static bool is_of_another_clock(const struct fleet *fleet, uint64_t now, const struct fleet_row *row)
{
    return fleet->steps_followed != fleet->steps && now - fleet->stepped_ms <= row->waited_ms;
}

void fleet_entry_fill(struct fleet *fleet, struct sandbox_entry *s, uint64_t now, const struct fleet_row *row)
{
    if (row->generation > s->generation)
        fleet_let_go(s);
    deadline_take(s, now, row, is_of_another_clock(fleet, now, row));
    s->generation = row->generation;
    s->want = row->want;
    s->want_reason = row->want_reason;
    struct node *node = node_table_get(&fleet->nodes, row->node);
    if (s->node)
        node_release(s->node, &s->limits);
    s->limits = row->limits;
    if (s->node && s->node != node)
        move_entry(fleet, s, now, node);
    s->node = node;
    node_reserve(node, &s->limits);
}

static struct sandbox_entry *entry_make(struct fleet *fleet, uint64_t now, const struct fleet_row *row)
{
    struct sandbox_entry *s = sandbox_table_get(&fleet->sandboxes, &row->id);
    s->rescheduled |= row->rescheduled;
    fleet_entry_fill(fleet, s, now, row);
    s->state = row->state;
    s->changed = ++fleet->stamp;
    s->admitted = true;
    if (row->user)
        strncpy(s->user, row->user, sizeof s->user - 1);
    if (!s->spec && row->spec) {
        s->spec = mem_dup(row->spec, row->spec_len);
        s->spec_len = row->spec_len;
    }
    return s;
}

/* A host that is not here gets one lease to come. */
void fleet_await_node(const struct fleet *fleet, uint64_t now, struct node *node)
{
    if (!node->session && !node->gone && !node->gone_at_ms)
        node->gone_at_ms = now + fleet->lease_ms;
}

void fleet_load(struct fleet *fleet, uint64_t now, const struct fleet_row *row)
{
    if (!fleet->ticked_ms)
        fleet->ticked_ms = now; /* it may stand still before its first tick, too */
    fleet_await_node(fleet, now, entry_make(fleet, now, row)->node);
}

const char *fleet_place(struct fleet *fleet, const struct sandbox_id *id, const struct place_request *request,
                        struct err *e)
{
    struct node *node = place(&fleet->nodes, request, e);
    if (!node)
        return NULL;
    struct sandbox_entry *s = sandbox_table_get(&fleet->sandboxes, id);
    s->node = node;
    s->limits = request->limits;
    s->wish = place_request_copy(request);
    node_reserve(node, &s->limits);
    return node->facts.name;
}

static void admit(struct fleet *fleet, uint64_t now, const struct fleet_row *row,
                  struct fleet_effects *effects)
{
    bool placed = sandbox_table_find(&fleet->sandboxes, &row->id);
    struct sandbox_entry *s = entry_make(fleet, now, row);
    fleet_await_node(fleet, now, s->node);
    s->missing = !placed && s->node->session && !fleet_unheard(s);
    if (s->missing)
        fleet_evaluate(fleet, s, now, effects);
    else
        fleet_send_want(s, now, effects);
}

void fleet_admitted(struct fleet *fleet, uint64_t now, const struct fleet_row *row,
                    struct fleet_effects *effects)
{
    /* Else a reading was faster than this answer, and the sandbox has ended since. */
    if (sandbox_table_find(&fleet->sandboxes, &row->id))
        admit(fleet, now, row, effects);
}

enum sweep_kind fleet_stray(const struct fleet *fleet, uint64_t now, const struct fleet_row *row)
{
    const struct sandbox_entry *s = sandbox_table_find(&fleet->sandboxes, &row->id);
    const struct node *node = s ? s->node : node_table_find(&fleet->nodes, row->node);
    struct sweep_row facts = {.state = s ? s->state : row->state,
                              .known = s,
                              .moving = s && (s->persisting || !s->admitted),
                              .reported = s && s->reported,
                              .missing = s && s->missing,
                              .overdue = s ? now >= s->deadline_ms + LOST_END_AFTER_MS : !row->remaining_ms,
                              .host_here = node && node->session};
    return sweep_row_judge(&facts);
}

void fleet_end_stray(struct fleet *fleet, uint64_t now, const struct fleet_row *row, enum sweep_kind kind,
                     struct fleet_effects *effects)
{
    struct sandbox_entry *s = sandbox_table_find(&fleet->sandboxes, &row->id);
    if (!s)
        s = entry_make(fleet, now, row);
    s->swept = true;
    s->stray = kind;
    fleet_evaluate(fleet, s, now, effects);
}

static void note_ended(struct fleet *fleet, const struct sandbox_id *id)
{
    fleet->ended[fleet->ended_next] = (struct ended){*id, ++fleet->stamp};
    fleet->ended_next = (fleet->ended_next + 1) % ENDED_MAX;
}

/* Whether it ended since, or may have: where so many did that not all are remembered. */
static bool ended_since(const struct fleet *fleet, const struct sandbox_id *id, uint64_t stamp)
{
    if (fleet->ended[fleet->ended_next].stamp > stamp)
        return true;
    for (size_t i = 0; i < ENDED_MAX; i++) {
        if (fleet->ended[i].stamp > stamp && !memcmp(&fleet->ended[i].id, id, sizeof *id))
            return true;
    }
    return false;
}

static void entry_drop(struct fleet *fleet, struct sandbox_entry *s)
{
    fleet_stay(s);
    node_release(s->node, &s->limits);
    sandbox_table_drop(&fleet->sandboxes, s);
}

void fleet_refused(struct fleet *fleet, const struct sandbox_id *id)
{
    struct sandbox_entry *s = sandbox_table_find(&fleet->sandboxes, id);
    if (s && !s->admitted)
        entry_drop(fleet, s);
}

static void set_state(struct fleet *fleet, struct sandbox_entry *s, enum sandbox_state state,
                      struct fleet_effects *effects)
{
    s->state = state;
    struct fleet_effect *effect = fleet_effect_add(effects, FLEET_CHANGED, s);
    effect->state = state;
    effect->swept = s->swept;
    effect->stray = s->stray;
    if (state != SANDBOX_STARTING)
        fleet_stay(s); /* it runs, or is to end: there is nothing to place again */
    if (!sandbox_state_terminal(state))
        return;
    if (s->reported && sandbox_state_terminal(s->latest.state))
        settle(s, effects);
    note_ended(fleet, &s->id);
    entry_drop(fleet, s);
}

/* Takes what a commit answered, unless a later answer came first. */
void fleet_commit_state(struct fleet *fleet, struct sandbox_entry *s, enum sandbox_state state,
                        struct fleet_effects *effects)
{
    if (step_towards(s->state, state) != s->state)
        set_state(fleet, s, state, effects);
}

void fleet_wanted(struct fleet *fleet, uint64_t now, const struct fleet_row *row,
                  struct fleet_effects *effects)
{
    struct sandbox_entry *s = sandbox_table_find(&fleet->sandboxes, &row->id);
    if (!s || !s->admitted || row->generation < s->generation)
        return;
    s->changed = ++fleet->stamp;
    fleet_entry_fill(fleet, s, now, row);
    fleet_send_want(s, now, effects);
    fleet_commit_state(fleet, s, row->state, effects);
}

/* --- what others changed --- */

uint64_t fleet_stamp(struct fleet *fleet)
{
    return ++fleet->stamp;
}

/* Whether what the reading says of its state can be taken: nothing was asked for or answered since. */
static bool readable(const struct sandbox_entry *s, uint64_t stamp)
{
    return !s->persisting && s->changed < stamp;
}

bool fleet_differs(struct fleet *fleet, uint64_t stamp, const struct sandbox_id *id, uint64_t generation,
                   enum sandbox_state state)
{
    struct sandbox_entry *s = sandbox_table_find(&fleet->sandboxes, id);
    if (!s)
        return true;
    s->seen = stamp;
    if (!s->admitted)
        return false; /* the answer to its admission is on its way */
    return generation > s->generation || s->late_ms > LATE_MS || deadline_is_unsure(s) ||
           (state != s->state && readable(s, stamp));
}

void fleet_unread(const struct fleet *fleet, uint64_t stamp,
                  void (*cb)(void *arg, const struct sandbox_id *id), void *arg)
{
    struct sandbox_entry *s, *next;
    SANDBOX_TABLE_EACH(&fleet->sandboxes, s, next)
    {
        if (s->admitted && s->seen != stamp && readable(s, stamp))
            cb(arg, &s->id);
    }
}

/* The row is the truth, also where no move leads to it from what was believed. */
static void take_state(struct fleet *fleet, uint64_t now, struct sandbox_entry *s, enum sandbox_state state,
                       struct fleet_effects *effects)
{
    bool ended = sandbox_state_terminal(state);
    if (state == s->state)
        return;
    s->unsure = false;
    set_state(fleet, s, state, effects);
    if (!ended)
        fleet_evaluate(fleet, s, now, effects);
}

void fleet_read(struct fleet *fleet, uint64_t now, uint64_t stamp, const struct fleet_row *row,
                struct fleet_effects *effects)
{
    struct sandbox_entry *s = sandbox_table_find(&fleet->sandboxes, &row->id);
    if (!s || !s->admitted) {
        if (!sandbox_state_terminal(row->state) && !ended_since(fleet, &row->id, stamp))
            admit(fleet, now, row, effects);
        return;
    }
    if (row->generation > s->generation) {
        fleet_entry_fill(fleet, s, now, row);
        fleet_send_want(s, now, effects);
    } else if (row->generation == s->generation) {
        /*
         * What is wanted changes within a generation in one way only: a pause that its host made becomes it.
         * Where that answer was lost the row has it, and we do not. A reading from before an answer that came
         * since says how it was before the pause, and is not taken.
         */
        if (s->changed < stamp)
            s->want = row->want;
        if (deadline_correct(s, now, row, fleet->offset_ms))
            fleet_send_want(s, now, effects); /* its host takes a nearer deadline at any word */
        fleet->owes |= deadline_is_owed(s);
    }
    if (readable(s, stamp))
        take_state(fleet, now, s, row->state, effects);
}

/* --- answers and time --- */

void fleet_persisted(struct fleet *fleet, uint64_t now, const struct sandbox_id *id, bool ok,
                     enum sandbox_state state, struct fleet_effects *effects)
{
    struct sandbox_entry *s = sandbox_table_find(&fleet->sandboxes, id);
    if (!s || !s->persisting)
        return;
    s->persisting = false;
    s->unsure = !ok;
    if (!ok) {
        s->retry_at_ms = now + FLEET_RETRY_MS;
        return;
    }
    s->changed = ++fleet->stamp;
    if (s->adopting == s->generation && s->want == WANT_RUNNING)
        s->want = WANT_PAUSED;
    bool ended = sandbox_state_terminal(state);
    fleet_commit_state(fleet, s, state, effects);
    if (!ended && s->state != state)
        s->retry_at_ms = now + FLEET_RETRY_MS; /* its row went another way: a reading will tell */
    if (!ended)
        fleet_evaluate(fleet, s, now, effects);
}

static void tick_sandbox(struct fleet *fleet, struct sandbox_entry *s, uint64_t now,
                         struct fleet_effects *effects)
{
    fleet_evaluate(fleet, s, now, effects);
    bool heard = s->reported && s->latest.generation >= s->generation;
    if (!heard && !s->missing && !s->persisting && now - s->want_sent_ms >= WANT_REPEAT_MS)
        fleet_send_want(s, now, effects);
}

/*
 * Since the tick before this process stood still: stopped, starved, or suspended with its machine. What the
 * hosts said meanwhile, or try to say, is read first; each has one lease for it.
 */
static void note_gap(struct fleet *fleet, uint64_t now)
{
    uint64_t gap = fleet->ticked_ms ? now - fleet->ticked_ms : 0;
    fleet->ticked_ms = now;
    if (gap <= TICK_GAP_MS)
        return;
    fleet->listen_ms = now + fleet->lease_ms;
    for (size_t i = 0; i < fleet->nodes.count; i++) {
        struct node *node = fleet->nodes.item[i];
        if (node->gone_at_ms && node->gone_at_ms < fleet->listen_ms)
            node->gone_at_ms = fleet->listen_ms;
    }
}

void fleet_tick(struct fleet *fleet, uint64_t now, struct fleet_effects *effects)
{
    note_gap(fleet, now);
    for (size_t i = 0; i < fleet->nodes.count; i++) {
        struct node *node = fleet->nodes.item[i];
        if (!node->session && node->gone_at_ms && now >= node->gone_at_ms)
            fleet_lose_node(fleet, now, node, effects);
    }
    struct sandbox_entry *s, *next;
    SANDBOX_TABLE_EACH(&fleet->sandboxes, s, next)
    tick_sandbox(fleet, s, now, effects);
}

bool fleet_find(const struct fleet *fleet, const struct sandbox_id *id, struct fleet_view *out)
{
    const struct sandbox_entry *s = sandbox_table_find(&fleet->sandboxes, id);
    if (!s || !s->admitted)
        return false;
    *out = (struct fleet_view){.user = s->user,
                               .node = s->node->facts.name,
                               .state = s->state,
                               .want = s->want,
                               .generation = s->generation};
    return true;
}

const uint8_t *fleet_spec(const struct fleet *fleet, const struct sandbox_id *id, size_t *len)
{
    const struct sandbox_entry *s = sandbox_table_find(&fleet->sandboxes, id);
    *len = s ? s->spec_len : 0;
    return s ? s->spec : NULL;
}

const struct node_table *fleet_nodes(const struct fleet *fleet)
{
    return &fleet->nodes;
}

size_t fleet_count(const struct fleet *fleet)
{
    return HASH_COUNT(fleet->sandboxes.head);
}

void fleet_by_state(const struct fleet *fleet, size_t out[static SANDBOX_STATE_COUNT])
{
    struct sandbox_entry *s, *next;
    SANDBOX_TABLE_EACH(&fleet->sandboxes, s, next)
    out[s->state]++;
}

/* --- PostgreSQL's clock --- */

void fleet_clock_stepped(struct fleet *fleet, uint64_t now, int64_t step_ms, int64_t offset_ms)
{
    struct sandbox_entry *s, *next;
    fleet->steps++;
    fleet->stepped_ms = now;
    fleet->offset_ms = offset_ms;
    SANDBOX_TABLE_EACH(&fleet->sandboxes, s, next)
    deadline_stepped(s, now, step_ms, offset_ms);
}

void fleet_expiries(struct fleet *fleet, fleet_expiry_cb *cb, void *arg)
{
    struct sandbox_entry *s, *next;
    fleet->steps_asked = fleet->steps;
    SANDBOX_TABLE_EACH(&fleet->sandboxes, s, next)
    {
        s->sent_ms = s->row_ms ? s->expires_ms : 0;
        if (s->row_ms)
            cb(arg, &s->id, s->row_ms, s->expires_ms);
    }
}

void fleet_expiries_told(struct fleet *fleet)
{
    struct sandbox_entry *s, *next;
    fleet->steps_followed = fleet->steps_asked;
    fleet->owes = false;
    SANDBOX_TABLE_EACH(&fleet->sandboxes, s, next)
    {
        if (s->sent_ms)
            s->row_ms = s->sent_ms;
        s->sent_ms = 0;
    }
}

bool fleet_owes_expiries(const struct fleet *fleet)
{
    return fleet->owes;
}
