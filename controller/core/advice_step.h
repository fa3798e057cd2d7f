/*
 * What becomes of a recommendation with each look at the system. Pure.
 *
 *                    found                 its cause is gone
 *     (none) ──────────────────► open ────────────────────────► (none)
 *                                 ▲ │                              ▲
 *       grew, or is still there   │ ▼ an administrator says so     │
 *       after ADVICE_APPLIED_MS   applied ─────────────────────────┘
 *                                 dismissed: hidden while its cause is gone, and still dismissed when it is
 * back
 *
 * A dismissed one comes back as open when its evidence has grown materially: by ADVICE_GROWTH of its weight
 * as it was dismissed, or to a higher severity.
 */
#ifndef CORRAL_CONTROLLER_CORE_ADVICE_STEP_H
#define CORRAL_CONTROLLER_CORE_ADVICE_STEP_H

#include "controller/core/advice.h"

#define ADVICE_GROWTH     1.5
#define ADVICE_APPLIED_MS (7 * 86400000ull)
#define ADVICE_OPENS_MAX                                                                                     \
    20 /* that begin in one step; the rest do in the next: events come at a bounded pace */

enum advice_state { ADVICE_OPEN, ADVICE_APPLIED, ADVICE_DISMISSED, ADVICE_STATES };
const char *advice_state_name(enum advice_state state);
/* ADVICE_STATES where it is no name of one. */
enum advice_state advice_state_of(const char *name);

/* A recommendation as it is stored. What it names is borrowed. rule: ADVICE_RULES where rule_name is no rule
 * any more. */
struct advice_row {
    enum advice_rule_id rule;
    const char *rule_name, *subject_kind, *subject;
    enum advice_state state;
    bool hidden;        /* its cause was gone */
    double weight_then; /* as it got its state */
    enum advice_severity severity_then;
    uint64_t state_ms; /* how long it has been in its state */
};

enum advice_act {
    ADVICE_NOTHING,
    ADVICE_BEGIN,  /* store it; tell */
    ADVICE_KEEP,   /* store what it says now, in the state that it has; one that is hidden shows again */
    ADVICE_REOPEN, /* the same, as open; tell */
    ADVICE_END,    /* remove it; tell */
    ADVICE_HIDE,
    ADVICE_ACTS
};
/* As the database names it; static. */
const char *advice_act_name(enum advice_act act);

/* row NULL: nothing is stored; found NULL: its cause is not found. */
enum advice_act advice_step(const struct advice_row *row, const struct advice_finding *found);

/* A change of what is stored. */
struct advice_change {
    enum advice_act act;
    const struct advice_row *row;         /* NULL: there is none yet */
    const struct advice_finding *finding; /* NULL: its cause is gone */
};

/*
 * Steps all; returns the number of changes, at most rows + findings->count, which out has room for. room: how
 * many may begin, beside ADVICE_OPENS_MAX. What an unknown rule has found before stays.
 */
size_t advice_step_all(const struct advice_row *rows, size_t count, const struct advice_findings *findings,
                       size_t room, struct advice_change *out);

#endif
