/*
 * The step: compares the committed state of a sandbox with what is known of it, and appends the effect that
 * is due.
 */
#include "controller/core/cluster_state_int.h"

#include "common/base/plain_words.h"

#include <stdio.h>
#include <string.h>

#define MOVES_MAX 3 /* from pending to paused, when no status in between arrived */

bool cluster_state_unheard(const struct sandbox_entry *s)
{
    return s->state == SANDBOX_PENDING || (s->state == SANDBOX_STARTING && (s->rescheduled || s->handed_out));
}

void cluster_state_await_node(const struct cluster_state *cluster, uint64_t now, struct node *node)
{
    if (!node->session && !node->gone && !node->gone_at_ms)
        node->gone_at_ms = now + cluster->lease_ms;
}

static void persist(struct sandbox_entry *s, uint64_t now, const struct sandbox_move *move,
                    struct cluster_state_effects *effects)
{
    bool idle = move->to == SANDBOX_PAUSED && move->status.reason == REASON_IDLE;
    s->asked = ASKED_MOVE;
    s->adopting = idle ? move->status.generation : 0;
    struct cluster_state_effect *effect = cluster_state_effect_add(effects, CLUSTER_PERSIST, s);
    effect->at_ms = now;
    effect->move = *move;
    effect->move.status.id = s->desired.id;
    effect->move.from = s->state;
    effect->move.late_ms = (int64_t)(now - s->deadline_ms) - (int64_t)move->status.ended_ago_ms;
    effect->move.unheard = sandbox_entry_reported(s) && s->latest.generation < s->desired.generation;
}

/* The first state on a legal path of exactly this many moves, or `from` where there is none. */
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

/* The first state on the shortest legal path to `to`, or `from` where there is none. */
static enum sandbox_state step_towards(enum sandbox_state from, enum sandbox_state to)
{
    enum sandbox_state next = from;
    for (unsigned moves = 1; moves <= MOVES_MAX && next == from; moves++)
        next = step_of(from, to, moves);
    return next;
}

static struct sandbox_move move_of(const struct sandbox_status *told, enum sandbox_state to,
                                   uint64_t waited_ms)
{
    struct sandbox_move move = {.to = to, .status = *told};
    struct sandbox_status *status = &move.status;
    bool idle = to == SANDBOX_PAUSED && status->reason == REASON_IDLE, ends = sandbox_state_terminal(to);
    status->started_ago_ms += waited_ms;
    status->ended_ago_ms += waited_ms;
    status->last.ago_ms += waited_ms;
    if (!ends && !idle) {
        status->reason = REASON_NONE;
        status->generation = 0;
        status->detail[0] = 0;
        status->has_exit_code = status->has_last = false;
        return move;
    }
    plain_words(told->detail, status->detail,
                sizeof status->detail);          /* the node should have done so itself */
    if (ends && status->reason == REASON_NONE) { /* a wrong or lying node: nothing ends without a reason */
        status->reason = REASON_ORPHANED;
        snprintf(status->detail, sizeof status->detail, "its node reported the end without a reason");
    }
    return move;
}

/*
 * Acknowledges the latest status: the row has its state, or can never get it, so nothing is left to commit.
 */
static void settle(struct sandbox_entry *s, struct cluster_state_effects *effects)
{
    if (s->acked_number == s->latest.number)
        return;
    s->acked_number = s->latest.number;
    cluster_state_send_ack(s->node->facts.name, &s->latest, effects);
}

/*
 * While a deletion is under way, a status that says "running" is out of date; only `stopping` or an end
 * counts.
 */
static bool overtaken(const struct sandbox_entry *s)
{
    return s->state == SANDBOX_STOPPING && !sandbox_state_terminal(s->latest.state);
}

/*
 * Whether its node paused it on its own and the pause is not yet the desired state. Also where the row says
 * "paused" already: the node may have resumed and paused it again without a status in between.
 */
static bool to_adopt(const struct sandbox_entry *s)
{
    return s->latest.state == SANDBOX_PAUSED && s->latest.reason == REASON_IDLE &&
           s->desired.state == DESIRED_RUNNING && s->latest.generation == s->desired.generation;
}

static void evaluate_report(struct cluster_state *cluster, struct sandbox_entry *s, uint64_t now,
                            struct cluster_state_effects *effects)
{
    if (cluster_state_reschedule(cluster, s, effects))
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
    struct sandbox_move move = move_of(&s->latest, next, now - s->latest_ms);
    persist(s, now, &move, effects);
}

