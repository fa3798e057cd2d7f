/*
 * How a sandbox ended, in sentences for people. Each kind of end that a node can see has one function here,
 * which returns the reason, the exit code if there is one, and a sentence with the figures. Ends that the
 * database knows better (a lifetime that ended, who deleted it) get no sentence here: PostgreSQL writes it
 * with the end. Pure.
 */
#ifndef CORRAL_AGENT_CORE_ENDING_H
#define CORRAL_AGENT_CORE_ENDING_H

#include "common/model/node_wire.h"

#include <stdbool.h>
#include <stdint.h>

struct sandbox_exit {
    enum sandbox_reason reason;
    char detail[NODE_DETAIL_MAX + 1];
    bool has_exit_code;
    int32_t exit_code;
    uint64_t ended_ms; /* CLOCK_BOOTTIME, where the end is noticed late; 0: now */
    bool node_fault;   /* it never ran, for reasons of this node */
};

/* Without a sentence: the database writes it. */
struct sandbox_exit ending_of(enum sandbox_reason reason);

/*
 * The sandbox was ended before it ran. was: how far its start had come ("its image was still being pulled").
 */
struct sandbox_exit ending_unmade(enum sandbox_reason reason, const char *was);

/* The end of its command, as reported by its init: it exited, a signal killed it (name: from strsignal), or
 * it could not be executed (why: from strerror). */
struct sandbox_exit ending_exited(int code);
struct sandbox_exit ending_signal(int code, int signo, const char *name);
struct sandbox_exit ending_not_invoked(int code, const char *why);

/* When it ended. */
enum ending_when {
    ENDING_SEEN,       /* while Docker and the agent ran */
    ENDING_AGENT_DOWN, /* while the agent was down */
    ENDING_DOCKER_AWAY /* while Docker was down, as when a Docker without live-restore restarts */
};

/* It ended, and how is not known. */
struct sandbox_exit ending_unknown(enum ending_when when);

/* Its node's disk could not store its record, so it was never made. */
struct sandbox_exit ending_unwritten(void);

/* The kernel's OOM killer killed in it. last: its latest sample, NULL if there is none. */
struct sandbox_exit ending_oom(const struct sample *last, uint64_t limit_bytes);

/* Ends that the guard decides: memory that the kernel cannot reclaim passed the critical level; no work for
 * this many seconds. */
struct sandbox_exit ending_critical(const struct sample *last, uint32_t critical_centi);
struct sandbox_exit ending_idle(uint64_t seconds, uint32_t cpu_centi);

/* The node was booted since, so nothing of it is left. booted_at: RFC 3339. */
struct sandbox_exit ending_booted(const char *booted_at);

/* Its container exists and does not run; Docker's exit code is all that is known. */
struct sandbox_exit ending_container(enum ending_when when, int code);

/* Its container was removed, or stopped and started again, and not by Corral. */
struct sandbox_exit ending_taken_away(enum ending_when when);
struct sandbox_exit ending_started_again(void);

/* A member of the warm pool that no sandbox can be given any more. why: a clause. */
struct sandbox_exit ending_member(const char *why);

#endif
