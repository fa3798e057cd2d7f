/*
 * The processes of a sandbox beside its command, through its init: start, attach to their output, send input,
 * signal, kill. Their changes are reported by initlink_events.on_update.
 *
 * If the init lacks the feature (INIT_FEATURE_PROCESSES), all functions return ERR_INIT_TOO_OLD. Without a
 * link, or if the queue is full, they return ERR_IO, and may be retried after on_ready or on_writable.
 *
 * After each on_ready the init reports each of its processes, then INITLINK_LISTED follows. If the answer to
 * a start was lost with a link, repeat the start after that with the same number and token: it is carried out
 * once. Attachments end with their link, without a report; attach again from their position. stdin_taken
 * tells how much input arrived.
 */
#ifndef CORRAL_AGENT_INITLINK_INITLINK_PROCESS_H
#define CORRAL_AGENT_INITLINK_INITLINK_PROCESS_H

#include "agent/initlink/initlink.h"

/* Whether the init has told of all its processes on this link: before, nothing should be started, for the
 * init may not know of it when it tells. */
bool initlink_listed(struct initlink *link);

/* A number that no process of this sandbox has had; initlink_spawn uses it up. */
uint32_t initlink_next_process(struct initlink *link);

/* NULL: none. Borrowed until the next frame arrives. */
const struct initlink_process *initlink_find_process(struct initlink *link, uint32_t number);

/* All that are known, in no order, at most max. Borrowed likewise. */
size_t initlink_processes(struct initlink *link, const struct initlink_process **out, size_t max);

/* Starts a process. Borrows spawn. An update reports its end, or that it was refused. ERR_WRONG_STATE: too
 * many run. ERR_TOO_LARGE. */
MUST_CHECK int initlink_spawn(struct initlink *link, uint32_t number, const struct init_spawn *spawn,
                              struct err *e);

/*
 * Attaches to its output; the answer and at most credit bytes from position `from` on follow, as far as they
 * are kept. Allowed right after its initlink_spawn. ERR_WRONG_STATE: too many attachments.
 */
MUST_CHECK int initlink_attach(struct initlink *link, uint32_t process, uint64_t from, uint32_t credit,
                               uint32_t *attachment, struct err *e);

/* Detaches; output that is under way still arrives until INITLINK_DETACHED. */
MUST_CHECK int initlink_detach(struct initlink *link, uint32_t attachment, struct err *e);

/* Allows that many more bytes. ERR_INVALID: the attachment has ended, or has too much credit. */
MUST_CHECK int initlink_credit(struct initlink *link, uint32_t attachment, uint32_t more, struct err *e);

/* Sends as much input as its credit and the queue allow; *sent says how much. */
MUST_CHECK int initlink_stdin(struct initlink *link, uint32_t process, const uint8_t *bytes, size_t len,
                              size_t *sent, struct err *e);
MUST_CHECK int initlink_stdin_end(struct initlink *link, uint32_t process, struct err *e);

MUST_CHECK int initlink_resize(struct initlink *link, uint32_t process, uint16_t rows, uint16_t columns,
                               struct err *e);

/* Signals its process group. */
MUST_CHECK int initlink_signal_process(struct initlink *link, uint32_t process, int signo, struct err *e);

/* Kills it and all its descendants. */
MUST_CHECK int initlink_kill_process(struct initlink *link, uint32_t process, struct err *e);

/* Sets how much memory the rings of all its processes may take, from the sandbox's memory limit. */
MUST_CHECK int initlink_bound_output(struct initlink *link, uint64_t memory_bytes, struct err *e);

#endif
