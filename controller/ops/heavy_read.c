/*
 * Expensive reads of the database: on connections of their own, so that no move, create or key look-up waits
 * behind them, and through a gate, so that one user cannot occupy all of these connections.
 */
#include "controller/ops/ops.h"

#include "common/base/mem.h"

#include <stdlib.h>

struct reading {
    struct read_ticket ticket; /* first */
    struct controller *controller;
    struct api_call *call;
    ops_read_fn *run;
};

static void on_read(void *arg, int code, const struct err *e, const char *json, const char *next_page)
{
    struct reading *r = arg;
    struct controller *c = r->controller;
    struct reading *next = (struct reading *)(void *)read_gate_leave(c->read_gate, &r->ticket);
    ops_answer_page(r->call, code, e, json, next_page);
    free(r);
    if (next)
        next->run(c, next->call, on_read, next);
}

void ops_read(struct controller *c, struct api_call *call, ops_read_fn *run)
{
    struct reading *r = mem_zalloc(sizeof *r);
    *r = (struct reading){.controller = c, .call = call, .run = run};
    switch (read_gate_enter(c->read_gate, call->caller.user_id, &r->ticket)) {
    case READ_BEGINS:
        run(c, call, on_read, r);
        return;
    case READ_WAITS:
        return;
    case READ_USER_FULL:
        ops_fail(call, ERR_RATE_LIMITED,
                 "too many of your reads of lists, histories or the audit are running or waiting; wait for "
                 "their answers");
        break;
    case READ_ALL_FULL:
        ops_fail(call, ERR_DATABASE_UNAVAILABLE, "too many reads wait for the database; try again");
        break;
    }
    free(r);
}

void ops_end_reads(struct controller *c)
{
    struct reading *r;
    while ((r = (struct reading *)(void *)read_gate_take_waiting(c->read_gate))) {
        ops_fail(r->call, ERR_CANCELLED, "the controller is stopping");
        free(r);
    }
}
