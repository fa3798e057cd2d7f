/*
 * Turns at the loop's time. Whatever a connection asks for (a step of its TLS handshake, its next head or
 * piece of a body) is done in a turn of the line that it stands in, and the lines take turns: anyone who asks
 * for little waits for one step of each of the others, not for all that they have sent. In one turn of the
 * loop all of them together get HTTP_TURN_US. Whose a line is, is its owner's to say. On the loop.
 */
#ifndef CORRAL_COMMON_HTTP_TURNS_H
#define CORRAL_COMMON_HTTP_TURNS_H

#include "common/io/loop.h"

#include <stdbool.h>
#include <sys/queue.h>

#define HTTP_TURN_US 2000

/* All of one that is counted as one. Owner's memory; nobody may wait in it when that goes. */
struct http_line {
    TAILQ_HEAD(, http_turn) waiting; /* the first that asked first */
    TAILQ_ENTRY(http_line) link;     /* while somebody waits in it */
};

/* One that may ask. Owner's memory, all zero before; cancelled before that goes. */
struct http_turn {
    struct http_line *line; /* NULL: it does not wait */
    loop_cb *cb;
    void *arg;
    TAILQ_ENTRY(http_turn) link;
};

struct http_turns {
    struct loop *loop;
    TAILQ_HEAD(, http_line) lines; /* in which somebody waits; the first is next */
    struct deferred deferred;      /* the first round in a turn of the loop, after all that was read */
    struct later later;            /* what was left over */
    bool taking;
};

void http_turns_init(struct http_turns *turns, struct loop *loop);
void http_turns_fini(struct http_turns *turns);

void http_line_init(struct http_line *line);

/* Calls cb once, when it is its turn: never inside this call. One that waits already stays where it is. */
void http_turn_ask(struct http_turns *turns, struct http_line *line, struct http_turn *turn, loop_cb *cb,
                   void *arg);
void http_turn_cancel(struct http_turns *turns, struct http_turn *turn);

#endif
