/*
 * Carries bytes between two streams, both ways, until either is over. When one side does not take bytes, the
 * other is not read: at most one record waits each way, and an idle relay holds no buffer. On the loop.
 */
#ifndef CORRAL_COMMON_IO_RELAY_H
#define CORRAL_COMMON_IO_RELAY_H

#include "common/io/loop.h"
#include "common/io/tls_mutual.h"

struct relay;

/* Takes both streams and begins in the next turn. cb: called once, when either is over; call relay_free
 * then. */
struct relay *relay_new(struct loop *loop, struct stream *a, struct stream *b, loop_cb *cb, void *arg);

/* Reports how long the relay has just worked, in microseconds of processor time. The callback may pause
 * the relay, and nothing else. */
typedef void relay_spent_cb(void *arg, uint64_t us);
void relay_tell_spent(struct relay *relay, relay_spent_cb *spent);

/* Stops reading stream a, or reads it again. */
void relay_pause(struct relay *relay, bool paused);

/* Closes both streams. May be called from cb. NULL is allowed. */
void relay_free(struct relay *relay);

#endif
