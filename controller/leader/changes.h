/*
 * Announces changes of sandboxes and nodes to subscribers that wait or count. The code that makes a change
 * does not know them.
 */
#ifndef CORRAL_CONTROLLER_LEADER_CHANGES_H
#define CORRAL_CONTROLLER_LEADER_CHANGES_H

#include "common/base/id.h"
#include "common/model/node_wire.h"
#include "common/model/sandbox_state.h"
#include "controller/core/cleanup.h"

#include <sys/queue.h>

/* The core has taken a committed state. */
struct state_change {
    struct sandbox_id id;
    enum sandbox_state state;
    bool cleaned; /* a cleanup ended it, as an orphan of this kind */
    enum cleanup_kind orphan;
};

/* The database answered with this row. */
struct row_change {
    struct sandbox_id id;
    enum sandbox_state state;
    bool has_desired; /* this answer changed its desired state, to `desired` */
    enum desired desired;
    const char *json; /* the sandbox, as the API shows it */
};

/* Callbacks that are not needed are NULL. A subscriber may not subscribe or leave inside a callback. */
struct change_subscriber {
    void (*on_state)(void *arg, const struct state_change *change);
    void (*on_row)(void *arg, const struct row_change *change);
    void (*on_node_gone)(void *arg, const char *node); /* the node is silent past its lease */
    void *arg;
    STAILQ_ENTRY(change_subscriber) link;
};

/* All zero but for STAILQ_INIT. */
STAILQ_HEAD(changes, change_subscriber);

/* Borrows the subscriber until it leaves, or until `changes` is no longer used. */
void changes_subscribe(struct changes *changes, struct change_subscriber *subscriber);
void changes_leave(struct changes *changes, struct change_subscriber *subscriber);

void changes_tell_state(const struct changes *changes, const struct state_change *change);
void changes_tell_row(const struct changes *changes, const struct row_change *change);
void changes_tell_node_gone(const struct changes *changes, const char *node);

#endif
