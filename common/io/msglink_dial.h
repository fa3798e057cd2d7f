/*
 * The front of a client: connects to the server, with growing pauses between tries, and then joins nng and
 * the server. Names are looked up on the loop. Private to common/io/msglink*.c.
 */
#ifndef CORRAL_COMMON_IO_MSGLINK_DIAL_H
#define CORRAL_COMMON_IO_MSGLINK_DIAL_H

#include "common/io/msglink_int.h"

struct msglink_dial;

/* Begins at once. ERR_CONFIG: the URL or the certificates are wrong. */
int msglink_dial_new(struct msglink_dial **out, struct loop *loop, const char *url,
                     const struct msglink_tls *tls, const struct msglink_inner *inner,
                     struct err *e) MUST_CHECK;
void msglink_dial_free(struct msglink_dial *dial);

/* Why there is no connection; "" while there is one, or before the first try has ended. */
const char *msglink_dial_why(const struct msglink_dial *dial);

#endif
