/* What templates and requests say, as JSON objects, put together. Pure. */
#ifndef CORRAL_CONTROLLER_OPS_TEMPLATE_MERGE_H
#define CORRAL_CONTROLLER_OPS_TEMPLATE_MERGE_H

#include <jansson.h>

/*
 * What a create with this body asks for by this template: each field of the body takes the place of the
 * template's; labels and node_labels are united, those of the body go before. `template` and `env` are left
 * out. The caller's.
 */
json_t *template_merge(const json_t *template, const json_t *body);

/* A template with a change: a field that is null goes, each other takes the place of that before. The
 * caller's. */
json_t *template_change(const json_t *template, const json_t *change);

#endif
