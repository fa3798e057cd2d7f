/*
 * How many requests of each user (or network) are under way: one that waits (for a state, a start, an end, a
 * body, or because its refusal comes late) holds a connection for as long, and there are only so many for
 * all. A row lives as long as a request of its user. Pure.
 */
#ifndef CORRAL_CONTROLLER_API_CALL_SHARE_H
#define CORRAL_CONTROLLER_API_CALL_SHARE_H

#include "common/base/defs.h"

#include <stdbool.h>

struct call_share; /* by user; NULL: nobody asks for anything */

/* One more of this user, who may have max at once; false: no. */
bool call_share_take(struct call_share **shares, const char *user, unsigned max) MUST_CHECK;

/* One that was taken is over. */
void call_share_return(struct call_share **shares, const char *user);

#endif
