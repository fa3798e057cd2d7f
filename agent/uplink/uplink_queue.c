#include "agent/uplink/uplink_queue.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* What waits of one sandbox. */
struct uplink_waiting {
    struct sandbox_id id;
    struct sandbox_status status;
    bool has_status;         /* status is valid */
    uint64_t at_ms, sent_ms; /* of the status; sent_ms 0: not sent yet */
    struct sample sample;
    bool sampled; /* sample is valid */
    uint64_t sampled_ms;
    UT_hash_handle hh;
};

struct queued_cleanup {
    struct cleanup_report report;
    uint64_t sent_ms;
};

void uplink_queue_fini(struct uplink_queue *q)
{
    struct uplink_waiting *w, *next;
    HASH_ITER(hh, q->waiting, w, next)
    {
        HASH_DEL(q->waiting, w);
        free(w);
    }
    free(q->cleanup);
    node_images_fini(&q->images.set);
    node_images_fini(&q->some.set);
    memset(q, 0, sizeof *q);
}

static struct uplink_waiting *waiting_get(struct uplink_queue *q, const struct sandbox_id *id)
{
    struct uplink_waiting *w;
    HASH_FIND(hh, q->waiting, id, sizeof *id, w);
    if (w)
        return w;
    w = mem_zalloc(sizeof *w);
    w->id = *id;
    HASH_ADD(hh, q->waiting, id, sizeof w->id, w);
    return w;
}

static void drop_idle(struct uplink_queue *q, struct uplink_waiting *w)
{
    if (w->has_status || w->sampled)
        return;
    HASH_DEL(q->waiting, w);
    free(w);
}

void uplink_queue_status(struct uplink_queue *q, uint64_t now, const struct sandbox_status *status)
{
    struct uplink_waiting *w = waiting_get(q, &status->id);
    w->status = *status;
    w->has_status = true;
    w->at_ms = now;
    w->sent_ms = 0;
    q->urgent = true;
}

void uplink_queue_sample(struct uplink_queue *q, uint64_t now, const struct sample *s)
{
    struct uplink_waiting *w = waiting_get(q, &s->id);
    w->sample = *s;
    w->sampled = true;
    w->sampled_ms = now - s->ago_ms;
    q->urgent = true;
}

/* Whether an end is held back until the sandbox's violations are committed: they may explain it, and a client
 * that follows events may stop at the end. */
static bool is_held(const struct uplink_waiting *w, const struct outbox *outbox, uint64_t now)
{
    enum sandbox_state state = w->status.state;
    return (state == SANDBOX_STOPPING || sandbox_state_terminal(state)) && now - w->at_ms < UPLINK_HOLD_MS &&
           outbox_owes_violations(outbox, &w->id);
}

static void take_status(struct uplink_queue *q, struct uplink_waiting *w, const struct outbox *outbox,
                        uint64_t now, struct node_report *report)
{
    if (!w->has_status || report->status_count == NODE_REPORT_MAX ||
        (w->sent_ms && now - w->sent_ms < UPLINK_RESEND_MS))
        return;
    if (is_held(w, outbox, now)) {
        q->held = true;
        return;
    }
    struct sandbox_status *status = &report->statuses[report->status_count++];
    *status = w->status;
    status->started_ago_ms += status->ran ? now - w->at_ms : 0;
    status->ended_ago_ms += sandbox_state_terminal(status->state) ? now - w->at_ms : 0;
    status->last.ago_ms += status->has_last ? now - w->at_ms : 0;
    w->sent_ms = now;
}

void uplink_queue_cleanup(struct uplink_queue *q, const struct cleanup_report *report)
{
    if (q->cleanups == UPLINK_CLEANUPS_MAX) {
        memmove(q->cleanup, q->cleanup + 1, (q->cleanups - 1) * sizeof *q->cleanup);
        q->cleanups--;
    }
    q->cleanup = mem_grow(q->cleanup, q->cleanups + 1, sizeof *q->cleanup);
    q->cleanup[q->cleanups++] = (struct queued_cleanup){.report = *report};
    q->urgent = true;
}

static void replace(struct uplink_images *images, struct node_images *set, bool waits)
{
    node_images_fini(&images->set);
    *images = (struct uplink_images){.set = *set, .waits = waits};
    *set = (struct node_images){.number = 0};
}

void uplink_queue_images(struct uplink_queue *q, struct node_images *all)
{
    struct node_images none = {.number = 0};
    all->number = ++q->image_sets;
    replace(&q->some, &none, false);
    replace(&q->images, all, true);
    q->urgent = true;
}

void uplink_queue_some_images(struct uplink_queue *q, struct node_images *some)
{
    some->number = 0;
    replace(&q->some, some, some->count);
    q->urgent = true;
}

