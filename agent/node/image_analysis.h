/*
 * What makes the images of this node large, and their variants of one layer. One image is read at a time, on
 * a thread of its own; others wait, at most IMAGE_QUEUE_MAX; callers that ask for the same share its answer.
 * Reports are kept by the image's id, the IMAGE_KEPT latest ones. On the loop.
 */
#ifndef CORRAL_AGENT_NODE_IMAGE_ANALYSIS_H
#define CORRAL_AGENT_NODE_IMAGE_ANALYSIS_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_QUEUE_MAX 8
#define IMAGE_KEPT      32

struct agent;
struct image_analysis;
struct image_caller;

/* Allocates little, and starts its thread with the first image. */
struct image_analysis *image_analysis_new(struct agent *agent);

/* Ends what runs, within a second; callers get ERR_CANCELLED. Before docker_free. NULL is allowed. */
void image_analysis_free(struct image_analysis *all);

/* bytes: a packed image_report, or image_flat; borrowed. */
typedef void image_analysis_cb(void *arg, int code, const struct err *e, const uint8_t *bytes, size_t len);

/*
 * Reads the image of this name or id, or flattens it into a variant. cb is called once, later, unless
 * image_analysis_leave comes before. ERR_NOT_FOUND: it is not on this node. ERR_NO_CAPACITY: too many wait.
 * Errors of image_work_do.
 */
struct image_caller *image_analysis_ask(struct image_analysis *all, const char *ref, bool flattens,
                                        image_analysis_cb *cb, void *arg);

/* The caller does not wait any more; the work goes on, and its report is kept. */
void image_analysis_leave(struct image_caller *caller);

#endif
