/*
 * The processes of a sandbox beside its command, through its init: start, attach to their output, send input,
 * signal, kill. What comes of it is told by initlink_events.on_update.
 *
 * One init may have no such feature (INIT_FEATURE_PROCESSES): then all of these are ERR_INIT_TOO_OLD. Without
 * a link, and where the queue has no room, they are ERR_IO, and may be tried again after on_ready or
 * on_writable.
 *
 * After each on_ready the init tells of each process that it has, then INITLINK_LISTED comes. A start whose
 * answer was lost with a link is asked for again after that, with the same number and token: it is carried
 * out once. Attachments end with their link, without a word of their own; one takes them up again from their
 * position. Input that was sent is told by stdin_taken.
 */
#ifndef CORRAL_AGENT_INITLINK_PROCESS_H
#define CORRAL_AGENT_INITLINK_PROCESS_H

#include "agent/initlink/initlink.h"

/* A number that no process of this sandbox has had; initlink_spawn takes it. */
uint32_t initlink_next_process(struct initlink *link);

/* NULL: none. Borrowed until the next frame comes. */
const struct initlink_process *initlink_find_process(struct initlink *link, uint32_t number);

/* All that are known, in no order, max of them at most. Borrowed likewise. */
size_t initlink_processes(struct initlink *link, const struct initlink_process **out, size_t max);

/* Borrows spawn. Its end, or that it was refused, follows. ERR_WRONG_STATE: too many run. ERR_TOO_LARGE. */
MUST_CHECK int initlink_spawn(struct initlink *link, uint32_t number, const struct init_spawn *spawn,
                              struct err *e);

/*
 * Attaches to its output; the answer and at most credit bytes follow, as from is kept. Also right after its
 * initlink_spawn. ERR_WRONG_STATE: there are too many.
 */
MUST_CHECK int initlink_attach(struct initlink *link, uint32_t process, uint64_t from, uint32_t credit,
                               uint32_t *attachment, struct err *e);

/* Until INITLINK_DETACHED, output that is under way still comes. */
MUST_CHECK int initlink_detach(struct initlink *link, uint32_t attachment, struct err *e);

/* That many bytes more may come. ERR_INVALID: it has ended, or has too much. */
MUST_CHECK int initlink_credit(struct initlink *link, uint32_t attachment, uint32_t more, struct err *e);

/* Sends input, as much of it as its credit and the queue allow; *sent says how much. */
MUST_CHECK int initlink_stdin(struct initlink *link, uint32_t process, const uint8_t *bytes, size_t len,
                              size_t *sent, struct err *e);
MUST_CHECK int initlink_stdin_end(struct initlink *link, uint32_t process, struct err *e);

MUST_CHECK int initlink_resize(struct initlink *link, uint32_t process, uint16_t rows, uint16_t columns,
                               struct err *e);

/* To its process group. */
MUST_CHECK int initlink_signal_process(struct initlink *link, uint32_t process, int signo, struct err *e);

/* It and all that descends from it. */
MUST_CHECK int initlink_kill_process(struct initlink *link, uint32_t process, struct err *e);

/* What the rings of all its processes may have, of the sandbox's memory. */
MUST_CHECK int initlink_bound_output(struct initlink *link, uint64_t memory_bytes, struct err *e);

#endif
