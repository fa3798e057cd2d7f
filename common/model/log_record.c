#include "common/model/log_record.h"

#include <string.h>

void log_record_head(const struct log_record *record, uint8_t out[static LOG_RECORD_HEAD])
{
    out[0] = (uint8_t)record->stream;
    for (unsigned i = 0; i < 8; i++)
        out[1 + i] = (uint8_t)(record->at_ns >> 8 * i);
    out[9] = (uint8_t)record->len;
    out[10] = (uint8_t)(record->len >> 8);
}

long log_record_read(const uint8_t *bytes, size_t len, struct log_record *record)
{
    if (len && bytes[0] >= LOG_STREAMS)
        return -1;
    if (len < LOG_RECORD_HEAD)
        return 0;
    *record = (struct log_record){.stream = (enum log_stream_name)bytes[0],
                                  .bytes = bytes + LOG_RECORD_HEAD,
                                  .len = (size_t)bytes[9] | (size_t)bytes[10] << 8};
    for (unsigned i = 0; i < 8; i++)
        record->at_ns |= (uint64_t)bytes[1 + i] << 8 * i;
    if (record->len > LOG_PIECE_MAX)
        return -1;
    return len < LOG_RECORD_HEAD + record->len ? 0 : (long)(LOG_RECORD_HEAD + record->len);
}

bool log_record_ends_line(const struct log_record *record)
{
    return record->len && record->bytes[record->len - 1] == '\n';
}

/* Passes on what is complete, and returns how much that was; -1: these are no records. */
static long pass_on(const uint8_t *bytes, size_t len, void (*cb)(void *arg, const struct log_record *record),
                    void *arg)
{
    struct log_record record;
    size_t at = 0;
    long n;
    while ((n = log_record_read(bytes + at, len - at, &record)) > 0) {
        cb(arg, &record);
        at += (size_t)n;
    }
    return n < 0 ? -1 : (long)at;
}

bool log_reader_feed(struct log_reader *reader, const uint8_t *bytes, size_t len,
                     void (*cb)(void *arg, const struct log_record *record), void *arg)
{
    while (len) {
        size_t room = sizeof reader->bytes - reader->len, some = len < room ? len : room;
        memcpy(reader->bytes + reader->len, bytes, some);
        reader->len += some;
        long used = pass_on(reader->bytes, reader->len, cb, arg);
        if (used < 0)
            return false;
        reader->len -= (size_t)used;
        memmove(reader->bytes, reader->bytes + used, reader->len);
        bytes += some;
        len -= some;
    }
    return true;
}
