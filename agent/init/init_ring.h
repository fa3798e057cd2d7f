/*
 * The latest output of one process: its bytes by position (init_process.h), each with its channel, in a ring
 * whose size can change. Pure except for its memory.
 */
#ifndef CORRAL_AGENT_INIT_INIT_RING_H
#define CORRAL_AGENT_INIT_INIT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero keeps nothing. */
struct init_ring {
    uint8_t *bytes;
    uint8_t *marks;       /* one bit per byte: it is of stderr; stored after the bytes */
    size_t room;          /* a power of two, or 0 */
    uint64_t oldest, end; /* positions */
};

/* Bytes of memory that a ring of this size takes. */
size_t init_ring_cost(size_t room);

/* Changes its size; drops the oldest bytes that do not fit. False: no memory, nothing changed. */
bool init_ring_resize(struct init_ring *ring, size_t room);

/* Keeps nothing from now on; positions stay. */
void init_ring_drop(struct init_ring *ring);

/* Adds output; drops the oldest bytes that do not fit. */
void init_ring_put(struct init_ring *ring, bool is_stderr, const uint8_t *bytes, size_t len);

/* Copies bytes of one channel from a kept position on, at most cap. Returns how many; 0 at the end. */
size_t init_ring_get(const struct init_ring *ring, uint64_t from, uint8_t *out, size_t cap, bool *is_stderr);

#endif
