/*
 * Addresses of a name, looked up on the loop over libevent's resolver (/etc/hosts and /etc/resolv.conf): the
 * C library's would hold the loop for as long as a name server is silent. Private to common/msglink*.c.
 */
#ifndef CORRAL_COMMON_MSGLINK_LOOKUP_H
#define CORRAL_COMMON_MSGLINK_LOOKUP_H

#include "common/loop.h"

#include <sys/socket.h>

struct msglink_lookup;

/* from NULL: there is none, why says so. Never inside msglink_lookup_start. */
typedef void msglink_lookup_cb(void *arg, const struct sockaddr *from, socklen_t len, const char *why);

/* turn: which of several addresses is taken, so that another try takes another. */
struct msglink_lookup *msglink_lookup_start(struct loop *loop, const char *host, const char *port,
                                            unsigned turn, msglink_lookup_cb *cb, void *arg);

/* No callback afterwards. Not needed after it. NULL is allowed. */
void msglink_lookup_cancel(struct msglink_lookup *lookup);

#endif
