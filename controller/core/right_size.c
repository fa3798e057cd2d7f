#include "controller/core/right_size.h"

#include "controller/core/decaying_histogram.h"

#include "common/base/defs.h"
#include "common/base/mem.h"

#include <math.h>
#include <stdlib.h>

#define HALF_LIFE_S     86400
#define SAMPLE_S        10
#define PEAK_MINUTES    10                /* memory is judged by its peak in so many */
#define CONFIDENT_HOURS 6.0               /* evidence of so many gives a confidence of a half */
#define OOM_CONFIDENCE  0.5               /* of a raise after an OOM kill, however little else is known */
#define OOM_RATIO       1.2               /* VPA's oom-bump-up-ratio */
#define OOM_BYTES       (100.0 * 1048576) /* VPA's oom-min-bump-up-bytes */
#define SHRINK_LEAST    0.1               /* a limit is called too large by this share of it or more */
#define RAISE_LEAST     0.02
#define VALUE_MAX       9007199254740992.0 /* 2^53: JSON numbers are exact up to there */
#define TREND_MINUTES   120                /* in which growth is looked for */
#define TREND_LEAST     8                  /* minutes of evidence for it */
#define TREND_PARTS     4
#define TREND_STEP      0.005 /* each part is larger than the one before by this share of it */

/*
 * seen_margin: of what is recommended over the greatest value seen, so that this value is no violation
 * (docs/operating.md: memory from 90 %, disk 80 %, processes 90 %). CPU above its limit is only slower, so
 * what a minute needed is enough.
 */
static const struct kind_row {
    const char *name;
    double first; /* of the histogram's buckets */
    double lower, target, upper, margin, seen_margin;
    uint64_t step;
} kinds[RIGHT_SIZE_KINDS] = {
    [RIGHT_SIZE_MEMORY] = {"memory", 1048576, 0.5, 0.9, 0.95, 1.15, 1.15, 1048576},
    [RIGHT_SIZE_CPU] = {"cpu", 1, 0.5, 0.9, 0.95, 1.15, 1, 10},
    [RIGHT_SIZE_DISK] = {"disk", 1048576, 0.5, 0.9, 0.95, 1.15, 1.3, 1048576},
    [RIGHT_SIZE_PIDS] = {"pids", 1, 0.5, 0.9, 0.95, 1.15, 1.2, 1},
};

struct right_size {
    bool one;
    struct decaying_histogram histogram[RIGHT_SIZE_KINDS];
    double peak[RIGHT_SIZE_KINDS];
    double oom_bytes; /* the most that an OOM kill asks for */
    struct right_size_evidence evidence;
    double trend[TREND_MINUTES]; /* memory's peaks of the latest minutes: a ring */
    uint64_t minutes;            /* ever put into it */
    double peak_before;          /* of the minutes that fell out of it */
};

const char *right_size_kind_name(enum right_size_kind kind)
{
    return kinds[kind].name;
}

struct right_size *right_size_new(bool one)
{
    struct right_size *rs = mem_zalloc(sizeof *rs);
    rs->one = one;
    for (size_t k = 0; k < RIGHT_SIZE_KINDS; k++)
        decaying_histogram_init(&rs->histogram[k], kinds[k].first, HALF_LIFE_S);
    return rs;
}

void right_size_free(struct right_size *rs)
{
    free(rs);
}

static void add(struct right_size *rs, enum right_size_kind kind, double value, uint64_t at_s)
{
    if (value > VALUE_MAX)
        value = VALUE_MAX;
    decaying_histogram_add(&rs->histogram[kind], value, 1, at_s);
    if (value > rs->peak[kind])
        rs->peak[kind] = value;
}

static void add_trend(struct right_size *rs, double bytes)
{
    double *slot = &rs->trend[rs->minutes % TREND_MINUTES];
    if (rs->minutes >= TREND_MINUTES && *slot > rs->peak_before)
        rs->peak_before = *slot;
    *slot = bytes;
    rs->minutes++;
}

static void add_memory(struct right_size *rs, const struct right_size_window *w)
{
    double peak = -1;
    for (unsigned m = 0; m < RIGHT_SIZE_MINUTES; m++) {
        double bytes = (double)w->memory_kib[m] * 1024;
        if (bytes >= 0)
            add_trend(rs, bytes);
        if (bytes > peak)
            peak = bytes;
        if ((m + 1) % PEAK_MINUTES)
            continue;
        if (peak >= 0)
            add(rs, RIGHT_SIZE_MEMORY, peak, w->at_s + (uint64_t)m * 60);
        peak = -1;
    }
}

static void note_time(struct right_size *rs, uint64_t first_s, uint64_t last_s)
{
    struct right_size_evidence *e = &rs->evidence;
    if (!e->first_s || first_s < e->first_s)
        e->first_s = first_s;
    if (last_s > e->last_s)
        e->last_s = last_s;
}

