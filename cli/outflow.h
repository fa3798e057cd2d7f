/*
 * Bytes on their way to a standard file that may be slow: written without blocking, as far as it takes them.
 * The owner bounds what waits: it adds nothing while outflow_has_room says no, but the message that it has.
 */
#ifndef CORRAL_CLI_OUTFLOW_H
#define CORRAL_CLI_OUTFLOW_H

#include "common/base/text.h"

#include <stdint.h>

#define OUTFLOW_ROOM 65536

struct outflow {
    int fd;
    bool is_own;  /* a description of our own, so that the flags of the one that is shared stay */
    int error;    /* the errno that it broke with; 0: it works. What is added then is thrown away */
    bool is_file; /* takes any piece without blocking */
    struct text bytes;
    size_t at;
};

void outflow_init(struct outflow *o, int fd);
void outflow_fini(struct outflow *o);

void outflow_add(struct outflow *o, const uint8_t *bytes, size_t len);
bool outflow_has_room(const struct outflow *o);
bool outflow_waits(const struct outflow *o);

/* Writes what can be written now. */
void outflow_flush(struct outflow *o);

/* Writes a text if it can be written now; else it is thrown away. */
void outflow_note(int fd, const char *text);

/* Opens the file again, non-blocking; the descriptor is the caller's. Negative where that cannot be done. */
int outflow_reopen(int fd, int mode);

#endif
