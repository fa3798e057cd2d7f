/* The list of effects, and the messages to nodes. */
#include "controller/core/cluster_state_int.h"
#include "controller/core/deadline.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cluster_state_effects_clear(struct cluster_state_effects *effects)
{
    effects->count = 0;
}

void cluster_state_effects_fini(struct cluster_state_effects *effects)
{
    free(effects->item);
    memset(effects, 0, sizeof *effects);
}

struct cluster_state_effect *cluster_state_effect_add(struct cluster_state_effects *effects,
                                                      enum cluster_state_effect_kind kind,
                                                      const struct sandbox_entry *s)
{
    if (effects->count == effects->room) {
        effects->room = effects->room ? effects->room * 2 : 16;
        effects->item = mem_grow(effects->item, effects->room, sizeof *effects->item);
    }
    struct cluster_state_effect *effect = &effects->item[effects->count++];
    memset(effect, 0, sizeof *effect);
    effect->kind = kind;
    if (s) {
        effect->id = s->desired.id;
        memcpy(effect->node, s->node->facts.name, sizeof effect->node);
    }
    return effect;
}

void cluster_state_effect_as_of(struct cluster_state_effect *effect, uint64_t now)
{
    uint64_t waited = now - effect->at_ms;
    if (effect->kind == CLUSTER_DESIRED) {
        uint64_t remaining = effect->desired.remaining_ms;
        effect->desired.remaining_ms -= waited < remaining ? waited : remaining;
    } else if (effect->kind == CLUSTER_PERSIST) {
        effect->move.status.started_ago_ms += waited;
        effect->move.status.ended_ago_ms += waited;
        effect->move.status.last.ago_ms += waited;
    } else {
        return;
    }
    effect->at_ms = now;
}

void cluster_state_send_desired(struct sandbox_entry *s, uint64_t now, struct cluster_state_effects *effects)
{
    if (!s->node->session || !s->admitted || s->target) /* another node may have it by now */
        return;
    if (deadline_is_the_nodes(s, now))
        return;
    s->desired_sent_ms = now;
    struct cluster_state_effect *effect = cluster_state_effect_add(effects, CLUSTER_DESIRED, s);
    struct desired_state *desired = &effect->desired;
    effect->at_ms = now;
    *desired = s->desired;
    desired->remaining_ms = s->deadline_ms > now ? s->deadline_ms - now : 0;
    if (desired->state == DESIRED_GONE) {
        desired->spec = NULL;
        desired->spec_len = 0;
    }
}

void cluster_state_send_ack(const char *node, const struct sandbox_status *status,
                            struct cluster_state_effects *effects)
{
    struct cluster_state_effect *effect = cluster_state_effect_add(effects, CLUSTER_ACK, NULL);
    effect->id = status->id;
    snprintf(effect->node, sizeof effect->node, "%s", node);
    effect->ack = (struct status_ack){.id = status->id, .number = status->number};
}
