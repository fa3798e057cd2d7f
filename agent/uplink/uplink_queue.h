/*
 * What waits to be sent to the controller, apart from the outbox: the newest status of each sandbox and the
 * result of each cleanup until acknowledged, the newest sample until sent. Private to the uplink. now:
 * CLOCK_BOOTTIME in ms.
 */
#ifndef CORRAL_AGENT_UPLINK_UPLINK_QUEUE_H
#define CORRAL_AGENT_UPLINK_UPLINK_QUEUE_H

#include "agent/uplink/uplink.h"
#include "proto/node_codec.h"

#define UPLINK_CLEANUPS_MAX NODE_CLEANUPS_MAX
#define UPLINK_RESEND_MS    2000 /* before an unacknowledged item is sent again */
#define UPLINK_HOLD_MS      1000 /* longest wait of an end for its violations */

struct uplink_waiting;

/* All zero at the start. */
struct uplink_queue {
    struct uplink_waiting *waiting; /* by sandbox */
    struct queued_cleanup *cleanup;
    size_t cleanups;
    struct uplink_images {
        struct node_images set;
        size_t told;
        bool waits; /* not all of it was told */
    } images, some; /* all images, and those of which something changed since */
    uint64_t image_sets;
    bool takes_images; /* the controller of this session takes reports of them */
    bool urgent;
    bool held; /* an end waits for violations to be committed */
    uint64_t logs_lost;
    uint64_t starts_waiting, starts_wait_ms;
};

void uplink_queue_fini(struct uplink_queue *q);
void uplink_queue_status(struct uplink_queue *q, uint64_t now, const struct sandbox_status *status);
void uplink_queue_sample(struct uplink_queue *q, uint64_t now, const struct sample *s);
void uplink_queue_cleanup(struct uplink_queue *q, const struct cleanup_report *report);

/* Both take what the struct holds, and leave it all zero. Images: at most NODE_IMAGES_MAX. All images:
 * what waits of single ones is older, and is dropped. */
void uplink_queue_images(struct uplink_queue *q, struct node_images *all);
void uplink_queue_some_images(struct uplink_queue *q, struct node_images *some);

/* Fills a report with everything that is due, including the outbox's entries, except ends that are held back;
 * uplink_queue_taken_free frees its arrays. */
void uplink_queue_take(struct uplink_queue *q, struct outbox *outbox, uint64_t now,
                       struct node_report *report);
void uplink_queue_taken_free(struct node_report *report);

void uplink_queue_ack(struct uplink_queue *q, const struct status_ack *a);
void uplink_queue_ack_cleanups(struct uplink_queue *q, uint64_t up_to);

/* A new session: treats everything as not sent. */
void uplink_queue_resend_all(struct uplink_queue *q);

/* Whether something new was not sent yet. */
bool uplink_queue_urgent(const struct uplink_queue *q);

#endif
