/*
 * Decides when a sandbox's use of one resource is a violation. An episode opens at the warning level, may
 * rise to critical, and closes below the clearing level: one opening and one closing, however many samples
 * lie between. A rise to critical opens the warning first, in the same step if need be. An opening is
 * reported at once. A closing is reported at once unless the last closing was less than episode_ms ago: then
 * the episode stays open until that time is over, and swings across the levels meanwhile are counted and
 * reported with the closing. So a sandbox that flaps causes one opening and one closing per episode_ms. Pure:
 * the caller passes the time of a clock that does not jump.
 */
#ifndef CORRAL_AGENT_CORE_VIOLATION_H
#define CORRAL_AGENT_CORE_VIOLATION_H

#include "common/model/sandbox_spec.h"

#include <stdbool.h>
#include <stdint.h>

enum violation_kind { VIOLATION_MEMORY, VIOLATION_CPU, VIOLATION_DISK, VIOLATION_PIDS, VIOLATION_KIND_COUNT };

enum violation_level { VIOLATION_NONE, VIOLATION_WARNING, VIOLATION_CRITICAL };

/* Levels in hundredths of a percent of the limit. */
struct violation_rule {
    uint32_t warning_centi;
    uint32_t critical_centi; /* 0: this kind has no critical level */
    uint32_t clear_centi;    /* below warning_centi */
    uint32_t sustain_ms;     /* how long the use must stay past a level before an episode opens or closes */
    uint32_t episode_ms;     /* least time between two closings */
};

/*
 * One rule per kind, from the levels of the sandbox's own tier (0: not set) and otherwise from its node's.
 * Levels that do not fit together, as a tier's warning and a node's clearing level may, are corrected: a
 * clearing level that is not below its warning is set 5 points below it, and a critical level below the
 * warning is raised to it.
 */
void violation_rules(const struct violation_levels *own, const struct violation_levels *node,
                     struct violation_rule rules[static VIOLATION_KIND_COUNT]);

/* The state of one resource of one sandbox. All zero at the start; the caller's memory. */
struct violation {
    enum violation_level level; /* of the open episode, or VIOLATION_NONE */
    bool timing;                /* the use crossed the level at since_ms, not yet for sustain_ms */
    uint64_t since_ms;
    bool cleared;    /* the open episode is over, and waits until it may close */
    uint32_t swings; /* how often the open episode was cleared and came back */
    bool closed_before;
    uint64_t closed_ms; /* the last closing */
};

/* What a step asks its caller to do, in this order. */
struct violation_step {
    bool opened;
    bool became_critical;
    bool closed;
    enum violation_level rose_to; /* of the episode that closed */
    uint32_t swings;
};

/*
 * Takes one sample: used and limit in the same unit, now_ms never going back. A limit of 0 means that there
 * is none, and ends an open episode.
 */
struct violation_step violation_tick(struct violation *v, const struct violation_rule *rule, uint64_t used,
                                     uint64_t limit, uint64_t now_ms);

/* The share of the limit in hundredths of a percent, rounded down; at most UINT32_MAX; 0 without a limit. */
uint32_t violation_share_centi(uint64_t used, uint64_t limit);

/* The kind's public name. Static. */
const char *violation_kind_name(enum violation_kind kind);

#endif
