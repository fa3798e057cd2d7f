/*
 * Garbage collection of images: which names of images a node removes. Only those that Corral pulled, that no
 * container has and that nobody asked to keep. Two reasons: a name that was not used for long, and a disk
 * that is fuller than its high mark, from which the oldest uses go until the disk is down to its low mark
 * (the two marks are the kubelet's way to collect seldom, and then enough). Pure.
 */
#ifndef CORRAL_AGENT_CORE_IMAGE_GC_H
#define CORRAL_AGENT_CORE_IMAGE_GC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The disk removes nothing that was used, or pulled, more recently: it may be about to start. */
#define IMAGE_GC_FRESH_MS 600000

/* A name of an image. Strings are borrowed. */
struct gc_image {
    const char *ref, *id; /* several names may have one image, whose bytes are freed with the last one */
    uint64_t size_bytes;  /* 0: not known */
    uint64_t used_ms;     /* last use or pull, wall clock */
    bool pulled;          /* by Corral */
    bool in_use;          /* by a container, of the warm pool too */
    bool kept;            /* pinned, the base image, or the last copy that a template needs */
};

/* What it counts with. A disk of 0 bytes is not known, and removes nothing. */
struct gc_rules {
    uint64_t keep_ms;                     /* names unused for so long go */
    uint64_t disk_bytes, disk_free_bytes; /* of Docker's images */
    unsigned high_percent, low_percent;   /* of the disk in use; a low mark above the high one counts as it */
};

enum gc_reason { GC_STAYS, GC_AGE, GC_DISK };

/*
 * Writes the reason of each image into reasons (count of them), and the indexes of those that go into order,
 * oldest use first. Returns how many go. Images of the future (the clock was set back) stay.
 */
size_t image_gc(uint64_t now, const struct gc_rules *rules, const struct gc_image *images, size_t count,
                enum gc_reason *reasons, size_t *order);

/* The bytes that must become free, so that the disk is at its low mark; 0: it is not above its high mark. */
uint64_t image_gc_excess(const struct gc_rules *rules);

#endif
