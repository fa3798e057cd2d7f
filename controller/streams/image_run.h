/*
 * Asks a node for what makes an image large, or for its variant of one layer, and collects the answer. What
 * the node says is bounded and checked (proto/image_codec.h). On the loop.
 */
#ifndef CORRAL_CONTROLLER_STREAMS_IMAGE_RUN_H
#define CORRAL_CONTROLLER_STREAMS_IMAGE_RUN_H

#include "controller/streams/stream_hub.h"
#include "proto/image_codec.h"

struct image_run;

/* Called once, never inside image_run_start: with code 0 and the result, or with an error. Borrowed; only one
 * of report and flat is set. The run is freed afterwards. */
typedef void image_run_cb(void *arg, int code, const char *text, const struct image_report *report,
                          const struct image_flat *flat);

/* image: what to ask for. Errors as of hub_stream_open. */
int image_run_start(struct image_run **out, struct stream_hub *hub, const char *node,
                    const struct caller *caller, const struct stream_image *image, image_run_cb *cb,
                    void *arg, struct err *e) MUST_CHECK;

/* Nobody waits for it any more; the node goes on, and keeps what comes of it. No callback. */
void image_run_cancel(struct image_run *run);

#endif
