/* What makes an image large, and its variant, as JSON. */
#ifndef CORRAL_CONTROLLER_OPS_IMAGE_JSON_H
#define CORRAL_CONTROLLER_OPS_IMAGE_JSON_H

#include "common/base/json_text.h"
#include "proto/image_codec.h"

void image_json_report(struct json_text *json, const char *image, const char *node,
                       const struct image_report *report);
void image_json_flat(struct json_text *json, const char *image, const char *node,
                     const struct image_flat *flat);

#endif
