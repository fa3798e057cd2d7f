/*
 * The addresses of the hosts that a connection string names: libpq would look them up itself, and hold the
 * loop for as long as a name server is silent. Private to this folder.
 */
#ifndef CORRAL_CONTROLLER_DB_HOSTS_H
#define CORRAL_CONTROLLER_DB_HOSTS_H

#include "common/io/loop.h"

struct db_hosts;

/* As libpq's parameters of these names take them, a place for each address; borrowed. */
struct db_hosts_found {
    const char *host, *hostaddr, *port;
};

/* found NULL: none of them has an address, why says so. Never inside db_hosts_find. */
typedef void db_hosts_cb(void *arg, const struct db_hosts_found *found, const char *why);

/* NULL, and cb is never called, where there is nothing to look up, or the string is none (libpq says so). */
struct db_hosts *db_hosts_find(struct loop *loop, const char *url, db_hosts_cb *cb, void *arg);

/* No callback afterwards. Not needed after it. NULL is allowed. */
void db_hosts_cancel(struct db_hosts *hosts);

#endif
