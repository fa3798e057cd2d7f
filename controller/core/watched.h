/*
 * Which sandboxes somebody watches: a stream of their figures is open, or their figures are asked for again
 * and again, as a page with charts does. Of these their nodes keep a sample each second for the history,
 * within a bound for each node, which its users share. Pure: `now` is the loop's clock.
 *
 * Bounded by the number of live sandboxes: the owner notes nothing of others, and forgets what nobody watches
 * by watched_choose, once a second.
 */
#ifndef CORRAL_CONTROLLER_CORE_WATCHED_H
#define CORRAL_CONTROLLER_CORE_WATCHED_H

#include "common/model/node_wire.h"

/* Two questions within this time count as watching, until none came for so long. */
#define WATCHED_ASK_MS 5000

struct watched;
struct watched *watched_new(void);
void watched_free(struct watched *watched); /* NULL is allowed */

/* A stream begins; it ends exactly once, with the same id. */
void watched_begin(struct watched *watched, const struct sandbox_id *id);
void watched_end(struct watched *watched, const struct sandbox_id *id);

/* The figures were asked for once. */
void watched_asked(struct watched *watched, uint64_t now, const struct sandbox_id *id);

/* Where a watched sandbox is, and whose. False: it is not to be chosen. What *place points to stays until
 * watched_choose returns. */
struct watched_place {
    const char *node, *user;
};
typedef bool watched_find_fn(void *arg, const struct sandbox_id *id, struct watched_place *place);

/* Of a node: those of which samples are to be kept densely, in an order that changes as little as possible.
 */
typedef void watched_chosen_fn(void *arg, const char *node, const struct sandbox_id *id, size_t count);

/*
 * Calls chosen once for each node with a watched sandbox, with at most NODE_DENSE_MAX of them. If there are
 * more, each user has as many as the others, as far as they watch so many; of each user the first ones count.
 * Forgets what nobody watches any more.
 */
void watched_choose(struct watched *watched, uint64_t now, watched_find_fn *find, watched_chosen_fn *chosen,
                    void *arg);

/* By the latest choice: how many are watched, and of how many of them samples are kept densely. */
struct watched_counts {
    size_t watched, dense;
};
struct watched_counts watched_counts(const struct watched *watched);

#endif
