#include "agent/init/init_ring.h"

#include <stdlib.h>
#include <string.h>

size_t init_ring_cost(size_t room)
{
    return room + room / 8;
}

static size_t place(const struct init_ring *ring, uint64_t position)
{
    return (size_t)(position & (ring->room - 1));
}

static bool marked(const struct init_ring *ring, size_t at)
{
    return ring->marks[at / 8] >> at % 8 & 1;
}

static void mark(struct init_ring *ring, size_t at, size_t len, bool is_stderr)
{
    while (len) {
        size_t step = 1;
        if (at % 8 == 0 && len >= 8) {
            step = len & ~(size_t)7;
            memset(ring->marks + at / 8, is_stderr ? 0xff : 0, step / 8);
        } else if (is_stderr) {
            ring->marks[at / 8] = (uint8_t)(ring->marks[at / 8] | 1u << at % 8);
        } else {
            ring->marks[at / 8] = (uint8_t)(ring->marks[at / 8] & ~(1u << at % 8));
        }
        at += step;
        len -= step;
    }
}

/* How many bytes from `at` on, at most len, are of the same channel as the first. */
static size_t run(const struct init_ring *ring, size_t at, size_t len)
{
    bool first = marked(ring, at);
    uint8_t all = first ? 0xff : 0;
    size_t n = 1;
    while (n < len) {
        if ((at + n) % 8 == 0 && len - n >= 8 && ring->marks[(at + n) / 8] == all)
            n += 8;
        else if (marked(ring, at + n) == first)
            n++;
        else
            break;
    }
    return n;
}

/* Puts bytes that fit into the ring in one piece. */
static void put_piece(struct init_ring *ring, bool is_stderr, const uint8_t *bytes, size_t len)
{
    size_t at = place(ring, ring->end);
    memcpy(ring->bytes + at, bytes, len);
    mark(ring, at, len, is_stderr);
    ring->end += len;
}

void init_ring_put(struct init_ring *ring, bool is_stderr, const uint8_t *bytes, size_t len)
{
    if (len > ring->room) { /* only its end is kept */
        size_t lost = len - ring->room;
        ring->end += lost;
        bytes += lost;
        len -= lost;
    }
    while (len) {
        size_t piece = ring->room - place(ring, ring->end);
        if (piece > len)
            piece = len;
        put_piece(ring, is_stderr, bytes, piece);
        bytes += piece;
        len -= piece;
    }
    if (ring->end - ring->oldest > ring->room)
        ring->oldest = ring->end - ring->room;
}

size_t init_ring_get(const struct init_ring *ring, uint64_t from, uint8_t *out, size_t cap, bool *is_stderr)
{
    uint64_t kept = ring->end - from;
    if (from < ring->oldest || from >= ring->end || !cap)
        return 0;
    size_t at = place(ring, from), len = ring->room - at;
    if (len > kept)
        len = (size_t)kept;
    if (len > cap)
        len = cap;
    len = run(ring, at, len);
    *is_stderr = marked(ring, at);
    memcpy(out, ring->bytes + at, len);
    return len;
}

void init_ring_drop(struct init_ring *ring)
{
    free(ring->bytes);
    *ring = (struct init_ring){.oldest = ring->end, .end = ring->end};
}

bool init_ring_resize(struct init_ring *ring, size_t room)
{
    uint8_t piece[512];
    struct init_ring next = {
        .bytes = malloc(init_ring_cost(room)), .room = room, .oldest = ring->oldest, .end = ring->oldest};
    if (!next.bytes)
        return false;
    next.marks = next.bytes + room;
    if (ring->end - ring->oldest > room)
        next.oldest = next.end = ring->end - room;
    for (size_t n;;) {
        bool is_stderr;
        n = init_ring_get(ring, next.end, piece, sizeof piece, &is_stderr);
        if (!n)
            break;
        init_ring_put(&next, is_stderr, piece, n);
    }
    free(ring->bytes);
    *ring = next;
    return true;
}
