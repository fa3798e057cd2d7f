/*
 * Carries bytes between two streams, both ways, until either is over. What one side does not take stops the
 * reading of the other: at most one record waits each way, and an idle relay holds no buffer. On the loop.
 */
#ifndef CORRAL_COMMON_RELAY_H
#define CORRAL_COMMON_RELAY_H

#include "common/loop.h"
#include "common/tls_mutual.h"

struct relay;

/* Begins in the next turn, and takes both streams. cb: once, when either is over; then relay_free is due. */
struct relay *relay_new(struct loop *loop, struct stream *a, struct stream *b, loop_cb *cb, void *arg);

/* Closes both. Also from cb. NULL is allowed. */
void relay_free(struct relay *relay);

#endif
