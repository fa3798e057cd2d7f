/*
 * One piece of a command's output, as agents keep it and send it: the stream, the time, and its bytes.
 * Packed, a record is a byte for the stream, eight bytes of time and two of length (both little endian), then
 * the bytes. Pure.
 *
 * A piece is a line with its line end, or a part of a line that is longer than LOG_PIECE_MAX.
 */
#ifndef CORRAL_COMMON_MODEL_LOG_RECORD_H
#define CORRAL_COMMON_MODEL_LOG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_PIECE_MAX   32768 /* Docker's pieces have 16 KiB */
#define LOG_RECORD_HEAD 11
#define LOG_RECORD_MAX  (LOG_RECORD_HEAD + LOG_PIECE_MAX)

enum log_stream_name { LOG_STDOUT, LOG_STDERR, LOG_STREAMS };

struct log_record {
    enum log_stream_name stream;
    uint64_t at_ns; /* Unix time of the node's clock */
    const uint8_t *bytes;
    size_t len; /* at most LOG_PIECE_MAX */
};

/* Writes the head of a record, which its bytes follow. */
void log_record_head(const struct log_record *record, uint8_t out[static LOG_RECORD_HEAD]);

/* Reads the record that the bytes begin with, which it borrows. Returns its packed length; 0: it is not
 * complete yet; -1: this is no record. */
long log_record_read(const uint8_t *bytes, size_t len, struct log_record *record);

/* Whether the record ends a line. */
bool log_record_ends_line(const struct log_record *record);

/* Reads records from pieces of any size. All zero at first. */
struct log_reader {
    uint8_t bytes[LOG_RECORD_MAX];
    size_t len;
};

/* Calls cb with each record that is complete now. False: these are no records; the reader is then of no use.
 */
bool log_reader_feed(struct log_reader *reader, const uint8_t *bytes, size_t len,
                     void (*cb)(void *arg, const struct log_record *record), void *arg);

#endif
