/*
 * Watches one sandbox by its samples: opens and closes episodes of violation, says when a limit or idleness
 * ends it. Pure; one struct a sandbox, all zero at the start.
 */
#ifndef CORRAL_AGENT_CORE_GUARD_H
#define CORRAL_AGENT_CORE_GUARD_H

#include "agent/core/ending.h"
#include "agent/core/violation.h"
#include "common/model/node_wire.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * It works where it uses a hundredth of its CPU limit, and more than its init needs to answer its node (which
 * was measured to be 33 us a second).
 */
#define GUARD_IDLE_CPU_CENTI 100
#define GUARD_INIT_US        500 /* a second */

/* What an event of a violation tells: the share of the limit in hundredths of a percent, and the limit. */
struct guard_figures {
    uint32_t percent_centi;
    uint64_t limit;
};

struct guard {
    struct violation violation[VIOLATION_KIND_COUNT];
    struct guard_figures last[VIOLATION_KIND_COUNT]; /* of the last sample */
    bool seen;                                       /* a sample was taken: the counters below hold */
    uint64_t busy_ms;                                /* when it last worked */
    uint64_t rx_packets, tx_packets;
};

struct guard_rules {
    struct violation_rule violation[VIOLATION_KIND_COUNT];
    uint64_t idle_timeout_seconds; /* 0: none */
    bool idle_pauses;              /* and does not end it */
};

/* What a step asks for: the reports in order, then perhaps an end. */
struct guard_step {
    struct violation_report report[VIOLATION_KIND_COUNT * 2]; /* id, kind, opened, critical, percent, limit */
    unsigned report_count;
    struct sandbox_exit end; /* reason OOM_KILLED, MEMORY_CRITICAL or IDLE; REASON_NONE: it goes on */
    bool pause;              /* it is idle; end.detail says so */
};

/*
 * Takes a sample, and writes its open_violations. paused: the sandbox is paused, so it does not count as
 * idle. now: CLOCK_BOOTTIME in ms.
 */
struct guard_step guard_tick(struct guard *guard, const struct guard_rules *rules, struct sample *sample,
                             bool paused, uint64_t now);

/* After a restart: this episode is open. Idleness counts again. */
void guard_restore(struct guard *guard, enum violation_kind kind, enum violation_level level);

/* The sandbox ends: every open episode closes, with the figures of the last sample (0: a restart came since).
 */
struct guard_step guard_close(struct guard *guard, const struct sandbox_id *id);

#endif
