/*
 * Looks up the hosts in a connection string: libpq's own look-up would block the loop while a name server is
 * silent. Private to this folder.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_HOSTS_H
#define CORRAL_CONTROLLER_DB_DB_HOSTS_H

#include "common/io/loop.h"

struct db_hosts;

/* The values of libpq's parameters of these names, one entry for each address; borrowed. */
struct db_hosts_found {
    const char *host, *hostaddr, *port;
};

/* found NULL: no host has an address; why is a sentence. Never called inside db_hosts_find. */
typedef void db_hosts_cb(void *arg, const struct db_hosts_found *found, const char *why);

/*
 * Begins the look-up. NULL where there is nothing to look up, or the string is not valid (libpq then reports
 * that); cb is never called then.
 */
struct db_hosts *db_hosts_find(struct loop *loop, const char *url, db_hosts_cb *cb, void *arg);

/* Cancels: no callback afterwards. Not needed after the callback. NULL is allowed. */
void db_hosts_cancel(struct db_hosts *hosts);

#endif
