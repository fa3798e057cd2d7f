/*
 * What waits to be told to the controller: the newest observation of each sandbox, every violation and what
 * each sweep came to until they are accepted, samples until they were acknowledged. Private to the uplink.
 * now: CLOCK_BOOTTIME in ms.
 */
#ifndef CORRAL_AGENT_UPLINK_UPLINK_QUEUE_H
#define CORRAL_AGENT_UPLINK_UPLINK_QUEUE_H

#include "agent/uplink/uplink.h"
#include "proto/node_codec.h"

#define UPLINK_VIOLATIONS_MAX 4096
#define UPLINK_SAMPLES_MAX    65536
#define UPLINK_SAMPLE_KEEP_MS 600000
#define UPLINK_SWEEPS_MAX     NODE_SWEEPS_MAX
#define UPLINK_RESEND_MS      2000 /* of what is not accepted yet */

struct uplink_waiting;

/* All zero at the start. */
struct uplink_queue {
    struct uplink_waiting *observations; /* by sandbox */
    struct queued_violation *violation;
    size_t violations;
    struct queued_sweep *sweep;
    size_t sweeps;
    struct queued_sample *sample;
    size_t samples, samples_room, samples_sent;
    uint64_t samples_dropped, violations_dropped;
    bool urgent;
};

void uplink_queue_fini(struct uplink_queue *q);
void uplink_queue_observe(struct uplink_queue *q, uint64_t now, const struct observation *o);
void uplink_queue_sample(struct uplink_queue *q, uint64_t now, const struct sample *s);
void uplink_queue_violation(struct uplink_queue *q, uint64_t now, const struct violation_news *news);
void uplink_queue_sweep(struct uplink_queue *q, const struct sweep_report *report);

/* Fills a report with what is due; its arrays are freed by uplink_queue_taken_free. */
void uplink_queue_take(struct uplink_queue *q, uint64_t now, struct node_report *report);
void uplink_queue_taken_free(struct node_report *report);

/* The report arrived: its samples are done with. */
void uplink_queue_acknowledged(struct uplink_queue *q);
void uplink_queue_accept(struct uplink_queue *q, const struct acceptance *a);
void uplink_queue_accept_violations(struct uplink_queue *q, uint64_t up_to);
void uplink_queue_accept_sweeps(struct uplink_queue *q, uint64_t up_to);

/* A new session: nothing counts as sent. */
void uplink_queue_resend_all(struct uplink_queue *q);

/* Whether something came that was not yet sent. */
bool uplink_queue_urgent(const struct uplink_queue *q);
void uplink_queue_stats(const struct uplink_queue *q, struct uplink_stats *stats);

#endif
