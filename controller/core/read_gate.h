/*
 * Who may begin a read that costs the database much (a history, the audit, a list of many): so many at once
 * in all, READ_GATE_PER_USER of one user; anyone who comes beyond that waits, READ_GATE_WAITING_PER_USER of
 * one user and READ_GATE_WAITING in all, and the rest is refused. Of those that wait the users take turns.
 * Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_READ_GATE_H
#define CORRAL_CONTROLLER_CORE_READ_GATE_H

#include <stddef.h>
#include <sys/queue.h>

#define READ_GATE_PER_USER         2
#define READ_GATE_WAITING_PER_USER 8
#define READ_GATE_WAITING          256

struct read_gate;
struct read_user;

/* One read; the caller's memory, all zero before, from enter to leave. */
struct read_ticket {
    STAILQ_ENTRY(read_ticket) link;
    struct read_user *user;
};

enum read_admission { READ_BEGINS, READ_WAITS, READ_USER_FULL, READ_ALL_FULL };

/* Owned; at_once: reads that run in all, at least 1. */
struct read_gate *read_gate_new(unsigned at_once);

/* With no ticket in it any more. NULL is allowed. */
void read_gate_free(struct read_gate *gate);

/* user is copied. With a refusal the ticket is not taken. */
enum read_admission read_gate_enter(struct read_gate *gate, const char *user, struct read_ticket *ticket);

/* A read that began is over. Returns the one that begins now instead, or NULL. */
struct read_ticket *read_gate_leave(struct read_gate *gate, struct read_ticket *ticket);

/* Takes one that waits out, for the end; NULL where none does. */
struct read_ticket *read_gate_take_waiting(struct read_gate *gate);

size_t read_gate_waiting(const struct read_gate *gate);

#endif
