/*
 * Lets streams that carry much yield to a removal: Docker's work for it needs the processors that they take.
 * While a sandbox is removed, at most STREAM_YIELD_MS, and after that not again for as long as it took, the
 * init of no sandbox is allowed more output, and no file's bytes go in. A stream that has room in its window,
 * as a terminal that somebody types in has, goes on.
 *
 * On the loop.
 */
#ifndef CORRAL_AGENT_STREAMS_STREAM_YIELD_H
#define CORRAL_AGENT_STREAMS_STREAM_YIELD_H

#include "common/io/loop.h"

#include <stdbool.h>

#define STREAM_YIELD_MS 200

struct agent;
struct stream_yield;

/* go_on is called at the end of each time in which they yielded. */
struct stream_yield *stream_yield_new(const struct agent *agent, loop_cb *go_on, void *arg);

/* NULL is allowed. */
void stream_yield_free(struct stream_yield *yield);

/* A sandbox is about to be removed. NULL is allowed here and below. */
void stream_yield_begin(struct stream_yield *yield);

bool stream_yield_now(const struct stream_yield *yield);

#endif
