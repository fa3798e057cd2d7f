/*
 * Watches one sandbox by its samples: opens and closes episodes of violation, and decides when memory or
 * idleness ends or pauses the sandbox. Pure; one struct per sandbox, all zero at the start.
 */
#ifndef CORRAL_AGENT_CORE_GUARD_H
#define CORRAL_AGENT_CORE_GUARD_H

#include "agent/core/ending.h"
#include "agent/core/violation.h"
#include "common/model/node_wire.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A sandbox works if it uses a hundredth of its CPU limit, and more CPU time than its init needs to answer
 * its node (measured: 33 us a second).
 */
#define GUARD_IDLE_CPU_CENTI 100
#define GUARD_INIT_US        500 /* a second */

/*
 * The figures in the event of a violation: the share of the limit in hundredths of a percent, and the limit.
 */
struct guard_figures {
    uint32_t percent_centi;
    uint64_t limit;
};

struct guard {
    struct violation violation[VIOLATION_KIND_COUNT];
    struct guard_figures last[VIOLATION_KIND_COUNT]; /* of the last sample */
    bool seen;                                       /* a sample was taken */
    uint64_t busy_ms;                                /* when it last worked */
    bool streamed;                                   /* bytes went through a stream since the last sample */
};

struct guard_rules {
    struct violation_rule violation[VIOLATION_KIND_COUNT];
    uint64_t idle_timeout_seconds; /* 0: none */
    bool idle_pauses;              /* pauses it instead of ending it */
};

/* What the caller is to do: send the reports in this order, then perhaps pause or end the sandbox. */
struct guard_step {
    struct violation_report report[VIOLATION_KIND_COUNT * 2]; /* all members except number and ago_ms */
    unsigned report_count;
    struct sandbox_exit end; /* reason OOM_KILLED, MEMORY_CRITICAL or IDLE; REASON_NONE: it goes on */
    bool pause;              /* it is idle; end.detail says so */
};

/*
 * Takes a sample and fills its open_violations. paused: the sandbox is paused, so it does not count as idle.
 * now: CLOCK_BOOTTIME in ms.
 */
struct guard_step guard_tick(struct guard *guard, const struct guard_rules *rules, struct sample *sample,
                             bool paused, uint64_t now);

/* Bytes went into or out of the sandbox by a stream: it works. Packets of a network and open connections are
 * no work. */
void guard_streamed(struct guard *guard);

/* After a restart: marks this episode as open. The idle time starts again. */
void guard_restore(struct guard *guard, enum violation_kind kind, enum violation_level level);

/* The sandbox ends: closes every open episode with the figures of the last sample (0 if there was none since
 * a restart). */
struct guard_step guard_close(struct guard *guard, const struct sandbox_id *id);

#endif
