/*
 * What a sandbox, or those of one image, template or label, should ask for, by what they used. After the
 * Vertical Pod Autoscaler's recommender (Kubernetes): decaying histograms, of CPU by the minute and of memory
 * by its peak in ten minutes, with a half-life of a day; percentiles with a margin; bounds that come closer
 * to each other as evidence grows; an OOM kill raises the estimate of memory. Different from it: a limit
 * is recommended, not a request, so never less than what was seen; and sandboxes live for hours, so
 * confidence counts hours. docs/right-sizes.md has the rules. Pure.
 */
#ifndef CORRAL_CONTROLLER_CORE_RIGHT_SIZE_H
#define CORRAL_CONTROLLER_CORE_RIGHT_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RIGHT_SIZE_MINUTES     60
#define RIGHT_SIZE_SAMPLES_MIN 30 /* five minutes: of less nothing is concluded, but from an OOM kill */

enum right_size_kind {
    RIGHT_SIZE_MEMORY,
    RIGHT_SIZE_CPU,
    RIGHT_SIZE_DISK,
    RIGHT_SIZE_PIDS,
    RIGHT_SIZE_KINDS
};

/* "memory", "cpu", "disk", "pids". Static. */
const char *right_size_kind_name(enum right_size_kind kind);

/* What one sandbox used in one hour. */
struct right_size_window {
    uint64_t at_s, first_s, last_s; /* Unix time: when the hour begins; of its first and last sample */
    uint64_t samples;               /* each of ten seconds */
    int64_t memory_kib[RIGHT_SIZE_MINUTES]; /* the peak of each minute; -1: no samples */
    int64_t cpu_millis[RIGHT_SIZE_MINUTES]; /* the mean of each minute */
    int64_t disk_bytes, pids;               /* peaks */
};

struct right_size;
/* one: all windows will be of one sandbox, in order, so a trend in them is one. The result is the caller's.
 */
struct right_size *right_size_new(bool one);
void right_size_free(struct right_size *rs); /* NULL is allowed */

/* Any values: what is negative counts as missing or 0. */
void right_size_add(struct right_size *rs, const struct right_size_window *window);

/* A sandbox ended at its memory limit. frozen: by the node, at the critical level, not by the kernel. */
void right_size_oom(struct right_size *rs, uint64_t at_s, uint64_t limit_bytes, bool frozen);

/* What was added. */
struct right_size_evidence {
    uint64_t samples, first_s, last_s, ooms, freezes;
};
struct right_size_evidence right_size_evidence(const struct right_size *rs);

struct right_size_limit {
    uint64_t current, least, most; /* least and most: what may be asked for; most: by the tier */
};

struct right_size_estimate {
    uint64_t peak;                 /* the greatest value seen; of CPU, of a minute's mean */
    uint64_t usual;                /* the percentile that the target comes from, without margin */
    unsigned percentile;           /* which one that is */
    uint64_t lower, target, upper; /* as VPA has them: a current limit between lower and upper is plausible */
    uint64_t recommended;          /* a limit: whole steps, within the allowed range */
    double confidence;             /* 0 to 1 */
    bool growing; /* it grew all the time, to more than ever before: it is not made smaller */
    bool useful;  /* different enough from the current limit to say so */
};

/* False where there is too little evidence. */
bool right_size_estimate(const struct right_size *rs, enum right_size_kind kind,
                         const struct right_size_limit *limit, struct right_size_estimate *out);

#endif
