/* Changes of what is wanted of a sandbox: committed, taken up by the core, and told to who waits. */
#include "controller/leader/cluster_int.h"
#include "controller/leader/leader_row.h"

#include "common/base/mem.h"

#include <stdlib.h>

struct change {
    struct leader_ref asked;
    uint64_t asked_ms;
    bool timed; /* when it ends is part of it */
    db_sandbox_cb *cb;
    void *arg;
};

static struct change *change_new(struct cluster *c, db_sandbox_cb *cb, void *arg)
{
    struct change *change = mem_zalloc(sizeof *change);
    *change = (struct change){.asked = leader_ref_of(c), .asked_ms = loop_now_ms(), .cb = cb, .arg = arg};
    return change;
}

static void on_changed(void *arg, int code, const struct err *e, const struct db_sandbox_row *row,
                       const char *json)
{
    struct change *change = arg;
    struct cluster *c = leader_of(&change->asked);
    if (c && code == ERR_DATABASE_UNAVAILABLE)
        cluster_refresh(c); /* it may have been committed all the same */
    if (c && !code) {
        struct fleet_row fleet_row = leader_row(row);
        fleet_row.waited_ms = loop_now_ms() - change->asked_ms;
        fleet_row.time = change->timed ? FLEET_TIME_GIVEN : FLEET_TIME_KEPT;
        fleet_wanted(c->fleet, loop_now_ms(), &fleet_row, leader_effects(c->engine));
        struct row_change told = {row->id, row->state, true, row->want, json};
        changes_tell_row(&c->changes, &told);
    }
    change->cb(change->arg, code, e, row, json);
    free(change);
}

void cluster_want(struct cluster *c, const char *id, const char *owner, enum want_state want,
                  enum sandbox_reason reason, const struct db_actor *actor, db_sandbox_cb *cb, void *arg)
{
    db_sandbox_want(c->pool, id, owner, want, reason, actor, on_changed, change_new(c, cb, arg));
}

void cluster_patch(struct cluster *c, const char *id, const char *owner, const char *patch, bool timed,
                   const struct db_actor *actor, db_sandbox_cb *cb, void *arg)
{
    struct change *change = change_new(c, cb, arg);
    change->timed = timed;
    db_sandbox_patch(c->pool, id, owner, patch, c->defaults, actor, on_changed, change);
}
