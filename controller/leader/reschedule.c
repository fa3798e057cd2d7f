#include "controller/leader/reschedule.h"

#include "controller/leader/leader_int.h"
#include "controller/leader/leader_row.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdlib.h>

struct rescheduling {
    struct leader_ref asked;
    uint64_t asked_ms;
    struct cluster_state_effect effect;
};

static enum cluster_state_answer answer_of(int code)
{
    bool unknown = code == ERR_DATABASE_UNAVAILABLE || code == ERR_CANCELLED;
    return !code ? CLUSTER_DONE : unknown ? CLUSTER_UNKNOWN : CLUSTER_REFUSED;
}

static void say_answer(const struct cluster_state_effect *effect, int code, const struct err *e,
                       const struct db_sandbox_row *row)
{
    if (code)
        log_warn("leader", "sandbox=%s cannot be placed on %s%s: %s", effect->id.text, effect->reschedule.to,
                 answer_of(code) == CLUSTER_UNKNOWN ? " yet" : "", e ? e->text : "");
    else
        log_warn("leader", "sandbox=%s is placed on %s, since %s could not start it: %s", effect->id.text,
                 row->node, effect->node, effect->reschedule.detail);
}

static void on_rescheduled(void *arg, int code, const struct err *e, const struct db_sandbox_row *row,
                           const char *json)
{
    struct rescheduling r = *(struct rescheduling *)arg;
    struct leader *c = leader_of(&r.asked);
    struct cluster_state_row now = {0};
    free(arg);
    say_answer(&r.effect, code, e, row);
    if (!c)
        return;
    if (!code) {
        now = leader_row(row);
        now.waited_ms = loop_now_ms() - r.asked_ms;
        now.time = CLUSTER_TIME_KEPT;
    }
    if (answer_of(code) == CLUSTER_UNKNOWN)
        leader_refresh(c); /* it may have been committed anyway */
    cluster_state_rescheduled(c->cluster, loop_now_ms(), &r.effect.id, answer_of(code), code ? NULL : &now,
                              leader_effects(c->engine));
    if (!code) {
        struct row_change change = {.id = row->id, .state = row->state, .json = json};
        changes_tell_row(&c->changes, &change);
    }
}

void leader_reschedule(struct leader *c, const struct cluster_state_effect *effect)
{
    const struct node *to = node_table_find(cluster_state_nodes(c->cluster), effect->reschedule.to);
    struct rescheduling *r = mem_zalloc(sizeof *r);
    *r = (struct rescheduling){leader_ref_of(c), loop_now_ms(), *effect};
    struct db_reschedule what = {.id = r->effect.id.text,
                                 .from = r->effect.node,
                                 .to = r->effect.reschedule.to,
                                 .generation = effect->reschedule.generation,
                                 .region = to->facts.region,
                                 .enforced = to->facts.enforces,
                                 .why = r->effect.reschedule.detail};
    db_sandbox_reschedule(c->pool, &what, on_rescheduled, r);
}
