/* Nodes of the cluster state: sessions, statuses, and silence. */
#include "controller/core/cluster_state_int.h"

#include <stdio.h>
#include <string.h>

static void note_report(struct sandbox_entry *s, uint64_t now, const struct sandbox_status *status)
{
    s->latest = *status;
    s->latest_ms = now;
    s->on_node = ON_NODE_REPORTED;
    s->cleaned = false;
}

/*
 * A node has a sandbox that it should not have: tells the node to remove it, whatever generation it has. A
 * member of the warm pool goes as one: where the sandbox that took it over is not known here yet, the node
 * can still start that.
 */
static void send_away(const char *node, const struct sandbox_status *status,
                      struct cluster_state_effects *effects)
{
    struct cluster_state_effect *effect = cluster_state_effect_add(effects, CLUSTER_DESIRED, NULL);
    effect->id = status->id;
    snprintf(effect->node, sizeof effect->node, "%s", node);
    effect->desired = (struct desired_state){.id = status->id,
                                             .generation = status->generation + 1,
                                             .state = DESIRED_GONE,
                                             .reason = REASON_ORPHANED,
                                             .pooled = status->pooled};
}

/* What it says cannot be: the sandbox ran there, and now the node has a member that heard of none. */
static bool was_there(const struct sandbox_entry *s)
{
    return s->state == SANDBOX_RUNNING || s->state == SANDBOX_PAUSED;
}

/*
 * Its node still has the member of the warm pool, and has not heard of the sandbox that took it over. Of a
 * member that ended, the node is to forget the record: it then starts the sandbox from nothing.
 */
static void take_member(struct cluster_state *cluster, struct sandbox_entry *s, uint64_t now,
                        const struct sandbox_status *status, bool in_inventory,
                        struct cluster_state_effects *effects)
{
    if (sandbox_state_terminal(status->state))
        cluster_state_send_ack(s->node->facts.name, status, effects);
    s->on_node = was_there(s) ? ON_NODE_ABSENT : ON_NODE_MEMBER;
    if (was_there(s) && !in_inventory)
        cluster_state_evaluate(cluster, s, now, effects);
    else if (!in_inventory) /* else a desired state follows anyway */
        cluster_state_send_desired(s, now, effects);
}

static void take_status(struct cluster_state *cluster, uint64_t now, struct node *node,
                        const struct sandbox_status *status, bool in_inventory,
                        struct cluster_state_effects *effects)
{
    struct sandbox_entry *s = sandbox_table_find(&cluster->sandboxes, &status->id);
    struct warm_member *m = warm_pool_find(&cluster->warm, &status->id);
    if (s && s->admitted && s->node == node && status->pooled) {
        take_member(cluster, s, now, status, in_inventory, effects);
        return;
    }
    if (m && m->node == node && !(s && s->admitted && s->node == node)) {
        warm_status(cluster, m, now, status, effects);
        return;
    }
    if (!s || !s->admitted || s->node != node) {
        if (sandbox_state_terminal(status->state))
            cluster_state_send_ack(node->facts.name, status, effects);
        else
            send_away(node->facts.name, status, effects);
        return;
    }
    if (!in_inventory && sandbox_entry_reported(s) && status->number < s->latest.number)
        return;
    if (in_inventory || !sandbox_entry_reported(s) || status->number > s->latest.number)
        note_report(s, now, status);
    if (s->acked_number == status->number)
        s->acked_number = 0; /* the node sends it again: the acknowledgement was lost */
    cluster_state_evaluate(cluster, s, now, effects);
}

static void say_node_state(struct node *node, struct cluster_state_effects *effects)
{
    struct cluster_state_effect *effect = cluster_state_effect_add(effects, CLUSTER_NODE, NULL);
    memcpy(effect->node, node->facts.name, sizeof effect->node);
    effect->node_state = node_state(node);
}

/*
 * Removes messages to the node's earlier session: desired states and acknowledgements are sent again in the
 * new one.
 */
static void drop_messages(const char *node, struct cluster_state_effects *effects)
{
    size_t kept = 0;
    for (size_t i = 0; i < effects->count; i++) {
        const struct cluster_state_effect *effect = &effects->item[i];
        bool said = effect->kind == CLUSTER_DESIRED || effect->kind == CLUSTER_ACK;
        if (!said || strcmp(effect->node, node) != 0)
            effects->item[kept++] = *effect;
    }
    effects->count = kept;
}

