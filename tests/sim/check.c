/* The invariants of the simulation: at any time, and once everything has ended. */
#include "tests/sim/world.h"

#define AGREE_MS 25000 /* a pause may take this long in the calm: a stuck Docker answers late */
#define START_MS 60000 /* several starts, and one of them by a stuck Docker */
#define CLEANUP_MS                                                                                           \
    30000 /* a container without a live row is gone after this long, if its node is connected */

/* An agent that is told to end a sandbox ends it, whatever state the sandbox was in. */
static void check_stopping(struct world *w, int node, int sandbox)
{
    const struct node_model *model = &w->node[node];
    struct row *r = &w->row[sandbox];
    if (!w->calm || r->state != SANDBOX_STOPPING || !model->session || !model->linked)
        r->stopping_ms = 0;
    else if (!r->stopping_ms)
        r->stopping_ms = w->now;
    else if (w->now - r->stopping_ms > CLEANUP_MS)
        sim_fail(w, "sandbox %d was to end, and does not", sandbox);
}

static void check_on_node(struct world *w, int node, int sandbox)
{
    struct node_model *model = &w->node[node];
    struct sandbox_model *s = &model->sandbox[sandbox];
    const struct row *r = &w->row[sandbox];
    uint64_t latest = r->deadline_ms + 2000 > s->excused_ms ? r->deadline_ms + 2000 : s->excused_ms;
    /* An extension that has not arrived yet never shortens a lifetime; the agent can be held only to the
     * deadline that it knows. */
    if (r->used && s->runs && s->begun && model->reconciler && s->saved && w->now > latest &&
        s->record.deadline_ms + 2000 < w->now)
        sim_fail(w, "sandbox %d runs %llu ms past its deadline", sandbox,
                 (unsigned long long)(w->now - r->deadline_ms));
    if (r->node == node && s->container)
        check_stopping(w, node, sandbox);
    bool has_row = (r->used && r->node == node && !sandbox_state_terminal(r->state)) ||
                   (r->member && r->member_node == node);
    bool orphaned = s->container && !has_row && model->session && model->linked && w->calm;
    if (!orphaned)
        s->orphan_ms = 0;
    else if (!s->orphan_ms)
        s->orphan_ms = w->now;
    else if (w->now - s->orphan_ms > CLEANUP_MS)
        sim_fail(w, "%s %d %s and its container lives", r->used ? "sandbox" : "member", sandbox,
                 r->used ? "is over" : "has no row");
}

/* A sandbox that was placed a second time was never begun on its first node. */
static void check_once(struct world *w, int sandbox)
{
    int begun = 0;
    for (int n = 0; n < SIM_NODES; n++)
        begun += w->node[n].sandbox[sandbox].begun;
    if (begun > 1)
        sim_fail(w, "sandbox %d was begun on %d nodes", sandbox, begun);
}

/* A step of PostgreSQL's clock never ends a sandbox earlier than its user was promised; of one that is past
 * its end, the node's report may not have arrived yet. */
static void check_early(struct world *w, int node, int sandbox)
{
    const struct row *r = &w->row[sandbox];
    struct sandbox_id id = sim_id(sandbox);
    const struct reconciler *reconciler = w->node[node].reconciler;
    bool lives = r->used && !sandbox_state_terminal(r->state) && r->desired != DESIRED_GONE && !r->displaced;
    const struct sandbox_record *record =
        reconciler && r->node == node && lives ? reconciler_find(reconciler, &id) : NULL;
    if (record && record->phase != PHASE_ENDED && record->generation == r->generation &&
        record->deadline_ms + 1000 < r->deadline_ms)
        sim_fail(w, "sandbox %d is to end at %llu, and its user was told %llu", sandbox,
                 (unsigned long long)record->deadline_ms, (unsigned long long)r->deadline_ms);
}

/* In the calm the desired state, the reported state and the real state agree, no matter who paused the
 * sandbox. */
static void check_pause(struct world *w, int node, int sandbox)
{
    struct node_model *model = &w->node[node];
    struct sandbox_model *s = &model->sandbox[sandbox];
    const struct row *r = &w->row[sandbox];
    bool paused = r->desired == DESIRED_PAUSED;
    bool looked_at = r->used && w->calm && s->runs && model->session && r->node == node &&
                     r->desired != DESIRED_GONE && !sandbox_state_terminal(r->state);
    if (!looked_at || (s->paused == paused && (r->state == SANDBOX_PAUSED) == paused))
        s->odd_ms = 0;
    else if (!s->odd_ms)
        s->odd_ms = w->now;
    else if (w->now - s->odd_ms > AGREE_MS)
        sim_fail(w, "sandbox %d is %s, %s, and desired %s", sandbox, s->paused ? "paused" : "running",
                 sandbox_state_name(r->state), paused ? "paused" : "running");
}

