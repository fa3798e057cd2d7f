#include "controller/api/call_gate.h"

#include "controller/core/caller.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct call_gate {
    char user[USER_ID_MAX + 1];
    unsigned begun;
    STAILQ_HEAD(, call_ticket) waiting;
    UT_hash_handle hh;
};

static struct call_gate *gate_of(struct call_gates *gates, const char *user)
{
    struct call_gate *gate;
    HASH_FIND_STR(gates->by_user, user, gate);
    if (gate)
        return gate;
    gate = mem_zalloc(sizeof *gate);
    strncpy(gate->user, user, sizeof gate->user - 1);
    STAILQ_INIT(&gate->waiting);
    HASH_ADD_STR(gates->by_user, user, gate);
    return gate;
}

bool call_gate_enter(struct call_gates *gates, const char *user, struct call_ticket *ticket)
{
    struct call_gate *gate = ticket->gate = gate_of(gates, user);
    ticket->waits = gate->begun >= CALL_GATE_PER_USER;
    if (ticket->waits)
        STAILQ_INSERT_TAIL(&gate->waiting, ticket, link);
    else
        gate->begun++;
    return !ticket->waits;
}

struct call_ticket *call_gate_leave(struct call_gates *gates, struct call_ticket *ticket)
{
    struct call_gate *gate = ticket->gate;
    struct call_ticket *next = NULL;
    ticket->gate = NULL;
    if (ticket->waits) {
        STAILQ_REMOVE(&gate->waiting, ticket, call_ticket, link);
        return NULL;
    }
    next = STAILQ_FIRST(&gate->waiting);
    if (next) { /* takes the free place */
        STAILQ_REMOVE_HEAD(&gate->waiting, link);
        next->waits = false;
    } else if (!--gate->begun) {
        HASH_DEL(gates->by_user, gate);
        free(gate);
    }
    return next;
}

struct call_ticket *call_gate_waiting(const struct call_gates *gates)
{
    const struct call_gate *gate;
    for (gate = gates->by_user; gate; gate = gate->hh.next) {
        if (!STAILQ_EMPTY(&gate->waiting))
            return STAILQ_FIRST(&gate->waiting);
    }
    return NULL;
}