static void evaluate_silence(struct cluster_state *cluster, struct sandbox_entry *s, uint64_t now,
                             struct cluster_state_effects *effects)
{
    struct sandbox_move move = {.to = SANDBOX_LOST};
    if (now < cluster->listen_ms)
        return;
    if (now >= s->deadline_ms + LOST_END_AFTER_MS && sandbox_state_may_move(s->state, SANDBOX_STOPPED)) {
        move.to = SANDBOX_STOPPED;
        move.status.reason = s->desired.state == DESIRED_GONE ? s->desired.reason : REASON_NODE_LOST;
        move.status.ended_ago_ms = now - s->deadline_ms; /* its node, if it still runs, ended it then */
    } else if (!sandbox_state_may_move(s->state, SANDBOX_LOST)) {
        return; /* lost already, or stopping, which ends when the node is back or at the deadline */
    }
    persist(s, now, &move, effects);
}

static void evaluate_missing(struct sandbox_entry *s, uint64_t now, struct cluster_state_effects *effects)
{
    bool desired_gone = s->desired.state == DESIRED_GONE;
    struct sandbox_move move = {.to = SANDBOX_STOPPED,
                                .status.reason = desired_gone ? s->desired.reason : REASON_ORPHANED};
    if (!sandbox_state_may_move(s->state, move.to))
        move.to = step_towards(s->state, SANDBOX_STOPPED);
    if (move.to == s->state)
        return;
    if (!desired_gone)
        snprintf(move.status.detail, sizeof move.status.detail, "its node %s came back without it",
                 s->node->facts.name);
    persist(s, now, &move, effects);
}

static void evaluate_orphan(struct sandbox_entry *s, uint64_t now, struct cluster_state_effects *effects)
{
    bool desired_gone = s->desired.state == DESIRED_GONE, expired = s->orphan == CLEANUP_EXPIRED;
    struct sandbox_move move = {.to = SANDBOX_STOPPED,
                                .status.reason = desired_gone ? s->desired.reason
                                                 : expired    ? REASON_EXPIRED
                                                              : REASON_ORPHANED};
    if (!sandbox_state_may_move(s->state, move.to))
        move.to = SANDBOX_FAILED; /* it never ran */
    if (!desired_gone)
        snprintf(move.status.detail, sizeof move.status.detail, "%s, and its node %s does not have it",
                 expired ? "its lifetime ended" : "it is live by its row", s->node->facts.name);
    persist(s, now, &move, effects);
}

void cluster_state_evaluate(struct cluster_state *cluster, struct sandbox_entry *s, uint64_t now,
                            struct cluster_state_effects *effects)
{
    if (!s->admitted || s->asked || now < s->retry_at_ms)
        return;
    if (s->target)
        cluster_state_reschedule(cluster, s, effects);
    else if (s->cleaned)
        evaluate_orphan(s, now, effects);
    else if (sandbox_entry_reported(s) && (s->node->session || sandbox_state_terminal(s->latest.state)))
        evaluate_report(cluster, s, now, effects);
    else if (s->node->gone)
        evaluate_silence(cluster, s, now, effects);
    else if (sandbox_entry_missing(s))
        evaluate_missing(s, now, effects);
}

static void note_ended(struct cluster_state *cluster, const struct sandbox_id *id)
{
    cluster->ended[cluster->ended_next] = (struct ended){*id, ++cluster->stamp};
    cluster->ended_next = (cluster->ended_next + 1) % ENDED_MAX;
}

void cluster_state_entry_drop(struct cluster_state *cluster, struct sandbox_entry *s)
{
    cluster_state_stay(s);
    node_release(s->node, &s->desired.limits);
    sandbox_table_drop(&cluster->sandboxes, s);
}

void cluster_state_set_state(struct cluster_state *cluster, struct sandbox_entry *s, enum sandbox_state state,
                             struct cluster_state_effects *effects)
{
    s->state = state;
    struct cluster_state_effect *effect = cluster_state_effect_add(effects, CLUSTER_CHANGED, s);
    effect->state = state;
    effect->cleaned = s->cleaned;
    effect->orphan = s->orphan;
    if (state == SANDBOX_RUNNING && s->handed_out && sandbox_entry_reported(s) && !s->latest.warm)
        cluster->warm.stats.fallbacks++;
    s->handed_out &= state == SANDBOX_STARTING;
    if (state != SANDBOX_STARTING)
        cluster_state_stay(s); /* it runs or ends: it is not placed again */
    if (!sandbox_state_terminal(state))
        return;
    if (sandbox_entry_reported(s) && sandbox_state_terminal(s->latest.state))
        settle(s, effects);
    note_ended(cluster, &s->desired.id);
    cluster_state_entry_drop(cluster, s);
}

void cluster_state_commit_state(struct cluster_state *cluster, struct sandbox_entry *s,
                                enum sandbox_state state, struct cluster_state_effects *effects)
{
    if (step_towards(s->state, state) != s->state)
        cluster_state_set_state(cluster, s, state, effects);
}