/* Whether the node knows the deadline of the row; where desired states are delivered, to a second. */
static bool knows_deadline(struct node_model *model, int sandbox, const struct row *r)
{
    struct sandbox_id id = sim_id(sandbox);
    const struct sandbox_record *record = model->reconciler ? reconciler_find(model->reconciler, &id) : NULL;
    return !record || r->displaced ||
           (record->deadline_ms < r->deadline_ms + 1000 && r->deadline_ms < record->deadline_ms + 1000);
}

/* Limits and deadlines that were changed hold, no matter which daemon died before Docker or the controller
 * was told. */
static void check_limits(struct world *w, int node, int sandbox)
{
    struct node_model *model = &w->node[node];
    struct sandbox_model *s = &model->sandbox[sandbox];
    const struct row *r = &w->row[sandbox];
    bool looked_at = r->used && w->calm && s->runs && model->session && r->node == node &&
                     r->desired != DESIRED_GONE && !sandbox_state_terminal(r->state);
    if (!looked_at || (s->memory_bytes == r->memory_bytes && knows_deadline(model, sandbox, r)))
        s->unfit_ms = 0;
    else if (!s->unfit_ms)
        s->unfit_ms = w->now;
    else if (w->now - s->unfit_ms > AGREE_MS)
        sim_fail(w, "sandbox %d is held to %llu bytes, and should be to %llu, until %llu", sandbox,
                 (unsigned long long)s->memory_bytes, (unsigned long long)r->memory_bytes,
                 (unsigned long long)r->deadline_ms);
}

/* What is admitted runs, or ends. */
static void check_start(struct world *w, int sandbox)
{
    struct row *r = &w->row[sandbox];
    const struct node_model *model = &w->node[r->node];
    bool startable = r->state == SANDBOX_PENDING || r->state == SANDBOX_STARTING;
    if (!w->calm || !r->used || !startable || !model->session || !model->linked)
        r->idle_ms = 0;
    else if (!r->idle_ms)
        r->idle_ms = w->now;
    else if (w->now - r->idle_ms > START_MS)
        sim_fail(w, "sandbox %d is %s, and does not start", sandbox, sandbox_state_name(r->state));
}

void check_sandbox(struct world *w, int sandbox)
{
    if (sandbox >= w->rows)
        return;
    check_member(w, sandbox);
    check_start(w, sandbox);
    check_once(w, sandbox);
    controller_check_row(w, sandbox);
    for (int n = 0; n < SIM_NODES; n++) {
        check_on_node(w, n, sandbox);
        check_early(w, n, sandbox);
        check_pause(w, n, sandbox);
        check_limits(w, n, sandbox);
    }
}
/* After a long calm every sandbox has ended, nothing is left of it, and no room stays reserved. */
void check_rest(struct world *w)
{
    for (int i = 0; i < w->rows; i++) {
        const struct row *r = &w->row[i];
        if (!r->used)
            continue;
        if (r->ended_as == REASON_NONE && r->reason == REASON_NONE && sandbox_state_terminal(r->state))
            sim_fail(w, "sandbox %d ended without a reason", i);
        if (!sandbox_state_terminal(r->state))
            sim_fail(w, "sandbox %d is %s long after its deadline", i, sandbox_state_name(r->state));
        if (r->moves != r->events)
            sim_fail(w, "sandbox %d moved %u times and has %u events", i, r->moves, r->events);
        for (int n = 0; n < SIM_NODES; n++) {
            const struct sandbox_model *s = &w->node[n].sandbox[i];
            if (s->container || s->runs)
                sim_fail(w, "sandbox %d left a container on node %d", i, n);
            if (s->saved)
                sim_fail(w, "sandbox %d left a record on node %d", i, n);
        }
    }
    outbox_check_rest(w);
    check_members_rest(w);
    if (cluster_state_count(w->cluster))
        sim_fail(w, "the cluster state still holds %zu sandboxes", cluster_state_count(w->cluster));
    const struct node_table *nodes = cluster_state_nodes(w->cluster);
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->item[i]->reserved.sandboxes || nodes->item[i]->reserved.memory_bytes)
            sim_fail(w, "node %zu has room reserved for nobody", i);
    }
}
