#include "controller/core/cluster_state.h"

#include "controller/core/cluster_state_int.h"
#include "controller/core/cluster_state_warm.h"
#include "controller/core/deadline.h"

#include "common/base/mem.h"
#include "common/base/plain_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DESIRED_REPEAT_MS 2000
#define LATE_MS           500 /* a row whose answer took longer than this is read again, for a more exact deadline */
#define TICK_GAP_MS       3000 /* a longer time between two ticks means that this process stood still */

struct cluster_state *cluster_state_new(uint64_t lease_ms)
{
    struct cluster_state *cluster = mem_zalloc(sizeof *cluster);
    cluster->lease_ms = lease_ms;
    return cluster;
}

void cluster_state_free(struct cluster_state *cluster)
{
    if (!cluster)
        return;
    sandbox_table_fini(&cluster->sandboxes);
    warm_pool_fini(&cluster->warm);
    node_table_fini(&cluster->nodes);
    free(cluster);
}

/* --- rows --- */

/* Drops what its earlier node reported. */
static void move_entry(struct cluster_state *cluster, struct sandbox_entry *s, uint64_t now,
                       struct node *node)
{
    cluster_state_stay(s);
    s->node = node;
    s->rescheduled = true;
    s->on_node = ON_NODE_UNHEARD;
    s->unsure = false;
    s->acked_number = 0;
    cluster_state_await_node(cluster, now, node);
    warm_overtaken(cluster, s, node);
}

/*
 * Whether the answer may be older than the last known step of PostgreSQL's clock. The row follows that step,
 * or has followed already, and its expiry may differ from the one in this answer.
 */
static bool is_of_another_clock(const struct cluster_state *cluster, uint64_t now,
                                const struct sandbox_row *row)
{
    return cluster->stepped_ms && now - cluster->stepped_ms <= row->waited_ms;
}

/* All but its spec, which never changes, and which the entry owns. */
static void take_desired(struct sandbox_entry *s, const struct desired_state *desired)
{
    const uint8_t *spec = s->desired.spec;
    size_t spec_len = s->desired.spec_len;
    s->desired = *desired;
    s->desired.spec = spec;
    s->desired.spec_len = spec_len;
}

void cluster_state_entry_fill(struct cluster_state *cluster, struct sandbox_entry *s, uint64_t now,
                              const struct sandbox_row *row)
{
    if (row->desired.generation > s->desired.generation)
        cluster_state_let_go(s);
    deadline_take(s, now, row, is_of_another_clock(cluster, now, row));
    cluster->found += deadline_is_unsure(s);
    struct node *node = node_table_get(&cluster->nodes, row->node);
    if (s->node)
        node_release(s->node, &s->desired.limits);
    take_desired(s, &row->desired);
    if (s->node && s->node != node)
        move_entry(cluster, s, now, node);
    s->node = node;
    node_reserve(node, &s->desired.limits);
}

static struct sandbox_entry *entry_make(struct cluster_state *cluster, uint64_t now,
                                        const struct sandbox_row *row)
{
    struct sandbox_entry *s = sandbox_table_get(&cluster->sandboxes, &row->desired.id);
    s->rescheduled |= row->rescheduled;
    s->handed_out = row->warm;
    cluster_state_entry_fill(cluster, s, now, row);
    s->state = row->state;
    s->changed = ++cluster->stamp;
    s->admitted = true;
    if (row->user)
        strncpy(s->user, row->user, sizeof s->user - 1);
    if (row->tier)
        strncpy(s->tier, row->tier, sizeof s->tier - 1);
    if (!s->desired.spec && row->desired.spec) {
        s->desired.spec = mem_dup(row->desired.spec, row->desired.spec_len);
        s->desired.spec_len = row->desired.spec_len;
    }
    return s;
}

void cluster_state_load(struct cluster_state *cluster, uint64_t now, const struct sandbox_row *row)
{
    if (!cluster->ticked_ms)
        cluster->ticked_ms = now; /* the process may also stand still before the first tick */
    cluster_state_await_node(cluster, now, entry_make(cluster, now, row)->node);
}

