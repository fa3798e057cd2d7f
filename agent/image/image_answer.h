/* The answer of Docker on a connection whose request was sent already, read as its bytes are needed. Blocks.
 */
#ifndef CORRAL_AGENT_IMAGE_IMAGE_ANSWER_H
#define CORRAL_AGENT_IMAGE_IMAGE_ANSWER_H

#include "common/base/err.h"

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>

#define IMAGE_ANSWER_PIECE 65536

/* All zero but fd at first. */
struct image_answer {
    int fd;
    bool begun, complete;
    http_parser parser;
    char bytes[IMAGE_ANSWER_PIECE]; /* as they came */
    size_t at, len;
    const char *body; /* what the parser found in them, not taken yet */
    size_t body_len;
};

/* Reads up to len bytes of the body; *got 0: all have come. Returns 0 or an errno. An image_source_fn. */
int image_answer_read(void *answer, void *bytes, size_t len, size_t *got);

/* Reads on until the status is known; 0: no answer came. */
unsigned image_answer_status(struct image_answer *answer);

#endif
