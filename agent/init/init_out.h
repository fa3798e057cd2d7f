/*
 * Relays the output of the sandbox's command to the container's log through the init's own pipes, at a
 * bounded rate, so that a flood of lines costs the sandbox and not Docker, which takes 2 us of the host's
 * processor per line (measured: a command that prints without end on a tenth of a processor kept Docker busy
 * with a whole one). A command that prints faster has to wait. Fixed memory, never blocks: the poll loop of
 * init_main.c drives it.
 */
#ifndef CORRAL_AGENT_INIT_INIT_OUT_H
#define CORRAL_AGENT_INIT_INIT_OUT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INIT_OUT_PER_SECOND (4 << 20) /* bytes; as many may come at once after a pause */
#define INIT_OUT_LINE_COST  256       /* bytes added per line, or piece of a line */
#define INIT_OUT_STREAMS    2         /* stdout, stderr */

struct init_relay {
    int child_fd; /* the command's end of the pipe, until it is started */
    int from;     /* -1: end of output */
    size_t len, at;
    uint8_t bytes[4096];
};

struct init_out {
    struct init_relay relay[INIT_OUT_STREAMS];
    int64_t budget; /* bytes; below zero until the excess is made up for */
    uint64_t filled_at_ms;
    bool hurried; /* the command has ended: print the rest at once */
};

void init_out_init(struct init_out *out, uint64_t now_ms);

/* Makes the pipes, before the command is started. False with errno: the kernel gives none. */
bool init_out_open(struct init_out *out);

/* In the child: makes them its stdout and stderr. */
void init_out_take(const struct init_out *out);

/* In the init: closes the child's ends, once the child has them or cannot be started. */
void init_out_started(struct init_out *out);

/* Fills fds for poll; returns the longest wait in ms, -1 if nothing waits for the rate. */
int init_out_poll(struct init_out *out, uint64_t now_ms, struct pollfd fds[static INIT_OUT_STREAMS]);

/* Transfers output after poll. */
void init_out_move(struct init_out *out, const struct pollfd fds[static INIT_OUT_STREAMS]);

/* Whether all output of the command was printed. */
bool init_out_done(const struct init_out *out);

#endif
