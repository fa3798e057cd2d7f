/*
 * How far a pull is, on standard error: on a terminal a bar for each node and each layer that is under way,
 * drawn again in place; else a line when a node's state changes. Nothing with -q or --json.
 */
#ifndef CORRAL_CLI_IMAGE_PROGRESS_H
#define CORRAL_CLI_IMAGE_PROGRESS_H

#include "cli/cli.h"

struct image_progress {
    bool silent, draws;
    bool failed;   /* a node could not pull it */
    unsigned rows; /* drawn, above the cursor */
    json_t *told;  /* node: its state that was told last */
};

void image_progress_begin(struct image_progress *progress, const struct cli *cli);
/* image: the API's object. True: a node still waits or pulls. */
bool image_progress_show(struct image_progress *progress, const json_t *image);
void image_progress_end(struct image_progress *progress);

#endif
