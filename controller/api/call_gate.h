/*
 * How many reads of each user are at the database at once: CALL_GATE_PER_USER; the others of this user wait,
 * in the order in which they came, on the connections that they came over. So what one user asks for on
 * thousands of connections waits for itself, and not in the one queue in which all wait. Pure.
 */
#ifndef CORRAL_CONTROLLER_API_CALL_GATE_H
#define CORRAL_CONTROLLER_API_CALL_GATE_H

#include "common/base/defs.h"

#include <stdbool.h>
#include <sys/queue.h>

#define CALL_GATE_PER_USER 64

struct call_gate; /* of one user; lives as long as a read of it */

struct call_gates {
    struct call_gate *by_user;
};

/* One read; the caller's memory, all zero before. */
struct call_ticket {
    struct call_gate *gate; /* NULL: it is not in */
    bool waits;
    STAILQ_ENTRY(call_ticket) link;
};

/* Whether it may begin; else it waits until another of this user leaves. */
bool call_gate_enter(struct call_gates *gates, const char *user, struct call_ticket *ticket) MUST_CHECK;

/* It is over, or waits no more. Returns the one that may begin instead, or NULL. */
struct call_ticket *call_gate_leave(struct call_gates *gates, struct call_ticket *ticket);

/* One that waits, for the end; NULL where none does. */
struct call_ticket *call_gate_waiting(const struct call_gates *gates);

#endif
