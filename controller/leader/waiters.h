/*
 * Requests that wait for a sandbox to come to a state: a create for it to run, a pause and a resume for what
 * they want, a delete for its end, and …/wait. Each is called back once: when the state is reached, or when
 * its time is over. At most WAITERS_MAX; on the loop.
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
    WAIT_STATE,  /* the state that was named, or the end */
    WAIT_DESIRED /* that likewise, or that its node is lost; unless something else is wanted meanwhile */
};

/* state: where it is; json: the sandbox, NULL where only the time is over. Borrowed for the call. */
typedef void waiter_cb(void *arg, bool reached, enum sandbox_state state, const char *json);

struct waiters;
struct waiters *waiters_new(struct loop *loop);

/* Calls every waiter back as not reached, then frees. Not from a waiter's callback. */
void waiters_free(struct waiters *waiters);

/* False, and cb is never called, where too many wait. named: for WAIT_STATE and WAIT_DESIRED. */
bool waiters_add(struct waiters *waiters, const struct sandbox_id *id, enum waiter_goal goal,
                 enum sandbox_state named, uint64_t timeout_ms, waiter_cb *cb, void *arg) MUST_CHECK;

/*
 * How they hear of rows: who waited for a row's state is called back. Where it says that another state is
 * wanted of its sandbox than who waits for WAIT_DESIRED named (its end has none: SANDBOX_STOPPED), these are
 * called back as not reached. Borrowed; it leaves before waiters_free.
 */
struct change_subscriber *waiters_subscriber(struct waiters *waiters);

/* Nobody can be told anything for now: calls every waiter back as not reached. */
void waiters_give_up(struct waiters *waiters);

size_t waiters_count(const struct waiters *waiters);

#endif
