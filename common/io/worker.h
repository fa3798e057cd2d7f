/*
 * Runs work that may wait for a disk, off the loop: a few threads carry it out, and its answer comes back on
 * the loop. Jobs of one order (a sandbox's) run one after the other as they were given; jobs of different
 * orders run side by side. Every function is called on the loop.
 *
 * Bound: WORKER_JOBS_MAX jobs that are not answered yet; one more is answered ERR_RATE_LIMITED and does not
 * run.
 */
#ifndef CORRAL_COMMON_IO_WORKER_H
#define CORRAL_COMMON_IO_WORKER_H

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/io/loop.h"

#define WORKER_JOBS_MAX    16384
#define WORKER_THREADS_MAX 16

struct worker;

/* Runs on a thread: may touch only what its arg owns and what never changes. Returns 0, or a code with
 * its error. */
typedef int worker_work(void *arg, struct err *e);

/* Called on the loop, once, later; e is NULL if code is 0. ERR_CANCELLED: worker_free ended it, done or
 * not. */
typedef void worker_cb(void *arg, int code, const struct err *e);

/* threads: 1 to WORKER_THREADS_MAX. ERR_IO: no thread could be started. The caller frees *out. */
int worker_new(struct worker **out, struct loop *loop, unsigned threads, struct err *e) MUST_CHECK;

/*
 * Waits for jobs that have begun; the others never begin, as if the process had been killed. Each job without
 * an answer gets ERR_CANCELLED. NULL is allowed. Not from a callback.
 */
void worker_free(struct worker *worker);

/* order is copied. NULL is an order too: that of work that belongs to no sandbox. */
void worker_do(struct worker *worker, const struct sandbox_id *order, worker_work *work, worker_cb *cb,
               void *arg);

#endif
