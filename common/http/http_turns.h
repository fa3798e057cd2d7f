/*
 * Shares the loop's time in turns. Each piece of a connection's work (a step of its TLS handshake, its next
 * head or piece of a body) takes one turn of the line that the connection stands in, and the lines alternate:
 * a client with little work waits for one step of each of the others, not for all that they have sent. All
 * lines together get HTTP_TURN_US in one turn of the loop. The caller decides what shares a line. On the
 * loop.
 */
#ifndef CORRAL_COMMON_HTTP_HTTP_TURNS_H
#define CORRAL_COMMON_HTTP_HTTP_TURNS_H

#include "common/io/loop.h"

#include <stdbool.h>
#include <sys/queue.h>

#define HTTP_TURN_US 2000

/* The waiting turns of one account. Owner's memory; no turn may wait in it when that memory is freed. */
struct http_line {
    TAILQ_HEAD(, http_turn) waiting; /* in the order of asking */
    TAILQ_ENTRY(http_line) link;     /* in use while a turn waits in it */
};

/* A turn to ask for. Owner's memory, all zero before; cancel it before that memory is freed. */
struct http_turn {
    struct http_line *line; /* NULL: not waiting */
    loop_cb *cb;
    void *arg;
    TAILQ_ENTRY(http_turn) link;
};

struct http_turns {
    struct loop *loop;
    TAILQ_HEAD(, http_line) lines; /* lines with waiting turns; the first is next */
    struct deferred deferred;      /* first round of a turn of the loop, after all input was read */
    struct later later;            /* goes on with what that round left */
    bool taking;
};

void http_turns_init(struct http_turns *turns, struct loop *loop);
void http_turns_fini(struct http_turns *turns);

void http_line_init(struct http_line *line);

/* Calls cb once, when the turn comes; never inside this call. A turn that waits already keeps its place. */
void http_turn_ask(struct http_turns *turns, struct http_line *line, struct http_turn *turn, loop_cb *cb,
                   void *arg);
void http_turn_cancel(struct http_turns *turns, struct http_turn *turn);

#endif
