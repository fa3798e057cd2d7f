/*
 * What waits to be told to the controller and is not the outbox's: the newest status of each sandbox and
 * the result of each cleanup until they are acknowledged, the newest sample until it was sent. Private to the
 * uplink. now: CLOCK_BOOTTIME in ms.
 */
#ifndef CORRAL_AGENT_UPLINK_UPLINK_QUEUE_H
#define CORRAL_AGENT_UPLINK_UPLINK_QUEUE_H

#include "agent/uplink/uplink.h"
#include "proto/node_codec.h"

#define UPLINK_CLEANUPS_MAX NODE_CLEANUPS_MAX
#define UPLINK_RESEND_MS    2000 /* of what is not acknowledged yet */
#define UPLINK_HOLD_MS      1000 /* at most, that an end waits until its sandbox's violations are committed */

struct uplink_waiting;

/* All zero at the start. */
struct uplink_queue {
    struct uplink_waiting *waiting; /* by sandbox */
    struct queued_cleanup *cleanup;
    size_t cleanups;
    bool urgent;
    bool held; /* an end waits for its violations */
};

void uplink_queue_fini(struct uplink_queue *q);
void uplink_queue_status(struct uplink_queue *q, uint64_t now, const struct sandbox_status *o);
void uplink_queue_sample(struct uplink_queue *q, uint64_t now, const struct sample *s);
void uplink_queue_cleanup(struct uplink_queue *q, const struct cleanup_report *report);

/* Fills a report with what is due, the outbox's too, but for ends that are held; uplink_queue_taken_free
 * frees its arrays. */
void uplink_queue_take(struct uplink_queue *q, struct outbox *outbox, uint64_t now,
                       struct node_report *report);
void uplink_queue_taken_free(struct node_report *report);

void uplink_queue_ack(struct uplink_queue *q, const struct status_ack *a);
void uplink_queue_ack_cleanups(struct uplink_queue *q, uint64_t up_to);

/* A new session: nothing counts as sent. */
void uplink_queue_resend_all(struct uplink_queue *q);

/* Whether something came that was not yet sent. */
bool uplink_queue_urgent(const struct uplink_queue *q);

#endif
