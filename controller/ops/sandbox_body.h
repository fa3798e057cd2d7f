/*
 * The bodies of POST /sandbox and PATCH /sandbox/{id}. The first is parsed as a struct sandbox_request
 * (controller/core/sandbox_request.h), the second as a struct sandbox_patch. Pure.
 */
#ifndef CORRAL_CONTROLLER_OPS_SANDBOX_BODY_H
#define CORRAL_CONTROLLER_OPS_SANDBOX_BODY_H

#include "controller/core/sandbox_request.h"

/* What the controller itself has to know of a change; the database takes the JSON text. */
struct sandbox_patch {
    uint64_t memory_bytes; /* 0: not named */
    bool force;            /* also below what is held */
    bool timed;            /* its end is changed */
};

#endif
