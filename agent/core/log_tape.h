/*
 * The latest output of one sandbox's command in memory, as packed records (common/model/log_record.h): at
 * most LOG_TEXT_MAX bytes of output and LOG_COST_MAX with what each record costs Docker to keep; past either
 * bound the oldest goes. Pure.
 *
 * Docker keeps at least DOCKER_LOG_BYTES once it has thrown output away, and a record costs it no more than
 * is counted here. So a tape that was filled with all that Docker has is truncated exactly if output is
 * missing.
 */
#ifndef CORRAL_AGENT_CORE_LOG_TAPE_H
#define CORRAL_AGENT_CORE_LOG_TAPE_H

#include "common/model/log_record.h"

#define LOG_TEXT_MAX    (2u << 20)
#define LOG_RECORD_COST 32
#define LOG_COST_MAX    3800000u /* less than DOCKER_LOG_BYTES (agent/docker/docker.h) */
/* So many records are always enough to fill a tape. */
#define LOG_RECORDS_ENOUGH (LOG_COST_MAX / LOG_RECORD_COST + 1)
#define LOG_PACKED_MAX     (LOG_COST_MAX + LOG_RECORD_MAX) /* bytes of a tape */

struct log_tape { /* all zero at first */
    uint8_t *bytes;
    size_t from, to, room; /* the records are in bytes[from … to) */
    size_t text, cost;     /* of these records */
    bool truncated;        /* older records were thrown away */
};

/* What a reader wants of it. */
struct log_filter {
    unsigned streams;  /* 1 << enum log_stream_name */
    uint64_t since_ns; /* not what is older; 0: all */
    uint64_t tail;     /* only so many lines, the last ones; UINT64_MAX: all */
};

/* Where a reader stands: the last record that it has had of a stream. All zero at first. Times of one stream
 * do not fall, so whatever comes after has a later time, or the same and a higher count. */
struct log_place {
    struct {
        uint64_t at_ns;
        uint64_t count; /* of the records with this time */
    } last[LOG_STREAMS], seen[LOG_STREAMS];
};

/* Copies the record. */
void log_tape_add(struct log_tape *tape, const struct log_record *record);

/* Keeps only the records that pass the filter. */
void log_tape_filter(struct log_tape *tape, const struct log_filter *filter);

void log_tape_fini(struct log_tape *tape);

/* Begins to read again from some record on, at or before the place. */
void log_place_again(struct log_place *place);

/* Whether the reader has not had this record yet. Call with each record that is read. */
bool log_place_pass(struct log_place *place, const struct log_record *record);

/* From when on to read again so that nothing is missed; 0: from the beginning. */
uint64_t log_place_since_ns(const struct log_place *place);

#endif
