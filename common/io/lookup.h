/*
 * Looks up the addresses of a name on the loop, by libevent's resolver (/etc/hosts and /etc/resolv.conf). The
 * C library's resolver would block the loop for as long as a name server is silent.
 */
#ifndef CORRAL_COMMON_IO_LOOKUP_H
#define CORRAL_COMMON_IO_LOOKUP_H

#include "common/io/loop.h"

#include <netdb.h>
#include <sys/socket.h>

struct lookup;

/* found: borrowed; NULL if there is no address, and why tells the reason. Never called inside
 * lookup_start. */
typedef void lookup_cb(void *arg, const struct addrinfo *found, const char *why);

/* port may be NULL. */
struct lookup *lookup_start(struct loop *loop, const char *host, const char *port, lookup_cb *cb, void *arg);

/* No callback afterwards. Not needed after the callback. NULL is allowed. */
void lookup_cancel(struct lookup *lookup);

/* One of several addresses, in turn, so that each try takes another. */
const struct addrinfo *lookup_pick(const struct addrinfo *found, unsigned turn);

#endif
