/*
 * The events that a node reports exactly once: openings and closings of violations, and the samples that are
 * kept for the history, including the last one of a sandbox that ended. Each entry gets a number that rises
 * over restarts, is written to disk, then sent repeatedly until the controller has committed it. The outbox
 * also keeps which episodes are open, and the highest epoch of a controller that was seen.
 *
 * Pure: it says what is to be written (outbox_write) and reads back what was (outbox_read); `now` is
 * CLOCK_BOOTTIME in milliseconds. The file is a log of lines, each with its checksum; it is rewritten when it
 * has grown far beyond its live content. Entries are sent from the oldest unacknowledged one on, without
 * gaps, so an acknowledgement is one number: "up to here".
 *
 * Bounds: 4096 violations, 65536 samples, ten minutes of samples (a sandbox's last one is kept longer), 4096
 * sandboxes with open episodes. Beyond them the oldest entry is dropped and counted (an episode is then not
 * noted).
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
#define OUTBOX_RESEND_MS       2000  /* between sends of entries that are not acknowledged */
#define OUTBOX_SEND_MAX        512   /* of each kind in one message */
#define OUTBOX_SAMPLE_EVERY_MS 10000 /* one sample of a sandbox is kept per this time */
#define OUTBOX_SAMPLE_DENSE_MS 900   /* of one that somebody watches: each regular sample, once a second */

struct outbox;

/* first_number: the lowest number to use; with what outbox_read finds it makes numbers rise over restarts. */
struct outbox *outbox_new(uint64_t first_number);
void outbox_free(struct outbox *outbox);

/* --- what happens --- */

/* Both append an entry and return its number. last: the last sample of its sandbox. */
uint64_t outbox_violation(struct outbox *outbox, uint64_t now, const struct violation_report *report);
uint64_t outbox_sample(struct outbox *outbox, uint64_t now, const struct sample *sample, bool last);

/* The level of this sandbox's open episode, VIOLATION_NONE if there is none. */
enum violation_level outbox_episode(const struct outbox *outbox, const struct sandbox_id *id,
                                    enum violation_kind kind);

/* Calls cb for each sandbox with open episodes; cb must not change the outbox. */
void outbox_episodes(const struct outbox *outbox, void (*cb)(void *arg, const struct sandbox_id *id),
                     void *arg);

uint64_t outbox_epoch(const struct outbox *outbox); /* highest epoch seen; 0: none */
void outbox_epoch_seen(struct outbox *outbox, uint64_t epoch);

/* --- to the controller --- */

/* Entries that are on disk and due, oldest first, at most OUTBOX_SEND_MAX; none while an acknowledgement is
 * outstanding. */
size_t outbox_take_violations(struct outbox *outbox, uint64_t now, struct violation_report *out);
size_t outbox_take_samples(struct outbox *outbox, uint64_t now, struct sample *out);

/* Whether entries are on disk that were never taken. */
bool outbox_urgent(const struct outbox *outbox);

/* Whether the outbox holds violations of this sandbox that are not committed yet. */
bool outbox_owes_violations(const struct outbox *outbox, const struct sandbox_id *id);

/* A new session: nothing counts as taken. */
void outbox_resend(struct outbox *outbox);

/* The controller has committed up to these numbers; 0: nothing. */
void outbox_ack(struct outbox *outbox, uint64_t violations, uint64_t samples);

struct outbox_stats {
    size_t violations, samples;                   /* waiting */
    uint64_t violations_dropped, samples_dropped; /* in total, on this node */
};
struct outbox_stats outbox_stats(const struct outbox *outbox);

/* --- to disk and back --- */

/* Either text to append, or a copy of which the whole file is written. Owned by the caller. */
struct outbox_write {
    char *text;
    size_t len;
    bool sync; /* fsync after the write: it must survive a crash of the node */
    struct outbox *whole;
};

/* False: there is nothing to write, or the last write is not answered yet. */
bool outbox_write(struct outbox *outbox, struct outbox_write *out);

/* The write succeeded, or failed: then the whole file is written next time, and the entries may be sent
 * meanwhile. len: length of the file now. */
void outbox_written(struct outbox *outbox, bool ok, size_t len);

/* The text of the whole file (the caller frees it). Any thread. boot_wall_ms: the wall clock when `now` was
 * 0. */
char *outbox_format(const struct outbox *whole, const char *boot_id, int64_t boot_wall_ms, size_t *len);

struct outbox_reading {
    size_t lines, strange; /* strange: not understood, or with a wrong checksum */
    bool torn;             /* the last line is incomplete, as after a crash */
};

/* Reads the file of an earlier run, as far as it is valid, into a new outbox, once. The next write is then
 * one of the whole file. */
void outbox_read(struct outbox *outbox, const char *text, size_t len, const char *boot_id, uint64_t now,
                 int64_t boot_wall_ms, struct outbox_reading *reading);

#endif
