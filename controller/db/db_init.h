/* Creates the first administrator, for the verb `init`. Synchronous. */
#ifndef CORRAL_CONTROLLER_DB_DB_INIT_H
#define CORRAL_CONTROLLER_DB_DB_INIT_H

#include "common/io/api_key.h"
#include "common/base/err.h"

/*
 * Creates a user with the role admin on tier enterprise, and a key with every scope, which is returned only
 * here. ERR_CONFLICT where an administrator exists already; ERR_CONFIG where there is no schema yet.
 */
int db_init_admin(const char *url, const char *name, struct api_key *key, struct err *e) MUST_CHECK;

#endif
