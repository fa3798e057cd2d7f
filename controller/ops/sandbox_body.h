/*
 * The bodies of POST /sandbox and PATCH /sandbox/{id}, and of templates. The first is parsed as a struct
 * sandbox_request (controller/core/sandbox_request.h), the second as a struct sandbox_patch, the others as a
 * struct template_request. Pure.
 */
#ifndef CORRAL_CONTROLLER_OPS_SANDBOX_BODY_H
#define CORRAL_CONTROLLER_OPS_SANDBOX_BODY_H

#include "controller/core/sandbox_request.h"

#include <jansson.h>

#define TEMPLATE_WARM_MAX     64 /* members of the warm pool of one template */
#define READY_INTERVAL_MS     1000
#define READY_TIMEOUT_SECONDS 60

/* What the controller itself has to know of a change; the database takes the JSON text. */
struct sandbox_patch {
    uint64_t memory_bytes; /* 0: not named */
    bool force;            /* also below what is held */
    bool timed;            /* its end is changed */
};

/* What is said of a template; of a change, a field of body that is null is taken away. */
struct template_request {
    char *name; /* NULL: of a change */
    bool shared;
    int warm; /* -1: not said */
    bool env_given;
    struct string_list env;
    json_t *body; /* as of a create, with ready, without the environment */
};

/* What a create with this body asks for; its `ready` is known here, too. The caller's. */
struct sandbox_request *sandbox_request_parse(const json_t *body);

#endif
