/* How much a counter rose within a window of the last hour, by a reading of it each second. Pure. */
#ifndef CORRAL_CONTROLLER_CORE_BURST_H
#define CORRAL_CONTROLLER_CORE_BURST_H

#include <stddef.h>
#include <stdint.h>

#define BURST_READINGS 3602

/* Starts all zero. */
struct burst {
    struct burst_reading {
        uint64_t ms, total;
    } reading[BURST_READINGS]; /* a ring */
    size_t first, count;
};

/* now_ms: a clock that never goes back. A reading within a second after the last one is left out. */
void burst_note(struct burst *burst, uint64_t now_ms, uint64_t total);

/* The rise within the window, up to `total` now. *watched_ms: how much of the window was watched. */
uint64_t burst_within(const struct burst *burst, uint64_t now_ms, uint64_t total, uint64_t window_ms,
                      uint64_t *watched_ms);

#endif
