/*
 * Addresses of a name, looked up on the loop over libevent's resolver (/etc/hosts and /etc/resolv.conf): the
 * C library's would hold the loop for as long as a name server is silent.
 */
#ifndef CORRAL_COMMON_LOOKUP_H
#define CORRAL_COMMON_LOOKUP_H

#include "common/io/loop.h"

#include <netdb.h>
#include <sys/socket.h>

struct lookup;

/* found NULL: there is none, why says so. Borrowed. Never inside lookup_start. */
typedef void lookup_cb(void *arg, const struct addrinfo *found, const char *why);

/* port NULL: none is needed. */
struct lookup *lookup_start(struct loop *loop, const char *host, const char *port, lookup_cb *cb, void *arg);

/* No callback afterwards. Not needed after it. NULL is allowed. */
void lookup_cancel(struct lookup *lookup);

/* One of several, by turns, so that another try takes another. */
const struct addrinfo *lookup_pick(const struct addrinfo *found, unsigned turn);

#endif
