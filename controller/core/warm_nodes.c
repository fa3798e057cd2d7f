/* What nodes say of members of the warm pool, and what they are told. */
#include "controller/core/cluster_state_int.h"

#include <stdio.h>

#define AGAIN_LEAST_MS 5000  /* after a member failed on a node; doubled for each one more */
#define YOUNG_MS       60000 /* one that ends so soon after it was ready has failed, too */
#define AGAIN_MOST_MS  600000

static struct cluster_state_effect *effect_of(struct warm_member *m, enum cluster_state_effect_kind kind,
                                              struct cluster_state_effects *effects)
{
    struct cluster_state_effect *effect = cluster_state_effect_add(effects, kind, NULL);
    effect->id = m->id;
    snprintf(effect->node, sizeof effect->node, "%s", m->node->facts.name);
    return effect;
}

void warm_send_desired(struct warm_member *m, uint64_t now, struct cluster_state_effects *effects)
{
    if (!m->node->session)
        return;
    struct cluster_state_effect *effect = effect_of(m, CLUSTER_DESIRED, effects);
    uint64_t age = now - m->made_ms;
    m->sent_ms = now;
    effect->at_ms = now;
    effect->desired = (struct desired_state){.id = m->id,
                                             .generation = 1,
                                             .state = DESIRED_RUNNING,
                                             .remaining_ms = age < WARM_LIFE_MS ? WARM_LIFE_MS - age : 0,
                                             .limits = warm_limits(&m->kind->class),
                                             .spec = m->spec,
                                             .spec_len = m->spec_len,
                                             .pooled = true};
}

static void send_gone(struct warm_member *m, uint64_t now, struct cluster_state_effects *effects)
{
    if (!m->node->session)
        return;
    m->sent_ms = now;
    struct cluster_state_effect *effect = effect_of(m, CLUSTER_DESIRED, effects);
    effect->at_ms = now;
    effect->desired = (struct desired_state){.id = m->id,
                                             .generation = m->generation + 1,
                                             .state = DESIRED_GONE,
                                             .reason = REASON_DELETED,
                                             .pooled = true};
}

void warm_go(struct warm_member *m, uint64_t now, struct cluster_state_effects *effects)
{
    warm_member_turn(m, WARM_GOING);
    send_gone(m, now, effects);
}

void warm_drop_row(struct warm_member *m, uint64_t now, struct cluster_state_effects *effects)
{
    warm_member_turn(m, WARM_GONE);
    m->sent_ms = now;
    effect_of(m, CLUSTER_WARM_DROP, effects);
}

/* Only for members of its class: an image that is not on the node, or makes none, says nothing of others. */
static void back_off(const struct warm_pool *pool, struct warm_member *m, uint64_t now)
{
    struct node_warm_class *failed = warm_failed_entry(pool, m->node, &m->kind->class);
    if (!failed)
        return;
    uint64_t wait = AGAIN_LEAST_MS << (failed->failures < 7 ? failed->failures : 7);
    failed->failures++;
    failed->again_ms = now + (wait < AGAIN_MOST_MS ? wait : AGAIN_MOST_MS);
}

static void note_made(struct warm_pool *pool, struct warm_member *m)
{
    struct node_warm_class *failed = warm_failed_entry(pool, m->node, &m->kind->class);
    if (failed)
        failed->failures = 0;
    pool->stats.made++;
}

/* Its node does not have it, or not any more. */
static void ended(struct cluster_state *cluster, struct warm_member *m, uint64_t now,
                  struct cluster_state_effects *effects)
{
    if (m->state == WARM_TAKEN || m->state == WARM_UNSURE) {
        m->dead = true;
        return;
    }
    if (m->state == WARM_MAKING || (m->state == WARM_READY && now - m->ready_ms < YOUNG_MS))
        back_off(&cluster->warm, m, now);
    cluster->warm.stats.died += m->state == WARM_MAKING || m->state == WARM_READY;
    warm_drop_row(m, now, effects);
}

static void lives(struct cluster_state *cluster, struct warm_member *m, uint64_t now,
                  const struct sandbox_status *status, struct cluster_state_effects *effects)
{
    bool fit = status->pooled && (status->state == SANDBOX_STARTING || status->state == SANDBOX_RUNNING);
    if (m->state == WARM_MAKING && fit && status->state == SANDBOX_RUNNING) {
        warm_member_turn(m, WARM_READY);
        m->ready_ms = now;
        note_made(&cluster->warm, m);
    } else if (m->state == WARM_GOING || m->state == WARM_GONE ||
               ((m->state == WARM_MAKING || m->state == WARM_READY) && !fit)) {
        warm_go(m, now, effects);
    }
}

void warm_status(struct cluster_state *cluster, struct warm_member *m, uint64_t now,
                 const struct sandbox_status *status, struct cluster_state_effects *effects)
{
    bool taken = m->state == WARM_TAKEN || m->state == WARM_UNSURE;
    if (status->generation > m->generation)
        m->generation = status->generation;
    m->heard = true;
    if (!taken || status->pooled) /* else it is a sandbox already, and this is to be committed */
        cluster_state_send_ack(m->node->facts.name, status, effects);
    if (sandbox_state_terminal(status->state))
        ended(cluster, m, now, effects);
    else
        lives(cluster, m, now, status, effects);
}

void warm_session_begins(struct cluster_state *cluster, const struct node *node)
{
    struct warm_member *m, *next;
    WARM_POOL_EACH(&cluster->warm, m, next)
    {
        if (m->node == node)
            m->heard = false;
    }
}

void warm_session(struct cluster_state *cluster, uint64_t now, const struct node *node,
                  struct cluster_state_effects *effects)
{
    struct warm_member *m, *next;
    WARM_POOL_EACH(&cluster->warm, m, next)
    {
        if (m->node != node || m->heard || m->state == WARM_ADDING)
            continue;
        if (m->state == WARM_MAKING && m->loaded)
            warm_drop_row(m, now, effects); /* it may have been removed there before, by another controller */
        else if (m->state == WARM_MAKING)
            warm_send_desired(m, now, effects);
        else
            ended(cluster, m, now, effects);
    }
}
