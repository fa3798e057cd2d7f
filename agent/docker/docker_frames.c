#include "agent/docker/docker_frames.h"

#include "common/base/rfc3339.h"

#include <string.h>

#define HEAD  8
#define PIECE 16384

/*
 * Docker cuts lines into pieces of PIECE bytes, and its driver "local" forgets the line end of the last one
 * (Docker 20.10: daemon/logger/local/read.go). Puts it back, in the place of the space before the bytes.
 */
static void end_line(uint8_t *space, struct log_record *record)
{
    if (record->len >= PIECE || log_record_ends_line(record))
        return;
    memmove(space, space + 1, record->len);
    space[record->len++] = '\n';
    record->bytes = space;
}

static bool read_payload(uint8_t *payload, size_t len, struct log_record *record)
{
    char time[DOCKER_FRAME_TIME_MAX];
    uint8_t *space = memchr(payload, ' ', len < sizeof time ? len : sizeof time);
    if (!space)
        return false;
    size_t n = (size_t)(space - payload);
    memcpy(time, payload, n);
    time[n] = 0;
    record->bytes = space + 1;
    record->len = len - n - 1;
    if (strlen(time) != n || record->len > LOG_PIECE_MAX || !rfc3339_read(time, &record->at_ns))
        return false;
    end_line(space, record);
    return true;
}

static size_t size_of(const uint8_t head[static HEAD])
{
    return (size_t)head[4] << 24 | (size_t)head[5] << 16 | (size_t)head[6] << 8 | head[7];
}

/* Returns the length of the frame that the bytes begin with; 0: it is not complete yet; -1: it is no frame.
 */
static long read_frame(uint8_t *bytes, size_t len, struct log_record *record)
{
    if (len < HEAD)
        return 0;
    size_t size = size_of(bytes);
    if ((bytes[0] != 1 && bytes[0] != 2) || bytes[1] || bytes[2] || bytes[3] || size > DOCKER_FRAME_MAX)
        return -1;
    if (len < HEAD + size)
        return 0;
    record->stream = bytes[0] == 2 ? LOG_STDERR : LOG_STDOUT;
    return read_payload(bytes + HEAD, size, record) ? (long)(HEAD + size) : -1;
}

bool docker_frames_feed(struct docker_frames *f, const char *bytes, size_t len, docker_record_cb *cb,
                        void *arg)
{
    struct log_record record = {.stream = LOG_STDOUT};
    while (len) {
        size_t room = sizeof f->bytes - f->len, some = len < room ? len : room, at = 0;
        long n;
        memcpy(f->bytes + f->len, bytes, some);
        f->len += some;
        while ((n = read_frame(f->bytes + at, f->len - at, &record)) > 0) {
            cb(arg, &record);
            at += (size_t)n;
        }
        if (n < 0)
            return false;
        f->len -= at;
        memmove(f->bytes, f->bytes + at, f->len);
        bytes += some;
        len -= some;
    }
    return true;
}

bool docker_unframe(struct docker_unframe *u, uint8_t *bytes, size_t *len)
{
    size_t kept = 0;
    for (size_t at = 0; at < *len;) {
        if (!u->left) {
            u->head[u->head_len++] = bytes[at++];
            if (u->head_len < HEAD)
                continue;
            if (u->head[0] < 1 || u->head[0] > 2 || u->head[1] || u->head[2] || u->head[3])
                return false;
            u->head_len = 0;
            u->left = size_of(u->head);
            continue;
        }
        size_t some = *len - at < u->left ? *len - at : u->left;
        if (u->head[0] == 1) {
            memmove(bytes + kept, bytes + at, some);
            kept += some;
        }
        u->left -= some;
        at += some;
    }
    *len = kept;
    return true;
}
