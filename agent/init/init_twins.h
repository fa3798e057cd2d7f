/*
 * Files of an image that have several names (hard links): where the first of them was copied to, so that the
 * others become names of the copy, and one file's bytes are on the disk once. Bounded: what does not find
 * room here is a file of its own again.
 */
#ifndef CORRAL_AGENT_INIT_TWINS_H
#define CORRAL_AGENT_INIT_TWINS_H

#include <stddef.h>
#include <sys/types.h>

#define TWINS_MAX 65536

struct twin {
    dev_t dev;
    ino_t ino;
    char *path; /* NULL: the place is free */
};

/* All zero is empty. */
struct twins {
    struct twin *slot;
    size_t count, room;
};

/* Borrowed; NULL: none. */
const char *twins_find(const struct twins *twins, dev_t dev, ino_t ino);

/* Copies path. One that is not there yet. */
void twins_add(struct twins *twins, dev_t dev, ino_t ino, const char *path);

void twins_fini(struct twins *twins);

#endif
