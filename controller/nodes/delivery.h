/*
 * What one session still has to tell its node, and what of that the node has taken up. Delivery is at least
 * once: an update is told in answer to a poll, and the next poll names the last update that the node took.
 * Where that is the one that was told last, what it carried is forgotten; else all of it is told again. Of
 * each sandbox the newest desired state wins.
 *
 * An update may lie in the network meanwhile, and its desired states say how long their sandboxes live from
 * when they were sent. So one whose answer took longer than DELIVERY_LATE_MS is told again, which brings its
 * deadline forward: the deadline that a node knows is not later than it should be by more than that. In a
 * network that is always so slow it is told DELIVERY_REPEATS times again, and late by what the fastest took.
 *
 * Pure. now: CLOCK_BOOTTIME in ms.
 */
#ifndef CORRAL_CONTROLLER_NODES_DELIVERY_H
#define CORRAL_CONTROLLER_NODES_DELIVERY_H

#include "proto/node_codec.h"

#define DELIVERY_DESIRED_MAX 4096 /* sandboxes whose desired states wait */
#define DELIVERY_LATE_MS     500
#define DELIVERY_REPEATS     4
#define DELIVERY_ACKS_MAX    NODE_STATUSES_MAX /* acknowledgements of statuses that wait */

/* All zero at the start, as the session is. */
struct delivery {
    uint64_t number, told_ms; /* of the last update */
    struct delivery_desired *desired;
    size_t desired_count;
    struct delivery_status_ack *ack;
    size_t ack_count;
    struct delivery_up_to {
        uint64_t acked, told;
    } violations, samples, cleanups; /* numbers up to which the node may forget */
    struct cleanup_order cleanup;
    uint64_t cleanup_told;
    uint8_t *certificate; /* NULL: none is to be told */
    size_t certificate_len;
    uint64_t certificate_number; /* of the update that took it along; 0: not yet */
};

void delivery_fini(struct delivery *d);

/* Copies desired, with its spec; its remaining_ms is counted down while it waits. False: too many wait. */
bool delivery_desired(struct delivery *d, uint64_t now, const struct desired_state *desired) MUST_CHECK;

/* Past DELIVERY_ACKS_MAX it is left out: the node repeats the status. */
void delivery_ack(struct delivery *d, const struct status_ack *ack);

/* Everything up to this number is committed. A lower number than before changes nothing. */
void delivery_ack_violations(struct delivery *d, uint64_t up_to);
void delivery_ack_samples(struct delivery *d, uint64_t up_to);
void delivery_ack_cleanups(struct delivery *d, uint64_t up_to);

/* The newest order counts. */
void delivery_cleanup(struct delivery *d, const struct cleanup_order *order);

/* Takes der. Only while there is none. */
void delivery_certificate(struct delivery *d, uint8_t *der, size_t len);

/* The node polls, and says that it took the update of this number last; 0: none. */
void delivery_polled(struct delivery *d, uint64_t now, uint64_t taken);

/* Whether there is something that was not told since the last poll. */
bool delivery_owes(const struct delivery *d);

/* Fills the next update, also where nothing is owed: it answers a poll that waited for long. The update
 * borrows from d; delivery_told frees its arrays. */
void delivery_tell(struct delivery *d, uint64_t now, struct node_update *update);
void delivery_told(struct node_update *update);

#endif
