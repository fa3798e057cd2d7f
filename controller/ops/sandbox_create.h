/* What operations share with the create of a sandbox (sandbox_create.c). Private to ops/. */
#ifndef CORRAL_CONTROLLER_OPS_SANDBOX_CREATE_H
#define CORRAL_CONTROLLER_OPS_SANDBOX_CREATE_H

#include "common/model/image_ref.h"
#include "controller/ops/ops.h"

/* Reads the image's name into *ref and checks its registry. The base image may be from any registry. */
int ops_check_registry(const struct ctl_conf *conf, const char *image, struct image_ref *ref, bool *is_base,
                       struct err *e) MUST_CHECK;

/*
 * sandbox_template.c: takes up what the template of the create says, or why that cannot be, and calls the
 * handler again.
 */
void ops_take_template(struct controller *c, struct api_call *call);

#endif
