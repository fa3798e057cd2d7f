/*
 * The latest output of one process: its bytes by position (init_process.h), each with its channel, in a ring
 * that grows while there is room for it. Pure but for its memory.
 */
#ifndef CORRAL_AGENT_INIT_RING_H
#define CORRAL_AGENT_INIT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero keeps nothing. */
struct init_ring {
    uint8_t *bytes;
    uint8_t *marks;       /* a bit a byte: it is of stderr; after the bytes, in their memory */
    size_t room;          /* a power of two, or 0 */
    uint64_t oldest, end; /* positions */
};

/* Bytes of memory that a ring of this room takes. */
size_t init_ring_cost(size_t room);

/* Changes its room; what does not fit any more goes, the oldest first. False: there is no memory, nothing
 * changed. */
bool init_ring_resize(struct init_ring *ring, size_t room);

/* Keeps nothing further; positions stay. */
void init_ring_drop(struct init_ring *ring);

/* Adds output; what finds no room any more goes, the oldest first. */
void init_ring_put(struct init_ring *ring, bool is_stderr, const uint8_t *bytes, size_t len);

/* Copies bytes of one channel from a position that is kept on, cap at most. Returns how many: 0 at the end.
 */
size_t init_ring_get(const struct init_ring *ring, uint64_t from, uint8_t *out, size_t cap, bool *is_stderr);

#endif