const char *cluster_state_place(struct cluster_state *cluster, const struct sandbox_id *id,
                                const struct place_request *request, struct err *e)
{
    struct sandbox_entry *s = sandbox_table_find(&cluster->sandboxes, id);
    if (s && s->admitted) { /* a reading was faster: another create took the member before, and it was
                               committed late */
        (void)err_set(e, ERR_NO_CAPACITY, "its container of the warm pool is taken; try again");
        return NULL;
    }
    struct node *node = warm_node_of(cluster, id, request);
    if (!node)
        node = place(&cluster->nodes, request, e);
    if (!node)
        return NULL;
    s = sandbox_table_get(&cluster->sandboxes, id);
    s->node = node;
    s->desired.limits = request->limits;
    s->wish = place_request_copy(request);
    node_reserve(node, &s->desired.limits);
    return node->facts.name;
}

static void admit(struct cluster_state *cluster, uint64_t now, const struct sandbox_row *row,
                  struct cluster_state_effects *effects)
{
    bool placed = sandbox_table_find(&cluster->sandboxes, &row->desired.id);
    struct sandbox_entry *s = entry_make(cluster, now, row);
    cluster_state_await_node(cluster, now, s->node);
    warm_admitted(cluster, now, s, effects);
    if (!placed && s->node->session && s->on_node != ON_NODE_MEMBER && !cluster_state_unheard(s))
        s->on_node = ON_NODE_ABSENT;
    if (sandbox_entry_missing(s))
        cluster_state_evaluate(cluster, s, now, effects);
    else
        cluster_state_send_desired(s, now, effects);
}

void cluster_state_admitted(struct cluster_state *cluster, uint64_t now, const struct sandbox_row *row,
                            struct cluster_state_effects *effects)
{
    /* If it is not found: a reading was faster than this answer, and the sandbox has ended since. */
    if (sandbox_table_find(&cluster->sandboxes, &row->desired.id))
        admit(cluster, now, row, effects);
}

enum cleanup_kind cluster_state_orphan(const struct cluster_state *cluster, uint64_t now,
                                       const struct sandbox_row *row)
{
    const struct sandbox_entry *s = sandbox_table_find(&cluster->sandboxes, &row->desired.id);
    const struct node *node = s ? s->node : node_table_find(&cluster->nodes, row->node);
    struct cleanup_row facts = {.state = s ? s->state : row->state,
                                .known = s,
                                .moving = s && (s->asked || !s->admitted),
                                .reported = s && sandbox_entry_reported(s),
                                .missing = s && sandbox_entry_missing(s),
                                .overdue = s ? now >= s->deadline_ms + LOST_END_AFTER_MS
                                             : !row->desired.remaining_ms,
                                .node_here = node && node->session};
    return cleanup_row_judge(&facts);
}

void cluster_state_end_orphan(struct cluster_state *cluster, uint64_t now, const struct sandbox_row *row,
                              enum cleanup_kind kind, struct cluster_state_effects *effects)
{
    struct sandbox_entry *s = sandbox_table_find(&cluster->sandboxes, &row->desired.id);
    if (!s)
        s = entry_make(cluster, now, row);
    s->cleaned = true;
    s->orphan = kind;
    cluster_state_evaluate(cluster, s, now, effects);
}

/* Whether it ended after the stamp, or may have: ended sandboxes past ENDED_MAX are forgotten. */
static bool ended_since(const struct cluster_state *cluster, const struct sandbox_id *id, uint64_t stamp)
{
    if (cluster->ended[cluster->ended_next].stamp > stamp)
        return true;
    for (size_t i = 0; i < ENDED_MAX; i++) {
        if (cluster->ended[i].stamp > stamp && !memcmp(&cluster->ended[i].id, id, sizeof *id))
            return true;
    }
    return false;
}

void cluster_state_unplaced(struct cluster_state *cluster, const struct sandbox_id *id)
{
    struct sandbox_entry *s = sandbox_table_find(&cluster->sandboxes, id);
    if (s && !s->admitted)
        cluster_state_entry_drop(cluster, s);
}

void cluster_state_refused(struct cluster_state *cluster, const struct sandbox_id *id)
{
    cluster_state_unplaced(cluster, id);
    warm_refused(cluster, id);
}

