/*
 * Decides which sandbox is started next, and which image is pulled next. The number of starts that a node has
 * under way is bounded, because Docker's work for them takes processors from the running sandboxes. The next
 * turn goes to the user with the fewest starts under way; among equals, to the one whose last turn is longest
 * ago; within a user, to the oldest request (max-min fairness over users).
 *
 * A start that takes far longer than usual hangs and uses no processor, so it stops counting against
 * `places`: starts that never end block nobody. At most places + long_most are under way in all. "Far longer"
 * is derived from the starts that succeeded, as TCP derives its retransmission timeout (RFC 6298: mean and 4
 * deviations): on a busy node all starts take long, and more of them at once would take longer still.
 *
 * Starts for nobody (members of the warm pool) come last: one at a time, and only while no user waits. Such a
 * start counts against no bound of the others, so that none of them waits for it.
 *
 * Pure: `now` is CLOCK_BOOTTIME in milliseconds. A turn is the caller's memory, all zero before turn_ask.
 */
#ifndef CORRAL_AGENT_CORE_TURNS_H
#define CORRAL_AGENT_CORE_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#define TURN_LONG_MS      5000 /* at least */
#define TURN_LONG_MOST_MS 60000

struct turn_user;

struct turn {
    struct turn *next, **slot; /* in the queue of its user, or in the list of those under way */
    struct turn_user *user;    /* NULL: not asked for, or ended */
    bool begun;
    uint64_t begun_ms;
};

struct turns_bounds {
    unsigned places;    /* at once, 1 or more, not counting those that take long */
    unsigned long_most; /* at once in addition, 1 or more; beyond it, those that take long need places */
    unsigned of_user;   /* at once of one user, of both kinds; 0: no limit */
};

struct turns {
    struct turns_bounds bounds;
    struct turn_user *users;
    struct turn_user *nobody; /* whose turns come last; NULL: it has none */
    struct turn *under_way;
    uint64_t served; /* number of turns given so far */
    int64_t mean_ms; /* of the successful turns; 0: there was none */
    int64_t deviation_ms;
};

void turns_init(struct turns *turns, const struct turns_bounds *bounds);

/* Queues a turn of this user (copied; "" is a user too). */
void turn_ask(struct turns *turns, struct turn *turn, const char *user);

/* Queues a turn for nobody. */
void turn_ask_last(struct turns *turns, struct turn *turn);

/* Takes the next turn that may begin now, which is then under way; NULL if none may. Borrowed. */
struct turn *turns_next(struct turns *turns, uint64_t now);

/*
 * The turn that the caller is to give up now, so that a user who waits and has none under way gets one: the
 * oldest turn that has been under way for TURN_LONG_MOST_MS, of the user with the most under way (at least
 * two). NULL if no user needs that. Without it, as many users as there are places could keep all others out
 * for as long as a turn may take. Borrowed.
 */
struct turn *turns_overdue(const struct turns *turns, uint64_t now);

/* Calls cb with each turn that waits. */
void turns_each_waiting(const struct turns *turns, void (*cb)(void *arg, const struct turn *turn), void *arg);

/* The turn has succeeded now: notes its duration. The caller then calls turn_end. */
void turn_succeeds(struct turns *turns, const struct turn *turn, uint64_t now);

/* Ends a turn, waiting or under way. One that was never asked for is fine. */
void turn_end(struct turns *turns, struct turn *turn);

#endif
