/*
 * Connects to the other end: looks its name up, connects, and meets it in TLS where the URL says so. One try,
 * without a limit of time: that is the caller's. Names are looked up beside the loop. Private to the ends of
 * links between daemons.
 */
#ifndef CORRAL_COMMON_DIAL_H
#define CORRAL_COMMON_DIAL_H

#include "common/io/msglink_int.h"

struct dial;

/* Once, never inside dial_start: the stream, which is the callee's, or NULL and why (borrowed). */
typedef void dial_cb(void *arg, struct stream *stream, const char *why);

/* Borrows tls for as long as the stream lives. tries: how many there were before; of a name's addresses each
 * is tried in turn. */
struct dial *dial_start(struct loop *loop, const struct msglink_url *url, struct tls_mutual *tls,
                        unsigned tries, dial_cb *cb, void *arg);

/* Before cb only. No callback afterwards. NULL is fine. */
void dial_cancel(struct dial *dial);

#endif
