/* What a node makes a member of the warm pool from. */
#ifndef CORRAL_CONTROLLER_NODES_WARM_SPEC_H
#define CORRAL_CONTROLLER_NODES_WARM_SPEC_H

#include "common/base/err.h"
#include "controller/core/warm_demand.h"

/* Packs the spec of a member of this class: an image, and nothing of anybody. *out is the caller's to free.
 */
int warm_spec_pack(const struct warm_class *class, uint8_t **out, size_t *len, struct err *e) MUST_CHECK;

#endif
