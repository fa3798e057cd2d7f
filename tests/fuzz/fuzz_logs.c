#include "tests/fuzz/target.h"

#include "agent/disk/log_file.h"
#include "agent/docker/docker_frames.h"

#include <stdlib.h>
#include <string.h>

/* What Docker answers for a log, what a node sends of it, what a file of it holds. The first byte chooses;
 * its upper bits are how long the pieces are in which the rest comes. */

/* Each record goes onto a tape, as with those that come from Docker. */
static void keep(void *arg, const struct log_record *record)
{
    if (record->stream >= LOG_STREAMS || record->len > LOG_PIECE_MAX)
        abort();
    log_tape_add(arg, record);
}

static void filter(struct log_tape *tape, uint8_t seed)
{
    struct log_filter asked = {.streams = seed & 3,
                               .since_ns = seed & 4 ? 1000 : 0,
                               .tail = seed & 8 ? (uint64_t)seed >> 4 : UINT64_MAX};
    log_tape_filter(tape, &asked);
    if (tape->from > tape->to || tape->to > tape->room || tape->text > tape->to - tape->from)
        abort();
}

static void feed_frames(const char *bytes, size_t len, size_t piece, struct log_tape *tape)
{
    struct docker_frames *frames = calloc(1, sizeof *frames);
    size_t some;
    for (size_t at = 0; at < len; at += some) {
        some = len - at < piece ? len - at : piece;
        if (!docker_frames_feed(frames, bytes + at, some, keep, tape))
            break;
    }
    free(frames);
}

/* The output of an exec, whose frames have no times; what is kept never outgrows what came. */
static void feed_exec(const uint8_t *bytes, size_t len, size_t piece)
{
    struct docker_unframe unframe = {.left = 0};
    uint8_t *copy = malloc(len + 1);
    size_t some, kept;
    memcpy(copy, bytes, len);
    for (size_t at = 0; at < len; at += some) {
        kept = some = len - at < piece ? len - at : piece;
        if (!docker_unframe(&unframe, copy + at, &kept))
            break;
        if (kept > some)
            abort();
    }
    free(copy);
}

static void feed_records(const uint8_t *bytes, size_t len, size_t piece, struct log_tape *tape)
{
    struct log_reader *reader = calloc(1, sizeof *reader);
    size_t some;
    for (size_t at = 0; at < len; at += some) {
        some = len - at < piece ? len - at : piece;
        if (!log_reader_feed(reader, bytes + at, some, keep, tape))
            break;
    }
    free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct log_tape tape = {.from = 0};
    struct log_entry entry = {.bytes = 0};
    if (!len--)
        return 0;
    size_t piece = bytes[0] >= 252 ? SIZE_MAX : 1u + (size_t)(bytes[0] >> 2);
    switch (bytes[0] & 3) {
    case 0:
        feed_frames((const char *)bytes + 1, len, piece, &tape);
        feed_exec(bytes + 1, len, piece);
        break;
    case 1:
        feed_records(bytes + 1, len, piece, &tape);
        break;
    default:
        if (!log_file_parse((const char *)bytes + 1, len, &entry, &tape))
            log_tape_fini(&tape);
        else if (strlen(entry.user) > LOG_USER_MAX)
            abort();
    }
    if (len)
        filter(&tape, bytes[1]);
    log_tape_fini(&tape);
    return 0;
}
