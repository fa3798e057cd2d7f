#include "agent/core/outbox.h"

#include "agent/core/outbox_int.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define RESERVE  (1u << 20) /* numbers reserved at a time */
#define SLACK_MS 30000      /* kept beyond OUTBOX_KEEP_MS, so that samples are moved rarely */
#define FILE_MIN (1u << 20) /* a smaller file is never rewritten for its size */
#define TEXT_MAX                                                                                             \
    (1u << 20)         /* of text that waits for a slow disk; beyond it the whole file is written instead */
#define LINE_BYTES 192 /* length of most lines */

struct outbox *outbox_new(uint64_t first_number)
{
    struct outbox *o = mem_zalloc(sizeof *o);
    o->next_number = first_number;
    o->whole = true;
    return o;
}

void outbox_free(struct outbox *o)
{
    if (!o)
        return;
    free(o->violation);
    free(o->sample);
    free(o->episode);
    free(o->text.at);
    free(o);
}

/* --- episodes --- */

static struct episodes *episodes_of(const struct outbox *o, const struct sandbox_id *id)
{
    for (size_t i = 0; i < o->episodes; i++) {
        if (!memcmp(&o->episode[i].id, id, sizeof *id))
            return &o->episode[i];
    }
    return NULL;
}

void outbox_put_episode(struct outbox *o, const struct sandbox_id *id, unsigned kind, unsigned level)
{
    static const uint8_t none[VIOLATION_KIND_COUNT];
    struct episodes *of = episodes_of(o, id);
    if (!of && (level == VIOLATION_NONE || o->episodes == OUTBOX_EPISODES_MAX))
        return;
    if (!of) {
        o->episode = mem_grow(o->episode, o->episodes + 1, sizeof *o->episode);
        of = &o->episode[o->episodes++];
        *of = (struct episodes){.id = *id};
    }
    of->level[kind] = (uint8_t)level;
    if (!memcmp(of->level, none, sizeof none))
        *of = o->episode[--o->episodes];
}

enum violation_level outbox_episode(const struct outbox *o, const struct sandbox_id *id,
                                    enum violation_kind kind)
{
    const struct episodes *of = episodes_of(o, id);
    return of ? (enum violation_level)of->level[kind] : VIOLATION_NONE;
}

void outbox_episodes(const struct outbox *o, void (*cb)(void *arg, const struct sandbox_id *id), void *arg)
{
    for (size_t i = 0; i < o->episodes; i++)
        cb(arg, &o->episode[i].id);
}

/* --- entries --- */

static void *room_for_one(void *array, struct kept_line *line, size_t size)
{
    if (line->count < line->room)
        return array;
    line->room = line->room ? line->room * 2 : 16;
    return mem_grow(array, line->room, size);
}

/* Opening, rise and closing come in this order: the latest report gives the level of the episode. */
void outbox_put_violation(struct outbox *o, const struct kept_violation *v)
{
    struct kept_line *line = &o->violations;
    unsigned level = !v->report.opened    ? VIOLATION_NONE
                     : v->report.critical ? VIOLATION_CRITICAL
                                          : VIOLATION_WARNING;
    outbox_put_episode(o, &v->report.id, v->report.kind, level);
    if (line->count == OUTBOX_VIOLATIONS_MAX) {
        memmove(o->violation, o->violation + 1, --line->count * sizeof *o->violation);
        o->violations_dropped++;
    }
    o->violation = room_for_one(o->violation, line, sizeof *o->violation);
    o->violation[line->count++] = *v;
}

/* Drops the samples taken before before_ms, except the last one of a sandbox; if that frees nothing in a full
 * array, drops the oldest. */
static void drop_samples(struct outbox *o, int64_t before_ms)
{
    size_t kept = 0, count = o->samples.count;
    for (size_t i = 0; i < count; i++) {
        if (o->sample[i].last || o->sample[i].at_ms >= before_ms)
            o->sample[kept++] = o->sample[i];
    }
    if (kept == OUTBOX_SAMPLES_MAX)
        memmove(o->sample, o->sample + 1, --kept * sizeof *o->sample);
    o->samples.count = kept;
    o->samples_dropped += count - kept;
}