/*
 * Whether the row kept a deadline that this controller has not read, while rows still have to follow
 * PostgreSQL's clock: the remaining time cannot be computed from it. The reading after the correction takes
 * the row.
 */
static bool is_to_be_read(const struct cluster_state *cluster, const struct sandbox_entry *s,
                          const struct sandbox_row *row)
{
    return row->time == ROW_TIME_KEPT && row->desired.generation > s->desired.generation + 1 &&
           cluster_state_owes_expiries(cluster);
}

void cluster_state_desired(struct cluster_state *cluster, uint64_t now, const struct sandbox_row *row,
                           struct cluster_state_effects *effects)
{
    struct sandbox_entry *s = sandbox_table_find(&cluster->sandboxes, &row->desired.id);
    if (!s || !s->admitted || row->desired.generation < s->desired.generation ||
        is_to_be_read(cluster, s, row))
        return;
    s->changed = ++cluster->stamp;
    cluster_state_entry_fill(cluster, s, now, row);
    cluster_state_send_desired(s, now, effects);
    cluster_state_commit_state(cluster, s, row->state, effects);
}

/* --- what others changed --- */

uint64_t cluster_state_stamp(struct cluster_state *cluster)
{
    return ++cluster->stamp;
}

/*
 * Whether the state in the reading is not older than ours: no move is under way, and nothing changed since.
 */
static bool readable(const struct sandbox_entry *s, uint64_t stamp)
{
    return !s->asked && s->changed < stamp;
}

bool cluster_state_differs(struct cluster_state *cluster, uint64_t stamp, const struct sandbox_id *id,
                           uint64_t generation, enum sandbox_state state)
{
    struct sandbox_entry *s = sandbox_table_find(&cluster->sandboxes, id);
    if (!s)
        return true;
    s->seen = stamp;
    if (!s->admitted)
        return false; /* its admission is not answered yet */
    return generation > s->desired.generation || s->late_ms > LATE_MS || deadline_is_unsure(s) ||
           (state != s->state && readable(s, stamp));
}

void cluster_state_unread(const struct cluster_state *cluster, uint64_t stamp,
                          void (*cb)(void *arg, const struct sandbox_id *id), void *arg)
{
    struct sandbox_entry *s, *next;
    SANDBOX_TABLE_EACH(&cluster->sandboxes, s, next)
    {
        if (s->admitted && s->seen != stamp && readable(s, stamp))
            cb(arg, &s->desired.id);
    }
}

/* The row is right, even where no legal move leads to its state from ours. */
static void take_state(struct cluster_state *cluster, uint64_t now, struct sandbox_entry *s,
                       enum sandbox_state state, struct cluster_state_effects *effects)
{
    bool ended = sandbox_state_terminal(state);
    if (state == s->state)
        return;
    s->unsure = false;
    cluster_state_set_state(cluster, s, state, effects);
    if (!ended)
        cluster_state_evaluate(cluster, s, now, effects);
}

void cluster_state_read(struct cluster_state *cluster, uint64_t now, uint64_t stamp,
                        const struct sandbox_row *row, struct cluster_state_effects *effects)
{
    struct sandbox_entry *s = sandbox_table_find(&cluster->sandboxes, &row->desired.id);
    if (!s || !s->admitted) {
        if (!sandbox_state_terminal(row->state) && !ended_since(cluster, &row->desired.id, stamp))
            admit(cluster, now, row, effects);
        return;
    }
    if (row->desired.generation > s->desired.generation) {
        cluster_state_entry_fill(cluster, s, now, row);
        cluster_state_send_desired(s, now, effects);
    } else if (row->desired.generation == s->desired.generation) {
        /*
         * The desired state changes within a generation in one way only: a pause by its node becomes the
         * desired state. If the answer to that commit was lost, only the row has the pause. A reading that is
         * older than a later answer still shows the state before the pause, and is not taken.
         */
        if (s->changed < stamp)
            s->desired.state = row->desired.state;
        if (deadline_correct(s, now, row, cluster->offset_ms))
            cluster_state_send_desired(s, now, effects); /* a node takes a nearer deadline from any message */
        cluster->found += deadline_is_owed(s);
    }
    if (readable(s, stamp))
        take_state(cluster, now, s, row->state, effects);
}

