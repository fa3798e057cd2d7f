/*
 * Connects to a daemon: looks its name up (in a thread), connects, and does the TLS handshake if the URL asks
 * for it. One try, without a timeout: the caller sets that. Private to the links between daemons.
 */
#ifndef CORRAL_COMMON_IO_DIAL_H
#define CORRAL_COMMON_IO_DIAL_H

#include "common/io/msglink_int.h"

struct dial;

/* Called once, never inside dial_start: with the stream, which the callee takes, or with NULL and the reason
 * (borrowed). */
typedef void dial_cb(void *arg, struct stream *stream, const char *why);

/* Borrows tls for as long as the stream lives. tries: the number of earlier tries, so that each uses the next
 * address of the name. */
struct dial *dial_start(struct loop *loop, const struct msglink_url *url, struct tls_mutual *tls,
                        unsigned tries, dial_cb *cb, void *arg);

/* Only before cb was called. No callback afterwards. NULL is allowed. */
void dial_cancel(struct dial *dial);

#endif
