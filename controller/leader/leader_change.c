/*
 * Changes of the desired state of a sandbox: commits them, passes them to the core, and announces them to
 * subscribers.
 */
#include "controller/leader/leader_int.h"
#include "controller/leader/leader_trace.h"

#include "common/base/mem.h"

#include <stdlib.h>

struct change {
    struct leader_ref asked;
    uint64_t asked_ms;
    bool timed; /* the change sets when the sandbox ends */
    struct trace trace;
    db_sandbox_cb *cb;
    void *arg;
};

static struct change *change_new(struct leader *leader, const struct db_actor *actor, db_sandbox_cb *cb,
                                 void *arg)
{
    struct change *change = mem_zalloc(sizeof *change);
    *change = (struct change){.asked = leader_ref_of(leader),
                              .asked_ms = loop_now_ms(),
                              .trace = leader_trace_of(actor),
                              .cb = cb,
                              .arg = arg};
    return change;
}

/* Whether a later change was answered before: its row, not this one, says how the sandbox is to be. */
static bool is_older(const struct leader *leader, const struct sandbox_row *row)
{
    struct cluster_state_view view;
    return cluster_state_find(leader->cluster, &row->desired.id, &view) &&
           view.generation > row->desired.generation;
}

static void on_changed(void *arg, int code, const struct err *e, const struct sandbox_row *row)
{
    struct change *change = arg;
    struct leader *leader = leader_of(&change->asked);
    if (leader && code == ERR_DATABASE_UNAVAILABLE)
        leader_refresh(leader); /* it may have been committed anyway */
    if (leader && !code) {
        struct sandbox_row now = *row;
        now.waited_ms = loop_now_ms() - change->asked_ms;
        now.time = change->timed ? ROW_TIME_GIVEN : ROW_TIME_KEPT;
        leader_trace_note(leader, &now.desired, &change->trace);
        cluster_state_desired(leader->cluster, loop_now_ms(), &now, leader_effects(leader->engine));
        struct row_change told = {row->desired.id, row->state, true, row->desired.state, row->json};
        if (!is_older(leader, row))
            changes_tell_row(&leader->changes, &told);
    }
    change->cb(change->arg, code, e, row);
    free(change);
}

void leader_desired(struct leader *leader, const char *id, const char *owner, enum desired desired,
                    enum sandbox_reason reason, const struct db_actor *actor, db_sandbox_cb *cb, void *arg)
{
    db_sandbox_set_desired(leader->pool, id, owner, desired, reason, actor, on_changed,
                           change_new(leader, actor, cb, arg));
}

void leader_patch(struct leader *leader, const char *id, const char *owner, const char *patch, bool timed,
                  const struct db_actor *actor, db_sandbox_cb *cb, void *arg)
{
    struct change *change = change_new(leader, actor, cb, arg);
    change->timed = timed;
    db_sandbox_patch(leader->pool, id, owner, patch, leader->defaults, actor, on_changed, change);
}
