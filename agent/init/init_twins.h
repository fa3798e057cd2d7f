/*
 * Files of an image with several names (hard links): remembers where the first name was copied to, so that
 * the others become links to that copy and the bytes are stored once. Bounded: a file that finds no room here
 * is copied again.
 */
#ifndef CORRAL_AGENT_INIT_INIT_TWINS_H
#define CORRAL_AGENT_INIT_INIT_TWINS_H

#include <stddef.h>
#include <sys/types.h>

#define TWINS_MAX 65536

struct twin {
    dev_t dev;
    ino_t ino;
    char *path; /* NULL: the slot is free */
};

/* All zero is empty. */
struct twins {
    struct twin *slot;
    size_t count, room;
};

/* Borrowed; NULL: none. */
const char *twins_find(const struct twins *twins, dev_t dev, ino_t ino);

/* Adds a file that is not there yet. Copies path. */
void twins_add(struct twins *twins, dev_t dev, ino_t ino, const char *path);

void twins_fini(struct twins *twins);

#endif
