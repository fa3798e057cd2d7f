/*
 * Requests that wait for a state of a sandbox: a create until it runs, a pause and a resume until done, a
 * delete until the end, and …/wait. Each is called back once: when the state is reached, or when its time is
 * over. At most WAITERS_MAX; on the loop.
 */
#ifndef CORRAL_CONTROLLER_LEADER_WAITERS_H
#define CORRAL_CONTROLLER_LEADER_WAITERS_H

#include "common/base/id.h"
#include "common/io/loop.h"
#include "common/model/sandbox_state.h"
#include "controller/leader/changes.h"

#define WAITERS_MAX 16384

enum waiter_goal {
    WAIT_BEGUN, /* it runs, or has ended */
    WAIT_ENDED,
    WAIT_STATE,  /* the named state, or the end */
    WAIT_DESIRED /* the named state, the end, or `lost`; called back as not reached when another state becomes
                    desired */
};

/*
 * state: of the sandbox, only where reached; json: the sandbox, NULL where not reached. Borrowed for the
 * call.
 */
typedef void waiter_cb(void *arg, bool reached, enum sandbox_state state, const char *json);

struct waiters;
struct waiters *waiters_new(struct loop *loop);

/* Calls every waiter back as not reached, then frees them. Not from a waiter's callback. */
void waiters_free(struct waiters *waiters);

/* False where too many wait; cb is never called then. named: for WAIT_STATE and WAIT_DESIRED. */
bool waiters_add(struct waiters *waiters, const struct sandbox_id *id, enum waiter_goal goal,
                 enum sandbox_state named, uint64_t timeout_ms, waiter_cb *cb, void *arg) MUST_CHECK;

/*
 * The subscriber through which waiters learn of rows. A waiter whose state is reached is called back. If the
 * change desires another state than the one named, waiters for WAIT_DESIRED are called back as not reached (a
 * desired end counts as SANDBOX_STOPPED). Borrowed; call changes_leave before waiters_free.
 */
struct change_subscriber *waiters_subscriber(struct waiters *waiters);

/* Calls every waiter back as not reached: no changes can be announced for now. */
void waiters_give_up(struct waiters *waiters);

size_t waiters_count(const struct waiters *waiters);

#endif
