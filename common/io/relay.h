/*
 * Carries bytes between two streams, both ways, until either is over. What one side does not take stops the
 * reading of the other: at most one record waits each way, and an idle relay holds no buffer. On the loop.
 */
#ifndef CORRAL_COMMON_RELAY_H
#define CORRAL_COMMON_RELAY_H

#include "common/io/loop.h"
#include "common/io/tls_mutual.h"

struct relay;

/* Begins in the next turn, and takes both streams. cb: once, when either is over; then relay_free is due. */
struct relay *relay_new(struct loop *loop, struct stream *a, struct stream *b, loop_cb *cb, void *arg);

/* Tells how long it has just worked, in microseconds of the processor; spent may pause it, and nothing else.
 */
typedef void relay_spent_cb(void *arg, uint64_t us);
void relay_tell_spent(struct relay *relay, relay_spent_cb *spent);

/* Whether a is read no more, until it is again. */
void relay_pause(struct relay *relay, bool paused);

/* Closes both. Also from cb. NULL is allowed. */
void relay_free(struct relay *relay);

#endif
