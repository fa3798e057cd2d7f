/*
 * Reads one image of this node, or makes its variant of one layer, from a thread: all requests to Docker and
 * the runs of the helper that this takes, one after the other. What the thread uses is copied on the loop.
 */
#ifndef CORRAL_AGENT_NODE_IMAGE_WORK_H
#define CORRAL_AGENT_NODE_IMAGE_WORK_H

#include "agent/docker/docker_direct.h"
#include "agent/node/image_helper.h"
#include "common/model/image_ref.h"
#include "common/model/image_report.h"

#include <stdbool.h>

#define IMAGE_FLAT_SUFFIX "-flat" /* of the variant's tag */

struct image_work {
    struct docker_direct docker;
    char program[300], state_dir[64], root[512]; /* root: of Docker's images; "": not known */
    char id[IMAGE_ID_LEN + 1];
    char name[IMAGE_REF_FULL_MAX]; /* of the image, as people say it */
    char flat[IMAGE_REF_FULL_MAX]; /* of the variant; "": the image is only read */
    uint64_t bytes, free_bytes;    /* of the image; what has to stay free */
    const atomic_bool *stop;
    uint8_t *result; /* a packed image_report or image_flat */
    size_t len;
};

/* ERR_NO_SPACE, ERR_CONFLICT: the variant's name is another image's; and those of image_helper_run. */
int image_work_do(struct image_work *work, struct err *e) MUST_CHECK;

#endif
