/*
 * Counts the requests under way of each user (or network). A request that waits (for a state, a start, an
 * end, a body, or a delayed refusal) holds a connection, and connections are limited for all. A row exists
 * while its user has a request. Pure.
 */
#ifndef CORRAL_CONTROLLER_API_CALL_SHARE_H
#define CORRAL_CONTROLLER_API_CALL_SHARE_H

#include "common/base/defs.h"

#include <stdbool.h>

struct call_share; /* by user; NULL: no requests */

/* Counts one more request of this user; false where it has max already. */
bool call_share_take(struct call_share **shares, const char *user, unsigned max) MUST_CHECK;

/* A counted request is over. */
void call_share_return(struct call_share **shares, const char *user);

#endif
