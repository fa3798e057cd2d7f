/*
 * Work that may wait for a disk, off the loop: a few threads carry it out, its answer comes back on the loop.
 * What is given in one order (a sandbox's) is carried out one after the other as it was given; the rest side
 * by side. Every function is called on the loop.
 *
 * Bound: WORKER_JOBS_MAX that were given and are not answered; one more is answered with ERR_RATE_LIMITED,
 * undone.
 */
#ifndef CORRAL_COMMON_WORKER_H
#define CORRAL_COMMON_WORKER_H

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/io/loop.h"

#define WORKER_JOBS_MAX    16384
#define WORKER_THREADS_MAX 16

struct worker;

/* On a thread: touches only what its arg owns and what never changes. 0, or a code with its error. */
typedef int worker_work(void *arg, struct err *e);

/* On the loop, once, later; e is NULL where code is 0. ERR_CANCELLED: by worker_free, done or not. */
typedef void worker_cb(void *arg, int code, const struct err *e);

/* threads: 1 to WORKER_THREADS_MAX. ERR_IO: no thread. *out is the caller's. */
int worker_new(struct worker **out, struct loop *loop, unsigned threads, struct err *e) MUST_CHECK;

/*
 * Waits for what has begun; what has not never does, as if the process had been killed. Each that was not
 * answered gets ERR_CANCELLED. NULL is allowed. Not from a callback.
 */
void worker_free(struct worker *worker);

/* order is copied; NULL is an order too, that of no sandbox. */
void worker_do(struct worker *worker, const struct sandbox_id *order, worker_work *work, worker_cb *cb,
               void *arg);

#endif
