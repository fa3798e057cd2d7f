#include "controller/leader/reschedule.h"

#include "controller/leader/leader_int.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdlib.h>

struct rescheduling {
    struct leader_ref asked;
    uint64_t asked_ms;
    struct sandbox_reschedule what;
};

static enum cluster_state_answer answer_of(int code)
{
    bool unknown = code == ERR_DATABASE_UNAVAILABLE || code == ERR_CANCELLED;
    return !code ? CLUSTER_DONE : unknown ? CLUSTER_UNKNOWN : CLUSTER_REFUSED;
}

static void say_answer(const struct sandbox_reschedule *what, int code, const struct err *e)
{
    if (code)
        log_warn("leader", "sandbox=%s cannot be placed on %s%s: %s", what->id.text, what->to,
                 answer_of(code) == CLUSTER_UNKNOWN ? " yet" : "", e ? e->text : "");
    else
        log_warn("leader", "sandbox=%s is placed on %s, since %s could not start it: %s", what->id.text,
                 what->to, what->from, what->detail);
}

static void on_rescheduled(void *arg, int code, const struct err *e, const struct sandbox_row *row)
{
    struct rescheduling r = *(struct rescheduling *)arg;
    struct leader *leader = leader_of(&r.asked);
    struct sandbox_row now = {0};
    free(arg);
    say_answer(&r.what, code, e);
    if (!leader)
        return;
    if (!code) {
        now = *row;
        now.waited_ms = loop_now_ms() - r.asked_ms;
        now.time = ROW_TIME_KEPT;
    }
    if (answer_of(code) == CLUSTER_UNKNOWN)
        leader_refresh(leader); /* it may have been committed anyway */
    cluster_state_rescheduled(leader->cluster, loop_now_ms(), &r.what.id, answer_of(code), code ? NULL : &now,
                              leader_effects(leader->engine));
    if (!code) {
        struct row_change change = {.id = r.what.id, .state = row->state, .json = row->json};
        changes_tell_row(&leader->changes, &change);
    }
}

void leader_reschedule(struct leader *leader, const struct cluster_state_effect *effect)
{
    struct rescheduling *r = mem_zalloc(sizeof *r);
    *r = (struct rescheduling){leader_ref_of(leader), loop_now_ms(), effect->reschedule};
    db_sandbox_reschedule(leader->pool, &r->what, on_rescheduled, r);
}
