/*
 * The latest input that was sent, kept so that it can be sent again: what was on its way when a connection
 * broke may not have arrived. Positions count the bytes of all input. Pure.
 */
#ifndef CORRAL_CLI_SENT_INPUT_H
#define CORRAL_CLI_SENT_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than a connection, the server and the node hold between them on a usual kernel. */
#define SENT_INPUT_KEPT (8u << 20)

/* Starts all zero. */
struct sent_input {
    uint8_t *bytes; /* a ring; NULL: nothing was sent yet */
    uint64_t end;   /* of what was sent first */
    uint64_t next;  /* below it: from there on it is sent again */
};

void sent_input_fini(struct sent_input *sent);

/* These are sent for the first time. Nothing may wait to be sent again. */
void sent_input_add(struct sent_input *sent, const uint8_t *bytes, size_t len);

/* The receiver had so many bytes. False: those that follow are not kept any more, or were never sent. */
bool sent_input_rewind(struct sent_input *sent, uint64_t received);

/* The next piece to send again, at most max bytes, and past it; 0: there is none. */
size_t sent_input_next(struct sent_input *sent, size_t max, const uint8_t **bytes);

#endif
