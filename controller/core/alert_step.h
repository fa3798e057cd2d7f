/*
 * The states of an alert: what becomes of an episode with each reading of its rule. Pure.
 *
 *     none ── breach ──► pending ── breach for hold_ms ──► firing ── clear for clear_ms ──► resolved
 *      ▲                    │
 *      └────── clear ───────┘
 *
 * A value between `clear` and `threshold` neither goes on with an episode that is pending nor ends one that
 * fires, so one that swings around its threshold opens one episode. An unknown value changes no state. The
 * times are sums of what was watched: neither a stop of the controller nor a step of a clock counts as time
 * in which the condition held.
 */
#ifndef CORRAL_CONTROLLER_CORE_ALERT_STEP_H
#define CORRAL_CONTROLLER_CORE_ALERT_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum alert_state { ALERT_NONE, ALERT_PENDING, ALERT_FIRING, ALERT_RESOLVED };
#define ALERT_STATES 4

/* As the database and the REST interface name it; a name of no state is ALERT_NONE. */
const char *alert_state_name(enum alert_state state);
enum alert_state alert_state_of(const char *name);

struct alert_rule {
    bool below; /* it fires below its threshold, not from it on */
    int64_t threshold, clear;
    uint64_t hold_ms, clear_ms;
    uint64_t interval_ms; /* between two readings */
};

enum alert_reading { ALERT_UNKNOWN, ALERT_CLEAR, ALERT_BETWEEN, ALERT_BREACH };
enum alert_reading alert_read(const struct alert_rule *rule, double value);

struct alert_episode {
    enum alert_state state;
    uint64_t held_ms;    /* of one that is pending: how long its condition has held */
    bool clearing;       /* of one that fires: the last reading was clear */
    uint64_t cleared_ms; /* and for how long all were */
    bool told;           /* that it fires was told */
    bool silenced;
};

struct alert_step {
    struct alert_episode next; /* ALERT_NONE or ALERT_RESOLVED: the episode is over */
    bool tells;                /* next.state, firing or resolved, is to be told */
};

/*
 * elapsed_ms: since the last reading by this process; 0: there was none. Of more than two intervals only two
 * count. That a silenced alert fires is told when the silence is over; that one is resolved, if its firing
 * was told.
 */
struct alert_step alert_step(const struct alert_rule *rule, const struct alert_episode *now,
                             enum alert_reading reading, uint64_t elapsed_ms);

/* A subject of a rule. */
struct alert_row {
    struct alert_episode now;
    enum alert_reading reading;
    struct alert_step step; /* by alert_step_all */
};

/*
 * Steps all subjects of a rule, in their order. At most `room` episodes begin; returns how many more would
 * have.
 */
size_t alert_step_all(const struct alert_rule *rule, struct alert_row *rows, size_t count, size_t room,
                      uint64_t elapsed_ms);

#endif
