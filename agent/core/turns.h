/*
 * Who is made next, and whose image is pulled next: the starts that a node has under way at once are bounded,
 * for Docker's own work beside them takes the processors from the sandboxes that run. Anyone who waits has
 * his turn by user, not by order: of the users with the fewest starts under way the one who has waited
 * longest since his last, and of his own the one that asked first (max-min fairness over users). One that
 * takes far longer than others here hangs, and uses no processor: it does not count any more, so that starts
 * that never end hold nobody up; places and long_most of them together do. What is far longer follows from
 * those that succeeded, as TCP's timeout for a repetition does (RFC 6298: mean and 4 deviations): on a busy
 * node all take long, and more of them at once would take longer still.
 *
 * Pure: `now` is CLOCK_BOOTTIME in milliseconds. A turn is the caller's memory, all zero before it asks.
 */
#ifndef CORRAL_AGENT_CORE_TURNS_H
#define CORRAL_AGENT_CORE_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#define TURN_LONG_MS      5000 /* at least */
#define TURN_LONG_MOST_MS 60000

struct turn_user;

struct turn {
    struct turn *next, **slot; /* among the waiting of its user, or among those under way */
    struct turn_user *user;    /* NULL: it has not asked */
    bool begun;
    uint64_t begun_ms;
};

struct turns_bounds {
    unsigned places;    /* at once, 1 or more, besides those that take long */
    unsigned long_most; /* at once besides these, 1 or more; past it those that take long take places */
    unsigned of_user;   /* at once of one user, these too; 0: any number */
};

struct turns {
    struct turns_bounds bounds;
    struct turn_user *users;
    struct turn *under_way;
    uint64_t served; /* counts the turns that were given */
    int64_t mean_ms; /* of those that succeeded; 0: none did */
    int64_t deviation_ms;
};

void turns_init(struct turns *turns, const struct turns_bounds *bounds);

/* Queues it. user is copied; "" is a user too. */
void turn_ask(struct turns *turns, struct turn *turn, const char *user);

/* The next that begins now, which is under way from then on; NULL where none may. Borrowed. */
struct turn *turns_next(struct turns *turns, uint64_t now);

/*
 * The turn that is to be given up now, so that a user who waits and has nothing under way gets one: of the
 * user with the most under way, at least two, the oldest that is under way for TURN_LONG_MOST_MS. NULL where
 * nobody needs that. Without it as many users as fill all places would keep everybody else out for as long as
 * a turn may take. Borrowed.
 */
struct turn *turns_overdue(const struct turns *turns, uint64_t now);

/* It succeeds now, and ends next. */
void turn_succeeds(struct turns *turns, const struct turn *turn, uint64_t now);

/* It waits, or goes on, no more. One that never asked is fine. */
void turn_end(struct turns *turns, struct turn *turn);

#endif
