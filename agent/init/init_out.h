/*
 * What the sandbox's command prints, on its way to the container's log: through pipes of the init's own, no
 * faster than a rate, so that a flood of lines costs the sandbox and not Docker, which takes 2 us of the
 * host's processor for a line (measured: one that prints for ever with a tenth of a processor kept Docker
 * busy with a whole one). Who prints faster waits. Fixed memory, never waits itself: the poll loop of
 * init_main.c drives it.
 */
#ifndef CORRAL_AGENT_INIT_OUT_H
#define CORRAL_AGENT_INIT_OUT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INIT_OUT_PER_SECOND (4 << 20) /* bytes; as many may come at once after a pause */
#define INIT_OUT_LINE_COST  256       /* bytes that a line, or a piece, counts for beside its own */
#define INIT_OUT_STREAMS    2         /* stdout, stderr */

struct init_relay {
    int child_fd; /* the command's end, until it is started */
    int from;     /* -1: it is at its end */
    size_t len, at;
    uint8_t bytes[4096];
};

struct init_out {
    struct init_relay relay[INIT_OUT_STREAMS];
    int64_t budget; /* bytes; below zero until the debt is served */
    uint64_t filled_at_ms;
    bool hurried; /* the command has ended: what is left goes at once */
};

void init_out_init(struct init_out *out, uint64_t now_ms);

/* Makes the pipes, before the command is started. False, with errno: the kernel gives none. */
bool init_out_open(struct init_out *out);

/* In the child: its stdout and stderr. */
void init_out_take(const struct init_out *out);

/* In the init, once the child has its ends, or there is none. */
void init_out_started(struct init_out *out);

/* What to poll for, and for how long at most: -1 as long as nothing waits for the rate. */
int init_out_poll(struct init_out *out, uint64_t now_ms, struct pollfd fds[static INIT_OUT_STREAMS]);

/* Moves what poll announced. */
void init_out_move(struct init_out *out, const struct pollfd fds[static INIT_OUT_STREAMS]);

/* Whether all was printed that the command ever will. */
bool init_out_done(const struct init_out *out);

#endif
