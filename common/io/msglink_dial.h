/*
 * The front of a client: connects to the server, again with growing pauses, and once that is done leads nng
 * and the server together. Names are looked up on the loop. Private to common/msglink*.c.
 */
#ifndef CORRAL_COMMON_MSGLINK_DIAL_H
#define CORRAL_COMMON_MSGLINK_DIAL_H

#include "common/io/msglink_int.h"

struct msglink_dial;

/* Begins at once. ERR_CONFIG: URL or certificates. */
int msglink_dial_new(struct msglink_dial **out, struct loop *loop, const char *url,
                     const struct msglink_tls *tls, const struct msglink_inner *inner,
                     struct err *e) MUST_CHECK;
void msglink_dial_free(struct msglink_dial *dial);

/* Why there is no connection; "" where there is one, or nothing is known yet. */
const char *msglink_dial_why(const struct msglink_dial *dial);

#endif
