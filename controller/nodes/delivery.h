/*
 * What one session still has to send to its node, and what the node has confirmed. Delivery is at least once:
 * an update answers a poll, and the next poll names the last update that the node took. If that is the last
 * update that was sent, its content is dropped; otherwise all of it is sent again. A newer desired state
 * replaces one of the same sandbox that still waits.
 *
 * A desired state carries the lifetime that remains when it is sent, and an update may lie in the network for
 * seconds. So a desired state is sent again if its confirmation took longer than DELIVERY_LATE_MS, which
 * brings the deadline forward: a node's deadline is late by that at most. In a network that is always slower,
 * it is sent again DELIVERY_REPEATS times, and the deadline is late by the shortest of these delays.
 *
 * Pure. now: CLOCK_BOOTTIME in ms.
 */
#ifndef CORRAL_CONTROLLER_NODES_DELIVERY_H
#define CORRAL_CONTROLLER_NODES_DELIVERY_H

#include "proto/node_codec.h"

#define DELIVERY_DESIRED_MAX 4096 /* sandboxes whose desired state waits */
#define DELIVERY_LATE_MS     500
#define DELIVERY_REPEATS     4
#define DELIVERY_DENSE_MS    15000             /* for which an order to keep samples more densely holds */
#define DELIVERY_RENEW_MS    5000              /* after which it is given again */
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
    } violations, samples, cleanups; /* numbers up to which the node may forget its items */
    struct cleanup_order cleanup;
    uint64_t cleanup_told;
    struct delivery_images {
        struct image_orders whole; /* number 0: no set waits */
        size_t taken, told;        /* orders that the node took; that it has with the piece on its way */
        bool sent;                 /* a piece is on its way */
    } images;
    struct delivery_dense {
        struct dense_order *order; /* owned; NULL: none was ever given */
        uint64_t given_ms, told;   /* told: number of the order that the last update carried */
    } dense;
    uint8_t *certificate; /* the new certificate to send; NULL: none */
    size_t certificate_len;
    uint64_t certificate_number; /* number of the update that carried it; 0: not sent yet */
};

void delivery_fini(struct delivery *d);

/* Copies desired, with its spec; its remaining_ms is counted down while it waits. False: too many wait. */
bool delivery_desired(struct delivery *d, uint64_t now, const struct desired_state *desired) MUST_CHECK;

/* Ignored while DELIVERY_ACKS_MAX wait: the node sends the status again. */
void delivery_ack(struct delivery *d, const struct status_ack *ack);

/* Everything up to this number is committed. A lower number than before changes nothing. */
void delivery_ack_violations(struct delivery *d, uint64_t up_to);
void delivery_ack_samples(struct delivery *d, uint64_t up_to);
void delivery_ack_cleanups(struct delivery *d, uint64_t up_to);

/* A newer order replaces one that still waits. */
void delivery_cleanup(struct delivery *d, const struct cleanup_order *order);

/* All orders about images, copied; they are told in pieces, and replace a set that still waits. number: of
 * the set, not 0, and another than before. */
void delivery_images(struct delivery *d, const struct image_orders *whole);

/*
 * Of which sandboxes the node is to keep samples more densely from now on, at most NODE_DENSE_MAX. Sends that
 * to the node if it differs from what was given before, and from time to time while there are any: the node
 * keeps to it for DELIVERY_DENSE_MS only, so a node that hears nothing falls back.
 */
void delivery_dense(struct delivery *d, uint64_t now, const struct sandbox_id *id, size_t count);

/* Takes der. Only while there is none. */
void delivery_certificate(struct delivery *d, uint8_t *der, size_t len);

/* The node polled, and named the last update that it took; 0: none. */
void delivery_polled(struct delivery *d, uint64_t now, uint64_t taken);

/* Whether something was not sent since the last poll. */
bool delivery_owes(const struct delivery *d);

/* Fills the next update, also where nothing is owed: it answers a poll that waited for long. The update
 * borrows from d; delivery_told frees its arrays. */
void delivery_tell(struct delivery *d, uint64_t now, struct node_update *update);
void delivery_told(struct node_update *update);

#endif
