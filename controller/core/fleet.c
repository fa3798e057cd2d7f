#include "controller/core/fleet.h"

#include "controller/core/deadline.h"
#include "controller/core/fleet_int.h"

#include "common/base/mem.h"
#include "common/base/plain_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WANT_REPEAT_MS 2000 /* an unanswered want is sent again after this */
#define LATE_MS        500  /* an answer that was longer on its way is asked for again */
#define TICK_GAP_MS    3000 /* between ticks: longer, and this process stood still */

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

/* --- rows --- */

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

/*
 * It may have been said before a step of PostgreSQL's clock was noticed. Its row follows that step, or has
 * followed by now, and nobody here could name it: it may lie elsewhere than this answer says.
 */
static bool is_of_another_clock(const struct fleet *fleet, uint64_t now, const struct fleet_row *row)
{
    return fleet->stepped_ms && now - fleet->stepped_ms <= row->waited_ms;
}

void fleet_entry_fill(struct fleet *fleet, struct sandbox_entry *s, uint64_t now, const struct fleet_row *row)
{
    if (row->generation > s->generation)
        fleet_let_go(s);
    deadline_take(s, now, row, is_of_another_clock(fleet, now, row));
    fleet->found += deadline_is_unsure(s);
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

void fleet_refused(struct fleet *fleet, const struct sandbox_id *id)
{
    struct sandbox_entry *s = sandbox_table_find(&fleet->sandboxes, id);
    if (s && !s->admitted)
        fleet_entry_drop(fleet, s);
}

/*
 * It left a deadline as it was of which nobody here has heard, while the rows are to follow PostgreSQL's
 * clock: what remains cannot be told from it. The reading that comes once they have followed takes it up.
 */
static bool is_to_be_read(const struct fleet *fleet, const struct sandbox_entry *s,
                          const struct fleet_row *row)
{
    return row->time == FLEET_TIME_KEPT && row->generation > s->generation + 1 && fleet_owes_expiries(fleet);
}

void fleet_wanted(struct fleet *fleet, uint64_t now, const struct fleet_row *row,
                  struct fleet_effects *effects)
{
    struct sandbox_entry *s = sandbox_table_find(&fleet->sandboxes, &row->id);
    if (!s || !s->admitted || row->generation < s->generation || is_to_be_read(fleet, s, row))
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
    fleet_set_state(fleet, s, state, effects);
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
        fleet->found += deadline_is_owed(s);
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

/* Its first host may forget it. Where a reading was faster than this answer, that is accepted when it comes
 * again. */
static void take(struct fleet *fleet, struct sandbox_entry *s, uint64_t now, const struct fleet_row *row,
                 struct fleet_effects *effects)
{
    if (row->generation <= s->generation)
        return;
    s->changed = ++fleet->stamp;
    if (s->reported)
        fleet_send_acceptance(s->node->facts.name, &s->latest, effects);
    fleet_entry_fill(fleet, s, now, row);
    fleet_send_want(s, now, effects);
    fleet_commit_state(fleet, s, row->state, effects);
}

void fleet_rescheduled(struct fleet *fleet, uint64_t now, const struct sandbox_id *id,
                       enum fleet_answer answer, const struct fleet_row *row, struct fleet_effects *effects)
{
    struct sandbox_entry *s = sandbox_table_find(&fleet->sandboxes, id);
    if (!s || !s->rescheduling)
        return;
    s->persisting = s->rescheduling = false;
    if (answer == FLEET_DONE) {
        take(fleet, s, now, row, effects);
        return;
    }
    if (answer == FLEET_UNKNOWN) {
        s->retry_at_ms = now + FLEET_RETRY_MS;
        return;
    }
    fleet_stay(s);
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
    fleet->stepped_ms = now;
    fleet->offset_ms = offset_ms;
    fleet->found++;
    SANDBOX_TABLE_EACH(&fleet->sandboxes, s, next)
    deadline_stepped(s, now, step_ms, offset_ms);
}

void fleet_expiries(struct fleet *fleet, fleet_expiry_cb *cb, void *arg)
{
    struct sandbox_entry *s, *next;
    fleet->found_asked = fleet->found;
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
    fleet->found_told = fleet->found_asked;
    SANDBOX_TABLE_EACH(&fleet->sandboxes, s, next)
    {
        if (s->sent_ms)
            s->row_ms = s->sent_ms;
        s->sent_ms = 0;
    }
}

bool fleet_owes_expiries(const struct fleet *fleet)
{
    return fleet->found != fleet->found_told;
}