/* As many images from `at` on as a report may have, with their layers. */
static size_t piece_of(const struct node_images *set, size_t at)
{
    size_t layers = 0, count = 0;
    while (at + count < set->count && count < NODE_IMAGE_PIECE_MAX) {
        layers += set->image[at + count].pull_count;
        if (layers > NODE_IMAGE_LAYERS_MAX && count)
            break;
        count++;
    }
    return count;
}

/* The next piece, which the report borrows; true where more waits. */
static bool take_piece(struct uplink_images *images, struct node_report *report)
{
    struct node_images *out = &report->images;
    *out = (struct node_images){.number = images->set.number, .first = !images->told};
    out->image = images->set.image + images->told;
    out->count = piece_of(&images->set, images->told);
    images->told += out->count;
    out->last = images->told == images->set.count;
    images->waits = !out->last;
    return images->waits;
}

static bool take_images(struct uplink_queue *q, struct node_report *report)
{
    if (!q->takes_images)
        return false;
    if (q->images.waits)
        return take_piece(&q->images, report) || q->some.waits;
    return q->some.waits && take_piece(&q->some, report);
}

/* Moves the sample into the report. Returns whether it stays queued, because the report is full. */
static bool take_sample(struct uplink_waiting *w, uint64_t now, struct node_report *report)
{
    if (!w->sampled || report->sample_count == NODE_REPORT_MAX)
        return w->sampled;
    struct sample *s = &report->samples[report->sample_count++];
    *s = w->sample;
    s->ago_ms = now - w->sampled_ms;
    w->sampled = false;
    return false;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void take_cleanups(struct uplink_queue *q, uint64_t now, struct node_report *report)
{
    for (size_t i = 0; i < q->cleanups; i++) {
        if (q->cleanup[i].sent_ms && now - q->cleanup[i].sent_ms < UPLINK_RESEND_MS)
            continue;
        report->cleanups[report->cleanup_count++] = q->cleanup[i].report;
        q->cleanup[i].sent_ms = now;
    }
}

/* Entries of the outbox go first: they are older. */
void uplink_queue_take(struct uplink_queue *q, struct outbox *outbox, uint64_t now,
                       struct node_report *report)
{
    struct outbox_stats stats = outbox_stats(outbox);
    size_t sandboxes = smaller(HASH_COUNT(q->waiting), NODE_REPORT_MAX);
    size_t kept = smaller(stats.samples, OUTBOX_SEND_MAX);
    struct uplink_waiting *w, *next;
    report->statuses = mem_zalloc((sandboxes + 1) * sizeof *report->statuses);
    report->samples = mem_zalloc((sandboxes + kept + 1) * sizeof *report->samples);
    report->violations =
        mem_zalloc((smaller(stats.violations, OUTBOX_SEND_MAX) + 1) * sizeof *report->violations);
    report->cleanups = mem_zalloc((q->cleanups + 1) * sizeof *report->cleanups);
    take_cleanups(q, now, report);
    report->violation_count = outbox_take_violations(outbox, now, report->violations);
    report->sample_count = outbox_take_samples(outbox, now, report->samples);
    report->violations_dropped = stats.violations_dropped;
    report->samples_dropped = stats.samples_dropped;
    report->logs_lost = q->logs_lost;
    report->starts_waiting = q->starts_waiting;
    report->starts_wait_ms = q->starts_wait_ms;
    q->held = false;
    q->urgent = take_images(q, report);
    HASH_ITER(hh, q->waiting, w, next)
    {
        take_status(q, w, outbox, now, report);
        q->urgent |= take_sample(w, now, report);
        drop_idle(q, w);
    }
}

void uplink_queue_taken_free(struct node_report *report)
{
    free(report->statuses);
    free(report->samples);
    free(report->violations);
    free(report->cleanups);
}

void uplink_queue_ack(struct uplink_queue *q, const struct status_ack *a)
{
    struct uplink_waiting *w;
    HASH_FIND(hh, q->waiting, &a->id, sizeof a->id, w);
    if (!w || !w->has_status || w->status.number > a->number)
        return;
    w->has_status = false;
    drop_idle(q, w);
}

void uplink_queue_ack_cleanups(struct uplink_queue *q, uint64_t up_to)
{
    size_t kept = 0;
    for (size_t i = 0; i < q->cleanups; i++) {
        if (q->cleanup[i].report.number > up_to)
            q->cleanup[kept++] = q->cleanup[i];
    }
    q->cleanups = kept;
}

void uplink_queue_resend_all(struct uplink_queue *q)
{
    struct uplink_waiting *w, *next;
    HASH_ITER(hh, q->waiting, w, next)
    w->sent_ms = 0;
    for (size_t i = 0; i < q->cleanups; i++)
        q->cleanup[i].sent_ms = 0;
    q->images.told = q->some.told = 0;
    q->images.waits = q->images.set.number;
    q->some.waits = q->some.set.count;
}

bool uplink_queue_urgent(const struct uplink_queue *q)
{
    return q->urgent;
}
