/*
 * What is told of a sandbox's past, each thing once: openings and closings of violations, and the samples
 * that are kept for the history, the last one of a sandbox that ended among them. Each gets a number that
 * rises over restarts, is written to disk, then sent again and again until the controller has committed it.
 * Which episodes are open is kept beside, and the highest epoch of a controller that was seen.
 *
 * Pure: it says what is to be written (outbox_write) and takes back what was read; `now` is CLOCK_BOOTTIME in
 * milliseconds. The file is a log of lines, each with its checksum; it is written again, short, when it has
 * grown. What is sent begins with the oldest that is not acknowledged and leaves nothing out, so that "up to
 * this number" is a whole answer.
 *
 * Bounds: 4096 violations, 65536 samples, ten minutes of samples (a sandbox's last one waits for ever), 4096
 * sandboxes with open episodes; beyond it the oldest goes, and is counted.
 */
#ifndef CORRAL_AGENT_CORE_OUTBOX_H
#define CORRAL_AGENT_CORE_OUTBOX_H

#include "agent/core/violation.h"
#include "common/model/node_wire.h"

#include <stddef.h>

#define OUTBOX_VIOLATIONS_MAX  4096
#define OUTBOX_SAMPLES_MAX     65536
#define OUTBOX_EPISODES_MAX    4096
#define OUTBOX_KEEP_MS         600000
#define OUTBOX_RESEND_MS       2000  /* of what is not acknowledged yet */
#define OUTBOX_SEND_MAX        512   /* of each kind at once */
#define OUTBOX_SAMPLE_EVERY_MS 10000 /* one sample of a sandbox in this time is kept */

struct outbox;

/* first_number: no lower one is given; with what was read it makes numbers rise over restarts. */
struct outbox *outbox_new(uint64_t first_number);
void outbox_free(struct outbox *outbox);

/* --- what happens --- */

/* Both return the number that it got. last: it is the last one of its sandbox. */
uint64_t outbox_violation(struct outbox *outbox, uint64_t now, const struct violation_report *report);
uint64_t outbox_sample(struct outbox *outbox, uint64_t now, const struct sample *sample, bool last);

/* The level of this sandbox's open episode, VIOLATION_NONE without one. */
enum violation_level outbox_episode(const struct outbox *outbox, const struct sandbox_id *id,
                                    enum violation_kind kind);

/* Tells of each sandbox with open episodes; cb may not change the outbox. */
void outbox_episodes(const struct outbox *outbox, void (*cb)(void *arg, const struct sandbox_id *id),
                     void *arg);

uint64_t outbox_epoch(const struct outbox *outbox); /* 0: none was seen */
void outbox_epoch_seen(struct outbox *outbox, uint64_t epoch);

/* --- to the controller --- */

/* What is on disk and due, oldest first, at most OUTBOX_SEND_MAX; nothing while an answer is waited for. */
size_t outbox_take_violations(struct outbox *outbox, uint64_t now, struct violation_report *out);
size_t outbox_take_samples(struct outbox *outbox, uint64_t now, struct sample *out);

/* Whether something is on disk that was never taken. */
bool outbox_urgent(const struct outbox *outbox);

/* Whether violations of this sandbox are not committed yet. */
bool outbox_owes_violations(const struct outbox *outbox, const struct sandbox_id *id);

/* A new session: nothing counts as taken. */
void outbox_resend(struct outbox *outbox);

/* The controller has committed up to these numbers; 0: nothing. */
void outbox_ack(struct outbox *outbox, uint64_t violations, uint64_t samples);

struct outbox_stats {
    size_t violations, samples;                   /* that wait */
    uint64_t violations_dropped, samples_dropped; /* ever, on this node */
};
struct outbox_stats outbox_stats(const struct outbox *outbox);

/* --- to disk and back --- */

/* One of the two: text to be appended, or a copy that makes the whole file again. Owned by the caller. */
struct outbox_write {
    char *text;
    size_t len;
    bool sync; /* fsync: it may not be lost with the node's memory either */
    struct outbox *whole;
};

/* False: there is nothing to write, or the last write is not answered. */
bool outbox_write(struct outbox *outbox, struct outbox_write *out);

/* It was written, or could not be: then all is written again next time, and told to the controller meanwhile.
 * len: of the file, now. */
void outbox_written(struct outbox *outbox, bool ok, size_t len);

/* The whole file's text, to be freed. Any thread. boot_wall_ms: the wall clock when `now` was 0. */
char *outbox_format(const struct outbox *whole, const char *boot_id, int64_t boot_wall_ms, size_t *len);

struct outbox_reading {
    size_t lines, strange; /* strange: of no sense, or with a wrong sum */
    bool torn;             /* the last line has no end, as after a crash */
};

/* Takes up the file of an earlier life, as far as it makes sense. Into a new outbox, once. The next write is
 * a whole one. */
void outbox_read(struct outbox *outbox, const char *text, size_t len, const char *boot_id, uint64_t now,
                 int64_t boot_wall_ms, struct outbox_reading *reading);

#endif