static const struct kept_sample *oldest_of_many(const struct outbox *o)
{
    for (size_t i = 0; i < o->samples.count; i++) {
        if (!o->sample[i].last)
            return &o->sample[i];
    }
    return NULL;
}

/* If the array is full, drops a quarter of its time span, so that the walk is needed rarely. */
static void make_room(struct outbox *o, int64_t now)
{
    uint64_t before = o->samples_dropped;
    const struct kept_sample *oldest = oldest_of_many(o);
    if (oldest && now - oldest->at_ms > OUTBOX_KEEP_MS + SLACK_MS)
        drop_samples(o, now - OUTBOX_KEEP_MS);
    if (o->samples.count == OUTBOX_SAMPLES_MAX) {
        oldest = oldest_of_many(o);
        drop_samples(o, oldest ? oldest->at_ms + (now - oldest->at_ms) / 4 + 1 : INT64_MIN);
    }
    if (o->samples_dropped != before)
        outbox_line_dropped(&o->text, o);
}

void outbox_put_sample(struct outbox *o, const struct kept_sample *s)
{
    o->sample = room_for_one(o->sample, &o->samples, sizeof *o->sample);
    o->sample[o->samples.count++] = *s;
}

void outbox_drop_acked(struct outbox *o, uint64_t violations, uint64_t samples)
{
    size_t v = 0, s = 0;
    while (v < o->violations.count && o->violation[v].report.number <= violations)
        v++;
    while (s < o->samples.count && o->sample[s].sample.number <= samples)
        s++;
    if (v)
        memmove(o->violation, o->violation + v, (o->violations.count -= v) * sizeof *o->violation);
    if (s)
        memmove(o->sample, o->sample + s, (o->samples.count -= s) * sizeof *o->sample);
}

struct outbox_stats outbox_stats(const struct outbox *o)
{
    return (struct outbox_stats){.violations = o->violations.count,
                                 .samples = o->samples.count,
                                 .violations_dropped = o->violations_dropped,
                                 .samples_dropped = o->samples_dropped};
}

/* --- what happens --- */

/* Numbers are reserved on disk well ahead, so that none is used that the disk does not know of. */
static uint64_t number(struct outbox *o)
{
    if (o->next_number + RESERVE / 2 > o->reserved) {
        o->reserved = o->next_number + RESERVE;
        outbox_line_reserved(&o->text, o->reserved);
        o->sync = true;
    }
    return o->next_number++;
}

uint64_t outbox_violation(struct outbox *o, uint64_t now, const struct violation_report *report)
{
    uint64_t dropped = o->violations_dropped;
    struct kept_violation v = {.report = *report, .at_ms = (int64_t)(now - report->ago_ms)};
    v.report.number = number(o);
    outbox_put_violation(o, &v);
    outbox_line_violation(&o->text, &v);
    if (o->violations_dropped != dropped)
        outbox_line_dropped(&o->text, o);
    o->sync = true;
    return v.report.number;
}

uint64_t outbox_sample(struct outbox *o, uint64_t now, const struct sample *sample, bool last)
{
    struct kept_sample s = {.sample = *sample, .at_ms = (int64_t)(now - sample->ago_ms), .last = last};
    make_room(o, (int64_t)now);
    s.sample.number = number(o);
    s.sample.kept = true;
    outbox_put_sample(o, &s);
    outbox_line_sample(&o->text, &s);
    o->sync |= last;
    return s.sample.number;
}

uint64_t outbox_epoch(const struct outbox *o)
{
    return o->epoch;
}

void outbox_epoch_seen(struct outbox *o, uint64_t epoch)
{
    if (epoch <= o->epoch)
        return;
    o->epoch = epoch;
    outbox_line_epoch(&o->text, epoch);
    o->sync = true;
}

/* --- to the controller --- */

static bool begin_taking(struct kept_line *line, uint64_t now)
{
    if (line->taken && now - line->taken_ms < OUTBOX_RESEND_MS)
        return false;
    line->taken_ms = now;
    return true;
}

