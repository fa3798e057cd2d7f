#include "controller/leader/dispatch.h"

#include "controller/leader/leader_int.h"
#include "controller/leader/leader_trace.h"
#include "controller/leader/leader_warm_rows.h"
#include "controller/leader/moves.h"
#include "controller/leader/reschedule.h"

#include "common/io/log.h"

/* Reads the spec now. If the sandbox ended since, nothing is sent: its end follows. */
static void desired(struct leader *leader, const struct cluster_state_effect *effect)
{
    struct desired_state desired = effect->desired;
    struct err e;
    bool made_of = desired.spec;
    if (made_of)
        desired.spec = cluster_state_spec(leader->cluster, &effect->id, &desired.spec_len);
    if (made_of && !desired.spec)
        return;
    leader_trace_fill(leader, &desired);
    if (node_link_desired(leader->link, effect->node, &desired, &e))
        log_debug("leader", "sandbox=%s is sent to %s later: %s", effect->id.text, effect->node, e.text);
}

static void send_ack(struct leader *leader, const struct cluster_state_effect *effect)
{
    node_link_ack(leader->link, effect->node, &effect->ack);
}

static void changed(struct leader *leader, const struct cluster_state_effect *effect)
{
    struct state_change change = {effect->id, effect->state, effect->cleaned, effect->orphan};
    changes_tell_state(&leader->changes, &change);
}

static void on_node_said(void *arg, int code, const struct err *e, const char *json)
{
    /*
     * A node that joins for the first time has no row yet; db_node_join, which is under way, writes the same
     * state.
     */
    if (code && code != ERR_CANCELLED && code != ERR_NOT_FOUND)
        log_warn("leader", "a node's state was not written: %s", e ? e->text : "");
}

static void say_node(struct leader *leader, const struct cluster_state_effect *effect)
{
    const struct node *node = node_table_find(cluster_state_nodes(leader->cluster), effect->node);
    bool unreachable = effect->node_state == NODE_UNREACHABLE;
    bool unhealthy = effect->node_state == NODE_UNHEALTHY;
    db_node_set_health(leader->pool, effect->node,
                       unreachable ? DB_NODE_UNREACHABLE
                       : unhealthy ? DB_NODE_UNHEALTHY
                                   : DB_NODE_READY,
                       unreachable         ? "its agent is silent"
                       : unhealthy && node ? node->facts.unhealthy
                                           : "",
                       on_node_said, leader);
}

static void act(void *owner, const struct cluster_state_effect *effect)
{
    static void (*const acts[])(struct leader * leader, const struct cluster_state_effect *effect) = {
        [CLUSTER_PERSIST] = moves_add,
        [CLUSTER_RESCHEDULE] = leader_reschedule,
        [CLUSTER_DESIRED] = desired,
        [CLUSTER_ACK] = send_ack,
        [CLUSTER_CHANGED] = changed,
        [CLUSTER_NODE] = say_node,
        [CLUSTER_WARM_DROP] = leader_warm_drop,
    };
    struct cluster_state_effect now = *effect;
    cluster_state_effect_as_of(&now, loop_now_ms());
    acts[effect->kind](owner, &now);
}

static void settled(void *owner)
{
    moves_flush(owner);
}

const struct leader_engine_ops leader_dispatch_ops = {.act = act, .settled = settled};