/* --- answers and time --- */

void cluster_state_persisted(struct cluster_state *cluster, uint64_t now, const struct sandbox_id *id,
                             bool ok, enum sandbox_state state, struct cluster_state_effects *effects)
{
    struct sandbox_entry *s = sandbox_table_find(&cluster->sandboxes, id);
    if (!s || s->asked != ASKED_MOVE)
        return;
    s->asked = ASKED_NOTHING;
    s->unsure = !ok;
    if (!ok) {
        s->retry_at_ms = now + CLUSTER_RETRY_MS;
        return;
    }
    s->changed = ++cluster->stamp;
    if (s->adopting == s->desired.generation && s->desired.state == DESIRED_RUNNING)
        s->desired.state = DESIRED_PAUSED;
    bool ended = sandbox_state_terminal(state);
    cluster_state_commit_state(cluster, s, state, effects);
    if (!ended && s->state != state)
        s->retry_at_ms = now + CLUSTER_RETRY_MS; /* another move was committed: a reading will show which */
    if (!ended)
        cluster_state_evaluate(cluster, s, now, effects);
}

/*
 * Takes the committed placement: the first node gets its acknowledgement and may forget the sandbox. If a
 * reading was faster than this answer, the status is acknowledged when the first node sends it again.
 */
static void take(struct cluster_state *cluster, struct sandbox_entry *s, uint64_t now,
                 const struct sandbox_row *row, struct cluster_state_effects *effects)
{
    if (row->desired.generation <= s->desired.generation)
        return;
    s->changed = ++cluster->stamp;
    if (sandbox_entry_reported(s))
        cluster_state_send_ack(s->node->facts.name, &s->latest, effects);
    cluster_state_entry_fill(cluster, s, now, row);
    cluster_state_send_desired(s, now, effects);
    cluster_state_commit_state(cluster, s, row->state, effects);
}

void cluster_state_rescheduled(struct cluster_state *cluster, uint64_t now, const struct sandbox_id *id,
                               enum cluster_state_answer answer, const struct sandbox_row *row,
                               struct cluster_state_effects *effects)
{
    struct sandbox_entry *s = sandbox_table_find(&cluster->sandboxes, id);
    if (!s || s->asked != ASKED_RESCHEDULE)
        return;
    s->asked = ASKED_NOTHING;
    if (answer == CLUSTER_DONE) {
        take(cluster, s, now, row, effects);
        return;
    }
    if (answer == CLUSTER_UNKNOWN) {
        s->retry_at_ms = now + CLUSTER_RETRY_MS;
        return;
    }
    cluster_state_stay(s);
    cluster_state_evaluate(cluster, s, now, effects);
}

static void tick_sandbox(struct cluster_state *cluster, struct sandbox_entry *s, uint64_t now,
                         struct cluster_state_effects *effects)
{
    cluster_state_evaluate(cluster, s, now, effects);
    bool heard = sandbox_entry_reported(s) && s->latest.generation >= s->desired.generation;
    if (!heard && !sandbox_entry_missing(s) && !s->asked && now - s->desired_sent_ms >= DESIRED_REPEAT_MS)
        cluster_state_send_desired(s, now, effects);
}

/*
 * Handles a gap since the tick before: this process stood still, because it was stopped, starved, or
 * suspended with its machine. It first reads what the nodes sent meanwhile; each node gets one lease to be
 * heard.
 */
static void note_gap(struct cluster_state *cluster, uint64_t now)
{
    uint64_t gap = cluster->ticked_ms ? now - cluster->ticked_ms : 0;
    cluster->ticked_ms = now;
    if (gap <= TICK_GAP_MS)
        return;
    cluster->listen_ms = now + cluster->lease_ms;
    for (size_t i = 0; i < cluster->nodes.count; i++) {
        struct node *node = cluster->nodes.item[i];
        if (node->gone_at_ms && node->gone_at_ms < cluster->listen_ms)
            node->gone_at_ms = cluster->listen_ms;
    }
}

