/* Places a sandbox on another node when its node cannot start it, for reasons of the node. */
#include "controller/core/cluster_state_int.h"

#include "common/base/plain_words.h"

#include <string.h>

void cluster_state_let_go(struct sandbox_entry *s)
{
    if (s->target)
        node_release(s->target, &s->desired.limits);
    s->target = NULL;
}

void cluster_state_stay(struct sandbox_entry *s)
{
    cluster_state_let_go(s);
    place_request_free(s->wish);
    s->wish = NULL;
}

/*
 * The command never began, and nothing of the sandbox is left on its node: a node reports the failure only
 * then.
 */
static bool is_due(const struct sandbox_entry *s)
{
    const struct sandbox_status *status = &s->latest;
    return s->wish && status->state == SANDBOX_FAILED && status->node_fault && !status->ran &&
           s->desired.state == DESIRED_RUNNING &&
           (s->state == SANDBOX_PENDING || s->state == SANDBOX_STARTING);
}

static bool hold_room(struct cluster_state *cluster, struct sandbox_entry *s)
{
    s->wish->limits = s->desired.limits;
    s->wish->other_than = s->node->facts.name;
    s->target = place(&cluster->nodes, s->wish, NULL);
    s->wish->other_than = NULL;
    if (s->target)
        node_reserve(s->target, &s->desired.limits);
    return s->target;
}

/* After an unknown answer the same node is asked for again: the first request may have been committed. */
bool cluster_state_reschedule(struct cluster_state *cluster, struct sandbox_entry *s,
                              struct cluster_state_effects *effects)
{
    if (!s->target && !is_due(s))
        return false;
    if (!s->target && !hold_room(cluster, s)) {
        cluster_state_stay(s);
        return false;
    }
    s->asked = ASKED_RESCHEDULE;
    struct sandbox_reschedule *reschedule =
        &cluster_state_effect_add(effects, CLUSTER_RESCHEDULE, s)->reschedule;
    const struct node_facts *to = &s->target->facts;
    reschedule->id = s->desired.id;
    reschedule->generation = s->desired.generation;
    reschedule->enforced = to->enforces;
    memcpy(reschedule->from, s->node->facts.name, sizeof reschedule->from);
    memcpy(reschedule->to, to->name, sizeof reschedule->to);
    memcpy(reschedule->region, to->region, sizeof reschedule->region);
    plain_words(s->latest.detail, reschedule->detail, sizeof reschedule->detail);
    return true;
}