void cluster_state_session(struct cluster_state *cluster, uint64_t now, const struct node_facts *facts,
                           const struct sandbox_status *inventory, size_t count,
                           struct cluster_state_effects *effects)
{
    struct node *node = node_table_get(&cluster->nodes, facts->name);
    node_facts_copy(&node->facts, facts);
    node->session = true;
    node->gone = false;
    node->gone_at_ms = 0;
    drop_messages(facts->name, effects);
    say_node_state(node, effects);

    struct sandbox_entry *s, *next;
    SANDBOX_TABLE_EACH(&cluster->sandboxes, s, next)
    {
        if (s->node != node)
            continue;
        if (s->on_node == ON_NODE_REPORTED)
            s->on_node = ON_NODE_VANISHED;
        else if (s->on_node == ON_NODE_MEMBER)
            s->on_node = ON_NODE_UNHEARD;
        s->acked_number = 0;
    }
    warm_session_begins(cluster, node);
    for (size_t i = 0; i < count; i++)
        take_status(cluster, now, node, &inventory[i], true, effects);
    warm_session(cluster, now, node, effects);
    SANDBOX_TABLE_EACH(&cluster->sandboxes, s, next)
    {
        if (s->node != node || !s->admitted)
            continue;
        if (sandbox_entry_reported(s)) {
            cluster_state_send_desired(s, now,
                                       effects); /* its deadline may be nearer than the one last sent */
            continue;
        }
        if (s->on_node != ON_NODE_VANISHED && s->on_node != ON_NODE_MEMBER)
            s->on_node = cluster_state_unheard(s) ? ON_NODE_UNHEARD : ON_NODE_ABSENT;
        if (sandbox_entry_missing(s))
            cluster_state_evaluate(cluster, s, now, effects);
        else
            cluster_state_send_desired(s, now, effects); /* the node never had it */
    }
}

static bool has_been_there(const struct sandbox_entry *s, const struct node *node)
{
    return s->node == node && s->admitted && (sandbox_entry_reported(s) || !cluster_state_unheard(s));
}

void cluster_state_compare(const struct cluster_state *cluster, const char *name,
                           const struct sandbox_status *inventory, size_t count, size_t *ran, size_t *brought)
{
    const struct node *node = node_table_find(&cluster->nodes, name);
    struct sandbox_entry *s, *next;
    *ran = *brought = 0;
    if (!node)
        return;
    SANDBOX_TABLE_EACH(&cluster->sandboxes, s, next)
    *ran += has_been_there(s, node);
    for (size_t i = 0; i < count; i++) {
        const struct sandbox_entry *one = sandbox_table_find(&cluster->sandboxes, &inventory[i].id);
        *brought += one && has_been_there(one, node);
    }
}

void cluster_state_lose_node(struct cluster_state *cluster, uint64_t now, struct node *node,
                             struct cluster_state_effects *effects)
{
    node->session = false;
    node->gone = true;
    node->gone_at_ms = 0;
    say_node_state(node, effects);
    struct sandbox_entry *s, *next;
    SANDBOX_TABLE_EACH(&cluster->sandboxes, s, next)
    {
        if (s->node == node)
            cluster_state_evaluate(cluster, s, now, effects);
    }
}

void cluster_state_node_gone(struct cluster_state *cluster, uint64_t now, const char *name,
                             struct cluster_state_effects *effects)
{
    struct node *node = node_table_find(&cluster->nodes, name);
    if (node && !node->gone)
        cluster_state_lose_node(cluster, now, node, effects);
}

void cluster_state_node_expected(struct cluster_state *cluster, uint64_t now, const char *name)
{
    cluster_state_await_node(cluster, now, node_table_get(&cluster->nodes, name));
}

void cluster_state_node_mark(struct cluster_state *cluster, const char *name, bool cordoned, bool draining,
                             struct cluster_state_effects *effects)
{
    struct node *node = node_table_get(&cluster->nodes, name);
    if (node->cordoned == cordoned && node->draining == draining)
        return;
    node->cordoned = cordoned;
    node->draining = draining;
    say_node_state(node, effects);
}

void cluster_state_say_node(struct cluster_state *cluster, const char *name,
                            struct cluster_state_effects *effects)
{
    struct node *node = node_table_find(&cluster->nodes, name);
    if (node && (node->session || node->gone))
        say_node_state(node, effects);
}

void cluster_state_status(struct cluster_state *cluster, uint64_t now, const char *name,
                          const struct sandbox_status *status, struct cluster_state_effects *effects)
{
    struct node *node = node_table_find(&cluster->nodes, name);
    if (node && node->session)
        take_status(cluster, now, node, status, false, effects);
}
