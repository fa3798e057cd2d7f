/*
 * What makes an image large, found in the tree of its layers: what later layers hide, caches of package
 * managers, files of the same content, large files, programs with more rights; and a smaller build. Pure.
 */
#ifndef CORRAL_AGENT_CORE_LAYER_REPORT_H
#define CORRAL_AGENT_CORE_LAYER_REPORT_H

#include "agent/core/layer_image.h"
#include "agent/core/layer_tree.h"
#include "common/model/image_report.h"

#define LAYER_DUPLICATE_MIN 1024 /* bytes of a file that counts as a duplicate */

/* Borrowed. digest and command: by the position of the layer; NULL: not known. */
struct layer_image {
    const char *name; /* that the suggested build names */
    char *const *digest, *const *command;
    struct layer_config config;
};

/* Fills *report, all zero before, but for its id, its hash and why_partial. The tree is settled. */
void layer_report_make(const struct layer_tree *tree, const struct layer_image *image,
                       struct image_report *report);

#endif