static uint64_t ago(int64_t at_ms, uint64_t now)
{
    return (int64_t)now > at_ms ? (uint64_t)((int64_t)now - at_ms) : 0;
}

size_t outbox_take_violations(struct outbox *o, uint64_t now, struct violation_report *out)
{
    size_t n = 0;
    if (!begin_taking(&o->violations, now))
        return 0;
    for (; n < o->violations.count && n < OUTBOX_SEND_MAX && o->violation[n].report.number <= o->told_up_to;
         n++) {
        out[n] = o->violation[n].report;
        out[n].ago_ms = ago(o->violation[n].at_ms, now);
    }
    o->violations.taken = n > 0;
    return n;
}

size_t outbox_take_samples(struct outbox *o, uint64_t now, struct sample *out)
{
    size_t n = 0;
    if (!begin_taking(&o->samples, now))
        return 0;
    make_room(o, (int64_t)now);
    for (; n < o->samples.count && n < OUTBOX_SEND_MAX && o->sample[n].sample.number <= o->told_up_to; n++) {
        out[n] = o->sample[n].sample;
        out[n].ago_ms = ago(o->sample[n].at_ms, now);
    }
    o->samples.taken = n > 0;
    return n;
}

bool outbox_urgent(const struct outbox *o)
{
    return (o->violations.count && !o->violations.taken && o->violation[0].report.number <= o->told_up_to) ||
           (o->samples.count && !o->samples.taken && o->sample[0].sample.number <= o->told_up_to);
}

bool outbox_owes_violations(const struct outbox *o, const struct sandbox_id *id)
{
    for (size_t i = 0; i < o->violations.count; i++) {
        if (!memcmp(&o->violation[i].report.id, id, sizeof *id))
            return true;
    }
    return false;
}

void outbox_resend(struct outbox *o)
{
    o->violations.taken = o->samples.taken = false;
}

void outbox_ack(struct outbox *o, uint64_t violations, uint64_t samples)
{
    size_t v = o->violations.count, s = o->samples.count;
    outbox_drop_acked(o, violations, samples);
    if (v == o->violations.count && s == o->samples.count)
        return;
    o->violations.taken = o->violations.taken && v == o->violations.count;
    o->samples.taken = o->samples.taken && s == o->samples.count;
    outbox_line_acked(&o->text, violations, samples);
}

/* --- to disk --- */

static struct outbox *copy(const struct outbox *o)
{
    struct outbox *out = mem_zalloc(sizeof *out);
    *out = *o;
    out->text = (struct outbox_text){0};
    out->violation = o->violation ? mem_dup(o->violation, o->violations.count * sizeof *o->violation) : NULL;
    out->sample = o->sample ? mem_dup(o->sample, o->samples.count * sizeof *o->sample) : NULL;
    out->episode = o->episode ? mem_dup(o->episode, o->episodes * sizeof *o->episode) : NULL;
    return out;
}

/* Whether the file is far larger than its live content. */
static bool grown(const struct outbox *o)
{
    size_t live = (o->violations.count + o->samples.count + o->episodes) * LINE_BYTES;
    return o->file_len + o->text.len > FILE_MIN + 2 * live;
}

bool outbox_write(struct outbox *o, struct outbox_write *out)
{
    if (o->writing || (!o->text.len && !o->whole))
        return false;
    *out = (struct outbox_write){.text = o->text.at, .len = o->text.len, .sync = o->sync};
    o->text = (struct outbox_text){0};
    if (o->whole || grown(o) || out->len > TEXT_MAX) {
        free(out->text);
        if (o->reserved < o->next_number + RESERVE)
            o->reserved = o->next_number + RESERVE;
        *out = (struct outbox_write){.whole = copy(o)};
    }
    o->writing = true;
    o->whole = o->sync = false;
    o->mark = o->next_number - 1;
    return true;
}

/* A failed write does not silence the node: what it has to report may be sent all the same. */
void outbox_written(struct outbox *o, bool ok, size_t len)
{
    o->writing = false;
    o->told_up_to = o->mark;
    o->file_len = len;
    o->whole |= !ok;
}
