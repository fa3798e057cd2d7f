/* Shared by outbox*.c; private to them. */
#ifndef CORRAL_AGENT_CORE_OUTBOX_INT_H
#define CORRAL_AGENT_CORE_OUTBOX_INT_H

#include "agent/core/outbox.h"

/* at_ms: on this boot's clock; negative for entries of an earlier boot. */
struct kept_violation {
    struct violation_report report;
    int64_t at_ms;
};

struct kept_sample {
    struct sample sample;
    int64_t at_ms;
    bool last;
};

struct episodes {
    struct sandbox_id id;
    uint8_t level[VIOLATION_KIND_COUNT];
};

/* The state of an array of entries, which is sorted by number. */
struct kept_line {
    size_t count, room;
    bool taken; /* sent and not acknowledged yet */
    uint64_t taken_ms;
};

struct outbox {
    struct kept_violation *violation;
    struct kept_line violations;
    struct kept_sample *sample;
    struct kept_line samples;
    struct episodes *episode;
    size_t episodes;
    uint64_t next_number, reserved; /* numbers below reserved are marked on disk as used */
    uint64_t epoch, violations_dropped, samples_dropped;

    /* For writing to disk; a copy uses none of it. */
    struct outbox_text {
        char *at;
        size_t len, room;
    } text; /* not yet handed out */
    bool sync, whole, writing;
    uint64_t mark, told_up_to; /* highest numbers: in the write under way; that may be sent */
    size_t file_len;
};

/* outbox_line.c: each function appends a line. A line begins with its checksum: 16 digits and a blank. */
#define OUTBOX_SUM_LEN 17
uint64_t outbox_line_sum(const char *bytes, size_t len);

/* Where the numbers of a sample are, in the order of its line. */
struct outbox_number {
    size_t offset, size;
};
extern const struct outbox_number outbox_sample_numbers[];
extern const size_t outbox_sample_number_count;

void outbox_line_violation(struct outbox_text *t, const struct kept_violation *v);
void outbox_line_sample(struct outbox_text *t, const struct kept_sample *s);
void outbox_line_acked(struct outbox_text *t, uint64_t violations, uint64_t samples);
void outbox_line_reserved(struct outbox_text *t, uint64_t reserved);
void outbox_line_epoch(struct outbox_text *t, uint64_t epoch);
void outbox_line_dropped(struct outbox_text *t, const struct outbox *o);

/* outbox.c: change the outbox without writing to disk; used while reading the file too. */
void outbox_put_violation(struct outbox *o, const struct kept_violation *v);
void outbox_put_sample(struct outbox *o, const struct kept_sample *s);
void outbox_put_episode(struct outbox *o, const struct sandbox_id *id, unsigned kind, unsigned level);
void outbox_drop_acked(struct outbox *o, uint64_t violations, uint64_t samples);

#endif
