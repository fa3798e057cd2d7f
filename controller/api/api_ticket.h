/*
 * Tickets for browsers, which cannot send headers with a WebSocket: a route that has a parameter "ticket"
 * takes one in place of an API key (ticket_table.h). The request then goes on as if the key had come with it:
 * the key is looked up again, and has to be valid and to have the scope of the route.
 */
#ifndef CORRAL_CONTROLLER_API_API_TICKET_H
#define CORRAL_CONTROLLER_API_API_TICKET_H

#include "controller/api/api.h"
#include "controller/api/ticket_table.h"

/*
 * Whether the caller may have a ticket for GET of this path. ERR_INVALID: its route takes none;
 * ERR_FORBIDDEN: the key lacks the scope of that route.
 */
int api_ticket_check(const struct api_call *call, const char *path, struct err *e) MUST_CHECK;

/* Makes one, for the key of this call; after api_ticket_check. ERR_RATE_LIMITED: too many wait. */
int api_ticket_make(struct api_call *call, const char *path, char out[static TICKET_LEN + 1],
                    struct err *e) MUST_CHECK;

#endif
