/* Reads the outbox from its text (outbox_line.c). */
#include "agent/core/outbox_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MOST (INT64_MAX / 2) /* of our own numbers */

struct reader {
    struct outbox *outbox;
    const char *at, *end; /* of the line */
    const char *boot_id;
    int64_t shift_ms; /* from the clock of the file's boot to this boot's */
    int64_t boot_wall_ms;
};

static bool take_word(struct reader *r, char *out, size_t size)
{
    size_t len = 0;
    while (r->at + len < r->end && r->at[len] != ' ')
        len++;
    if (!len || len >= size)
        return false;
    memcpy(out, r->at, len);
    out[len] = 0;
    r->at += len;
    r->at += r->at < r->end; /* the blank */
    return true;
}

static bool take_number(struct reader *r, uint64_t most, uint64_t *out)
{
    char word[24], *after;
    if (!take_word(r, word, sizeof word) || word[0] < '0' || word[0] > '9')
        return false;
    *out = strtoull(word, &after, 10);
    return !*after && *out <= most;
}

/* Reads a time on the clock of the file's boot and converts it to this boot's. */
static bool take_time(struct reader *r, int64_t *out)
{
    char word[24], *after;
    if (!take_word(r, word, sizeof word))
        return false;
    long long at = strtoll(word, &after, 10);
    *out = at + r->shift_ms;
    return !*after && at > INT64_MIN / 4 && at < INT64_MAX / 4;
}

static bool take_id(struct reader *r, struct sandbox_id *id)
{
    char word[SANDBOX_ID_LEN + 1];
    return take_word(r, word, sizeof word) && sandbox_id_parse(word, id);
}

static void used(struct reader *r, uint64_t number)
{
    if (number >= r->outbox->next_number)
        r->outbox->next_number = number + 1;
}

/* The age of an earlier boot's entries comes from the wall clock, and is never negative. */
static bool read_boot(struct reader *r)
{
    char boot_id[40];
    int64_t wall;
    r->shift_ms = 0;
    if (!take_word(r, boot_id, sizeof boot_id) || !take_time(r, &wall))
        return false;
    if (strcmp(boot_id, r->boot_id))
        r->shift_ms = wall < r->boot_wall_ms ? wall - r->boot_wall_ms : 0;
    return true;
}

static bool read_violation(struct reader *r)
{
    struct kept_violation v = {.at_ms = 0};
    struct violation_report *report = &v.report;
    uint64_t kind, opened, critical, percent, swings = 0;
    if (!take_id(r, &report->id) || !take_time(r, &v.at_ms) ||
        !take_number(r, NUMBER_MOST, &report->number) || !take_number(r, VIOLATION_KIND_COUNT - 1, &kind) ||
        !take_number(r, 1, &opened) || !take_number(r, 1, &critical) ||
        !take_number(r, UINT32_MAX, &percent) || !take_number(r, UINT64_MAX, &report->limit))
        return false;
    if (r->at < r->end && !take_number(r, UINT32_MAX, &swings)) /* a line of an older agent ends before it */
        return false;
    report->kind = (uint8_t)kind;
    report->opened = opened;
    report->critical = critical;
    report->percent_centi = (uint32_t)percent;
    report->swings = (uint32_t)swings;
    used(r, report->number);
    outbox_put_violation(r->outbox, &v);
    return true;
}

static bool read_sample(struct reader *r)
{
    struct kept_sample s = {.sample.kept = true};
    uint64_t last;
    if (!take_id(r, &s.sample.id) || !take_time(r, &s.at_ms) || !take_number(r, 1, &last))
        return false;
    for (size_t i = 0; i < outbox_sample_number_count; i++) {
        uint64_t value, most = UINT64_MAX >> (64 - 8 * outbox_sample_numbers[i].size);
        if (!take_number(r, outbox_sample_numbers[i].size == sizeof(bool) ? 1 : most, &value))
            return false;
        memcpy((char *)&s.sample + outbox_sample_numbers[i].offset, &value, outbox_sample_numbers[i].size);
    }
    s.last = last;
    if (s.sample.number > NUMBER_MOST)
        return false;
    used(r, s.sample.number);
    if (r->outbox->samples.count < OUTBOX_SAMPLES_MAX)
        outbox_put_sample(r->outbox, &s);
    return true;
}

static bool read_acked(struct reader *r)
{
    uint64_t violations, samples;
    if (!take_number(r, UINT64_MAX, &violations) || !take_number(r, UINT64_MAX, &samples))
        return false;
    outbox_drop_acked(r->outbox, violations, samples);
    return true;
}

static bool read_episodes(struct reader *r)
{
    struct sandbox_id id;
    uint64_t level[VIOLATION_KIND_COUNT];
    if (!take_id(r, &id))
        return false;
    for (unsigned kind = 0; kind < VIOLATION_KIND_COUNT; kind++) {
        if (!take_number(r, VIOLATION_CRITICAL, &level[kind]))
            return false;
    }
    for (unsigned kind = 0; kind < VIOLATION_KIND_COUNT; kind++)
        outbox_put_episode(r->outbox, &id, kind, (unsigned)level[kind]);
    return true;
}

static bool read_reserved(struct reader *r)
{
    uint64_t reserved, none;
    if (!take_number(r, NUMBER_MOST, &reserved) || !take_number(r, 0, &none))
        return false;
    if (reserved)
        used(r, reserved - 1);
    return true;
}

static bool read_epoch(struct reader *r)
{
    uint64_t epoch, none;
    if (!take_number(r, INT64_MAX, &epoch) || !take_number(r, 0, &none))
        return false;
    if (epoch > r->outbox->epoch)
        r->outbox->epoch = epoch;
    return true;
}

static bool read_dropped(struct reader *r)
{
    uint64_t violations, samples;
    if (!take_number(r, INT64_MAX, &violations) || !take_number(r, INT64_MAX, &samples))
        return false;
    r->outbox->violations_dropped = violations;
    r->outbox->samples_dropped = samples;
    return true;
}

static bool read_line(struct reader *r)
{
    static const struct {
        const char *kind;
        bool (*read)(struct reader *);
    } kinds[] = {{"boot", read_boot},      {"violation", read_violation}, {"sample", read_sample},
                 {"accepted", read_acked}, {"episodes", read_episodes},   {"reserved", read_reserved},
                 {"epoch", read_epoch},    {"dropped", read_dropped}};
    char sum[OUTBOX_SUM_LEN], right[OUTBOX_SUM_LEN], kind[16];
    if (!take_word(r, sum, sizeof sum))
        return false;
    snprintf(right, sizeof right, "%016" PRIx64, outbox_line_sum(r->at, (size_t)(r->end - r->at)));
    if (strcmp(sum, right) || !take_word(r, kind, sizeof kind))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!strcmp(kinds[i].kind, kind))
            return kinds[i].read(r) && r->at == r->end;
    }
    return false;
}

void outbox_read(struct outbox *o, const char *text, size_t len, const char *boot_id, uint64_t now,
                 int64_t boot_wall_ms, struct outbox_reading *reading)
{
    struct reader r = {.outbox = o, .boot_id = boot_id, .boot_wall_ms = boot_wall_ms};
    const char *at = text, *last = text + len;
    *reading = (struct outbox_reading){0};
    while (at < last) {
        const char *line_end = memchr(at, '\n', (size_t)(last - at));
        if (!line_end) {
            reading->torn = true;
            break;
        }
        r.at = at;
        r.end = line_end;
        reading->lines++;
        reading->strange += !read_line(&r);
        at = line_end + 1;
    }
    o->told_up_to = o->next_number - 1;
    o->whole = true;
}