void cluster_state_tick(struct cluster_state *cluster, uint64_t now, struct cluster_state_effects *effects)
{
    note_gap(cluster, now);
    for (size_t i = 0; i < cluster->nodes.count; i++) {
        struct node *node = cluster->nodes.item[i];
        if (!node->session && node->gone_at_ms && now >= node->gone_at_ms)
            cluster_state_lose_node(cluster, now, node, effects);
    }
    struct sandbox_entry *s, *next;
    SANDBOX_TABLE_EACH(&cluster->sandboxes, s, next)
    tick_sandbox(cluster, s, now, effects);
}

bool cluster_state_find(const struct cluster_state *cluster, const struct sandbox_id *id,
                        struct cluster_state_view *out)
{
    const struct sandbox_entry *s = sandbox_table_find(&cluster->sandboxes, id);
    if (!s || !s->admitted)
        return false;
    *out = (struct cluster_state_view){.user = s->user,
                                       .tier = s->tier,
                                       .node = s->node->facts.name,
                                       .state = s->state,
                                       .desired = s->desired.state,
                                       .generation = s->desired.generation};
    return true;
}

const uint8_t *cluster_state_spec(const struct cluster_state *cluster, const struct sandbox_id *id,
                                  size_t *len)
{
    const struct sandbox_entry *s = sandbox_table_find(&cluster->sandboxes, id);
    const struct warm_member *m = s && s->admitted ? NULL : warm_pool_find(&cluster->warm, id);
    *len = m ? m->spec_len : s ? s->desired.spec_len : 0;
    return m ? m->spec : s ? s->desired.spec : NULL;
}

const struct node_table *cluster_state_nodes(const struct cluster_state *cluster)
{
    return &cluster->nodes;
}

size_t cluster_state_count(const struct cluster_state *cluster)
{
    return HASH_COUNT(cluster->sandboxes.head);
}

void cluster_state_by_state(const struct cluster_state *cluster, size_t out[static SANDBOX_STATE_COUNT])
{
    struct sandbox_entry *s, *next;
    SANDBOX_TABLE_EACH(&cluster->sandboxes, s, next)
    out[s->state]++;
}

void cluster_state_each(const struct cluster_state *cluster, cluster_state_live_cb *cb, void *arg)
{
    struct sandbox_entry *s, *next;
    SANDBOX_TABLE_EACH(&cluster->sandboxes, s, next)
    {
        struct cluster_state_live live = {.id = &s->desired.id,
                                          .node = s->node->facts.name,
                                          .region = s->node->facts.region,
                                          .tier = s->tier,
                                          .state = s->state,
                                          .limits = &s->desired.limits};
        if (s->admitted)
            cb(arg, &live);
    }
}

/* --- PostgreSQL's clock --- */

void cluster_state_clock_stepped(struct cluster_state *cluster, uint64_t now, int64_t step_ms,
                                 int64_t offset_ms)
{
    struct sandbox_entry *s, *next;
    cluster->stepped_ms = now;
    cluster->offset_ms = offset_ms;
    cluster->found++;
    SANDBOX_TABLE_EACH(&cluster->sandboxes, s, next)
    deadline_stepped(s, now, step_ms, offset_ms);
}

void cluster_state_expiries(struct cluster_state *cluster, cluster_state_expiry_cb *cb, void *arg)
{
    struct sandbox_entry *s, *next;
    cluster->found_asked = cluster->found;
    SANDBOX_TABLE_EACH(&cluster->sandboxes, s, next)
    {
        s->sent_ms = s->row_ms ? s->expires_ms : 0;
        if (s->row_ms)
            cb(arg, &s->desired.id, s->row_ms, s->expires_ms);
    }
}

void cluster_state_expiries_told(struct cluster_state *cluster)
{
    struct sandbox_entry *s, *next;
    cluster->found_told = cluster->found_asked;
    SANDBOX_TABLE_EACH(&cluster->sandboxes, s, next)
    {
        if (s->sent_ms)
            s->row_ms = s->sent_ms;
        s->sent_ms = 0;
    }
}

bool cluster_state_owes_expiries(const struct cluster_state *cluster)
{
    return cluster->found != cluster->found_told;
}