void right_size_add(struct right_size *rs, const struct right_size_window *w)
{
    if (!w->samples)
        return;
    add_memory(rs, w);
    for (unsigned m = 0; m < RIGHT_SIZE_MINUTES; m++) {
        if (w->cpu_millis[m] >= 0)
            add(rs, RIGHT_SIZE_CPU, (double)w->cpu_millis[m], w->at_s + (uint64_t)m * 60);
    }
    add(rs, RIGHT_SIZE_DISK, w->disk_bytes > 0 ? (double)w->disk_bytes : 0, w->at_s);
    add(rs, RIGHT_SIZE_PIDS, w->pids > 0 ? (double)w->pids : 0, w->at_s);
    rs->evidence.samples += w->samples;
    note_time(rs, w->first_s, w->last_s);
}

void right_size_oom(struct right_size *rs, uint64_t at_s, uint64_t limit_bytes, bool frozen)
{
    double limit = (double)limit_bytes, bytes = fmax(limit * OOM_RATIO, limit + OOM_BYTES);
    if (bytes > VALUE_MAX)
        bytes = VALUE_MAX;
    decaying_histogram_add(&rs->histogram[RIGHT_SIZE_MEMORY], bytes, 1, at_s);
    if (bytes > rs->oom_bytes)
        rs->oom_bytes = bytes;
    rs->evidence.ooms += !frozen;
    rs->evidence.freezes += frozen;
    note_time(rs, at_s, at_s);
}

struct right_size_evidence right_size_evidence(const struct right_size *rs)
{
    return rs->evidence;
}

/* Of the ring's minutes, the n-th oldest. */
static double minute(const struct right_size *rs, uint64_t n)
{
    uint64_t first = rs->minutes > TREND_MINUTES ? rs->minutes % TREND_MINUTES : 0;
    return rs->trend[(first + n) % TREND_MINUTES];
}

/*
 * Memory that grew through all parts of the last two hours, to more than ever before, may go on growing. What
 * only returns to where it was, as in a daily curve, is not growth.
 */
static bool grows(const struct right_size *rs)
{
    uint64_t count = rs->minutes < TREND_MINUTES ? rs->minutes : TREND_MINUTES;
    double mean[TREND_PARTS] = {0};
    if (!rs->one || count < TREND_LEAST)
        return false;
    for (uint64_t part = 0; part < TREND_PARTS; part++) {
        uint64_t from = part * count / TREND_PARTS, to = (part + 1) * count / TREND_PARTS;
        for (uint64_t n = from; n < to; n++)
            mean[part] += minute(rs, n) / (double)(to - from);
        if (part && mean[part] < mean[part - 1] * (1 + TREND_STEP) + 1024)
            return false;
    }
    return mean[TREND_PARTS - 1] > rs->peak_before;
}

static double confidence(const struct right_size *rs)
{
    const struct right_size_evidence *e = &rs->evidence;
    double span = e->last_s > e->first_s ? (double)(e->last_s - e->first_s + SAMPLE_S) / 3600 : 0;
    double hours = fmin(span, (double)e->samples * SAMPLE_S / 3600);
    return hours / (hours + CONFIDENT_HOURS);
}

static uint64_t whole_steps(double value, uint64_t step)
{
    return (uint64_t)ceil(value / (double)step) * step;
}

static uint64_t within(uint64_t value, const struct right_size_limit *limit)
{
    if (value < limit->least)
        value = limit->least;
    return value > limit->most ? limit->most : value;
}

static bool useful(const struct right_size_estimate *e, uint64_t current)
{
    double change = ((double)e->recommended - (double)current) / (double)(current ? current : 1);
    return change >= RAISE_LEAST || change <= -SHRINK_LEAST;
}

bool right_size_estimate(const struct right_size *rs, enum right_size_kind kind,
                         const struct right_size_limit *limit, struct right_size_estimate *out)
{
    const struct kind_row *k = &kinds[kind];
    const struct decaying_histogram *h = &rs->histogram[kind];
    double oom = kind == RIGHT_SIZE_MEMORY ? rs->oom_bytes : 0, sure = confidence(rs);
    *out = (struct right_size_estimate){.percentile = (unsigned)lround(k->target * 100)};
    if (rs->evidence.samples < RIGHT_SIZE_SAMPLES_MIN && !(oom > 0))
        return false;
    double usual = fmin(decaying_histogram_percentile(h, k->target), fmax(rs->peak[kind], oom));
    double least = fmax(rs->peak[kind] * k->seen_margin, oom);
    out->peak = (uint64_t)rs->peak[kind];
    out->usual = (uint64_t)usual;
    out->target = (uint64_t)(usual * k->margin);
    out->lower = (uint64_t)(decaying_histogram_percentile(h, k->lower) * k->margin * sure);
    out->upper =
        (uint64_t)fmin(decaying_histogram_percentile(h, k->upper) * k->margin / fmax(sure, 1e-3), VALUE_MAX);
    out->recommended = within(whole_steps(fmax(usual * k->margin, least), k->step), limit);
    out->confidence = oom > 0 ? fmax(sure, OOM_CONFIDENCE) : sure;
    out->growing = kind == RIGHT_SIZE_MEMORY && grows(rs);
    bool capped = out->recommended < out->peak; /* by a tier that allows less than the sandbox has */
    if ((rs->evidence.samples < RIGHT_SIZE_SAMPLES_MIN || out->growing || capped) &&
        out->recommended < limit->current)
        out->recommended = limit->current;
    out->useful = useful(out, limit->current);
    return true;
}
