/*
 * Limits the reads of each user at the database to CALL_GATE_PER_USER at once; further reads of that user
 * wait in the order of arrival, each holding its connection. So a user with thousands of connections waits
 * only for its own requests, not in the queue shared by all. Pure.
 */
#ifndef CORRAL_CONTROLLER_API_CALL_GATE_H
#define CORRAL_CONTROLLER_API_CALL_GATE_H

#include "common/base/defs.h"

#include <stdbool.h>
#include <sys/queue.h>

#define CALL_GATE_PER_USER 64

struct call_gate; /* of one user; exists while that user has a read */

struct call_gates {
    struct call_gate *by_user;
};

/* One read. The caller's memory, all zero at first. */
struct call_ticket {
    struct call_gate *gate; /* NULL: not entered */
    bool waits;
    STAILQ_ENTRY(call_ticket) link;
};

/* True: the read may begin. False: it waits until call_gate_leave returns it. */
bool call_gate_enter(struct call_gates *gates, const char *user, struct call_ticket *ticket) MUST_CHECK;

/* The read is over, or stops waiting. Returns the ticket that may begin instead, or NULL. */
struct call_ticket *call_gate_leave(struct call_gates *gates, struct call_ticket *ticket);

/* A waiting ticket, for shutdown; NULL where none waits. */
struct call_ticket *call_gate_waiting(const struct call_gates *gates);

#endif
