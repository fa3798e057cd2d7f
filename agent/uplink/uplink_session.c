#include "agent/uplink/uplink_session.h"

#include <stdio.h>
#include <string.h>

#define REPORTS_IN_LEASE 10 /* that are sent while there is nothing to say */

void uplink_session_fini(struct uplink_session *s)
{
    uplink_queue_fini(&s->queue);
}

void uplink_session_begin(struct uplink_session *s, uint64_t epoch, uint32_t lease_ms)
{
    s->epoch = s->highest_epoch = epoch;
    s->lease_ms = lease_ms;
    s->taken = 0;
    uplink_queue_resend_all(&s->queue);
    outbox_resend(s->outbox);
}

void uplink_session_end(struct uplink_session *s)
{
    s->reporting = false;
    s->untold_sent = 0;
}

bool uplink_session_owns(const struct uplink_session *s, const struct node_message *m, bool known)
{
    return m->epoch >= s->highest_epoch && (!known || !memcmp(&m->session, &s->id, sizeof m->session));
}

bool uplink_session_report(struct uplink_session *s, uint64_t now, struct node_report *report)
{
    if (s->reporting)
        return false;
    s->reporting = true;
    uplink_queue_take(&s->queue, s->outbox, now, report);
    report->left_out = s->untold_sent = s->untold.count;
    memcpy(report->left_out_why, s->untold.first, sizeof report->left_out_why);
    return true;
}

uint64_t uplink_session_reported(struct uplink_session *s)
{
    bool urgent = uplink_queue_urgent(&s->queue) || outbox_urgent(s->outbox);
    s->untold.count -= s->untold_sent;
    uplink_session_end(s);
    return urgent ? 0 : s->lease_ms / REPORTS_IN_LEASE;
}

bool uplink_session_take(struct uplink_session *s, const struct node_update *update)
{
    if (update->number == s->taken)
        return false;
    s->taken = update->number;
    for (size_t i = 0; i < update->ack_count; i++)
        uplink_queue_ack(&s->queue, &update->acks[i]);
    if (update->cleanups_acked)
        uplink_queue_ack_cleanups(&s->queue, update->cleanups_acked);
    return true;
}

void uplink_session_left_out(struct uplink_session *s, size_t count, const char *what)
{
    if (!s->untold.count)
        snprintf(s->untold.first, sizeof s->untold.first, "%s", what);
    s->untold.count += count;
}
