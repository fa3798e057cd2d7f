/*
 * Limits expensive reads (a history, the audit, a long list): at_once in all, READ_GATE_PER_USER for one
 * user. Reads beyond that wait, up to READ_GATE_WAITING_PER_USER for one user and READ_GATE_WAITING in all;
 * further ones are refused. Users whose reads wait take turns. Pure.
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

/* One read. The caller's memory, all zero at first; it must stay valid from enter to leave. */
struct read_ticket {
    STAILQ_ENTRY(read_ticket) link;
    struct read_user *user;
};

enum read_admission { READ_BEGINS, READ_WAITS, READ_USER_FULL, READ_ALL_FULL };

/* The result is the caller's. at_once: reads that run at the same time in all, at least 1. */
struct read_gate *read_gate_new(unsigned at_once);

/* No ticket may be in it. NULL is allowed. */
void read_gate_free(struct read_gate *gate);

/* user is copied. A refused ticket is not kept. */
enum read_admission read_gate_enter(struct read_gate *gate, const char *user, struct read_ticket *ticket);

/* A running read is over. Returns the waiting ticket whose read begins now, or NULL. */
struct read_ticket *read_gate_leave(struct read_gate *gate, struct read_ticket *ticket);

/* Removes a waiting ticket, for shutdown; NULL where none waits. */
struct read_ticket *read_gate_take_waiting(struct read_gate *gate);

size_t read_gate_waiting(const struct read_gate *gate);

#endif
