/*
 * Runs corral-image (agent/image/image_main.c) for one image, from a thread of its own, and takes its report.
 * The helper's memory, time and output are bounded; whatever becomes of it, the agent goes on.
 */
#ifndef CORRAL_AGENT_NODE_IMAGE_HELPER_H
#define CORRAL_AGENT_NODE_IMAGE_HELPER_H

#include "common/base/err.h"

#include <stdatomic.h>
#include <stdint.h>

#define IMAGE_HELPER_MS (15u * 60 * 1000)

struct image_helper {
    const char *program, *verb, *id, *name;
    uint64_t most; /* bytes of the image's archive */
    int from;      /* Docker's connection */
    int kept, to;  /* of flatten; else -1 */
    const atomic_bool *stop;
};

/* *out gets what it wrote, for the caller to free. Its own errors, ERR_NODE_TIMEOUT, ERR_CANCELLED after
 * stop, ERR_IO where it cannot be run. */
int image_helper_run(const struct image_helper *helper, uint8_t **out, size_t *len, struct err *e) MUST_CHECK;

#endif
