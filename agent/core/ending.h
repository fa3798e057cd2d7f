/*
 * How a sandbox ended, in words for people: each way to die that its node knows of has one function here,
 * which gives the reason, the exit code where there is one, and a sentence with the figures. What the
 * database knows better (a lifetime that ended, who deleted it) has no sentence here: PostgreSQL writes it
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
    uint64_t ended_ms; /* when, on CLOCK_BOOTTIME, where it is found out late; 0: now */
    bool node_fault;   /* it never ran, for reasons of this node */
};

/* Without a sentence: the database has it. */
struct sandbox_exit ending_of(enum sandbox_reason reason);

/* It was ended before it ran; was: how far it was made ("its image was still being pulled"). */
struct sandbox_exit ending_unmade(enum sandbox_reason reason, const char *was);

/* Its command, as its init told: by itself, by a signal (name: strsignal's), or never begun (why:
 * strerror's). */
struct sandbox_exit ending_exited(int code);
struct sandbox_exit ending_signal(int code, int signo, const char *name);
struct sandbox_exit ending_not_invoked(int code, const char *why);

/* When it ended. */
enum ending_when {
    ENDING_SEEN,       /* while Docker and the agent ran */
    ENDING_AGENT_DOWN, /* while the agent was down */
    ENDING_DOCKER_AWAY /* while Docker was: the way of a Docker without live-restore */
};

/* It ended, and nobody can say how. */
struct sandbox_exit ending_unknown(enum ending_when when);

/* Its node's disk took no record of it: it was not made. */
struct sandbox_exit ending_unwritten(void);

/* The kernel's OOM killer came. last: the latest sample of it, NULL where there was none. */
struct sandbox_exit ending_oom(const struct sample *last, uint64_t limit_bytes);

/* The guard's: memory that the kernel cannot take back, and nothing to do. */
struct sandbox_exit ending_critical(const struct sample *last, uint32_t critical_centi);
struct sandbox_exit ending_idle(uint64_t seconds, uint32_t cpu_centi);

/* Nothing of it can be left: the node was booted since. booted_at: RFC 3339. */
struct sandbox_exit ending_booted(const char *booted_at);

/* Docker's word alone, of a container that is there and does not run. */
struct sandbox_exit ending_container(enum ending_when when, int code);

/* Its container is not there any more, and nobody of Corral removed it; or it is another one by now. */
struct sandbox_exit ending_taken_away(enum ending_when when);
struct sandbox_exit ending_started_again(void);

#endif
