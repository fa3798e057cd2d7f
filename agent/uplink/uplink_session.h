/*
 * The decisions of the uplink about a session: which answers belong to it, which update is new, what the next
 * report contains and when it is due. Private to the uplink. Pure; now: CLOCK_BOOTTIME in ms.
 */
#ifndef CORRAL_AGENT_UPLINK_UPLINK_SESSION_H
#define CORRAL_AGENT_UPLINK_UPLINK_SESSION_H

#include "agent/uplink/uplink_queue.h"

/* All zero at the start, but for highest_epoch and outbox. The queue and untold outlive a session. */
struct uplink_session {
    struct node_session_id id; /* all zero before the controller gave one */
    uint64_t highest_epoch;    /* of any controller, ever */
    uint64_t epoch, taken;     /* taken: the number of the last update that was taken up */
    uint32_t lease_ms;
    bool reporting;            /* a report is on its way */
    struct node_faults untold; /* items that were left out, since the controller last heard of that */
    size_t untold_sent;        /* how many of them the report on its way tells */
    struct outbox *outbox;     /* borrowed */
    struct uplink_queue queue;
};

void uplink_session_fini(struct uplink_session *s);

/* A session begins: everything that waits counts as not sent. */
void uplink_session_begin(struct uplink_session *s, uint64_t epoch, uint32_t lease_ms);

/* The session is over, and the report under way with it. */
void uplink_session_end(struct uplink_session *s);

/* Whether an answer comes from no older leader and, if the session is known, belongs to it. */
bool uplink_session_owns(const struct uplink_session *s, const struct node_message *m, bool known);

/* Fills the next report, also with nothing to say: it keeps the lease. False while one is on its way.
 * uplink_queue_taken_free frees its arrays. */
bool uplink_session_report(struct uplink_session *s, uint64_t now, struct node_report *report);

/* The report arrived: in how many ms the next is due. */
uint64_t uplink_session_reported(struct uplink_session *s);

/* Takes up an update: drops from the queue what it acknowledges. False: it is the one that was taken up last,
 * since the controller did not hear of that. */
bool uplink_session_take(struct uplink_session *s, const struct node_update *update);

/* So many items cannot be told; what: a sentence about the first of them. */
void uplink_session_left_out(struct uplink_session *s, size_t count, const char *what);

#endif
