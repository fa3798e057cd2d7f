#include "agent/uplink/uplink_queue.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct uplink_waiting {
    struct sandbox_id id;
    struct observation observation;
    uint64_t at_ms, sent_ms; /* sent_ms 0: not yet */
    UT_hash_handle hh;
};

struct queued_violation {
    struct violation_news news;
    uint64_t at_ms, sent_ms;
};

struct queued_sample {
    struct sample sample;
    uint64_t at_ms;
};

void uplink_queue_fini(struct uplink_queue *q)
{
    struct uplink_waiting *w, *next;
    HASH_ITER(hh, q->observations, w, next)
    {
        HASH_DEL(q->observations, w);
        free(w);
    }
    free(q->violation);
    free(q->sample);
    memset(q, 0, sizeof *q);
}

void uplink_queue_observe(struct uplink_queue *q, uint64_t now, const struct observation *o)
{
    struct uplink_waiting *w;
    HASH_FIND(hh, q->observations, &o->id, sizeof o->id, w);
    if (!w) {
        w = mem_zalloc(sizeof *w);
        w->id = o->id;
        HASH_ADD(hh, q->observations, id, sizeof w->id, w);
    }
    w->observation = *o;
    w->at_ms = now;
    w->sent_ms = 0;
    q->urgent = true;
}

/* The oldest go first: from the front of the array, a quarter at a time so that moving them costs little. */
static void drop_old_samples(struct uplink_queue *q, uint64_t now)
{
    size_t drop = q->samples == UPLINK_SAMPLES_MAX ? UPLINK_SAMPLES_MAX / 4 : 0;
    if (q->samples && now - q->sample[0].at_ms > UPLINK_SAMPLE_KEEP_MS) {
        while (drop < q->samples && now - q->sample[drop].at_ms > UPLINK_SAMPLE_KEEP_MS / 4 * 3)
            drop++;
    }
    if (!drop)
        return;
    memmove(q->sample, q->sample + drop, (q->samples - drop) * sizeof *q->sample);
    q->samples -= drop;
    q->samples_sent -= drop < q->samples_sent ? drop : q->samples_sent;
    q->samples_dropped += drop;
}

void uplink_queue_sample(struct uplink_queue *q, uint64_t now, const struct sample *s)
{
    drop_old_samples(q, now);
    if (q->samples == q->samples_room) {
        q->samples_room = q->samples_room ? q->samples_room * 2 : 64;
        q->sample = mem_grow(q->sample, q->samples_room, sizeof *q->sample);
    }
    q->sample[q->samples++] = (struct queued_sample){.sample = *s, .at_ms = now - s->ago_ms};
    q->urgent = true;
}

void uplink_queue_violation(struct uplink_queue *q, uint64_t now, const struct violation_news *news)
{
    if (q->violations == UPLINK_VIOLATIONS_MAX) {
        memmove(q->violation, q->violation + 1, (q->violations - 1) * sizeof *q->violation);
        q->violations--;
        q->violations_dropped++;
    }
    q->violation = mem_grow(q->violation, q->violations + 1, sizeof *q->violation);
    q->violation[q->violations++] = (struct queued_violation){.news = *news, .at_ms = now - news->ago_ms};
    q->urgent = true;
}

static bool due(uint64_t sent_ms, uint64_t now)
{
    return !sent_ms || now - sent_ms >= UPLINK_RESEND_MS;
}

static void take_observations(struct uplink_queue *q, uint64_t now, struct node_report *report)
{
    struct uplink_waiting *w, *next;
    HASH_ITER(hh, q->observations, w, next)
    {
        if (report->observation_count == NODE_REPORT_MAX)
            return;
        if (!due(w->sent_ms, now))
            continue;
        struct observation *o = &report->observations[report->observation_count++];
        *o = w->observation;
        o->started_ago_ms += o->ran ? now - w->at_ms : 0;
        o->ended_ago_ms += sandbox_state_terminal(o->state) ? now - w->at_ms : 0;
        o->last.ago_ms += o->has_last ? now - w->at_ms : 0;
        w->sent_ms = now;
    }
}

/* Of each kind in one report; never 0, so that there is an array. */
static size_t most(size_t waiting)
{
    return waiting > NODE_REPORT_MAX ? NODE_REPORT_MAX : waiting ? waiting : 1;
}

void uplink_queue_take(struct uplink_queue *q, uint64_t now, struct node_report *report)
{
    report->observations = mem_zalloc(most(HASH_COUNT(q->observations)) * sizeof *report->observations);
    report->samples = mem_zalloc(most(q->samples) * sizeof *report->samples);
    report->violations = mem_zalloc(most(q->violations) * sizeof *report->violations);
    take_observations(q, now, report);
    for (size_t i = 0; i < q->violations && report->violation_count < NODE_REPORT_MAX; i++) {
        if (!due(q->violation[i].sent_ms, now))
            continue;
        report->violations[report->violation_count] = q->violation[i].news;
        report->violations[report->violation_count++].ago_ms = now - q->violation[i].at_ms;
        q->violation[i].sent_ms = now;
    }
    for (; report->sample_count < q->samples && report->sample_count < NODE_REPORT_MAX;
         report->sample_count++) {
        report->samples[report->sample_count] = q->sample[report->sample_count].sample;
        report->samples[report->sample_count].ago_ms = now - q->sample[report->sample_count].at_ms;
    }
    q->samples_sent = report->sample_count;
    q->urgent = q->samples > q->samples_sent;
}

void uplink_queue_taken_free(struct node_report *report)
{
    free(report->observations);
    free(report->samples);
    free(report->violations);
}

void uplink_queue_acknowledged(struct uplink_queue *q)
{
    q->samples -= q->samples_sent;
    if (q->samples) /* memmove may not be given the NULL of an empty queue */
        memmove(q->sample, q->sample + q->samples_sent, q->samples * sizeof *q->sample);
    q->samples_sent = 0;
}

void uplink_queue_accept(struct uplink_queue *q, const struct acceptance *a)
{
    struct uplink_waiting *w;
    HASH_FIND(hh, q->observations, &a->id, sizeof a->id, w);
    if (!w || w->observation.number > a->number)
        return;
    HASH_DEL(q->observations, w);
    free(w);
}

void uplink_queue_accept_violations(struct uplink_queue *q, uint64_t up_to)
{
    size_t kept = 0;
    for (size_t i = 0; i < q->violations; i++) {
        if (q->violation[i].news.number > up_to)
            q->violation[kept++] = q->violation[i];
    }
    q->violations = kept;
}

void uplink_queue_resend_all(struct uplink_queue *q)
{
    struct uplink_waiting *w, *next;
    HASH_ITER(hh, q->observations, w, next)
    w->sent_ms = 0;
    for (size_t i = 0; i < q->violations; i++)
        q->violation[i].sent_ms = 0;
    q->samples_sent = 0;
}

bool uplink_queue_urgent(const struct uplink_queue *q)
{
    return q->urgent;
}

void uplink_queue_stats(const struct uplink_queue *q, struct uplink_stats *stats)
{
    stats->samples_waiting = q->samples;
    stats->samples_dropped = q->samples_dropped;
    stats->observations_waiting = HASH_COUNT(q->observations);
    stats->violations_waiting = q->violations;
    stats->violations_dropped = q->violations_dropped;
}
