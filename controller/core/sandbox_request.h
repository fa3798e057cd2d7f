/* A POST /sandbox whose body validated: plain values, nothing resolved yet. Pure. */
#ifndef CORRAL_CONTROLLER_CORE_SANDBOX_REQUEST_H
#define CORRAL_CONTROLLER_CORE_SANDBOX_REQUEST_H

#include "common/model/sandbox_spec.h"
#include "controller/core/limit.h"

/* Everything is owned; an all-zero one is fine. */
struct sandbox_request {
    struct sandbox_spec spec;       /* image NULL: the base image */
    struct limit_set asked;         /* 0: not asked */
    char *name, *region;            /* NULL: none */
    char *labels;                   /* a JSON object's text, NULL: none */
    struct string_list node_labels; /* "key=value" */
    bool restart_elsewhere;
};

/* Frees what it holds and zeroes it. */
void sandbox_request_fini(struct sandbox_request *request);

#endif
